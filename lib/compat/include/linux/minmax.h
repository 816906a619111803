/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * linux/minmax.h (dup): min, max and their like, each argument evaluated once.
 * min and max refuse arguments of different types by comparing pointers to them.
 */
#ifndef _COMPAT_LINUX_MINMAX_H
#define _COMPAT_LINUX_MINMAX_H

#define __compat_pick(x, op, y)			\
	__extension__({				\
		__typeof__(x) __pick_x = (x);	\
		__typeof__(y) __pick_y = (y);	\
						\
		(void)(&__pick_x == &__pick_y);	\
		__pick_x op __pick_y ? __pick_x : __pick_y; \
	})

#define __compat_pick_t(type, x, op, y)		\
	__extension__({				\
		type __pick_tx = (x);		\
		type __pick_ty = (y);		\
						\
		__pick_tx op __pick_ty ? __pick_tx : __pick_ty; \
	})

#define min(x, y) __compat_pick(x, <, y)
#define max(x, y) __compat_pick(x, >, y)
#define min_t(type, x, y) __compat_pick_t(type, x, <, y)
#define max_t(type, x, y) __compat_pick_t(type, x, >, y)

#define min3(x, y, z) min((__typeof__(x))min(x, y), z)
#define max3(x, y, z) max((__typeof__(x))max(x, y), z)

#define clamp(val, lo, hi) min((__typeof__(val))max(val, lo), hi)
#define clamp_t(type, val, lo, hi) min_t(type, max_t(type, val, lo), hi)

#define swap(a, b)				\
	do {					\
		__typeof__(a) __swap = (a);	\
						\
		(a) = (b);			\
		(b) = __swap;			\
	} while (0)

#endif /* _COMPAT_LINUX_MINMAX_H */
