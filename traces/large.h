/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * large.h - arrays by page or by slot, which lie in huge pages if they can
 */
#ifndef TRACES_LARGE_H
#define TRACES_LARGE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>

#define LARGE_BYTES (2ul << 20)
#define LARGE_PAGE 4096ul

/*
 * Wishes for huge pages for what of @array (malloc's, @bytes of it) has not been
 * touched: a fault for each 2 MiB instead of one for each 4 KiB. To the ends of its
 * first and last page, so that what malloc has mapped for it stays one mapping: else
 * realloc would have to copy it.
 */
static inline void large_array(void *array, size_t bytes)
{
	uintptr_t begin = (uintptr_t)array & ~(LARGE_PAGE - 1);
	uintptr_t end = ((uintptr_t)array + bytes + LARGE_PAGE - 1) &
			~(LARGE_PAGE - 1);

	if (array && bytes >= LARGE_BYTES)
		madvise((void *)begin, end - begin, MADV_HUGEPAGE);
}

#endif /* TRACES_LARGE_H */
