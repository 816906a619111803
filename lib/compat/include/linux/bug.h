/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * linux/bug.h (custom): checks that fail loudly.
 * BUG_ON ends the process. A WARN_ON that fires prints its place on stderr and is
 * counted: tests assert that compat_nr_warnings() (custom.h) is 0.
 */
#ifndef _COMPAT_LINUX_BUG_H
#define _COMPAT_LINUX_BUG_H

#include <linux/build_bug.h>
#include <linux/compiler.h>
#include <linux/types.h>

void compat_warn(const char *file, int line, const char *what) __cold;
void compat_bug(const char *file, int line, const char *what)
	__cold __attribute__((__noreturn__));

#define BUG() compat_bug(__FILE__, __LINE__, "BUG")

#define BUG_ON(cond)						\
	do {							\
		if (unlikely(cond))				\
			compat_bug(__FILE__, __LINE__, #cond);	\
	} while (0)

#define WARN_ON(cond)						\
	__extension__({						\
		bool __warn_on = !!(cond);			\
								\
		if (unlikely(__warn_on))			\
			compat_warn(__FILE__, __LINE__, #cond);	\
		unlikely(__warn_on);				\
	})

#define WARN_ON_ONCE(cond)						\
	__extension__({							\
		static bool __warned;					\
		bool __warn_on = !!(cond);				\
									\
		if (unlikely(__warn_on) &&				\
		    !__atomic_exchange_n(&__warned, true,		\
					 __ATOMIC_RELAXED))		\
			compat_warn(__FILE__, __LINE__, #cond);		\
		unlikely(__warn_on);					\
	})

#endif /* _COMPAT_LINUX_BUG_H */
