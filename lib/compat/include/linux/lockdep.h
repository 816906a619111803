/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * linux/lockdep.h (custom): a check that a lock is held, by whomever.
 * Each kind of lock has the member locked for it.
 */
#ifndef _COMPAT_LINUX_LOCKDEP_H
#define _COMPAT_LINUX_LOCKDEP_H

#include <linux/bug.h>
#include <linux/compiler.h>

#define lockdep_assert_held(l) \
	((void)WARN_ON_ONCE(!READ_ONCE((l)->locked)))

#endif /* _COMPAT_LINUX_LOCKDEP_H */
