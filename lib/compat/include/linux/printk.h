/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * linux/printk.h (stub): messages, none of which is printed.
 * A library prints nothing; the format is still checked.
 */
#ifndef _COMPAT_LINUX_PRINTK_H
#define _COMPAT_LINUX_PRINTK_H

#define no_printk(...)						\
	do {							\
		if (0)						\
			__builtin_printf(__VA_ARGS__);		\
	} while (0)

#define pr_err(...) no_printk(__VA_ARGS__)
#define pr_warn(...) no_printk(__VA_ARGS__)
#define pr_info(...) no_printk(__VA_ARGS__)
#define pr_debug(...) no_printk(__VA_ARGS__)

#endif /* _COMPAT_LINUX_PRINTK_H */
