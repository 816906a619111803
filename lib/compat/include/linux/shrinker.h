/* SPDX-License-Identifier: GPL-2.0-or-later */
/* linux/shrinker.h (dup): what a scan answers when it should not be called again */
#ifndef _COMPAT_LINUX_SHRINKER_H
#define _COMPAT_LINUX_SHRINKER_H

#define SHRINK_STOP (~0UL)

#endif /* _COMPAT_LINUX_SHRINKER_H */
