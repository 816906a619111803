/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * slab.c - kmalloc, kvmalloc and kmem_cache over malloc
 *
 * kmalloc is malloc. A cache has, per processor number (smp.h), magazines of free
 * objects (Bonwick and Adams, 2001) in slabs of its own: malloc serves all sizes at
 * once, and a thread that frees what another allocated goes through a lock of both
 * there. Under a sanitizer each object is one malloc, which it can follow.
 *
 * What is ours in either case is the account: allocations asked for, failed and
 * freed are counted per processor number and per cache, in cache lines of their
 * own. Sums are taken by whoever asks. A slab is malloc's failure or success, but
 * no allocation in that account: the objects are, one by one.
 */
#include <linux/align.h>
#include <linux/bug.h>
#include <linux/cpumask.h>
#include <linux/kernel.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/prefetch.h>
#include <linux/slab.h>
#include <linux/smp.h>
#include <linux/spinlock.h>

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "custom.h"

/* Live allocations are asked - failed - freed, summed over the processors. */
struct slab_count {
	unsigned long asked;
	unsigned long failed;
	unsigned long freed;
} __aligned(64);

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SLAB_PER_OBJECT 1
#else
#define SLAB_PER_OBJECT 0
#endif

#define SLAB_BYTES 16384	/* the first; an order-2 slab */
/* The largest: a huge page, which takes one entry of the TLB. */
#define SLAB_BYTES_MAX (2UL << 20)
#define MAGAZINE_ROUNDS 64

/* A free object: the next one of its magazine; in a first one, the next full magazine. */
struct slab_free {
	struct slab_free *next;
	struct slab_free *next_full;
};

struct magazine {
	struct slab_free *first;
	unsigned int rounds;
};

/* The start of a slab; objects follow from the next cache line on. */
struct slab {
	struct slab *next;
	size_t bytes;
};

/*
 * @lock:   two threads may have one number
 * @loaded: taken from and put to
 * @spare:  empty or full: an alloc after a free does not go to the depot
 * @fresh:  up to @end, what was never handed out
 */
struct kmem_cache_cpu {
	spinlock_t lock;
	struct slab_count count;
	struct magazine loaded;
	struct magazine spare;
	char *fresh;
	char *end;
} __aligned(64);

/*
 * @cpu:   objects of this cache, and of no other
 * @list:  in caches, under caches_lock
 * @lock:  of the depot: @full magazines and all @slabs, which are @bytes together
 */
struct kmem_cache {
	struct kmem_cache_cpu cpu[NR_CPUS];
	void (*ctor)(void *obj);
	size_t size;
	size_t align;
	struct list_head list;
	spinlock_t lock __aligned(64);
	struct slab_free *full;
	struct slab *slabs;
	size_t bytes;
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

/* The same under the lock of whoever writes it. */
static void count_add_locked(unsigned long *counter, unsigned long n)
{
	WRITE_ONCE(*counter, *counter + n);
}

static void count_sum(struct slab_count *sum, struct slab_count *count)
{
	sum->asked += READ_ONCE(count->asked);
	sum->failed += READ_ONCE(count->failed);
	sum->freed += READ_ONCE(count->freed);
}

static void count_sum_cache(struct slab_count *sum, struct kmem_cache *s)
{
	unsigned int cpu;

	for_each_possible_cpu(cpu)
		count_sum(sum, &s->cpu[cpu].count);
}

static struct slab_count count_sum_all(void)
{
	struct slab_count sum = { 0 };
	struct list_head *pos;
	unsigned int cpu;

