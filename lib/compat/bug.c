/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * bug.c - WARN_ON counts, BUG_ON ends the process; waiting for a spinlock
 */
#include <linux/bug.h>
#include <linux/spinlock.h>

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>

#include "custom.h"

/* Looks at a lock that long before yielding: about a short critical section. */
#define SPINS_BEFORE_YIELD 100

static unsigned long nr_warnings;

__thread unsigned int compat_spinlocks;

void compat_warn(const char *file, int line, const char *what)
{
	__atomic_fetch_add(&nr_warnings, 1, __ATOMIC_RELAXED);
	fprintf(stderr, "%s:%d: warning: %s\n", file, line, what);
}

void compat_bug(const char *file, int line, const char *what)
{
	fprintf(stderr, "%s:%d: bug: %s\n", file, line, what);
	abort();
}

unsigned long compat_nr_warnings(void)
{
	return __atomic_load_n(&nr_warnings, __ATOMIC_RELAXED);
}

unsigned int compat_spinlocks_held(void)
{
	return compat_spinlocks;
}

void compat_spin_lock_slow(spinlock_t *lock)
{
	unsigned int spins = 0;

	do {
		/* Read until it looks free: an exchange takes the cache line. */
		while (spin_is_locked(lock)) {
			if (++spins % SPINS_BEFORE_YIELD == 0)
				sched_yield();
		}
	} while (!spin_trylock(lock));
}
