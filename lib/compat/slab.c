/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * slab.c - kmalloc, kvmalloc and kmem_cache over malloc
 *
 * Each object is one malloc, so that the address sanitizer sees it. What is ours
 * is the account: allocations asked for, failed and freed are counted per
 * processor number (smp.h) and per cache, each in a cache line of its own, so that
 * an allocation costs one uncontended atomic addition beside malloc. Sums are taken
 * by whoever asks.
 */
#include <linux/bug.h>
#include <linux/cpumask.h>
#include <linux/kernel.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/slab.h>
#include <linux/smp.h>

#include <stdlib.h>
#include <string.h>

#include "custom.h"

/* Live allocations are asked - failed - freed, summed over the processors. */
struct slab_count {
	unsigned long asked;
	unsigned long failed;
	unsigned long freed;
} __aligned(64);

/*
 * @count: objects of this cache, and of no other
 * @list:  in caches, under caches_lock
 */
struct kmem_cache {
	struct slab_count count[NR_CPUS];
	void (*ctor)(void *obj);
	size_t size;
	size_t align;
	struct list_head list;
};

/* What belongs to no cache, and what belonged to caches that are gone. */
static struct slab_count kmalloc_count[NR_CPUS];

static LIST_HEAD(caches);
static DEFINE_MUTEX(caches_lock);

/* Allocations left until one fails, 0: none will; and whether all after it do. */
static unsigned long fail_in;
static bool fail_for_ever;
static bool fail_happened;
static unsigned long asked_before;

static void count_add(unsigned long *counter, unsigned long n)
{
	__atomic_fetch_add(counter, n, __ATOMIC_RELAXED);
}

static void count_sum(struct slab_count *sum, struct slab_count *count)
{
	unsigned int cpu;

	for_each_possible_cpu(cpu) {
		sum->asked += READ_ONCE(count[cpu].asked);
		sum->failed += READ_ONCE(count[cpu].failed);
		sum->freed += READ_ONCE(count[cpu].freed);
	}
}

static struct slab_count count_sum_all(void)
{
	struct slab_count sum = { 0 };
	struct list_head *pos;

	mutex_lock(&caches_lock);
	count_sum(&sum, kmalloc_count);
	/* Not list_for_each_entry: it takes the head for a cache, misaligned. */
	list_for_each(pos, &caches)
		count_sum(&sum, list_entry(pos, struct kmem_cache, list)->count);
	mutex_unlock(&caches_lock);
	return sum;
}

void compat_fail_alloc(unsigned long nth, bool for_ever)
{
	WRITE_ONCE(fail_in, 0);
	WRITE_ONCE(fail_for_ever, for_ever);
	WRITE_ONCE(fail_happened, false);
	WRITE_ONCE(asked_before, count_sum_all().asked);
	WRITE_ONCE(fail_in, nth);
}

unsigned long compat_alloc_sites_passed(void)
{
	return count_sum_all().asked - READ_ONCE(asked_before);
}

bool compat_fail_happened(void)
{
	return READ_ONCE(fail_happened);
}

unsigned long compat_nr_allocated(void)
{
	struct slab_count sum = count_sum_all();

	return sum.asked - sum.failed - sum.freed;
}

/* Counts down to the allocation that is to fail; there it stays if for ever. */
static noinline bool fail_now(gfp_t flags)
{
	unsigned long left = READ_ONCE(fail_in);
	bool for_ever = READ_ONCE(fail_for_ever);

	do {
		if (!left)
			return false;
	} while (!__atomic_compare_exchange_n(&fail_in, &left,
			left == 1 && for_ever ? 1 : left - 1, false,
			__ATOMIC_RELAXED, __ATOMIC_RELAXED));
	if (left > 1 || (flags & __GFP_NOFAIL))
		return false;
	WRITE_ONCE(fail_happened, true);
	return true;
}

/* The start of any allocation: the counts, and whether it may go on. */
static inline struct slab_count *alloc_begin(struct slab_count *count,
					     gfp_t flags, bool *fail)
{
	count += raw_smp_processor_id();
	count_add(&count->asked, 1);
	if (gfpflags_allow_blocking(flags))
		might_sleep();
	*fail = unlikely(READ_ONCE(fail_in)) && fail_now(flags);
	return count;
}

