/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * linux/atomic.h (dup): counters that threads share.
 * What returns a value is fully ordered, what does not is relaxed, as the kernel
 * has it. One list of functions serves the three types.
 */
#ifndef _COMPAT_LINUX_ATOMIC_H
#define _COMPAT_LINUX_ATOMIC_H

#include <asm/rmw.h>
#include <linux/compiler.h>
#include <linux/types.h>

#define ATOMIC_INIT(i) { (i) }
#define ATOMIC64_INIT(i) { (i) }
#define ATOMIC_LONG_INIT(i) { (i) }

#define smp_load_acquire(p) __atomic_load_n(p, __ATOMIC_ACQUIRE)
#define smp_store_release(p, v) __atomic_store_n(p, v, __ATOMIC_RELEASE)

#define cmpxchg(p, old, new)						\
	__extension__({							\
		__typeof__(*(p)) __cmpxchg_old = (old);			\
									\
		compat_compare_exchange(p, &__cmpxchg_old, new,		\
					__ATOMIC_SEQ_CST);		\
		__cmpxchg_old;						\
	})
#define xchg(p, new) compat_exchange(p, new, __ATOMIC_SEQ_CST)

#define __COMPAT_ATOMIC(p, T, I)					\
static inline I p##_read(const T *v)					\
{ return __atomic_load_n(&v->counter, __ATOMIC_RELAXED); }		\
static inline void p##_set(T *v, I i)					\
{ __atomic_store_n(&v->counter, i, __ATOMIC_RELAXED); }		\
static inline void p##_add(I i, T *v)					\
{ compat_fetch_add(&v->counter, i, __ATOMIC_RELAXED); }		\
static inline void p##_sub(I i, T *v)					\
{ compat_fetch_sub(&v->counter, i, __ATOMIC_RELAXED); }		\
static inline void p##_inc(T *v) { p##_add(1, v); }			\
static inline void p##_dec(T *v) { p##_sub(1, v); }			\
static inline I p##_fetch_add(I i, T *v)				\
{ return compat_fetch_add(&v->counter, i, __ATOMIC_SEQ_CST); }	\
static inline I p##_fetch_sub(I i, T *v)				\
{ return compat_fetch_sub(&v->counter, i, __ATOMIC_SEQ_CST); }	\
static inline I p##_add_return(I i, T *v)				\
{ return p##_fetch_add(i, v) + i; }					\
static inline I p##_sub_return(I i, T *v)				\
{ return p##_fetch_sub(i, v) - i; }					\
static inline I p##_inc_return(T *v) { return p##_add_return(1, v); }	\
static inline I p##_dec_return(T *v) { return p##_sub_return(1, v); }	\
static inline bool p##_dec_and_test(T *v)				\
{ return p##_sub_return(1, v) == 0; }					\
static inline I p##_xchg(T *v, I new)					\
{ return xchg(&v->counter, new); }					\
static inline I p##_cmpxchg(T *v, I old, I new)			\
{ return cmpxchg(&v->counter, old, new); }				\
static inline bool p##_try_cmpxchg(T *v, I *old, I new)		\
{									\
	I seen = cmpxchg(&v->counter, *old, new);			\
	bool done = seen == *old;					\
									\
	*old = seen;							\
	return done;							\
}									\
static inline bool p##_inc_not_zero(T *v)				\
{									\
	I old = p##_read(v);						\
									\
	while (old && !p##_try_cmpxchg(v, &old, old + 1))		\
		;							\
	return old != 0;						\
}

__COMPAT_ATOMIC(atomic, atomic_t, int)
__COMPAT_ATOMIC(atomic64, atomic64_t, s64)
/* The same type; long in its signatures, as printf formats expect. */
__COMPAT_ATOMIC(atomic_long, atomic_long_t, long)

#endif /* _COMPAT_LINUX_ATOMIC_H */
