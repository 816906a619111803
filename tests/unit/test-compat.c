/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test-compat.c - the userspace kernel API keeps its promises
 */
#include <linux/bitops.h>
#include <linux/err.h>
#include <linux/kernel.h>
#include <linux/list.h>
#include <linux/log2.h>
#include <linux/math64.h>
#include <linux/mm.h>
#include <linux/mutex.h>
#include <linux/percpu.h>
#include <linux/rbtree.h>
#include <linux/refcount.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/string.h>
#include <linux/swapops.h>
#include <linux/xarray.h>

#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "compat/custom.h"

#define NR_THREADS 4

/* xorshift64: the same numbers on each run. */
static u64 random_state;

static u64 random_next(void)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return random_state;
}

/* Each test starts and ends with nothing allocated, no warning and no lock. */
static unsigned long allocated_before, warnings_before;

static int setup(void **state)
{
	(void)state;
	compat_fail_alloc(0, false);
	random_state = 0x9e3779b97f4a7c15;
	allocated_before = compat_nr_allocated();
	warnings_before = compat_nr_warnings();
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	compat_fail_alloc(0, false);
	if (compat_nr_allocated() != allocated_before ||
	    compat_nr_warnings() != warnings_before || compat_spinlocks_held())
		return -1;
	return 0;
}

static void run_threads(void *(*fn)(void *), void *arg)
{
	pthread_t thread[NR_THREADS];
	int i;

	for (i = 0; i < NR_THREADS; i++)
		assert_int_equal(pthread_create(&thread[i], NULL, fn, arg), 0);
	for (i = 0; i < NR_THREADS; i++)
		assert_int_equal(pthread_join(thread[i], NULL), 0);
}

/* Takes note of a warning that a test asked for. */
static void expect_warnings(unsigned long nr)
{
	assert_int_equal(compat_nr_warnings(), warnings_before + nr);
	warnings_before += nr;
}

/*------------------------------------------------------------------- slab */

struct thing {
	u64 a;
	u32 b;
};

static void test_slab_counts_live_allocations(void **state)
{
	struct kmem_cache *cache = KMEM_CACHE(thing, 0);
	unsigned long live = compat_nr_allocated();
	struct thing *x, *y;
	void *p;

	(void)state;
	x = kmem_cache_alloc(cache, GFP_KERNEL);
	y = kmem_cache_zalloc(cache, GFP_ATOMIC);
	assert_true(y->a == 0 && y->b == 0);
	p = kvcalloc(3, 100, GFP_KERNEL);
	assert_null(memchr_inv(p, 0, 300));
	assert_int_equal(compat_nr_allocated(), live + 3);
	p = krealloc(p, 1000, GFP_KERNEL);
	assert_null(memchr_inv(p, 0, 300));
	assert_int_equal(compat_nr_allocated(), live + 3);
	kvfree(p);
	kfree(NULL);
	kmem_cache_free(cache, x);
	assert_int_equal(compat_nr_allocated(), live + 1);
	kmem_cache_free(cache, y);
	kmem_cache_destroy(cache);
	kmem_cache_destroy(NULL);
}

static void test_slab_sizes_that_cannot_be(void **state)
{
	void *p = kmalloc(0, GFP_KERNEL);

	(void)state;
	assert_non_null(p);
	kfree(p);
	assert_null(kmalloc(KMALLOC_MAX_SIZE + 1, GFP_KERNEL));
	assert_null(kmalloc_array(SIZE_MAX / 4, 8, GFP_KERNEL));
	assert_null(kvcalloc(SIZE_MAX / 4, 8, GFP_KERNEL | __GFP_NOWARN));
	p = kvmalloc(KMALLOC_MAX_SIZE + 1, GFP_KERNEL);
	assert_non_null(p);
	kvfree(p);
}

static void thing_ctor(void *obj)
{
	((struct thing *)obj)->b = 17;
}

static void test_slab_alignment_and_ctor(void **state)
{
	struct kmem_cache *cache = kmem_cache_create("thing",
		sizeof(struct thing), 128, SLAB_HWCACHE_ALIGN, thing_ctor);
	struct thing *x = kmem_cache_alloc(cache, GFP_KERNEL);

	(void)state;
	assert_true(IS_ALIGNED((unsigned long)x, 128));
	assert_int_equal(x->b, 17);
	kmem_cache_free(cache, x);
	kmem_cache_destroy(cache);
}

static void test_slab_destroy_reports_leaks(void **state)
{
	struct kmem_cache *cache = KMEM_CACHE(thing, 0);
	struct thing *x = kmem_cache_alloc(cache, GFP_KERNEL);

	(void)state;
	kmem_cache_destroy(cache);
	expect_warnings(1);
	/* the cache, and its object */
	assert_int_equal(compat_nr_allocated(), allocated_before + 2);
	kmem_cache_free(cache, x);
	kmem_cache_destroy(cache);
}

#define SLAB_OBJECTS 1000
#define SLAB_ROUNDS 8

static struct thing *slab_object[NR_THREADS][SLAB_OBJECTS];
static pthread_barrier_t slab_turn;
static atomic_t slab_torn;

