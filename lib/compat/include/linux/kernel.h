/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * linux/kernel.h (dup): the small macros that everything uses.
 * The C library's <sys/sysinfo.h> wants the uapi half, hence include_next.
 */
#ifndef _COMPAT_LINUX_KERNEL_H
#define _COMPAT_LINUX_KERNEL_H

#include_next <linux/kernel.h>

#include <linux/align.h>
#include <linux/bitops.h>
#include <linux/build_bug.h>
#include <linux/compiler.h>
#include <linux/container_of.h>
#include <linux/limits.h>
#include <linux/log2.h>
#include <linux/math.h>
#include <linux/minmax.h>
#include <linux/printk.h>
#include <linux/types.h>

/* A pointer instead of an array is a negative bit-field width. */
#define ARRAY_SIZE(a)						\
	(sizeof(a) / sizeof((a)[0]) +				\
	 0 * sizeof(struct {					\
		int not_an_array : 1 - 2 *			\
			__builtin_types_compatible_p(		\
				__typeof__(a), __typeof__(&(a)[0])); \
	 }))

#define upper_32_bits(n) ((u32)((u64)(n) >> 32))
#define lower_32_bits(n) ((u32)((n) & 0xffffffff))

#endif /* _COMPAT_LINUX_KERNEL_H */
