/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * linux/cpumask.h (custom): a machine of 8 processors, all possible and all online;
 * with COMPAT_UP (asm/rmw.h) of one.
 */
#ifndef _COMPAT_LINUX_CPUMASK_H
#define _COMPAT_LINUX_CPUMASK_H

#ifdef COMPAT_UP
#define NR_CPUS 1
#define nr_cpu_ids 1U
#else
#define NR_CPUS 8
#define nr_cpu_ids 8U
#endif

#define for_each_possible_cpu(cpu) \
	for ((cpu) = 0; (unsigned int)(cpu) < nr_cpu_ids; (cpu)++)
#define for_each_online_cpu(cpu) for_each_possible_cpu(cpu)
#define num_possible_cpus() nr_cpu_ids
#define num_online_cpus() nr_cpu_ids

#endif /* _COMPAT_LINUX_CPUMASK_H */
