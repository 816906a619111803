/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * linux/math.h (dup): rounding and fractions.
 */
#ifndef _COMPAT_LINUX_MATH_H
#define _COMPAT_LINUX_MATH_H

#define DIV_ROUND_UP(n, d) (((n) + (d) - 1) / (d))
#define DIV_ROUND_UP_ULL(n, d) DIV_ROUND_UP((unsigned long long)(n), (d))

/* To a power of two. */
#define __compat_mask(x, y) ((__typeof__(x))((y) - 1))
#define round_up(x, y) ((((x) - 1) | __compat_mask(x, y)) + 1)
#define round_down(x, y) ((x) & ~__compat_mask(x, y))

/* To any multiple. */
#define roundup(x, y)						\
	__extension__({						\
		__typeof__(y) __roundup_y = (y);		\
								\
		(((x) + (__roundup_y - 1)) / __roundup_y) * __roundup_y; \
	})
#define rounddown(x, y)						\
	__extension__({						\
		__typeof__(x) __rounddown_x = (x);		\
								\
		__rounddown_x - __rounddown_x % (y);		\
	})

/* x * n / d without an overflow of x * n. */
#define mult_frac(x, n, d)					\
	__extension__({						\
		__typeof__(x) __frac_x = (x);			\
		__typeof__(n) __frac_n = (n);			\
		__typeof__(d) __frac_d = (d);			\
								\
		__frac_x / __frac_d * __frac_n +		\
			__frac_x % __frac_d * __frac_n / __frac_d; \
	})

#endif /* _COMPAT_LINUX_MATH_H */