	mutex_lock(&caches_lock);
	for_each_possible_cpu(cpu)
		count_sum(&sum, &kmalloc_count[cpu]);
	/* Not list_for_each_entry: it takes the head for a cache, misaligned. */
	list_for_each(pos, &caches)
		count_sum_cache(&sum, list_entry(pos, struct kmem_cache, list));
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

/* What any allocation passes: is it to fail? */
static inline bool alloc_fails(gfp_t flags)
{
	if (gfpflags_allow_blocking(flags))
		might_sleep();
	return unlikely(READ_ONCE(fail_in)) && fail_now(flags);
}

/* The start of one that belongs to no cache: its counts, and whether it may go on. */
static inline struct slab_count *alloc_begin(gfp_t flags, bool *fail)
{
	struct slab_count *count = &kmalloc_count[raw_smp_processor_id()];

	count_add(&count->asked, 1);
	*fail = alloc_fails(flags);
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
	struct slab_count *count = alloc_begin(flags, &fail);

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
	count = alloc_begin(flags, &fail);
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

	/* half a slab: its head and one object have room in the largest */
	if (WARN_ON(!name || !size || size > SLAB_BYTES_MAX / 2 ||
		    (align & (align - 1))))
		return NULL;
	count = alloc_begin(GFP_KERNEL, &fail);
	s = alloc_end(count, fail ? NULL : aligned_alloc(64, bytes));
	if (!s)
		return NULL;
	memset(s, 0, bytes);
	s->ctor = ctor;
	/* ARCH_SLAB_MINALIGN: at 16 an object of 72 bytes would take 80 */
	s->align = max(flags & SLAB_HWCACHE_ALIGN ? 64U : 8U, align);
	/* aligned_alloc wants a multiple of the alignment */
	s->size = ALIGN(max((size_t)size, sizeof(struct slab_free)), s->align);
	mutex_lock(&caches_lock);
	list_add_tail(&s->list, &caches);
	mutex_unlock(&caches_lock);
	return s;
}

/* malloc would keep what it maps beside such a piece to align it. */
static void *huge_page_alloc(void)
{
	char *raw, *p;

	raw = mmap(NULL, 2 * SLAB_BYTES_MAX, PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (raw == MAP_FAILED)
		return NULL;
	p = PTR_ALIGN(raw, SLAB_BYTES_MAX);
	if (p > raw)
		munmap(raw, p - raw);
	munmap(p + SLAB_BYTES_MAX, raw + SLAB_BYTES_MAX - p);
	/* a wish: without one, it is as any other memory */
	madvise(p, SLAB_BYTES_MAX, MADV_HUGEPAGE);
	return p;
}

/* Doubles what the cache has, up to a huge page. */
static struct slab *slab_alloc(struct kmem_cache *s, size_t align, size_t least)
{
	size_t bytes = ALIGN(clamp(READ_ONCE(s->bytes), least, SLAB_BYTES_MAX),
			     align);
	struct slab *slab;

	slab = bytes == SLAB_BYTES_MAX ? huge_page_alloc() :
					 aligned_alloc(align, bytes);
	if (slab)
		slab->bytes = bytes;
	return slab;
}

static void slab_release(struct slab *slab)
{
	if (slab->bytes == SLAB_BYTES_MAX)
		munmap(slab, SLAB_BYTES_MAX);
	else
		free(slab);
}

void kmem_cache_destroy(struct kmem_cache *s)
{
	struct slab_count sum = { 0 };
	struct slab *slab;

	if (!s)
		return;
	mutex_lock(&caches_lock);
	count_sum_cache(&sum, s);
	if (WARN_ON(sum.asked - sum.failed != sum.freed)) {
		mutex_unlock(&caches_lock);
		return;
	}
	list_del(&s->list);
	count_add(&kmalloc_count[0].asked, sum.asked);
	count_add(&kmalloc_count[0].failed, sum.failed);
	count_add(&kmalloc_count[0].freed, sum.freed);
	mutex_unlock(&caches_lock);
	while ((slab = s->slabs)) {
		s->slabs = slab->next;
		slab_release(slab);
	}
	kfree(s);
}

/* Objects that were never handed out, for one processor. */
static bool cache_grow(struct kmem_cache *s, struct kmem_cache_cpu *c)
{
	size_t align = max(s->align, (size_t)64);
	size_t head = ALIGN(sizeof(struct slab), align);
	struct slab *slab = slab_alloc(s, align, max(head + s->size,
						     (size_t)SLAB_BYTES));

	if (!slab)
		return false;
	c->fresh = (char *)slab + head;
	c->end = (char *)slab + slab->bytes;
	spin_lock(&s->lock);
	slab->next = s->slabs;
	s->slabs = slab;
	WRITE_ONCE(s->bytes, s->bytes + slab->bytes);
	spin_unlock(&s->lock);
	return true;
}

/* Both magazines are empty: what others freed first, else memory of its own. */
static bool cache_refill(struct kmem_cache *s, struct kmem_cache_cpu *c)
{
	struct slab_free *first;

	spin_lock(&s->lock);
	first = s->full;
	if (first)
		s->full = first->next_full;
	spin_unlock(&s->lock);
	if (!first)
		return false;
	c->loaded.first = first;
	c->loaded.rounds = MAGAZINE_ROUNDS;
	return true;
}

static void *cache_take_fresh(struct kmem_cache *s, struct kmem_cache_cpu *c)
{
	void *obj;

	if ((size_t)(c->end - c->fresh) < s->size && !cache_grow(s, c))
		return NULL;
	obj = c->fresh;
	c->fresh += s->size;
	return obj;
}

/* Under @c's lock, whose loaded magazine is not empty. */
static void *cache_pop(struct kmem_cache_cpu *c)
{
	struct slab_free *obj = c->loaded.first;

	c->loaded.first = obj->next;
	c->loaded.rounds--;
	/* the next alloc writes to it, and reads where the one behind it is */
	prefetchw(obj->next);
	return obj;
}

/* Under @c's lock. */
static void *cache_take(struct kmem_cache *s, struct kmem_cache_cpu *c)
{
	if (SLAB_PER_OBJECT)
		return aligned_alloc(s->align, s->size);
	if (!c->loaded.rounds) {
		swap(c->loaded, c->spare);
		if (!c->loaded.rounds && !cache_refill(s, c))
			return cache_take_fresh(s, c);
	}
	return cache_pop(c);
}

static noinline void *cache_init(struct kmem_cache *s, void *obj, gfp_t flags)
{
	if (flags & __GFP_ZERO)
		memset(obj, 0, s->size);
	if (s->ctor)
		s->ctor(obj);
	return obj;
}

static noinline void *cache_alloc_slow(struct kmem_cache *s,
				       struct kmem_cache_cpu *c, gfp_t flags)
{
	bool fail = alloc_fails(flags);
	void *obj;

	spin_lock(&c->lock);
	count_add_locked(&c->count.asked, 1);
	obj = fail ? NULL : cache_take(s, c);
	if (!obj)
		count_add_locked(&c->count.failed, 1);
	spin_unlock(&c->lock);
	return obj ? cache_init(s, obj, flags) : NULL;
}

/* Most often a magazine has what is asked for: that takes no call and saves no register. */
void *kmem_cache_alloc(struct kmem_cache *s, gfp_t flags)
{
	struct kmem_cache_cpu *c = &s->cpu[raw_smp_processor_id()];
	void *obj;

	if (SLAB_PER_OBJECT || unlikely(READ_ONCE(fail_in)))
		return cache_alloc_slow(s, c, flags);
	if (gfpflags_allow_blocking(flags))
		might_sleep();
	spin_lock(&c->lock);
	if (unlikely(!c->loaded.rounds)) {
		spin_unlock(&c->lock);
		return cache_alloc_slow(s, c, flags);
	}
	count_add_locked(&c->count.asked, 1);
	obj = cache_pop(c);
	spin_unlock(&c->lock);
	if (unlikely(flags & __GFP_ZERO || s->ctor))
		return cache_init(s, obj, flags);
	return obj;
}

/* Under @c's lock: its loaded magazine is full, and not when this returns. */
static noinline void cache_change_full(struct kmem_cache *s,
				       struct kmem_cache_cpu *c)
{
	swap(c->loaded, c->spare);
	if (!c->loaded.rounds)
		return;
	spin_lock(&s->lock);
	c->loaded.first->next_full = s->full;
	s->full = c->loaded.first;
	spin_unlock(&s->lock);
	c->loaded = (struct magazine){ NULL, 0 };
}

/* Under @c's lock. */
static void cache_put(struct kmem_cache *s, struct kmem_cache_cpu *c, void *p)
{
	struct slab_free *obj = p;

	if (SLAB_PER_OBJECT) {
		free(p);
		return;
	}
	if (unlikely(c->loaded.rounds == MAGAZINE_ROUNDS))
		cache_change_full(s, c);
	obj->next = c->loaded.first;
	c->loaded.first = obj;
	c->loaded.rounds++;
}

void kmem_cache_free(struct kmem_cache *s, void *obj)
{
	struct kmem_cache_cpu *c = &s->cpu[raw_smp_processor_id()];

	if (!obj)
		return;
	spin_lock(&c->lock);
	count_add_locked(&c->count.freed, 1);
	cache_put(s, c, obj);
	spin_unlock(&c->lock);
}
