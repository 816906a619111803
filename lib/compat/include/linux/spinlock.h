/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * linux/spinlock.h (custom): a word that is exchanged until it was 0.
 * Not fair. A waiter spins a little and then yields, since a thread that holds a
 * lock may lose its processor here. Each thread counts the spinlocks that it holds
 * (compat_spinlocks_held() in custom.h), so that what may sleep can warn. With
 * COMPAT_UP a lock is a word that says whether it is held, for lockdep alone.
 */
#ifndef _COMPAT_LINUX_SPINLOCK_H
#define _COMPAT_LINUX_SPINLOCK_H

#include <linux/compiler.h>
#include <linux/lockdep.h>
#include <linux/sched.h>
#include <linux/spinlock_types.h>

void compat_spin_lock_slow(spinlock_t *lock);

static inline void spin_lock_init(spinlock_t *lock)
{
	lock->locked = 0;
}

#ifdef COMPAT_UP

static inline bool spin_trylock(spinlock_t *lock)
{
	lock->locked = 1;
	return true;
}

static inline void spin_lock(spinlock_t *lock)
{
	lock->locked = 1;
}

static inline void spin_unlock(spinlock_t *lock)
{
	lock->locked = 0;
}

#else

static inline bool spin_trylock(spinlock_t *lock)
{
	if (__atomic_exchange_n(&lock->locked, 1, __ATOMIC_ACQUIRE))
		return false;
	compat_spinlocks++;
	return true;
}

static inline void spin_lock(spinlock_t *lock)
{
	if (unlikely(!spin_trylock(lock)))
		compat_spin_lock_slow(lock);
}

static inline void spin_unlock(spinlock_t *lock)
{
	compat_spinlocks--;
	__atomic_store_n(&lock->locked, 0, __ATOMIC_RELEASE);
}

#endif /* COMPAT_UP */

static inline int spin_is_locked(spinlock_t *lock)
{
	return READ_ONCE(lock->locked) != 0;
}

#endif /* _COMPAT_LINUX_SPINLOCK_H */
