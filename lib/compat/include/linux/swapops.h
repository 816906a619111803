/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * linux/swapops.h (dup): a swap slot is a device number above an offset.
 * An entry must fit in an xarray value of 63 bits, hence the shift of 58.
 */
#ifndef _COMPAT_LINUX_SWAPOPS_H
#define _COMPAT_LINUX_SWAPOPS_H

#include <linux/swap.h>

#define SWP_TYPE_SHIFT (63 - MAX_SWAPFILES_SHIFT)
#define SWP_OFFSET_MASK ((1UL << SWP_TYPE_SHIFT) - 1)

static inline swp_entry_t swp_entry(unsigned long type, unsigned long offset)
{
	return (swp_entry_t){ (type << SWP_TYPE_SHIFT) |
			      (offset & SWP_OFFSET_MASK) };
}

static inline unsigned int swp_type(swp_entry_t entry)
{
	return (unsigned int)(entry.val >> SWP_TYPE_SHIFT);
}

static inline unsigned long swp_offset(swp_entry_t entry)
{
	return entry.val & SWP_OFFSET_MASK;
}

#endif /* _COMPAT_LINUX_SWAPOPS_H */
