/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * linux/align.h (dup): alignment to powers of two.
 */
#ifndef _COMPAT_LINUX_ALIGN_H
#define _COMPAT_LINUX_ALIGN_H

#define ALIGN(x, a)							\
	(((x) + ((__typeof__(x))(a) - 1)) & ~((__typeof__(x))(a) - 1))
#define ALIGN_DOWN(x, a) ((x) & ~((__typeof__(x))(a) - 1))
#define PTR_ALIGN(p, a) ((__typeof__(p))ALIGN((unsigned long)(p), (a)))
#define IS_ALIGNED(x, a) (((x) & ((__typeof__(x))(a) - 1)) == 0)

#endif /* _COMPAT_LINUX_ALIGN_H */