/* Every other thread allocates, and the next one frees: magazines change hands. */
static void *slab_thread(void *arg)
{
	static atomic_t threads;
	unsigned int mine = atomic_fetch_add(1, &threads) % NR_THREADS;
	unsigned int from = mine & ~1U, round, i;

	for (round = 0; round < SLAB_ROUNDS; round++) {
		for (i = 0; mine == from && i < SLAB_OBJECTS; i++) {
			slab_object[mine][i] = kmem_cache_alloc(arg, GFP_KERNEL);
			slab_object[mine][i]->a = mine;
			slab_object[mine][i]->b = i;
		}
		pthread_barrier_wait(&slab_turn);
		for (i = 0; mine != from && i < SLAB_OBJECTS; i++) {
			if (slab_object[from][i]->a != from ||
			    slab_object[from][i]->b != i)
				atomic_inc(&slab_torn);
			kmem_cache_free(arg, slab_object[from][i]);
		}
		pthread_barrier_wait(&slab_turn);
	}
	return NULL;
}

/* No object is given out twice, and what others freed is used again. */
static void test_slab_threads(void **state)
{
	struct kmem_cache *cache = KMEM_CACHE(thing, 0);
	unsigned long live = compat_nr_allocated();

	(void)state;
	pthread_barrier_init(&slab_turn, NULL, NR_THREADS);
	run_threads(slab_thread, cache);
	pthread_barrier_destroy(&slab_turn);
	assert_int_equal(atomic_read(&slab_torn), 0);
	assert_int_equal(compat_nr_allocated(), live);
	kmem_cache_destroy(cache);
}

/* Allocates by each way once; how many were refused. */
static unsigned int allocate_each_way(struct kmem_cache *cache)
{
	DEFINE_XARRAY(xa);
	unsigned int refused = 0;
	void *p;

	p = kmalloc(8, GFP_KERNEL);
	refused += !p;
	kfree(p);
	p = kvmalloc(8, GFP_KERNEL);
	refused += !p;
	kvfree(p);
	p = kmem_cache_alloc(cache, GFP_KERNEL);
	refused += !p;
	kmem_cache_free(cache, p);
	p = alloc_percpu(u64);
	refused += !p;
	free_percpu(p);
	p = xa_store(&xa, 1, xa_mk_value(1), GFP_KERNEL);
	assert_int_equal(xa_err(p), p ? -ENOMEM : 0);
	refused += xa_is_err(p);
	xa_destroy(&xa);
	return refused;
}

static void test_fail_nth_allocation(void **state)
{
	struct kmem_cache *cache = KMEM_CACHE(thing, 0);
	unsigned int nth;

	(void)state;
	compat_fail_alloc(0, false);
	assert_int_equal(allocate_each_way(cache), 0);
	assert_int_equal(compat_alloc_sites_passed(), 5);
	assert_false(compat_fail_happened());
	for (nth = 1; nth <= 6; nth++) {
		compat_fail_alloc(nth, false);
		assert_int_equal(allocate_each_way(cache), nth <= 5);
		assert_int_equal(compat_fail_happened(), nth <= 5);
		assert_int_equal(compat_alloc_sites_passed(), 5);
		compat_fail_alloc(nth, true);
		assert_int_equal(allocate_each_way(cache), 6 - nth);
		assert_int_equal(compat_fail_happened(), nth <= 5);
	}
	compat_fail_alloc(0, true);
	assert_int_equal(allocate_each_way(cache), 0);
	kmem_cache_destroy(cache);
}

static void test_fail_spares_nofail(void **state)
{
	void *p, *q;

	(void)state;
	compat_fail_alloc(1, true);
	p = kmalloc(8, GFP_KERNEL | __GFP_NOFAIL);
	assert_non_null(p);
	assert_false(compat_fail_happened());
	q = krealloc(p, 16, GFP_KERNEL);
	assert_null(q);
	assert_true(compat_fail_happened());
	/* A refused krealloc leaves the old object. */
	kfree(p);
}

static void *fail_thread(void *arg)
{
	unsigned int i;
	void *p;

	for (i = 0; i < 1000; i++) {
		p = kmalloc(8, GFP_KERNEL);
		if (!p)
			atomic_inc(arg);
		kfree(p);
	}
	return NULL;
}

static void test_fail_once_among_threads(void **state)
{
	atomic_t refused = ATOMIC_INIT(0);

	(void)state;
	compat_fail_alloc(2000, false);
	run_threads(fail_thread, &refused);
	assert_int_equal(atomic_read(&refused), 1);
	assert_int_equal(compat_alloc_sites_passed(), 4000);
	compat_fail_alloc(1001, true);
	run_threads(fail_thread, &refused);
	assert_int_equal(atomic_read(&refused), 1 + 3000);
}

/*------------------------------------------------------------------ locks */

static DEFINE_SPINLOCK(counter_lock);
static pthread_barrier_t counter_start;
static unsigned long counter;

