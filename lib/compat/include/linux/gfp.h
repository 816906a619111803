/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * linux/gfp.h (dup): allocation flags; the values are ours.
 * Only __GFP_ZERO, __GFP_NOFAIL and __GFP_DIRECT_RECLAIM change what slab.c does.
 */
#ifndef _COMPAT_LINUX_GFP_H
#define _COMPAT_LINUX_GFP_H

#include <linux/gfp_types.h>
#include <linux/types.h>

static inline bool gfpflags_allow_blocking(const gfp_t flags)
{
	return flags & __GFP_DIRECT_RECLAIM;
}

#endif /* _COMPAT_LINUX_GFP_H */
