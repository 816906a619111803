/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * linux/limits.h (dup): the largest and smallest values.
 * The C library's <limits.h> includes this file; it replaces INT_MAX and its
 * like by the same values.
 */
#ifndef _COMPAT_LINUX_LIMITS_H
#define _COMPAT_LINUX_LIMITS_H

#include_next <linux/limits.h>

#define U8_MAX ((__UINT8_TYPE__)~0U)
#define S8_MAX 127
#define U16_MAX ((__UINT16_TYPE__)~0U)
#define S16_MAX 32767
#define U32_MAX 0xffffffffU
#define S32_MAX 0x7fffffff
#define U64_MAX 0xffffffffffffffffULL
#define S64_MAX 0x7fffffffffffffffLL

#ifndef INT_MAX
#define INT_MAX __INT_MAX__
#endif
#ifndef INT_MIN
#define INT_MIN (-INT_MAX - 1)
#endif
#ifndef UINT_MAX
#define UINT_MAX (INT_MAX * 2U + 1U)
#endif
#ifndef LONG_MAX
#define LONG_MAX __LONG_MAX__
#endif
#ifndef ULONG_MAX
#define ULONG_MAX (LONG_MAX * 2UL + 1UL)
#endif

#endif /* _COMPAT_LINUX_LIMITS_H */