/*
 * Giving way between the read and the write lets another thread in, unless a lock
 * keeps it out: without that, threads this short may never meet.
 */
static void counter_inc_slowly(unsigned int i)
{
	unsigned long seen = READ_ONCE(counter);

	if (i % 16 == 0)
		sched_yield();
	counter = seen + 1;
}

static void *spin_thread(void *arg)
{
	unsigned int i;

	pthread_barrier_wait(&counter_start);
	for (i = 0; i < 20000; i++) {
		spin_lock(&counter_lock);
		counter_inc_slowly(i);
		spin_unlock(&counter_lock);
	}
	*(bool *)arg |= compat_spinlocks_held() != 0;
	return NULL;
}

static void *bit_thread(void *arg)
{
	unsigned long *word = arg;
	unsigned int i;

	pthread_barrier_wait(&counter_start);
	for (i = 0; i < 2000; i++) {
		while (test_and_set_bit_lock(67, word))
			sched_yield();
		counter_inc_slowly(i);
		clear_bit_unlock(67, word);
	}
	return NULL;
}

static DEFINE_MUTEX(counter_mutex);

static void *mutex_thread(void *arg)
{
	unsigned int i;

	(void)arg;
	pthread_barrier_wait(&counter_start);
	for (i = 0; i < 2000; i++) {
		mutex_lock(&counter_mutex);
		counter_inc_slowly(i);
		mutex_unlock(&counter_mutex);
	}
	return NULL;
}

static void counter_reset(void)
{
	counter = 0;
	pthread_barrier_init(&counter_start, NULL, NR_THREADS);
}

static void test_spinlock_excludes(void **state)
{
	static bool held[NR_THREADS];
	pthread_t thread[NR_THREADS];
	int i;

	(void)state;
	counter_reset();
	for (i = 0; i < NR_THREADS; i++)
		pthread_create(&thread[i], NULL, spin_thread, &held[i]);
	for (i = 0; i < NR_THREADS; i++) {
		pthread_join(thread[i], NULL);
		assert_false(held[i]);
	}
	assert_int_equal(counter, NR_THREADS * 20000);
}

static void test_bit_lock_excludes(void **state)
{
	unsigned long word[2] = { 0, BIT(5) };

	(void)state;
	counter_reset();
	run_threads(bit_thread, word);
	assert_int_equal(counter, NR_THREADS * 2000);
	assert_true(word[0] == 0 && word[1] == BIT(5));
}

static void test_mutex_excludes(void **state)
{
	struct mutex lock;

	(void)state;
	counter_reset();
	run_threads(mutex_thread, NULL);
	assert_int_equal(counter, NR_THREADS * 2000);
	mutex_init(&lock);
	assert_int_equal(mutex_trylock(&lock), 1);
	assert_int_equal(mutex_trylock(&lock), 0);
	lockdep_assert_held(&lock);
	mutex_unlock(&lock);
	assert_false(mutex_is_locked(&lock));
	mutex_destroy(&lock);
}

/* What may sleep warns under a spinlock, and only then. */
static void test_spinlock_forbids_sleep(void **state)
{
	DEFINE_MUTEX(mutex);
	spinlock_t lock, other;
	DEFINE_XARRAY(xa);

	(void)state;
	spin_lock_init(&lock);
	spin_lock_init(&other);
	spin_lock(&lock);
	assert_int_equal(compat_spinlocks_held(), 1);
	assert_false(spin_trylock(&lock));
	assert_true(spin_trylock(&other));
	assert_int_equal(compat_spinlocks_held(), 2);
	spin_unlock(&other);
	lockdep_assert_held(&lock);
	kfree(kmalloc(8, GFP_ATOMIC));
	kfree(kmalloc(8, GFP_NOWAIT));
	xa_store(&xa, 1, xa_mk_value(1), GFP_NOWAIT);
	expect_warnings(0);
	kfree(kmalloc(8, GFP_KERNEL));
	expect_warnings(1);
	xa_store(&xa, 1, xa_mk_value(2), GFP_KERNEL);
	expect_warnings(1);
	cond_resched();
	expect_warnings(1);
	mutex_lock(&mutex);
	mutex_unlock(&mutex);
	expect_warnings(1);
	spin_unlock(&lock);
	lockdep_assert_held(&lock);
	expect_warnings(1);
	kfree(kmalloc(8, GFP_KERNEL));
	xa_store(&xa, 1, xa_mk_value(3), GFP_KERNEL);
	xa_destroy(&xa);
	cond_resched();
}

static void *cpu_thread(void *arg)
{
	int *mine = raw_cpu_ptr((int *)arg);

	assert_ptr_equal(mine, raw_cpu_ptr((int *)arg));
	__atomic_fetch_add(mine, 1, __ATOMIC_RELAXED);
	return NULL;
}

