/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * linux/swap.h (dup): the name of a swap slot.
 */
#ifndef _COMPAT_LINUX_SWAP_H
#define _COMPAT_LINUX_SWAP_H

#include <linux/types.h>

/* The kernel keeps a few of these types for migration entries and the like. */
#define MAX_SWAPFILES_SHIFT 5
#define MAX_SWAPFILES (1U << MAX_SWAPFILES_SHIFT)

typedef struct {
	unsigned long val;
} swp_entry_t;

#endif /* _COMPAT_LINUX_SWAP_H */
