/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * linux/refcount.h (dup): reference counts that saturate.
 * As in the kernel, a count that overflows, goes below 0 or is revived from 0 warns
 * and is pinned far from both ends: that leaks an object instead of freeing one in
 * use.
 */
#ifndef _COMPAT_LINUX_REFCOUNT_H
#define _COMPAT_LINUX_REFCOUNT_H

#include <linux/atomic.h>
#include <linux/bug.h>
#include <linux/limits.h>

typedef struct {
	atomic_t refs;
} refcount_t;

#define REFCOUNT_INIT(n) { .refs = ATOMIC_INIT(n) }
#define REFCOUNT_MAX INT_MAX
#define REFCOUNT_SATURATED (INT_MIN / 2)

static inline void refcount_set(refcount_t *r, int n)
{
	atomic_set(&r->refs, n);
}

static inline unsigned int refcount_read(const refcount_t *r)
{
	return (unsigned int)atomic_read(&r->refs);
}

/* @bad: the count before the operation did not allow it. */
static inline void compat_refcount_check(refcount_t *r, bool bad)
{
	if (WARN_ON_ONCE(bad))
		refcount_set(r, REFCOUNT_SATURATED);
}

static inline void refcount_inc(refcount_t *r)
{
	int old = compat_fetch_add(&r->refs.counter, 1, __ATOMIC_RELAXED);

	compat_refcount_check(r, old <= 0 || old == INT_MAX);
}

/* False, and nothing done, when the count was 0. */
static inline bool refcount_inc_not_zero(refcount_t *r)
{
	int old = atomic_read(&r->refs);

	do {
		if (!old)
			return false;
	} while (!compat_compare_exchange(&r->refs.counter, &old,
					  (int)((unsigned int)old + 1),
					  __ATOMIC_RELAXED));
	compat_refcount_check(r, old < 0 || old == INT_MAX);
	return true;
}

/* True for the one who took the count to 0. */
static inline bool refcount_dec_and_test(refcount_t *r)
{
	int old = compat_fetch_sub(&r->refs.counter, 1, __ATOMIC_ACQ_REL);

	if (old == 1)
		return true;
	compat_refcount_check(r, old <= 0);
	return false;
}

/* For a count that cannot reach 0 here. */
static inline void refcount_dec(refcount_t *r)
{
	int old = compat_fetch_sub(&r->refs.counter, 1, __ATOMIC_RELEASE);

	compat_refcount_check(r, old <= 1);
}

#endif /* _COMPAT_LINUX_REFCOUNT_H */
