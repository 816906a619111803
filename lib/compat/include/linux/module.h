/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * linux/module.h (stub): what a module says about itself.
 */
#ifndef _COMPAT_LINUX_MODULE_H
#define _COMPAT_LINUX_MODULE_H

#include <linux/export.h>

#define MODULE_LICENSE(text) _Static_assert(sizeof(text) > 1, "licence")
#define MODULE_AUTHOR(text) _Static_assert(sizeof(text) > 1, "author")
#define MODULE_DESCRIPTION(text) _Static_assert(sizeof(text) > 1, "text")

#endif /* _COMPAT_LINUX_MODULE_H */
