/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * linux/compiler.h (dup): hints, attributes and accesses that must happen once.
 * READ_ONCE and WRITE_ONCE are relaxed atomics and not volatile accesses, so that
 * the thread sanitizer knows a marked race from an unmarked one.
 */
#ifndef _COMPAT_LINUX_COMPILER_H
#define _COMPAT_LINUX_COMPILER_H

#define likely(x) __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)

#define READ_ONCE(x) __atomic_load_n(&(x), __ATOMIC_RELAXED)
#define WRITE_ONCE(x, val) __atomic_store_n(&(x), (val), __ATOMIC_RELAXED)

#ifndef __always_inline
#define __always_inline inline __attribute__((__always_inline__))
#endif
#define noinline __attribute__((__noinline__))
#define __maybe_unused __attribute__((__unused__))
#define __must_check __attribute__((__warn_unused_result__))
#define __packed __attribute__((__packed__))
#define __aligned(x) __attribute__((__aligned__(x)))
#define __printf(a, b) __attribute__((__format__(printf, a, b)))
#define __cold __attribute__((__cold__))
#define fallthrough __attribute__((__fallthrough__))

#endif /* _COMPAT_LINUX_COMPILER_H */