static void test_percpu(void **state)
{
	int *ptr = alloc_percpu(int), sum = 0, busy = 0, cpu;

	(void)state;
	for_each_possible_cpu(cpu) {
		assert_int_equal(*per_cpu_ptr(ptr, cpu), 0);
		assert_true(IS_ALIGNED((unsigned long)per_cpu_ptr(ptr, cpu),
				       64));
	}
	run_threads(cpu_thread, ptr);
	for_each_possible_cpu(cpu) {
		sum += *per_cpu_ptr(ptr, cpu);
		busy += *per_cpu_ptr(ptr, cpu) != 0;
	}
	assert_int_equal(sum, NR_THREADS);
	/* Threads that start one after another get one processor each. */
	assert_int_equal(busy, NR_THREADS);
	free_percpu(ptr);
	free_percpu(NULL);
}

/*------------------------------------------------------- counters and bugs */

static void test_atomic(void **state)
{
	atomic_t a = ATOMIC_INIT(1);
	atomic64_t b = ATOMIC64_INIT(0);
	atomic_long_t c = ATOMIC_LONG_INIT(0);
	int old = 5;

	(void)state;
	assert_true(atomic_dec_and_test(&a));
	assert_int_equal(atomic_add_return(7, &a), 7);
	assert_int_equal(atomic_fetch_add(2, &a), 7);
	assert_int_equal(atomic_cmpxchg(&a, 1, 2), 9);
	assert_false(atomic_try_cmpxchg(&a, &old, 1));
	assert_int_equal(old, 9);
	assert_true(atomic_try_cmpxchg(&a, &old, 1));
	assert_int_equal(atomic_xchg(&a, 0), 1);
	assert_false(atomic_inc_not_zero(&a));
	atomic64_sub(1, &b);
	assert_true(atomic64_read(&b) == -1);
	atomic_long_set(&c, LONG_MAX - 1);
	assert_true(atomic_long_inc_return(&c) == LONG_MAX);
	assert_true(atomic_long_dec_return(&c) == LONG_MAX - 1);
}

static void test_refcount(void **state)
{
	refcount_t r = REFCOUNT_INIT(1);

	(void)state;
	refcount_inc(&r);
	assert_true(refcount_inc_not_zero(&r));
	assert_int_equal(refcount_read(&r), 3);
	refcount_dec(&r);
	assert_false(refcount_dec_and_test(&r));
	assert_true(refcount_dec_and_test(&r));
	assert_false(refcount_inc_not_zero(&r));
	assert_int_equal(refcount_read(&r), 0);
}

/* All misuse ends far from 0 and from INT_MAX, and stays there. */
static void test_refcount_saturates(void **state)
{
	const unsigned int saturated = (unsigned int)REFCOUNT_SATURATED;
	refcount_t r;
	int i;

	(void)state;
	refcount_set(&r, 0);
	assert_false(refcount_dec_and_test(&r));
	assert_int_equal(refcount_read(&r), saturated);
	for (i = 0; i < 10; i++)
		assert_false(refcount_dec_and_test(&r));
	assert_int_equal(refcount_read(&r), saturated);
	refcount_set(&r, 0);
	refcount_inc(&r);
	assert_int_equal(refcount_read(&r), saturated);
	refcount_set(&r, REFCOUNT_MAX);
	refcount_inc(&r);
	assert_int_equal(refcount_read(&r), saturated);
	refcount_set(&r, REFCOUNT_MAX);
	assert_true(refcount_inc_not_zero(&r));
	assert_int_equal(refcount_read(&r), saturated);
	refcount_set(&r, 1);
	refcount_dec(&r);
	assert_int_equal(refcount_read(&r), saturated);
	assert_true(compat_nr_warnings() > warnings_before);
	warnings_before = compat_nr_warnings();
}

static void test_warn_counts(void **state)
{
	int i;

	(void)state;
	assert_false(WARN_ON(0));
	for (i = 0; i < 3; i++)
		assert_true(WARN_ON(i < 3));
	expect_warnings(3);
	for (i = 0; i < 3; i++)
		assert_true(WARN_ON_ONCE(i < 3));
	expect_warnings(1);
}

