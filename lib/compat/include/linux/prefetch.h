/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * linux/prefetch.h (dup): cache hints, into the second-level cache: the first one
 * can wait for few lines at once, so that many hints have to wait themselves.
 * What is hinted at may be read without its lock, since a wrong hint does no harm.
 * The thread sanitizer does not know that, and gets none.
 */
#ifndef _COMPAT_LINUX_PREFETCH_H
#define _COMPAT_LINUX_PREFETCH_H

#ifdef __SANITIZE_THREAD__
#define prefetch(p) ((void)sizeof(p))
#define prefetchw(p) ((void)sizeof(p))
#else
#define prefetch(p) __builtin_prefetch(p, 0, 2)
#define prefetchw(p) __builtin_prefetch(p, 1, 2)
#endif

#endif /* _COMPAT_LINUX_PREFETCH_H */
