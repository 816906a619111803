/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * percpu.c - processor numbers for threads, and objects per processor
 */
#include <linux/align.h>
#include <linux/bug.h>
#include <linux/percpu.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>

#define CACHE_LINE 64

/* Stands in the cache line before the copies: @raw to free, @stride between. */
struct percpu_head {
	void *raw;
	size_t stride;
};

#ifndef COMPAT_UP

__thread int compat_cpu = -1;

struct compat_rcu_lock compat_rcu[COMPAT_RCU_LOCKS];

static unsigned int nr_threads;

int compat_cpu_assign(void)
{
	unsigned int thread = __atomic_fetch_add(&nr_threads, 1,
						 __ATOMIC_RELAXED);

	compat_cpu = (int)(thread % nr_cpu_ids);
	return compat_cpu;
}

#endif

static struct percpu_head *percpu_head(void *ptr)
{
	return (struct percpu_head *)((char *)ptr - CACHE_LINE);
}

void *compat_alloc_percpu(size_t size, size_t align, gfp_t flags)
{
	size_t stride = ALIGN(size, (size_t)CACHE_LINE);
	void *raw;
	char *copies;

	if (WARN_ON(!size || align > CACHE_LINE))
		return NULL;
	raw = kvzalloc(2 * CACHE_LINE + nr_cpu_ids * stride, flags);
	if (!raw)
		return NULL;
	copies = PTR_ALIGN((char *)raw + CACHE_LINE, CACHE_LINE);
	*percpu_head(copies) = (struct percpu_head){ raw, stride };
	return copies;
}

void *compat_per_cpu_ptr(void *ptr, unsigned int cpu)
{
	BUG_ON(cpu >= nr_cpu_ids);
	return (char *)ptr + cpu * percpu_head(ptr)->stride;
}

void free_percpu(void *ptr)
{
	if (ptr)
		kvfree(percpu_head(ptr)->raw);
}
