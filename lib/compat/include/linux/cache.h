/* SPDX-License-Identifier: GPL-2.0-or-later */
/* linux/cache.h (dup): the size of a cache line */
#ifndef _COMPAT_LINUX_CACHE_H
#define _COMPAT_LINUX_CACHE_H

#define SMP_CACHE_BYTES 64

#endif /* _COMPAT_LINUX_CACHE_H */