static void test_arithmetic(void **state)
{
	swp_entry_t swp = swp_entry(31, 12345);
	u8 page[PAGE_SIZE] = { 0 };

	(void)state;
	assert_int_equal(min(3, 4) + max(3, 4) * 10, 43);
	assert_int_equal(min_t(u8, random_state, 0x20), 0x15);
	assert_int_equal(clamp(7, 1, 5), 5);
	assert_int_equal(clamp(0, 1, 5), 1);
	assert_int_equal(DIV_ROUND_UP(9, 4), 3);
	assert_int_equal(round_up(9, 8), 16);
	assert_int_equal(round_up(16, 8), 16);
	assert_int_equal(round_down(15, 8), 8);
	assert_int_equal(roundup(10, 3), 12);
	assert_int_equal(ilog2(4096), 12);
	assert_int_equal(ilog2(4097), 12);
	assert_int_equal(roundup_pow_of_two(5), 8);
	assert_int_equal(roundup_pow_of_two(1), 1);
	assert_true(is_power_of_2(64) && !is_power_of_2(0));
	assert_int_equal(fls(0) + fls(1) * 10 + fls(0x80000000), 42);
	assert_int_equal(__fls(5) * 10 + __ffs(4), 22);
	assert_int_equal(hweight64(~0ULL), 64);
	assert_int_equal(rol32(0x80000001, 1), 3);
	assert_int_equal(rol64(1, 64), 1);
	assert_true(ror64(1, 1) == 1ULL << 63);
	assert_true(GENMASK(5, 3) == 0x38);
	assert_true(mult_frac(U64_MAX, 3ULL, 4ULL) == U64_MAX / 4 * 3 + 2);
	assert_true(mul_u64_u64_div_u64(1ULL << 63, 6, 4) == 3ULL << 62);
	assert_int_equal(swp_type(swp), 31);
	assert_int_equal(swp_offset(swp), 12345);
	assert_true(swp.val >> 58 == 31);
	assert_null(memchr_inv(page, 0, PAGE_SIZE));
	page[4095] = 1;
	assert_ptr_equal(memchr_inv(page, 0, PAGE_SIZE), page + 4095);
	assert_ptr_equal(memchr_inv(page, 1, PAGE_SIZE), page);
	assert_null(memchr_inv(page, 1, 0));
	assert_true(IS_ERR(ERR_PTR(-ENOMEM)) && !IS_ERR(page));
	assert_int_equal(PTR_ERR(ERR_PTR(-EINVAL)), -EINVAL);
	assert_true(IS_ERR_OR_NULL(NULL) && !IS_ERR(NULL));
}

/*------------------------------------------------------------------ lists */

struct item {
	int nr;
	struct list_head list;
	struct hlist_node node;
};

/* The list's numbers as decimal digits, and the links hold both ways. */
static unsigned int list_digits(struct list_head *head)
{
	unsigned int digits = 0;
	struct item *item;

	list_for_each_entry(item, head, list) {
		assert_ptr_equal(item->list.next->prev, &item->list);
		digits = digits * 10 + (unsigned int)item->nr;
	}
	return digits;
}

static void test_list(void **state)
{
	LIST_HEAD(a);
	LIST_HEAD(b);
	struct item item[5], *pos, *n;
	int i;

	(void)state;
	assert_null(list_first_entry_or_null(&a, struct item, list));
	list_splice_tail_init(&b, &a);
	assert_true(list_empty(&a) && !list_is_singular(&a));
	for (i = 0; i < 5; i++) {
		item[i].nr = i + 1;
		list_add_tail(&item[i].list, i < 3 ? &a : &b);
		assert_int_equal(list_is_singular(&a), i == 0);
	}
	assert_int_equal(list_digits(&a) * 100 + list_digits(&b), 12345);
	list_move_tail(&item[0].list, &a);
	assert_int_equal(list_digits(&a), 231);
	list_move(&item[2].list, &a);
	assert_int_equal(list_digits(&a), 321);
	list_splice_tail_init(&b, &a);
	assert_true(list_empty(&b));
	assert_int_equal(list_digits(&a), 32145);
	list_splice_init(&a, &b);
	list_rotate_left(&b);
	assert_int_equal(list_digits(&b), 21453);
	assert_int_equal(list_first_entry(&b, struct item, list)->nr, 2);
	assert_int_equal(list_last_entry(&b, struct item, list)->nr, 3);
	list_for_each_entry_safe(pos, n, &b, list) {
		if (pos->nr % 2)
			list_del_init(&pos->list);
	}
	assert_true(list_empty(&item[0].list));
	assert_int_equal(list_digits(&b), 24);
	list_del(&item[1].list);
	assert_ptr_equal(item[1].list.next, LIST_POISON1);
	assert_int_equal(list_digits(&b), 4);
}

static void test_hlist(void **state)
{
	HLIST_HEAD(head);
	struct item item[4], *pos;
	struct hlist_node *n;
	unsigned int digits = 0;
	int i;

	(void)state;
	for (i = 0; i < 4; i++) {
		item[i].nr = i + 1;
		INIT_HLIST_NODE(&item[i].node);
		assert_true(hlist_unhashed(&item[i].node));
		hlist_add_head(&item[i].node, &head);
	}
	hlist_del_init(&item[2].node);
	hlist_del_init(&item[2].node);
	assert_true(hlist_unhashed(&item[2].node));
	hlist_add_behind(&item[2].node, &item[0].node);
	hlist_for_each_entry(pos, &head, node)
		digits = digits * 10 + (unsigned int)pos->nr;
	assert_int_equal(digits, 4213);
	hlist_for_each_entry_safe(pos, n, &head, node)
		hlist_del(&pos->node);
	assert_true(hlist_empty(&head));
}

/*----------------------------------------------------------------- rbtree */

#define RB_KEYS 300

struct rb_item {
	struct rb_node node;
	unsigned int key;
	bool in;
};

static void rb_item_insert(struct rb_root *root, struct rb_item *item)
{
	struct rb_node **link = &root->rb_node, *parent = NULL;

	while (*link) {
		parent = *link;
		link = item->key < rb_entry(parent, struct rb_item, node)->key ?
			       &parent->rb_left : &parent->rb_right;
	}
	rb_link_node(&item->node, parent, link);
	rb_insert_color(&item->node, root);
	item->in = true;
}

