/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * linux/container_of.h (dup): from a member to its struct.
 */
#ifndef _COMPAT_LINUX_CONTAINER_OF_H
#define _COMPAT_LINUX_CONTAINER_OF_H

#include <stddef.h>

#define container_of(ptr, type, member)					\
	__extension__({							\
		const __typeof__(((type *)0)->member) *__mptr = (ptr);	\
									\
		(type *)((char *)(unsigned long)__mptr -		\
			 offsetof(type, member));			\
	})

#endif /* _COMPAT_LINUX_CONTAINER_OF_H */
