/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * linux/mutex.h (custom): struct mutex over a pthread mutex.
 * Taking it under a spinlock warns.
 */
#ifndef _COMPAT_LINUX_MUTEX_H
#define _COMPAT_LINUX_MUTEX_H

#include <linux/lockdep.h>
#include <linux/sched.h>
#include <linux/types.h>
#include <pthread.h>

struct mutex {
	pthread_mutex_t mutex;
	u32 locked;
};

#define __MUTEX_INITIALIZER(name) { PTHREAD_MUTEX_INITIALIZER, 0 }
#define DEFINE_MUTEX(name) struct mutex name = __MUTEX_INITIALIZER(name)

static inline void mutex_init(struct mutex *lock)
{
	BUG_ON(pthread_mutex_init(&lock->mutex, NULL));
	WRITE_ONCE(lock->locked, 0);
}

static inline void mutex_destroy(struct mutex *lock)
{
	WARN_ON(pthread_mutex_destroy(&lock->mutex));
}

static inline void mutex_lock(struct mutex *lock)
{
	might_sleep();
	BUG_ON(pthread_mutex_lock(&lock->mutex));
	WRITE_ONCE(lock->locked, 1);
}

/* 1: taken. */
static inline int mutex_trylock(struct mutex *lock)
{
	if (pthread_mutex_trylock(&lock->mutex))
		return 0;
	WRITE_ONCE(lock->locked, 1);
	return 1;
}

static inline void mutex_unlock(struct mutex *lock)
{
	WRITE_ONCE(lock->locked, 0);
	BUG_ON(pthread_mutex_unlock(&lock->mutex));
}

static inline bool mutex_is_locked(struct mutex *lock)
{
	return READ_ONCE(lock->locked);
}

#endif /* _COMPAT_LINUX_MUTEX_H */
