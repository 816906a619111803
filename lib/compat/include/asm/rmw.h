/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * asm/rmw.h (custom): read, modify, write, by an instruction that locks the bus or not
 *
 * COMPAT_UP builds the library for models each of which one thread at a time uses,
 * as a kernel without CONFIG_SMP is built: what would be locked there is written
 * plainly. The threads of one process may each have models of their own; what these
 * share, and that is malloc's account alone, is atomic in any build.
 *
 * Each gives the value before.
 */
#ifndef _COMPAT_ASM_RMW_H
#define _COMPAT_ASM_RMW_H

#ifdef COMPAT_UP

#define __compat_rmw(p, value)						\
	__extension__({							\
		__typeof__(&*(p)) __rmw_p = (p);			\
		__auto_type __rmw_old = *__rmw_p;			\
									\
		*__rmw_p = (value);					\
		__rmw_old;						\
	})
#define compat_fetch_add(p, i, order) __compat_rmw(p, __rmw_old + (i))
#define compat_fetch_sub(p, i, order) __compat_rmw(p, __rmw_old - (i))
#define compat_fetch_or(p, i, order) __compat_rmw(p, __rmw_old | (i))
#define compat_fetch_and(p, i, order) __compat_rmw(p, __rmw_old & (i))
#define compat_exchange(p, i, order) __compat_rmw(p, i)
#define compat_compare_exchange(p, old, new, order)			\
	__extension__({							\
		__typeof__(&*(p)) __cmp_p = (p);			\
		bool __cmp_same = *__cmp_p == *(old);			\
									\
		if (__cmp_same)						\
			*__cmp_p = (new);				\
		else							\
			*(old) = *__cmp_p;				\
		__cmp_same;						\
	})

#else

#define compat_fetch_add(p, i, order) __atomic_fetch_add(p, i, order)
#define compat_fetch_sub(p, i, order) __atomic_fetch_sub(p, i, order)
#define compat_fetch_or(p, i, order) __atomic_fetch_or(p, i, order)
#define compat_fetch_and(p, i, order) __atomic_fetch_and(p, i, order)
#define compat_exchange(p, i, order) __atomic_exchange_n(p, i, order)
#define compat_compare_exchange(p, old, new, order) \
	__atomic_compare_exchange_n(p, old, new, false, order, __ATOMIC_RELAXED)

#endif /* COMPAT_UP */

#endif /* _COMPAT_ASM_RMW_H */
