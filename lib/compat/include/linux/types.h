/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * linux/types.h (dup): integer, list and atomic types.
 * The C library's own headers want the uapi half, hence include_next.
 */
#ifndef _COMPAT_LINUX_TYPES_H
#define _COMPAT_LINUX_TYPES_H

#include_next <linux/types.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

typedef __u8 u8;
typedef __u16 u16;
typedef __u32 u32;
typedef __u64 u64;
typedef __s8 s8;
typedef __s16 s16;
typedef __s32 s32;
typedef __s64 s64;

typedef unsigned int gfp_t;
typedef unsigned int slab_flags_t;

/* What sparse checks in a kernel build; the compiler ignores it there as well. */
#ifndef __force
#define __force
#endif
#define __user
#define __rcu
#define __percpu

#define BITS_PER_LONG 64

typedef struct {
	int counter;
} atomic_t;

typedef struct {
	s64 counter;
} atomic64_t;

typedef atomic64_t atomic_long_t;

struct list_head {
	struct list_head *next, *prev;
};

struct hlist_node {
	struct hlist_node *next, **pprev;
};

struct hlist_head {
	struct hlist_node *first;
};

#endif /* _COMPAT_LINUX_TYPES_H */