/* Black nodes on each way down from @node; fails where a rule of the colours does. */
static unsigned int rb_black_height(const struct rb_node *node,
				    const struct rb_node *parent)
{
	bool red = node && !(node->parent_color & 1);
	unsigned int left;

	if (!node)
		return 1;
	assert_ptr_equal((void *)(node->parent_color & ~1UL), parent);
	if (red) {
		assert_non_null(parent);
		assert_true(parent->parent_color & 1);
	}
	left = rb_black_height(node->rb_left, node);
	assert_int_equal(left, rb_black_height(node->rb_right, node));
	return left + !red;
}

static void rb_check(const struct rb_root *root, const struct rb_item *items)
{
	struct rb_node *node = rb_first(root);
	unsigned int i;

	rb_black_height(root->rb_node, NULL);
	for (i = 0; i < RB_KEYS; i++) {
		if (!items[i].in)
			continue;
		assert_ptr_equal(node, &items[i].node);
		node = rb_next(node);
	}
	assert_null(node);
}

/* Against a flat array: the order, the colours, and each way down as black. */
static void test_rbtree_random(void **state)
{
	static struct rb_item items[RB_KEYS];
	struct rb_root root = RB_ROOT;
	unsigned int i, key, full;

	(void)state;
	assert_int_equal(sizeof(struct rb_node), 24);
	assert_true(RB_EMPTY_ROOT(&root));
	random_state = 20261121;
	for (i = 0; i < RB_KEYS; i++)
		items[i].key = i;
	for (i = 0; i < 6000; i++) {
		/* it fills up, and is emptied again */
		full = i / 1000 % 2 ? 1 : 7;
		key = random_next() % RB_KEYS;
		if (random_next() % 8 < full) {
			if (!items[key].in)
				rb_item_insert(&root, &items[key]);
		} else if (items[key].in) {
			rb_erase(&items[key].node, &root);
			items[key].in = false;
		}
		if (i % 4 == 0)
			rb_check(&root, items);
	}
	for (i = 0; i < RB_KEYS; i++) {
		if (items[i].in)
			rb_erase(&items[i].node, &root);
		items[i].in = false;
		rb_check(&root, items);
	}
	assert_true(RB_EMPTY_ROOT(&root));
	assert_null(rb_first_postorder(&root));
}

/* Each is freed when the walk has come to it: no later step may look into it. */
static void test_rbtree_postorder(void **state)
{
	struct rb_root root = RB_ROOT;
	struct rb_item *item, *next;
	unsigned int i, nr = 0;

	(void)state;
	for (i = 0; i < RB_KEYS; i++) {
		item = kzalloc(sizeof(*item), GFP_KERNEL);
		assert_non_null(item);
		item->key = i * 7 % RB_KEYS;
		rb_item_insert(&root, item);
	}
	rbtree_postorder_for_each_entry_safe(item, next, &root, node) {
		memset(item, 0xa5, sizeof(*item));
		kfree(item);
		nr++;
	}
	assert_int_equal(nr, RB_KEYS);
}

/*----------------------------------------------------------------- xarray */

#define INDEX_MAX 20000

static void *value(unsigned long v)
{
	return xa_mk_value(v);
}

/*
 * The number of nodes by definition: none for nothing or a lone index 0, else, with
 * the least h for which 64^h exceeds the highest index, the distinct index >> 6k
 * for k = 1..h. @flat has @nr slots.
 */
static unsigned long nodes_by_definition(void **flat, unsigned long nr)
{
	unsigned long last = nr, i, nodes = 0, seen;
	unsigned int shift = 0;

	while (last && !flat[last - 1])
		last--;
	if (last <= 1)
		return 0;
	do {
		shift += 6;
		seen = ULONG_MAX;
		for (i = 0; i < last; i++) {
			if (flat[i] && i >> shift != seen) {
				seen = i >> shift;
				nodes++;
			}
		}
	} while ((last - 1) >> shift);
	return nodes;
}

static void check_against_flat(struct xarray *xa, void **flat,
			       unsigned long nr)
{
	unsigned long index, expected = 0;
	void *entry;

	xa_for_each(xa, index, entry) {
		while (expected < index)
			assert_null(flat[expected++]);
		assert_ptr_equal(entry, flat[expected++]);
	}
	while (expected < nr)
		assert_null(flat[expected++]);
	assert_int_equal(xa_nr_nodes(xa), nodes_by_definition(flat, nr));
	assert_int_equal(compat_nr_allocated(),
			 allocated_before + xa_nr_nodes(xa));
}

static unsigned long nodes_of(unsigned long first, unsigned long last)
{
	DEFINE_XARRAY(xa);
	unsigned long i = first, nodes;

	do {
		assert_null(xa_store(&xa, i, value(i >> 1), GFP_KERNEL));
	} while (i++ != last);
	nodes = xa_nr_nodes(&xa);
	xa_destroy(&xa);
	assert_true(xa_empty(&xa));
	assert_int_equal(xa_nr_nodes(&xa), 0);
	assert_int_equal(compat_nr_allocated(), allocated_before);
	return nodes;
}

