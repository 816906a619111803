/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * linux/percpu.h (custom): one copy of an object for each processor.
 * Zeroed, 64-aligned, and one allocation for slab.h's counts. The address given out
 * is that of processor 0's copy; the distance between copies stands before it.
 */
#ifndef _COMPAT_LINUX_PERCPU_H
#define _COMPAT_LINUX_PERCPU_H

#include <linux/cpumask.h>
#include <linux/gfp.h>
#include <linux/smp.h>
#include <linux/types.h>

void *compat_alloc_percpu(size_t size, size_t align, gfp_t flags);
void *compat_per_cpu_ptr(void *ptr, unsigned int cpu);
void free_percpu(void *ptr);

#define alloc_percpu_gfp(type, gfp)					\
	((type *)compat_alloc_percpu(sizeof(type), __alignof__(type), gfp))
#define alloc_percpu(type) alloc_percpu_gfp(type, GFP_KERNEL)

#define per_cpu_ptr(ptr, cpu) \
	((__typeof__(ptr))compat_per_cpu_ptr((ptr), (unsigned int)(cpu)))
#define raw_cpu_ptr(ptr) per_cpu_ptr(ptr, raw_smp_processor_id())

#endif /* _COMPAT_LINUX_PERCPU_H */
