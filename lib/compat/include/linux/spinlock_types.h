/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * linux/spinlock_types.h (custom): the type of spinlock.h.
 */
#ifndef _COMPAT_LINUX_SPINLOCK_TYPES_H
#define _COMPAT_LINUX_SPINLOCK_TYPES_H

#include <linux/types.h>

typedef struct {
	u32 locked;
} spinlock_t;

#define __SPIN_LOCK_UNLOCKED(name) (spinlock_t){ 0 }
#define DEFINE_SPINLOCK(name) spinlock_t name = { 0 }

#endif /* _COMPAT_LINUX_SPINLOCK_TYPES_H */