static void test_xarray_node_counts(void **state)
{
	(void)state;
	assert_int_equal(nodes_of(0, 0), 0);
	assert_int_equal(nodes_of(1, 1), 1);
	assert_int_equal(nodes_of(0, 63), 1);
	assert_int_equal(nodes_of(64, 64), 2);
	assert_int_equal(nodes_of(63, 64), 3);
	assert_int_equal(nodes_of(4095, 4095), 2);
	assert_int_equal(nodes_of(4096, 4096), 3);
	assert_int_equal(nodes_of(16383, 16383), 3);
	assert_int_equal(nodes_of(0, 16383), 256 + 4 + 1);
	assert_int_equal(nodes_of(ULONG_MAX, ULONG_MAX), 11);
}

static void test_xarray_shrinks(void **state)
{
	DEFINE_XARRAY(xa);

	(void)state;
	xa_store(&xa, 0, value(1), GFP_KERNEL);
	assert_int_equal(xa_nr_nodes(&xa), 0);
	xa_store(&xa, 16383, value(2), GFP_KERNEL);
	assert_int_equal(xa_nr_nodes(&xa), 5);
	xa_store(&xa, 70, value(3), GFP_KERNEL);
	assert_int_equal(xa_nr_nodes(&xa), 6);
	assert_ptr_equal(xa_erase(&xa, 16383), value(2));
	assert_int_equal(xa_nr_nodes(&xa), 3);
	assert_ptr_equal(xa_erase(&xa, 70), value(3));
	assert_int_equal(xa_nr_nodes(&xa), 0);
	assert_ptr_equal(xa_load(&xa, 0), value(1));
	assert_ptr_equal(xa_erase(&xa, 0), value(1));
	assert_true(xa_empty(&xa));
}

static void test_xarray_results(void **state)
{
	DEFINE_XARRAY(xa);
	unsigned long index = 5;

	(void)state;
	assert_null(xa_erase(&xa, 7));
	assert_null(xa_store(&xa, 7, NULL, GFP_KERNEL));
	assert_null(xa_store(&xa, 7, value(1), GFP_KERNEL));
	assert_null(xa_load(&xa, 64 + 7));
	assert_null(xa_load(&xa, ULONG_MAX));
	assert_null(xa_load(&xa, 0));
	assert_ptr_equal(xa_store(&xa, 7, value(2), GFP_KERNEL), value(1));
	assert_ptr_equal(xa_cmpxchg(&xa, 7, value(1), value(3), GFP_KERNEL),
			 value(2));
	assert_ptr_equal(xa_load(&xa, 7), value(2));
	assert_ptr_equal(xa_cmpxchg(&xa, 7, value(2), value(3), GFP_KERNEL),
			 value(2));
	assert_null(xa_cmpxchg(&xa, 8, NULL, value(8), GFP_KERNEL));
	assert_null(xa_store(&xa, ULONG_MAX, value(9), GFP_KERNEL));
	assert_ptr_equal(xa_find(&xa, &index, 6, XA_PRESENT), NULL);
	assert_int_equal(index, 5);
	assert_ptr_equal(xa_find(&xa, &index, 7, XA_PRESENT), value(3));
	assert_ptr_equal(xa_find_after(&xa, &index, 7, XA_PRESENT), NULL);
	assert_ptr_equal(xa_find_after(&xa, &index, 8, XA_PRESENT), value(8));
	assert_ptr_equal(xa_find_after(&xa, &index, ULONG_MAX, XA_PRESENT),
			 value(9));
	assert_true(index == ULONG_MAX);
	assert_null(xa_find_after(&xa, &index, ULONG_MAX, XA_PRESENT));
	xa_lock(&xa);
	assert_int_equal(compat_spinlocks_held(), 1);
	assert_ptr_equal(__xa_erase(&xa, 8), value(8));
	assert_null(__xa_store(&xa, 8, &xa, GFP_NOWAIT));
	xa_unlock(&xa);
	assert_ptr_equal(xa_load(&xa, 8), &xa);
	assert_false(xa_is_err(&xa) || xa_is_err(NULL) || xa_is_value(&xa));
	assert_int_equal(xa_to_value(value(77)), 77);
	xa_destroy(&xa);
}

/* Erases from the top down to @range; the tree must have shrunk by then. */
static void erase_above(struct xarray *xa, void **flat, unsigned long range)
{
	unsigned long index;

	for (index = INDEX_MAX; index-- > range; ) {
		assert_ptr_equal(xa_erase(xa, index), flat[index]);
		flat[index] = NULL;
	}
	check_against_flat(xa, flat, INDEX_MAX);
}

