/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * linux/gfp_types.h (dup): the flags of gfp.h.
 */
#ifndef _COMPAT_LINUX_GFP_TYPES_H
#define _COMPAT_LINUX_GFP_TYPES_H

#include <linux/types.h>

#define __GFP_HIGHMEM ((gfp_t)0x001)
#define __GFP_MOVABLE ((gfp_t)0x002)
#define __GFP_IO ((gfp_t)0x004)
#define __GFP_FS ((gfp_t)0x008)
#define __GFP_ZERO ((gfp_t)0x010)
#define __GFP_HIGH ((gfp_t)0x020)
#define __GFP_DIRECT_RECLAIM ((gfp_t)0x040)
#define __GFP_KSWAPD_RECLAIM ((gfp_t)0x080)
#define __GFP_NOWARN ((gfp_t)0x100)
#define __GFP_RETRY_MAYFAIL ((gfp_t)0x200)
#define __GFP_NOFAIL ((gfp_t)0x400)
#define __GFP_NORETRY ((gfp_t)0x800)
#define __GFP_NOMEMALLOC ((gfp_t)0x1000)
#define __GFP_ACCOUNT ((gfp_t)0x2000)
#define __GFP_RECLAIM (__GFP_DIRECT_RECLAIM | __GFP_KSWAPD_RECLAIM)

#define GFP_ATOMIC (__GFP_HIGH | __GFP_KSWAPD_RECLAIM)
#define GFP_NOWAIT (__GFP_KSWAPD_RECLAIM)
#define GFP_NOIO (__GFP_RECLAIM)
#define GFP_NOFS (__GFP_RECLAIM | __GFP_IO)
#define GFP_KERNEL (__GFP_RECLAIM | __GFP_IO | __GFP_FS)
#define GFP_KERNEL_ACCOUNT (GFP_KERNEL | __GFP_ACCOUNT)

#endif /* _COMPAT_LINUX_GFP_TYPES_H */
