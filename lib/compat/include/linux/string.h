/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * linux/string.h (dup): memory and strings, over the C library.
 */
#ifndef _COMPAT_LINUX_STRING_H
#define _COMPAT_LINUX_STRING_H

#include <linux/types.h>
#include <string.h>

/* The first of @bytes bytes that is not @c, or NULL. */
static inline void *memchr_inv(const void *start, int c, size_t bytes)
{
	const u8 *p = start;
	size_t i;

	/*
	 * Pages that are all one byte are the common question: then each byte
	 * equals its neighbour, and memcmp reads faster than a loop of ours.
	 */
	if (!bytes || (p[0] == (u8)c && !memcmp(p, p + 1, bytes - 1)))
		return NULL;
	for (i = 0; p[i] == (u8)c; i++)
		;
	return (void *)(unsigned long)(p + i);
}

static inline void *memset_l(unsigned long *p, unsigned long v, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		p[i] = v;
	return p;
}

#endif /* _COMPAT_LINUX_STRING_H */
