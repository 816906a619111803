/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * linux/rcupdate.h (custom): readers that share nothing, and a writer who waits.
 * A reader holds the spinlock of its processor; synchronize_rcu() takes each of
 * them in turn, after which everybody who was inside has left. Readers do not
 * nest, which the kernel's may. With COMPAT_UP nobody can be inside.
 */
#ifndef _COMPAT_LINUX_RCUPDATE_H
#define _COMPAT_LINUX_RCUPDATE_H

#include <linux/compiler.h>
#include <linux/smp.h>
#include <linux/spinlock.h>

#ifdef COMPAT_UP

static inline void rcu_read_lock(void) { }
static inline void rcu_read_unlock(void) { }
static inline void synchronize_rcu(void) { }

#else

#define COMPAT_RCU_LOCKS 64

struct compat_rcu_lock {
	spinlock_t lock;
} __attribute__((aligned(64)));

extern struct compat_rcu_lock compat_rcu[COMPAT_RCU_LOCKS];

static inline void rcu_read_lock(void)
{
	spin_lock(&compat_rcu[raw_smp_processor_id() % COMPAT_RCU_LOCKS].lock);
}

static inline void rcu_read_unlock(void)
{
	spin_unlock(&compat_rcu[raw_smp_processor_id() % COMPAT_RCU_LOCKS].lock);
}

static inline void synchronize_rcu(void)
{
	unsigned int i;

	for (i = 0; i < COMPAT_RCU_LOCKS; i++) {
		spin_lock(&compat_rcu[i].lock);
		spin_unlock(&compat_rcu[i].lock);
	}
}

#endif /* COMPAT_UP */

#define rcu_dereference(p) __atomic_load_n(&(p), __ATOMIC_ACQUIRE)
#define rcu_assign_pointer(p, v) __atomic_store_n(&(p), (v), __ATOMIC_RELEASE)
/* for whoever keeps others from assigning it */
#define rcu_dereference_protected(p, c) (p)

#endif /* _COMPAT_LINUX_RCUPDATE_H */
