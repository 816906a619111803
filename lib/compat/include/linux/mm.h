/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * linux/mm.h (dup): pages of 4096 bytes, and kvmalloc as in slab.h.
 */
#ifndef _COMPAT_LINUX_MM_H
#define _COMPAT_LINUX_MM_H

#include <linux/kernel.h>
#include <linux/slab.h>

#define PAGE_SHIFT 12
#define PAGE_SIZE (1UL << PAGE_SHIFT)
#define PAGE_MASK (~(PAGE_SIZE - 1))
#define PAGE_ALIGN(addr) ALIGN(addr, PAGE_SIZE)
#define offset_in_page(p) ((unsigned long)(p) & ~PAGE_MASK)

#endif /* _COMPAT_LINUX_MM_H */
