/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * linux/build_bug.h (dup): checks at compile time.
 */
#ifndef _COMPAT_LINUX_BUILD_BUG_H
#define _COMPAT_LINUX_BUILD_BUG_H

#include <assert.h>

#define BUILD_BUG_ON_MSG(cond, msg) _Static_assert(!(cond), msg)
#define BUILD_BUG_ON(cond) BUILD_BUG_ON_MSG(cond, "BUILD_BUG_ON: " #cond)

#endif /* _COMPAT_LINUX_BUILD_BUG_H */
