/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * linux/smp.h (custom): which processor this is.
 * A thread is given a number at its first question, threads in turn, and keeps it.
 * Threads beyond NR_CPUS share numbers: what is per CPU needs a lock of its own, as
 * it does in a kernel that may preempt.
 */
#ifndef _COMPAT_LINUX_SMP_H
#define _COMPAT_LINUX_SMP_H

#include <linux/compiler.h>

#ifdef COMPAT_UP
#define raw_smp_processor_id() 0
#else

extern __thread int compat_cpu
	__attribute__((__tls_model__("initial-exec")));
int compat_cpu_assign(void);

static inline int raw_smp_processor_id(void)
{
	return likely(compat_cpu >= 0) ? compat_cpu : compat_cpu_assign();
}

#endif /* COMPAT_UP */

#endif /* _COMPAT_LINUX_SMP_H */
