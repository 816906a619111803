/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * linux/errno.h (dup): error numbers.
 * The C library's <errno.h> includes this file, so the numbers are its own.
 */
#ifndef _COMPAT_LINUX_ERRNO_H
#define _COMPAT_LINUX_ERRNO_H

#include_next <linux/errno.h>

/* Known to the kernel alone; never seen by a program. */
#define ENOTSUPP 524

#endif /* _COMPAT_LINUX_ERRNO_H */
