/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * linux/sched.h (custom): giving way.
 * Nothing that may sleep is allowed under a spinlock: might_sleep() warns then.
 * There is nothing to give way to, so cond_resched() does no more than that.
 */
#ifndef _COMPAT_LINUX_SCHED_H
#define _COMPAT_LINUX_SCHED_H

#include <linux/bug.h>

/* Spinlocks that this thread holds. initial-exec: one instruction to reach. */
extern __thread unsigned int compat_spinlocks
	__attribute__((__tls_model__("initial-exec")));

#ifdef COMPAT_UP
#define might_sleep() ((void)0)	/* nobody counts there */
#else
#define might_sleep() ((void)WARN_ON(compat_spinlocks != 0))
#endif

#define cond_resched()			\
	__extension__({			\
		might_sleep();		\
		0;			\
	})

#endif /* _COMPAT_LINUX_SCHED_H */