static inline void *alloc_end(struct slab_count *count, void *p)
{
	if (unlikely(!p))
		count_add(&count->failed, 1);
	return p;
}

static void *alloc_bytes(size_t size, size_t limit, gfp_t flags)
{
	bool fail;
	struct slab_count *count = alloc_begin(kmalloc_count, flags, &fail);

	if (fail || size > limit)
		return alloc_end(count, NULL);
	/* malloc may answer 0 bytes by NULL, which means failure here. */
	if (!size)
		size = 1;
	return alloc_end(count, flags & __GFP_ZERO ? calloc(1, size) :
						     malloc(size));
}

void *kmalloc(size_t size, gfp_t flags)
{
	return alloc_bytes(size, KMALLOC_MAX_SIZE, flags);
}

void *kvmalloc(size_t size, gfp_t flags)
{
	if (unlikely(size > INT_MAX))
		WARN_ON_ONCE(!(flags & __GFP_NOWARN));
	return alloc_bytes(size, INT_MAX, flags);
}

void *krealloc(const void *p, size_t new_size, gfp_t flags)
{
	bool fail;
	struct slab_count *count;
	void *new;

	if (!p)
		return kmalloc(new_size, flags);
	count = alloc_begin(kmalloc_count, flags, &fail);
	if (fail || new_size > KMALLOC_MAX_SIZE)
		return alloc_end(count, NULL);
	new = realloc((void *)(unsigned long)p, new_size ? new_size : 1);
	if (new)
		count_add(&count->freed, 1);
	return alloc_end(count, new);
}

void kfree(const void *p)
{
	if (!p)
		return;
	count_add(&kmalloc_count[raw_smp_processor_id()].freed, 1);
	free((void *)(unsigned long)p);
}

void kvfree(const void *p)
{
	kfree(p);
}

struct kmem_cache *kmem_cache_create(const char *name, unsigned int size,
				     unsigned int align, slab_flags_t flags,
				     void (*ctor)(void *))
{
	struct kmem_cache *s;
	size_t bytes = ALIGN(sizeof(*s), 64);
	bool fail;
	struct slab_count *count;

	if (WARN_ON(!name || !size || (align & (align - 1))))
		return NULL;
	count = alloc_begin(kmalloc_count, GFP_KERNEL, &fail);
	s = alloc_end(count, fail ? NULL : aligned_alloc(64, bytes));
	if (!s)
		return NULL;
	memset(s, 0, bytes);
	s->ctor = ctor;
	s->align = flags & SLAB_HWCACHE_ALIGN ? max(64U, align) : align;
	/* aligned_alloc wants a multiple of the alignment. */
	s->size = s->align ? ALIGN(size, s->align) : size;
	mutex_lock(&caches_lock);
	list_add_tail(&s->list, &caches);
	mutex_unlock(&caches_lock);
	return s;
}

void kmem_cache_destroy(struct kmem_cache *s)
{
	struct slab_count sum = { 0 };

	if (!s)
		return;
	mutex_lock(&caches_lock);
	list_del(&s->list);
	count_sum(&sum, s->count);
	/* Objects left live stay in compat_nr_allocated(). */
	count_add(&kmalloc_count[0].asked, sum.asked);
	count_add(&kmalloc_count[0].failed, sum.failed);
	count_add(&kmalloc_count[0].freed, sum.freed);
	mutex_unlock(&caches_lock);
	WARN_ON(sum.asked - sum.failed != sum.freed);
	kfree(s);
}

void *kmem_cache_alloc(struct kmem_cache *s, gfp_t flags)
{
	bool fail;
	struct slab_count *count = alloc_begin(s->count, flags, &fail);
	void *obj;

	if (unlikely(fail))
		return alloc_end(count, NULL);
	if (s->align > __alignof__(max_align_t))
		obj = aligned_alloc(s->align, s->size);
	else
		obj = malloc(s->size);
	if (likely(obj)) {
		if (flags & __GFP_ZERO)
			memset(obj, 0, s->size);
		if (s->ctor)
			s->ctor(obj);
	}
	return alloc_end(count, obj);
}

void kmem_cache_free(struct kmem_cache *s, void *obj)
{
	if (!obj)
		return;
	count_add(&s->count[raw_smp_processor_id()].freed, 1);
	free(obj);
}
