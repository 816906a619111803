/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * linux/prefetch.h (dup): cache hints.
 */
#ifndef _COMPAT_LINUX_PREFETCH_H
#define _COMPAT_LINUX_PREFETCH_H

#define prefetch(p) __builtin_prefetch(p)
#define prefetchw(p) __builtin_prefetch(p, 1)

#endif /* _COMPAT_LINUX_PREFETCH_H */