/* Dense and sparse, growing and shrinking by any number of levels. */
static void test_xarray_random(void **state)
{
	static void *flat[INDEX_MAX];
	const unsigned long ranges[] = { 1, 3, 64, 65, 4096, 4100, INDEX_MAX };
	DEFINE_XARRAY(xa);
	unsigned long i, index, range = 3, erase = 0;
	void *entry, *old;

	(void)state;
	memset(flat, 0, sizeof(flat));
	for (i = 0; i < 30000; i++) {
		if (i % 500 == 0) {
			range = ranges[random_next() % ARRAY_SIZE(ranges)];
			erase = 10 + random_next() % 85;
			erase_above(&xa, flat, range);
		}
		index = random_next() % range;
		entry = random_next() % 100 < erase ? NULL : value(i);
		if (random_next() % 4 == 0)
			old = xa_cmpxchg(&xa, index, flat[index], entry,
					 GFP_KERNEL);
		else if (entry)
			old = xa_store(&xa, index, entry, GFP_KERNEL);
		else
			old = xa_erase(&xa, index);
		assert_ptr_equal(old, flat[index]);
		flat[index] = entry;
		assert_ptr_equal(xa_load(&xa, index), entry);
		if (i % 100 == 0)
			check_against_flat(&xa, flat, INDEX_MAX);
	}
	erase_above(&xa, flat, 0);
	assert_true(xa_empty(&xa));
}

/* A store that runs out of memory at its nth node changes nothing. */
static void test_xarray_out_of_memory(void **state)
{
	static void *flat[INDEX_MAX];
	const unsigned long held[] = { 0, 5, 4095 };
	unsigned long i, nth;
	void *ret;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(held); i++) {
		DEFINE_XARRAY(xa);

		memset(flat, 0, sizeof(flat));
		flat[held[i]] = value(1);
		compat_fail_alloc(0, false);
		assert_null(xa_store(&xa, held[i], value(1), GFP_KERNEL));
		for (nth = 1;; nth++) {
			compat_fail_alloc(nth, false);
			ret = xa_store(&xa, 16383, value(2), GFP_KERNEL);
			if (!compat_fail_happened())
				break;
			assert_int_equal(xa_err(ret), -ENOMEM);
			check_against_flat(&xa, flat, INDEX_MAX);
		}
		assert_int_equal(nth, i == 0 ? 6 : i == 1 ? 5 : 4);
		assert_null(ret);
		flat[16383] = value(2);
		check_against_flat(&xa, flat, INDEX_MAX);
		/* Replacing and erasing need no memory. */
		compat_fail_alloc(1, true);
		assert_ptr_equal(xa_store(&xa, 16383, value(3), GFP_KERNEL),
				 value(2));
		assert_ptr_equal(xa_erase(&xa, 16383), value(3));
		xa_destroy(&xa);
	}
}

static void *xarray_thread(void *arg)
{
	static atomic_t threads;
	unsigned long mine = (unsigned long)atomic_fetch_add(1, &threads), i;

	for (i = 0; i < 4000; i++)
		xa_store(arg, i * NR_THREADS + mine, value(i), GFP_KERNEL);
	for (i = 1000; i < 4000; i++)
		xa_erase(arg, i * NR_THREADS + mine);
	return NULL;
}

static void test_xarray_threads(void **state)
{
	DEFINE_XARRAY(xa);
	unsigned long index, nr = 0;
	void *entry;

	(void)state;
	run_threads(xarray_thread, &xa);
	xa_for_each(&xa, index, entry) {
		assert_ptr_equal(entry, value(index / NR_THREADS));
		nr++;
	}
	assert_int_equal(nr, NR_THREADS * 1000);
	assert_int_equal(xa_nr_nodes(&xa), 63 + 1);
	xa_destroy(&xa);
}

#define COMPAT_TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		COMPAT_TEST(test_slab_counts_live_allocations),
		COMPAT_TEST(test_slab_sizes_that_cannot_be),
		COMPAT_TEST(test_slab_alignment_and_ctor),
		COMPAT_TEST(test_slab_destroy_reports_leaks),
		COMPAT_TEST(test_slab_threads),
		COMPAT_TEST(test_fail_nth_allocation),
		COMPAT_TEST(test_fail_spares_nofail),
		COMPAT_TEST(test_fail_once_among_threads),
		COMPAT_TEST(test_spinlock_excludes),
		COMPAT_TEST(test_bit_lock_excludes),
		COMPAT_TEST(test_mutex_excludes),
		COMPAT_TEST(test_spinlock_forbids_sleep),
		COMPAT_TEST(test_percpu),
		COMPAT_TEST(test_atomic),
		COMPAT_TEST(test_refcount),
		COMPAT_TEST(test_refcount_saturates),
		COMPAT_TEST(test_warn_counts),
		COMPAT_TEST(test_arithmetic),
		COMPAT_TEST(test_list),
		COMPAT_TEST(test_hlist),
		COMPAT_TEST(test_rbtree_random),
		COMPAT_TEST(test_rbtree_postorder),
		COMPAT_TEST(test_xarray_node_counts),
		COMPAT_TEST(test_xarray_shrinks),
		COMPAT_TEST(test_xarray_results),
		COMPAT_TEST(test_xarray_random),
		COMPAT_TEST(test_xarray_out_of_memory),
		COMPAT_TEST(test_xarray_threads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
