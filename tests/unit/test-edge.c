/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The edge cases of content dedup in zswap, one test a case. The numbers are
 * those of docs/EDGE-CASES.md, which also names the cases without a test here
 * and why. Every step is followed by zdedup_check.
 */
#include <pthread.h>

#include "model.h"

/*---------------------------------------------------------------- helpers */

/* The same page @copies times from slot @first on; all must reach the pool. */
static void put_copies(struct zdedup *zd, uint64_t first, unsigned int copies,
		       const uint8_t *page)
{
	unsigned int i;

	for (i = 0; i < copies; i++)
		assert_int_equal(put(zd, first + i, page).where, ZDEDUP_POOL);
}

static struct zdedup *model_sharing(void)
{
	return model_new("always", "xxh64", "lz4");
}

/* Stages seen since the last reset; only the main thread runs under this hook. */
struct stages {
	unsigned int seen[ZDEDUP_NR_STAGES];
};

static void count_stage(void *data, enum zdedup_stage stage)
{
	struct stages *stages = data;

	stages->seen[stage]++;
}

/*------------------------------------------------ 1-9: lookup, store, undo */

static void edge_01_equal_digests_do_not_share(void **unused)
{
	static const char *const hash[] = {
		"xxh64:bits=0", "xxh64:bits=1", "xxh64:bits=4", "xxh64:bits=8",
	};
	unsigned int h, i;

	(void)unused;
	for (h = 0; h < 8; h++) {
		/* "none" keeps raw copies, which are compared another way */
		struct zdedup *zd = model_new("always", hash[h % 4],
					      h < 4 ? "lz4" : "none");

		/* seeds 8k..8k+7 differ in one byte from each other's base */
		for (i = 0; i < 64; i++) {
			const uint8_t *page = page_of(PAGE_NEAR, i);

			assert_false(put(zd, 2 * i, page).shared);
			assert_true(put(zd, 2 * i + 1, page).shared);
		}
		model_assert_sharing(zd, 64, 64, 0);
		for (i = 0; i < 128; i++)
			get(zd, i, page_of(PAGE_NEAR, i / 2));
		model_end(zd);
	}
}

static void edge_02_a_hit_was_compared_and_not_compressed(void **unused)
{
	struct zdedup *zd = model_sharing();
	struct stages miss = { 0 }, hit = { 0 };
	struct zdedup_stats s;

	(void)unused;
	zdedup_set_stage_hook(zd, count_stage, &miss);
	assert_false(put(zd, 0, text(1)).shared);
	zdedup_set_stage_hook(zd, count_stage, &hit);
	assert_true(put(zd, 1, text(1)).shared);
	zdedup_set_stage_hook(zd, NULL, NULL);

	assert_int_equal(miss.seen[ZDEDUP_STAGE_COMPARE], 0);
	assert_int_not_equal(miss.seen[ZDEDUP_STAGE_COMPRESS], 0);
	assert_int_not_equal(hit.seen[ZDEDUP_STAGE_COMPARE], 0);
	assert_int_equal(hit.seen[ZDEDUP_STAGE_COMPRESS], 0);
	assert_int_equal(hit.seen[ZDEDUP_STAGE_ALLOCATE], 0);
	s = model_stats(zd);
	assert_int_equal(s.lookups, 2);
	assert_int_equal(s.hits, 1);
	assert_int_equal(s.compares, 1);
	model_end(zd);
}

static void edge_03_a_freed_content_is_not_found(void **unused)
{
	struct zdedup *zd = model_sharing();
	struct zdedup_stats s;

	(void)unused;
	put_copies(zd, 0, 3, text(1));
	get(zd, 1, text(1));
	drop(zd, 0);
	get(zd, 2, text(1));
	s = model_stats(zd);
	assert_int_equal(s.contents, 0);
	assert_int_equal(s.pool_total_size, 0);
	assert_false(put(zd, 3, text(1)).shared);
	assert_int_equal(model_stats(zd).candidates, s.candidates);
	get(zd, 3, text(1));
	model_end(zd);
}

#define TWINS 200u

struct twin {
	struct zdedup *zd;
	unsigned int type;
	unsigned int errors;
};

/* Lets go when both stores have looked in vain and neither has inserted. */
static void meet_after_lookup(void *data, enum zdedup_stage stage)
{
	static _Thread_local bool looked_up;

	if (stage == ZDEDUP_STAGE_OTHER && looked_up)
		pthread_barrier_wait(data);
	looked_up = stage == ZDEDUP_STAGE_LOOKUP;
}

static void *store_twins(void *data)
{
	struct twin *twin = data;
	uint8_t page[PAGE];
	unsigned int i;

	for (i = 0; i < TWINS; i++) {
		page_make(page, PAGE_TEXT, i);
		if (zdedup_store(twin->zd, at(twin->type, i), 0, page, NULL))
			twin->errors++;
	}
	return NULL;
}

static void edge_05_two_stores_at_once_make_one_content(void **unused)
{
	struct zdedup *zd = model_sharing();
	pthread_barrier_t barrier;
	struct twin twin[2];
	pthread_t thread[2];
	unsigned int i;

	(void)unused;
	assert_int_equal(zdedup_swapon(zd, 1, TWINS), 0);
	pthread_barrier_init(&barrier, NULL, 2);
	zdedup_set_stage_hook(zd, meet_after_lookup, &barrier);
	for (i = 0; i < 2; i++) {
		twin[i] = (struct twin){ zd, i, 0 };
		assert_int_equal(pthread_create(&thread[i], NULL, store_twins,
						&twin[i]), 0);
	}
	for (i = 0; i < 2; i++) {
		pthread_join(thread[i], NULL);
		assert_int_equal(twin[i].errors, 0);
	}
	zdedup_set_stage_hook(zd, NULL, NULL);
	pthread_barrier_destroy(&barrier);
	model_check(zd);
	assert_int_equal(model_stats(zd).dup_races, TWINS);
	model_assert_sharing(zd, TWINS, TWINS, 0);
	for (i = 0; i < TWINS; i++) {
		get_at(zd, at(0, i), text(i));
		get_at(zd, at(1, i), text(i));
	}
	model_end(zd);
}

static void edge_06_overwrite_with_the_same_content(void **unused)
{
	struct zdedup *zd = model_sharing();
	struct zdedup_stats before, after;
	struct zdedup_result r;
	unsigned int n;

	(void)unused;
	for (n = 1; n <= 3; n++) {
		put(zd, n - 1, text(1));
		before = model_stats(zd);
		/* the only copy must live until its own successor refers to it */
		r = put(zd, 0, text(1));
		assert_int_equal(r.where, ZDEDUP_POOL);
		assert_true(r.shared);
		after = model_stats(zd);
		assert_int_equal(after.contents, 1);
		assert_int_equal(after.payload_bytes, before.payload_bytes);
		assert_int_equal(after.stored_pages, before.stored_pages);
		assert_int_equal(after.pages_sharing, n - 1);
		assert_int_equal(after.pages_shared, n > 1);
		assert_int_equal(after.pages_unshared, n == 1);
	}
	for (n = 0; n < 3; n++)
		get(zd, n, text(1));
	model_end(zd);
}

static void edge_07_refused_overwrite_leaves_no_stale_entry(void **unused)
{
	struct zdedup *zd = model_sharing();

	(void)unused;
	put_copies(zd, 0, 2, text(1));
	zdedup_set_enabled(zd, false);
	assert_int_equal(put(zd, 0, text(2)).where, ZDEDUP_DEVICE);
	model_assert_sharing(zd, 0, 0, 1);
	assert_int_equal(where_is(zd, 0), ZDEDUP_DEVICE);
	assert_int_equal(zdedup_writeback(zd, at(0, 0)), -ENOENT);
	assert_int_equal(get(zd, 0, text(2)), ZDEDUP_DEVICE);
	assert_int_equal(get(zd, 1, text(1)), ZDEDUP_POOL);
	model_end(zd);
}

/* The same, refused by each limit in turn. */
static void edge_07_every_refusal_empties_the_slot(void **unused)
{
	unsigned int reason;

	(void)unused;
	for (reason = 0; reason < 4; reason++) {
		struct zdedup *zd = model_sharing();

		assert_int_equal(zdedup_memcg_add(zd, 1, 0), 0);
		put_at(zd, at(0, 0), 1, text(1));
		put_at(zd, at(0, 1), 1, text(1));
		switch (reason) {
		case 0:		/* the pool's limit */
			zdedup_set_limits(zd, 1, 100, 90);
			break;
		case 1:		/* 0 percent: always full */
			zdedup_set_limits(zd, 1000, 0, 90);
			break;
		case 2:
			zdedup_memcg_set_max(zd, 1, 0);
			break;
		case 3:
			zdedup_memcg_set_writeback(zd, 1, false);
			break;
		}
		if (reason < 3) {
			assert_int_equal(put_at(zd, at(0, 0), 1,
						text(2)).where, ZDEDUP_DEVICE);
			get(zd, 0, text(2));
		} else {
			assert_int_equal(put_at(zd, at(0, 0), 1,
						noise(2)).where,
					 ZDEDUP_RESIDENT);
			assert_empty(zd, 0);
		}
		get(zd, 1, text(1));
		model_end(zd);
	}
}

/*
 * Overwrites slot 0 while the @nth allocation fails, for every nth until none
 * was left to fail. @hit: the new page equals the content of slot 1.
 */
static void fail_each_allocation(bool hit)
{
	unsigned int nth, refused = 0;

	for (nth = 1;; nth++) {
		struct zdedup *zd = model_sharing();
		struct zdedup_stats before, after;
		struct zdedup_result r;
		bool injected;
		int err;

		put(zd, 0, text(1));
		put(zd, 1, text(2));
		before = model_stats(zd);
		compat_fail_alloc(nth, false);
		err = zdedup_store(zd, at(0, 0), 0, text(hit ? 2 : 3), &r);
		injected = compat_fail_happened();
		compat_fail_alloc(0, false);
		assert_int_equal(err, 0);
		model_check(zd);
		after = model_stats(zd);
		if (r.where != ZDEDUP_POOL) {
			refused++;
			assert_true(injected);
			model_assert_sharing(zd, 0, 0, 1);
			assert_true(model_rejects(&after) -
				    model_rejects(&before) <= 1);
		} else if (hit && !injected) {
			model_assert_sharing(zd, 1, 1, 0);
		}
		get(zd, 0, text(hit ? 2 : 3));
		assert_int_equal(get(zd, 1, text(2)), ZDEDUP_POOL);
		model_end(zd);
		if (!injected)
			break;
	}
	/* a store cannot do without memory for its entry */
	assert_int_not_equal(refused, 0);
}

static void edge_08_failure_after_a_hit_drops_one_reference(void **unused)
{
	(void)unused;
	fail_each_allocation(true);
}

static void edge_09_failure_after_compressing_frees_the_object(void **unused)
{
	(void)unused;
	fail_each_allocation(false);
}

/*------------------------------------------------------ 10-12: writeback */

static void edge_10_shared_content_is_not_written_back(void **unused)
{
	struct zdedup *zd = model_sharing();
	struct zdedup_stats s;

	(void)unused;
	put_copies(zd, 0, 3, text(1));
	assert_int_equal(zdedup_writeback(zd, at(0, 0)), -EBUSY);
	assert_int_equal(zdedup_writeback(zd, at(0, 2)), -EBUSY);
	model_check(zd);
	drop(zd, 0);
	assert_int_equal(zdedup_writeback(zd, at(0, 1)), -EBUSY);
	drop(zd, 1);
	/* a sole owner now */
	assert_int_equal(zdedup_writeback(zd, at(0, 2)), 0);
	model_check(zd);
	s = model_stats(zd);
	assert_int_equal(s.zswpwb, 1);
	assert_int_equal(s.written_back_pages, 1);
	assert_int_equal(s.pool_total_size, 0);
	assert_int_equal(s.live_device, 1);
	assert_int_equal(zdedup_writeback(zd, at(0, 2)), -ENOENT);
	assert_int_equal(get(zd, 2, text(1)), ZDEDUP_DEVICE);
	assert_int_equal(zdedup_writeback(zd, at(0, 2)), -ENOENT);
	model_end(zd);
}

/* Nothing may be freed, so every pass of the worker must give up by itself. */
static void edge_10_shrinking_only_shared_content_ends(void **unused)
{
	struct zdedup *zd = model_sharing();
	unsigned int i;

	(void)unused;
	for (i = 0; i < 40; i++)
		put_copies(zd, 2 * i, 2, noise(i));
	zdedup_set_limits(zd, 10, 100, 50);
	for (i = 0; i < 20; i++) {
		zdedup_shrink(zd);
		model_check(zd);
	}
	model_assert_sharing(zd, 40, 40, 0);
	assert_int_equal(model_stats(zd).written_back_pages, 0);
	for (i = 0; i < 80; i++)
		assert_int_equal(get(zd, i, noise(i / 2)), ZDEDUP_POOL);
	model_end(zd);
}

struct pause {
	struct zdedup *zd;
	pthread_t storer;
	pthread_barrier_t hashing, go_on;
	int err;
};

/* The storer stops where it holds the lock of its slot and no other. */
static void pause_at_hash(void *data, enum zdedup_stage stage)
{
	struct pause *p = data;

	if (stage == ZDEDUP_STAGE_HASH &&
	    pthread_equal(pthread_self(), p->storer)) {
		pthread_barrier_wait(&p->hashing);
		pthread_barrier_wait(&p->go_on);
	}
}

static void *store_and_pause(void *data)
{
	struct pause *p = data;
	uint8_t page[PAGE];

	p->storer = pthread_self();
	zdedup_set_stage_hook(p->zd, pause_at_hash, p);
	page_make(page, PAGE_TEXT, 2);
	p->err = zdedup_store(p->zd, at(0, 0), 0, page, NULL);
	return NULL;
}

static void edge_12_a_busy_slot_says_nothing_of_its_sibling(void **unused)
{
	struct zdedup *zd = model_sharing();
	struct pause p = { .zd = zd };
	pthread_t thread;

	(void)unused;
	put(zd, 0, text(1));
	put(zd, 1, text(3));
	pthread_barrier_init(&p.hashing, NULL, 2);
	pthread_barrier_init(&p.go_on, NULL, 2);
	assert_int_equal(pthread_create(&thread, NULL, store_and_pause, &p), 0);
	pthread_barrier_wait(&p.hashing);
	assert_int_equal(zdedup_writeback(zd, at(0, 0)), -EEXIST);
	assert_int_equal(zdedup_writeback(zd, at(0, 1)), 0);
	pthread_barrier_wait(&p.go_on);
	pthread_join(thread, NULL);
	zdedup_set_stage_hook(zd, NULL, NULL);
	pthread_barrier_destroy(&p.hashing);
	pthread_barrier_destroy(&p.go_on);
	assert_int_equal(p.err, 0);
	model_check(zd);
	assert_int_equal(get(zd, 0, text(2)), ZDEDUP_POOL);
	assert_int_equal(get(zd, 1, text(3)), ZDEDUP_DEVICE);
	model_end(zd);
}

/*--------------------------------------------------- 13-17: who pays what */

static void edge_13_each_sharer_is_charged_in_full(void **unused)
{
	struct zdedup *zd = model_sharing();
	unsigned int length;

	(void)unused;
	assert_int_equal(zdedup_memcg_add(zd, 1, 0), 0);
	assert_int_equal(zdedup_memcg_add(zd, 2, 1), 0);
	length = put_at(zd, at(0, 0), 1, text(1)).length;
	assert_in_range(length, 1, 4095);
	put_at(zd, at(0, 1), 2, text(1));
	put_at(zd, at(0, 2), 2, text(1));
	model_assert_sharing(zd, 1, 2, 0);
	assert_int_equal(model_memcg(zd, 2).zswap_bytes, 2 * length);
	assert_int_equal(model_memcg(zd, 2).zswapped, 2);
	/* descendants included */
	assert_int_equal(model_memcg(zd, 1).zswap_bytes, 3 * length);
	assert_int_equal(model_memcg(zd, 1).zswapped, 3);
	assert_int_equal(model_stats(zd).payload_bytes, length);
	/* the first storer leaves: nobody else's charge moves */
	get(zd, 0, text(1));
	assert_int_equal(model_memcg(zd, 1).zswap_bytes, 2 * length);
	assert_int_equal(model_memcg(zd, 2).zswap_bytes, 2 * length);
	get(zd, 1, text(1));
	get(zd, 2, text(1));
	assert_int_equal(model_memcg(zd, 1).zswap_bytes, 0);
	model_end(zd);
}

static void edge_14_a_dead_memcg_leaves_to_its_parent(void **unused)
{
	struct zdedup *zd = model_sharing();
	unsigned int length;

	(void)unused;
	assert_int_equal(zdedup_memcg_add(zd, 1, 0), 0);
	assert_int_equal(zdedup_memcg_add(zd, 2, 1), 0);
	assert_int_equal(zdedup_memcg_add(zd, 3, 1), 0);
	length = put_at(zd, at(0, 0), 2, text(1)).length;
	put_at(zd, at(0, 1), 3, text(1));
	assert_int_equal(zdedup_memcg_remove(zd, 1), -EBUSY);
	assert_int_equal(zdedup_memcg_remove(zd, 0), -EINVAL);
	assert_int_equal(zdedup_memcg_remove(zd, 9), -ENOENT);
	assert_int_equal(zdedup_memcg_remove(zd, 2), 0);
	model_check(zd);
	assert_int_equal(model_memcg(zd, 1).zswap_bytes, 2 * length);
	/* not to the sibling that shares */
	assert_int_equal(model_memcg(zd, 3).zswap_bytes, length);
	assert_int_equal(get(zd, 0, text(1)), ZDEDUP_POOL);
	assert_int_equal(model_memcg(zd, 1).zswap_bytes, length);
	assert_int_equal(model_memcg(zd, 1).zswapped, 1);
	assert_int_equal(zdedup_memcg_remove(zd, 3), 0);
	assert_int_equal(zdedup_memcg_remove(zd, 1), 0);
	model_check(zd);
	assert_int_equal(get(zd, 1, text(1)), ZDEDUP_POOL);
	model_end(zd);
}

static void edge_15_the_gate_stands_before_the_lookup(void **unused)
{
	struct zdedup *zd = model_sharing();
	struct zdedup_stats before, after;

	(void)unused;
	put(zd, 0, text(1));
	assert_int_equal(zdedup_memcg_add(zd, 1, 0), 0);
	before = model_stats(zd);
	zdedup_memcg_set_max(zd, 1, 0);
	assert_int_equal(put_at(zd, at(0, 1), 1, text(1)).where, ZDEDUP_DEVICE);
	/* kept in whole pages, so that less than one is none */
	zdedup_memcg_set_max(zd, 1, 4095);
	assert_int_equal(put_at(zd, at(0, 1), 1, text(1)).where, ZDEDUP_DEVICE);
	after = model_stats(zd);
	assert_int_equal(after.lookups, before.lookups);
	assert_int_equal(after.pool_limit_hit, before.pool_limit_hit);
	zdedup_memcg_set_max(zd, 1, 4096);
	assert_true(put_at(zd, at(0, 1), 1, text(1)).shared);
	model_end(zd);
}

/* A page that lz4 makes @bytes long; false when none of this kind is. */
static bool page_of_length(struct zdedup *zd, uint8_t *page, int bytes)
{
	struct zdedup_facts facts;
	int n;

	for (n = bytes > 64 ? bytes - 64 : 0; n < bytes; n++) {
		page_make(page, PAGE_NOISE, 77);
		memset(page + n, 0x55, PAGE - n);
		zdedup_page_facts(zd, page, &facts);
		if ((int)facts.length == bytes)
			return true;
	}
	return false;
}

/* Charges exactly @bytes to memcg 1: a raw page, and two that make up the rest. */
static void charge_exactly(struct zdedup *zd, int bytes)
{
	uint8_t first[PAGE], second[PAGE];
	int length;

	put_at(zd, at(0, 0), 1, noise(0));
	bytes -= PAGE;
	for (length = 1000; length < bytes; length++)
		if (page_of_length(zd, first, length) &&
		    page_of_length(zd, second, bytes - length))
			break;
	put_at(zd, at(0, 1), 1, first);
	put_at(zd, at(0, 2), 1, second);
}

static void edge_15_zswap_max_of_two_pages(void **unused)
{
	unsigned int bytes;

	(void)unused;
	for (bytes = 8191; bytes <= 8192; bytes++) {
		struct zdedup *zd = model_sharing();

		assert_int_equal(zdedup_memcg_add(zd, 1, 0), 0);
		assert_int_equal(zdedup_memcg_add(zd, 2, 1), 0);
		charge_exactly(zd, bytes);
		assert_int_equal(model_memcg(zd, 1).zswap_bytes, bytes);
		zdedup_memcg_set_max(zd, 1, 8192);
		/* an ancestor's limit rules, and it may be overshot by a page */
		assert_int_equal(put_at(zd, at(0, 3), 2, noise(9)).where,
				 bytes < 8192 ? ZDEDUP_POOL : ZDEDUP_DEVICE);
		assert_int_equal(put_at(zd, at(0, 4), 2, noise(10)).where,
				 ZDEDUP_DEVICE);
		model_end(zd);
	}
}

static void edge_16_a_full_pool_refuses_hits_too(void **unused)
{
	struct zdedup *zd = model_sharing();
	struct zdedup_stats before, after;
	unsigned int i;

	(void)unused;
	for (i = 0; i < 10; i++)
		put(zd, i, noise(i));
	zdedup_set_limits(zd, 50, 20, 90);
	before = model_stats(zd);
	assert_int_equal(put(zd, 10, noise(3)).where, ZDEDUP_DEVICE);
	after = model_stats(zd);
	assert_int_equal(after.pool_limit_hit, before.pool_limit_hit + 1);
	assert_int_equal(after.lookups, before.lookups);
	/* a zero page needs nothing of the pool */
	assert_int_equal(put(zd, 11, page_of(PAGE_ZERO, 0)).where, ZDEDUP_ZERO);
	model_end(zd);
}

/* R = 1000, P = 20, A = 90: full at 200 pages, open again at 180. */
static void edge_16_hysteresis_of_the_limit(void **unused)
{
	struct zdedup *zd = model_sharing();
	uint64_t hits;
	unsigned int i;

	(void)unused;
	zdedup_set_limits(zd, 1000, 20, 90);
	for (i = 0; i < 200; i++)
		assert_int_equal(put(zd, i, noise(i)).where, ZDEDUP_POOL);
	assert_int_equal(model_stats(zd).pool_limit_hit, 0);
	assert_int_equal(put(zd, 200, noise(200)).where, ZDEDUP_DEVICE);
	hits = model_stats(zd).pool_limit_hit;
	assert_int_equal(hits, 1);
	for (i = 0; i < 19; i++)
		get(zd, i, noise(i));
	assert_int_equal(model_stats(zd).pool_total_size, 181 * PAGE);
	assert_int_equal(put(zd, 201, noise(201)).where, ZDEDUP_DEVICE);
	assert_int_equal(model_stats(zd).pool_limit_hit, hits);
	get(zd, 19, noise(19));
	assert_int_equal(put(zd, 202, noise(202)).where, ZDEDUP_POOL);
	assert_int_equal(put(zd, 203, noise(203)).where, ZDEDUP_POOL);
	model_end(zd);
}

static void edge_17_no_writeback_no_raw_content(void **unused)
{
	struct zdedup *zd = model_sharing();
	struct zdedup_stats before, after;

	(void)unused;
	assert_int_equal(zdedup_memcg_add(zd, 1, 0), 0);
	assert_int_equal(zdedup_memcg_add(zd, 2, 1), 0);
	assert_int_equal(zdedup_memcg_set_writeback(zd, 1, false), 0);
	assert_int_equal(put(zd, 0, noise(1)).length, 4096);
	before = model_stats(zd);
	/* the rule is the ancestors', too, and somebody's raw copy is there */
	assert_int_equal(put_at(zd, at(0, 1), 2, noise(1)).where,
			 ZDEDUP_RESIDENT);
	assert_empty(zd, 1);
	after = model_stats(zd);
	assert_int_equal(after.reject_compress_fail,
			 before.reject_compress_fail + 1);
	assert_int_equal(after.zswpout, before.zswpout);
	model_assert_sharing(zd, 0, 0, 1);
	/* what compresses is stored and shared all the same */
	assert_int_equal(put_at(zd, at(0, 1), 2, text(1)).where, ZDEDUP_POOL);
	assert_true(put_at(zd, at(0, 2), 0, text(1)).shared);
	model_end(zd);
}

/*------------------------------------------- 18-22: kinds, pools, levels */

static void edge_18_raw_duplicates_share(void **unused)
{
	struct zdedup *zd = model_sharing();
	struct zdedup_stats s;
	unsigned int i;

	(void)unused;
	assert_int_equal(put(zd, 0, noise(1)).length, 4096);
	for (i = 1; i < 5; i++)
		assert_true(put(zd, i, noise(1)).shared);
	s = model_stats(zd);
	assert_int_equal(s.stored_incompressible_pages, 5);
	assert_int_equal(s.pool_total_size, PAGE);
	assert_int_equal(s.payload_bytes, 4096);
	for (i = 0; i < 5; i++) {
		get(zd, i, noise(1));
		assert_int_equal(model_stats(zd).stored_incompressible_pages,
				 4 - i);
	}
	model_end(zd);
}

static void edge_19_zero_pages_make_no_content(void **unused)
{
	struct zdedup *zd = model_sharing();
	struct zdedup_stats s;
	unsigned int i;

	(void)unused;
	for (i = 0; i < 3; i++)
		assert_int_equal(put(zd, i, page_of(PAGE_ZERO, 0)).where,
				 ZDEDUP_ZERO);
	s = model_stats(zd);
	assert_int_equal(s.contents, 0);
	assert_int_equal(s.lookups, 0);
	assert_int_equal(s.swpout_zero, 3);
	assert_int_equal(s.live_zero, 3);
	for (i = 0; i < 3; i++)
		assert_int_equal(get(zd, i, page_of(PAGE_ZERO, 0)),
				 ZDEDUP_ZERO);
	assert_int_equal(model_stats(zd).swpin_zero, 3);
	model_end(zd);
}

static void edge_19_same_filled_is_ordinary_content(void **unused)
{
	struct zdedup *zd = model_sharing();
	struct zdedup_result r;

	(void)unused;
	r = put(zd, 0, page_of(PAGE_SAME, 7));
	assert_int_equal(r.where, ZDEDUP_POOL);
	assert_in_range(r.length, 1, 60);
	assert_true(put(zd, 1, page_of(PAGE_SAME, 7)).shared);
	assert_false(put(zd, 2, page_of(PAGE_SAME, 8)).shared);
	model_assert_sharing(zd, 1, 1, 1);
	get(zd, 0, page_of(PAGE_SAME, 7));
	get(zd, 1, page_of(PAGE_SAME, 7));
	get(zd, 2, page_of(PAGE_SAME, 8));
	model_end(zd);
}

static void edge_20_no_sharing_across_pools(void **unused)
{
	struct zdedup *zd = model_sharing();
	uint64_t lz4_size;

	(void)unused;
	put_copies(zd, 0, 2, text(1));
	put_copies(zd, 2, 2, noise(1));
	lz4_size = model_stats(zd).pool_total_size;
	assert_int_equal(zdedup_set_compressor(zd, "zstd", NULL), 0);
	model_check(zd);
	model_assert_sharing(zd, 2, 2, 0);
	assert_int_equal(model_stats(zd).pool_total_size, lz4_size);
	assert_false(put(zd, 4, text(1)).shared);
	assert_true(put(zd, 5, text(1)).shared);
	assert_false(put(zd, 6, noise(1)).shared);
	model_assert_sharing(zd, 3, 3, 1);
	assert_true(model_stats(zd).pool_total_size > lz4_size);
	/* each by its own decompressor, the retired pool's first */
	get(zd, 0, text(1));
	get(zd, 4, text(1));
	get(zd, 1, text(1));
	get(zd, 5, text(1));
	get(zd, 2, noise(1));
	get(zd, 6, noise(1));
	get(zd, 3, noise(1));
	model_end(zd);
}

static void edge_21_a_revived_pool_matches_again(void **unused)
{
	struct zdedup *zd = model_sharing();
	uint64_t size;

	(void)unused;
	put_copies(zd, 0, 2, text(1));
	put(zd, 2, text(2));
	assert_int_equal(zdedup_set_compressor(zd, "zstd", NULL), 0);
	put(zd, 3, text(1));
	size = model_stats(zd).pool_total_size;
	assert_int_equal(zdedup_set_compressor(zd, "lz4", NULL), 0);
	model_check(zd);
	assert_int_equal(model_stats(zd).pool_total_size, size);
	assert_true(put(zd, 4, text(1)).shared);
	assert_true(put(zd, 5, text(2)).shared);
	model_assert_sharing(zd, 2, 3, 1);
	/* once retired without a content, it is a new pool */
	get(zd, 3, text(1));
	assert_int_equal(zdedup_set_compressor(zd, "zstd", NULL), 0);
	assert_false(put(zd, 3, text(1)).shared);
	assert_int_equal(zdedup_set_compressor(zd, "lz5", NULL), -EINVAL);
	assert_true(put(zd, 6, text(1)).shared);
	get(zd, 3, text(1));
	get(zd, 6, text(1));
	get(zd, 4, text(1));
	get(zd, 5, text(2));
	model_end(zd);
}

static void edge_22_levels_are_never_compared_compressed(void **unused)
{
	struct zdedup *zd = model_new("always", "xxh64", "zstd:level=1");
	unsigned int i;

	(void)unused;
	for (i = 0; i < 8; i++)
		put(zd, i, text(i));
	assert_int_equal(zdedup_set_compressor(zd, "zstd:level=9", NULL), 0);
	for (i = 0; i < 8; i++)
		put(zd, 8 + i, text(i));
	for (i = 0; i < 8; i++)
		put(zd, 16 + i, text(i));
	for (i = 0; i < 24; i++)
		assert_int_equal(get(zd, i, text(i % 8)), ZDEDUP_POOL);
	model_end(zd);
}

/*------------------------------------------- 23-24: LRU and second chance */

/*
 * Closes the gate of memcg 1 and stores there: reclaim looks at the one oldest
 * entry. Returns whether that was written back, which lets the store in.
 */
static bool look_at_oldest(struct zdedup *zd, uint64_t offset)
{
	uint64_t before = model_stats(zd).written_back_pages;
	enum zdedup_where where;

	zdedup_memcg_set_max(zd, 1, 4096);
	where = put_at(zd, at(0, offset), 1, noise(1000 + offset)).where;
	zdedup_memcg_set_max(zd, 1, ZDEDUP_NO_LIMIT);
	drop(zd, offset);
	if (where == ZDEDUP_DEVICE) {
		assert_int_equal(model_stats(zd).written_back_pages, before);
		return false;
	}
	assert_int_equal(where, ZDEDUP_POOL);
	assert_int_equal(model_stats(zd).written_back_pages, before + 1);
	return true;
}

static void edge_23_a_new_sharer_goes_to_the_tail(void **unused)
{
	unsigned int leaver;

	(void)unused;
	for (leaver = 0; leaver <= 2; leaver += 2) {
		struct zdedup *zd = model_sharing();

		assert_int_equal(zdedup_memcg_add(zd, 1, 0), 0);
		put_at(zd, at(0, 0), 1, noise(0));
		put_at(zd, at(0, 1), 1, noise(1));
		assert_true(put_at(zd, at(0, 2), 1, noise(0)).shared);
		drop(zd, leaver);
		/* two second chances, then the oldest of those left goes */
		assert_false(look_at_oldest(zd, 10));
		assert_false(look_at_oldest(zd, 11));
		assert_true(look_at_oldest(zd, 12));
		assert_int_equal(where_is(zd, leaver ? 0 : 1), ZDEDUP_DEVICE);
		assert_int_equal(where_is(zd, leaver ? 1 : 2), ZDEDUP_POOL);
		model_end(zd);
	}
}

static void edge_24_a_hit_gives_siblings_no_second_chance(void **unused)
{
	struct zdedup *zd = model_sharing();

	(void)unused;
	assert_int_equal(zdedup_memcg_add(zd, 1, 0), 0);
	put_at(zd, at(0, 0), 1, noise(0));
	put_at(zd, at(0, 1), 1, noise(1));
	assert_false(look_at_oldest(zd, 10));	/* slot 0: its bit is gone */
	assert_true(put_at(zd, at(0, 2), 0, noise(0)).shared);
	drop(zd, 2);
	assert_false(look_at_oldest(zd, 11));	/* slot 1 */
	assert_true(look_at_oldest(zd, 12));	/* slot 0 again, at once */
	assert_int_equal(where_is(zd, 0), ZDEDUP_DEVICE);
	get(zd, 0, noise(0));
	get(zd, 1, noise(1));
	model_end(zd);
}

static void edge_24_k_referenced_entries_refuse_k_stores(void **unused)
{
	struct zdedup *zd = model_sharing();
	unsigned int i;

	(void)unused;
	assert_int_equal(zdedup_memcg_add(zd, 1, 0), 0);
	for (i = 0; i < 7; i++)
		put_at(zd, at(0, i), 1, noise(i));
	for (i = 0; i < 7; i++)
		assert_false(look_at_oldest(zd, 10 + i));
	assert_true(look_at_oldest(zd, 17));
	assert_int_equal(where_is(zd, 0), ZDEDUP_DEVICE);
	for (i = 0; i < 7; i++)
		get(zd, i, noise(i));
	model_end(zd);
}

/*
 * The worker fails 16 times and stops; each failure but one a run (the end of a
 * pass is one, too) clears a bit: 16 in the first run, 15 in each other.
 */
static void edge_24_the_worker_spends_its_runs_on_bits(void **unused)
{
	struct zdedup *zd = model_sharing();
	unsigned int i, runs;

	(void)unused;
	for (i = 0; i < 200; i++)
		put(zd, i, noise(i));
	zdedup_set_limits(zd, 1000, 20, 90);
	for (runs = 1;; runs++) {
		assert_true(runs < 100);
		zdedup_shrink(zd);
		model_check(zd);
		if (model_stats(zd).written_back_pages)
			break;
	}
	assert_int_equal(runs, 1 + (200 - 15 + 14) / 15);
	assert_int_equal(model_stats(zd).written_back_pages, 20);
	assert_int_equal(model_stats(zd).pool_total_size, 180 * PAGE);
	for (i = 0; i < 200; i++)
		get(zd, i, noise(i));
	model_end(zd);
}

/*------------------------------------------------ 27-37: devices, folios, index */

static void edge_27_swapoff_of_one_of_two_sharing_devices(void **unused)
{
	struct zdedup *zd = model_sharing();
	unsigned int i;

	(void)unused;
	assert_int_equal(zdedup_swapon(zd, 1, 100), 0);
	assert_int_equal(zdedup_swapon(zd, 1, 100), -EBUSY);
	for (i = 0; i < 20; i++) {
		put_at(zd, at(0, i), 0, text(i));
		assert_true(put_at(zd, at(1, i), 0, text(i)).shared);
	}
	put_at(zd, at(1, 30), 0, text(30));
	put_at(zd, at(1, 31), 0, page_of(PAGE_ZERO, 0));
	assert_int_equal(zdedup_swapoff(zd, 0), 0);
	model_check(zd);
	model_assert_sharing(zd, 0, 0, 21);
	assert_int_equal(zdedup_swapoff(zd, 0), -EINVAL);
	assert_int_equal(zdedup_store(zd, at(0, 0), 0, text(0), NULL), -EINVAL);
	assert_int_equal(zdedup_invalidate(zd, at(0, 0)), -EINVAL);
	for (i = 0; i < 20; i++)
		assert_int_equal(get_at(zd, at(1, i), text(i)), ZDEDUP_POOL);
	assert_int_equal(zdedup_swapon(zd, 0, 10), 0);
	assert_true(put(zd, 9, text(30)).shared);
	get(zd, 9, text(30));
	assert_int_equal(zdedup_store(zd, at(0, 10), 0, text(0), NULL), -EINVAL);
	model_end(zd);
}

static void folio_make(uint8_t *pages, const unsigned int *seed, unsigned int nr)
{
	unsigned int i;

	for (i = 0; i < nr; i++)
		page_make(pages + i * PAGE, seed[i] >= 1000 ? PAGE_NOISE :
			  seed[i] ? PAGE_TEXT : PAGE_ZERO, seed[i]);
}

static void edge_29_a_folio_hits_its_own_pages(void **unused)
{
	static const unsigned int seed[4] = { 1, 2, 1, 1 };
	struct zdedup *zd = model_sharing();
	struct zdedup_result r;
	uint8_t pages[4 * PAGE];
	unsigned int i;

	(void)unused;
	put(zd, 100, text(2));
	folio_make(pages, seed, 4);
	assert_int_equal(zdedup_store_folio(zd, at(0, 0), 0, pages, 4, &r), 0);
	model_check(zd);
	assert_int_equal(r.where, ZDEDUP_POOL);
	assert_false(r.shared);
	model_assert_sharing(zd, 2, 3, 0);
	assert_int_equal(model_stats(zd).zswpout, 5);
	for (i = 0; i < 4; i++)
		get(zd, i, pages + i * PAGE);
	get(zd, 100, text(2));
	model_end(zd);
}

static void edge_29_a_folio_goes_in_whole_or_not(void **unused)
{
	/* the third cannot be stored without writeback; the first is shared */
	static const unsigned int seed[4] = { 1, 2, 1000, 3 };
	struct zdedup *zd = model_sharing();
	struct zdedup_stats before, after;
	struct zdedup_result r;
	uint8_t pages[4 * PAGE];
	unsigned int i;

	(void)unused;
	assert_int_equal(zdedup_memcg_add(zd, 1, 0), 0);
	zdedup_memcg_set_writeback(zd, 1, false);
	put(zd, 100, text(1));
	before = model_stats(zd);
	/* also gone: what slots 1 and 3 held */
	put(zd, 1, text(8));
	put(zd, 3, text(1));
	folio_make(pages, seed, 4);
	assert_int_equal(zdedup_store_folio(zd, at(0, 0), 1, pages, 4, &r), 0);
	model_check(zd);
	assert_int_equal(r.where, ZDEDUP_RESIDENT);
	after = model_stats(zd);
	assert_int_equal(after.stored_pages, before.stored_pages);
	assert_int_equal(after.contents, before.contents);
	assert_int_equal(after.payload_bytes, before.payload_bytes);
	assert_int_equal(after.pool_total_size, before.pool_total_size);
	assert_int_equal(after.zswpout, before.zswpout + 2);
	assert_int_equal(after.reject_compress_fail,
			 before.reject_compress_fail + 1);
	assert_int_equal(model_memcg(zd, 1).zswap_bytes, 0);
	for (i = 0; i < 4; i++)
		assert_empty(zd, i);
	get(zd, 100, text(1));
	model_end(zd);
}

static void edge_29_only_a_folio_of_zeroes_is_zero(void **unused)
{
	static const unsigned int mixed[4] = { 0, 1, 0, 0 };
	static const unsigned int zero[4] = { 0, 0, 0, 0 };
	struct zdedup *zd = model_sharing();
	struct zdedup_result r;
	uint8_t pages[4 * PAGE];
	unsigned int i;

	(void)unused;
	folio_make(pages, mixed, 4);
	assert_int_equal(zdedup_store_folio(zd, at(0, 0), 0, pages, 4, &r), 0);
	model_check(zd);
	assert_int_equal(r.where, ZDEDUP_POOL);
	model_assert_sharing(zd, 1, 2, 1);
	for (i = 0; i < 4; i++)
		assert_int_equal(get(zd, i, pages + i * PAGE), ZDEDUP_POOL);
	folio_make(pages, zero, 4);
	assert_int_equal(zdedup_store_folio(zd, at(0, 0), 0, pages, 4, &r), 0);
	model_check(zd);
	assert_int_equal(r.where, ZDEDUP_ZERO);
	assert_int_equal(model_stats(zd).swpout_zero, 4);
	assert_int_equal(model_stats(zd).live_zero, 4);
	assert_int_equal(zdedup_store_folio(zd, at(0, MODEL_SLOTS - 3), 0,
					    pages, 4, &r), -EINVAL);
	model_end(zd);
}

static struct zdedup *model_capped(unsigned int sharers)
{
	char word[32];

	snprintf(word, sizeof(word), "always:sharers=%u", sharers);
	return model_new(word, "xxh64", "none");
}

static void edge_31_sharers_stop_at_the_cap(void **unused)
{
	static const unsigned int cap[] = { 2, 3, 255, 256 };
	unsigned int c, i, m;

	(void)unused;
	for (c = 0; c < 4; c++) {
		struct zdedup *zd = model_capped(cap[c]);

		m = cap[c];
		for (i = 0; i < m; i++)
			assert_int_equal(put(zd, i, text(1)).shared, i > 0);
		model_assert_sharing(zd, 1, m - 1, 0);
		assert_int_equal(model_stats(zd).sharers_full, 0);
		/* one over: a content of its own, which takes the next */
		assert_false(put(zd, m, text(1)).shared);
		assert_int_equal(model_stats(zd).sharers_full, 1);
		model_assert_sharing(zd, 1, m - 1, 1);
		assert_true(put(zd, m + 1, text(1)).shared);
		model_assert_sharing(zd, 2, m, 0);
		drop(zd, m);
		drop(zd, m + 1);
		/* and back below the cap it takes one again, just one */
		drop(zd, 0);
		assert_true(put(zd, 0, text(1)).shared);
		model_assert_sharing(zd, 1, m - 1, 0);
		assert_false(put(zd, m, text(1)).shared);
		for (i = 0; i <= m; i++)
			get(zd, i, text(1));
		model_end(zd);
	}
}

/* ksm_tests -M: what p equal pages come to with at most m sharers a content */
static void edge_31_the_equation_of_ksm(void **unused)
{
	unsigned int m, p, i, shared, sharing;

	(void)unused;
	for (m = 2; m <= 8; m++) {
		for (p = 0; p <= 3 * m + 2; p++) {
			struct zdedup *zd = model_capped(m);

			for (i = 0; i < p; i++)
				put(zd, i, noise(1));
			shared = p / m + (p % m > 1);
			sharing = p % m > 1 ? p - shared : shared * (m - 1);
			model_assert_sharing(zd, shared, sharing, p % m == 1);
			for (i = 0; i < p; i++)
				get(zd, i, noise(1));
			model_end(zd);
		}
	}
}

#define MANY 4000u

static void edge_32_a_growing_index_loses_nothing(void **unused)
{
	struct zdedup *zd = model_new("always", "xxh64", "none");
	struct zdedup_result r;
	unsigned int i;

	(void)unused;
	assert_int_equal(zdedup_swapon(zd, 1, MANY), 0);
	for (i = 0; i < MANY; i++) {
		assert_int_equal(zdedup_store(zd, at(0, i), 0, noise(i), &r),
				 0);
		assert_false(r.shared);
		if (i % 200 == 0)
			model_check(zd);
	}
	for (i = 0; i < MANY; i++) {
		assert_int_equal(zdedup_store(zd, at(1, i), 0, noise(i), &r),
				 0);
		assert_true(r.shared);
	}
	model_assert_sharing(zd, MANY, MANY, 0);
	model_end(zd);
}

static void edge_33_metadata_is_counted(void **unused)
{
	struct zdedup *plain = model_new("none", "xxh64", "lz4");
	struct zdedup *zd = model_sharing();
	struct zdedup_stats empty = model_stats(zd), one, two, s;

	(void)unused;
	/* the index stands before there is a content */
	assert_true(empty.dedup_metadata_bytes > 0);
	/* not slot 0: a tree of that alone has no node yet */
	put(zd, 1, text(1));
	one = model_stats(zd);
	assert_true(one.metadata_bytes > empty.metadata_bytes);
	assert_true(one.dedup_metadata_bytes > empty.dedup_metadata_bytes);
	/* a sharer costs an entry and no content */
	put(zd, 2, text(1));
	two = model_stats(zd);
	assert_true(two.metadata_bytes > one.metadata_bytes);
	assert_true(two.metadata_bytes - one.metadata_bytes <
		    one.metadata_bytes - empty.metadata_bytes);
	assert_true(two.dedup_metadata_bytes <= two.metadata_bytes);
	get(zd, 1, text(1));
	get(zd, 2, text(1));
	s = model_stats(zd);
	assert_int_equal(s.metadata_bytes, empty.metadata_bytes);
	assert_int_equal(s.dedup_metadata_bytes, empty.dedup_metadata_bytes);

	put(plain, 1, text(1));
	s = model_stats(plain);
	assert_true(s.metadata_bytes < one.metadata_bytes);
	model_end(plain);
	model_end(zd);
}

/*
 * No memory for a larger index: the store succeeds and everything stays findable.
 * The tables double while these stores go on, so each of them meets a failure.
 */
static void edge_34_an_index_that_cannot_grow_still_serves(void **unused)
{
	struct zdedup *zd = model_new("always", "xxh64", "none");
	struct zdedup_result r;
	unsigned int i, nth, stored = 0;
	bool kept[600];

	(void)unused;
	for (i = 0; i < 600; i++) {
		nth = 1 + i % 12;
		compat_fail_alloc(nth, true);
		assert_int_equal(zdedup_store(zd, at(0, i), 0, noise(i), &r),
				 0);
		compat_fail_alloc(0, false);
		if (i % 16 == 0)
			model_check(zd);
		kept[i] = r.where == ZDEDUP_POOL;
		stored += kept[i];
	}
	model_check(zd);
	assert_in_range(stored, 1, 599);
	assert_int_equal(model_stats(zd).stored_pages, stored);
	for (i = 0; i < 600; i++)
		if (kept[i])
			assert_true(put(zd, 1000 + i, noise(i)).shared);
	for (i = 0; i < 600; i++)
		get(zd, i, noise(i));
	model_end(zd);
}

#define FLOOD 300u
#define FLOOD_COMPARES 8u	/* what one store may cost, reliability row 6 */

static void edge_35_a_hash_flood_costs_eight_compares(void **unused)
{
	struct zdedup *zd = model_new("always", "xxh64:bits=0", "lz4");
	struct zdedup_stats before, after;
	uint64_t false_positives = 0;
	unsigned int i;

	(void)unused;
	for (i = 0; i < FLOOD; i++) {
		before = model_stats(zd);
		assert_false(put(zd, i, text(i)).shared);
		after = model_stats(zd);
		false_positives += i < FLOOD_COMPARES ? i : FLOOD_COMPARES;
		assert_int_equal(after.false_positives, false_positives);
		assert_in_range(after.compares - before.compares, 0,
				FLOOD_COMPARES);
	}
	/* the newest are still found */
	for (i = FLOOD - FLOOD_COMPARES; i < FLOOD; i++) {
		before = model_stats(zd);
		assert_true(put(zd, FLOOD + i, text(i)).shared);
		after = model_stats(zd);
		assert_in_range(after.compares - before.compares, 1,
				FLOOD_COMPARES);
	}
	after = model_stats(zd);
	assert_int_equal(after.hits, FLOOD_COMPARES);
	assert_int_equal(after.compares, after.hits + after.false_positives);
	/* and an honest page that is not is stored alone */
	assert_false(put(zd, 2 * FLOOD, text(0)).shared);
	for (i = 0; i < FLOOD; i++)
		get(zd, i, text(i));
	model_end(zd);
}

static void edge_36_memcgs_do_not_share(void **unused)
{
	struct zdedup *zd = model_new("memcg", "xxh64", "lz4");
	struct zdedup_stats s;
	unsigned int id;

	(void)unused;
	for (id = 1; id <= 3; id++)
		assert_int_equal(zdedup_memcg_add(zd, id, id == 3 ? 1 : 0), 0);
	for (id = 0; id <= 3; id++) {
		s = model_stats(zd);
		assert_false(put_at(zd, at(0, 2 * id), id, text(1)).shared);
		/* nor is it compared, which would take time that shows */
		assert_int_equal(model_stats(zd).compares, s.compares);
		assert_true(put_at(zd, at(0, 2 * id + 1), id, text(1)).shared);
	}
	model_assert_sharing(zd, 4, 4, 0);
	/* another policy: contents keep their sharers and their domain */
	assert_int_equal(zdedup_set_dedup(zd, "none", NULL), 0);
	model_check(zd);
	assert_false(put_at(zd, at(0, 20), 1, text(1)).shared);
	assert_int_equal(zdedup_set_dedup(zd, "memcg", NULL), 0);
	assert_true(put_at(zd, at(0, 21), 2, text(1)).shared);
	assert_int_equal(zdedup_set_dedup(zd, "sometimes", NULL), -EINVAL);
	for (id = 0; id < 8; id++)
		get(zd, id, text(1));
	model_end(zd);
}

/* A memcg that takes a dead one's number is another tenant. */
static void edge_36_a_reused_memcg_number_shares_nothing(void **unused)
{
	struct zdedup *zd = model_new("memcg", "xxh64", "lz4");

	(void)unused;
	assert_int_equal(zdedup_memcg_add(zd, 1, 0), 0);
	put_at(zd, at(0, 0), 1, text(1));
	assert_int_equal(zdedup_memcg_remove(zd, 1), 0);
	model_check(zd);
	assert_int_equal(zdedup_memcg_add(zd, 1, 0), 0);
	assert_false(put_at(zd, at(0, 1), 1, text(1)).shared);
	get(zd, 0, text(1));
	get(zd, 1, text(1));
	model_end(zd);
}

static void edge_37_the_charge_of_a_hit_is_that_of_a_miss(void **unused)
{
	struct zdedup *zd = model_sharing();
	struct zdedup_result miss, hit;

	(void)unused;
	assert_int_equal(zdedup_memcg_add(zd, 1, 0), 0);
	assert_int_equal(zdedup_memcg_add(zd, 2, 0), 0);
	miss = put_at(zd, at(0, 0), 1, text(1));
	hit = put_at(zd, at(0, 1), 2, text(1));
	assert_true(hit.shared && !miss.shared);
	assert_int_equal(hit.length, miss.length);
	assert_int_equal(model_memcg(zd, 1).zswap_bytes, miss.length);
	assert_int_equal(model_memcg(zd, 2).zswap_bytes, miss.length);
	assert_int_equal(model_memcg(zd, 2).zswapped, 1);
	model_end(zd);
}

/*----------------------------------------- 39-49: the page, the slot, the sums */

struct scribbler {
	uint8_t *page;
	bool armed;
};

/* A device that still writes to the page while it is swapped out */
static void scribble_before_compressing(void *data, enum zdedup_stage stage)
{
	struct scribbler *s = data;

	if (stage == ZDEDUP_STAGE_COMPRESS && s->armed) {
		s->armed = false;
		s->page[2048] ^= 0xff;
	}
}

static void edge_39_a_page_that_changes_after_its_hash(void **unused)
{
	struct zdedup *zd = model_sharing();
	struct scribbler s;
	uint8_t page[PAGE], changed[PAGE];

	(void)unused;
	page_make(page, PAGE_TEXT, 1);
	s = (struct scribbler){ .page = page, .armed = true };
	zdedup_set_stage_hook(zd, scribble_before_compressing, &s);
	assert_int_equal(zdedup_store(zd, at(0, 0), 0, page, NULL), 0);
	zdedup_set_stage_hook(zd, NULL, NULL);
	assert_false(s.armed);
	memcpy(changed, page, PAGE);
	/* the index has the digest of a page that was never stored */
	assert_false(put(zd, 1, text(1)).shared);
	assert_true(put(zd, 2, text(1)).shared);
	put(zd, 3, changed);
	get(zd, 1, text(1));
	get(zd, 2, text(1));
	get(zd, 3, changed);
	get(zd, 0, changed);
	model_end(zd);
}

static void edge_41_compaction_moves_bytes_not_contents(void **unused)
{
	struct zdedup *zd = model_sharing();
	uint64_t before, given;
	unsigned int i;

	(void)unused;
	for (i = 0; i < 600; i++)
		put(zd, i, text(i));
	for (i = 0; i < 600; i++)
		if (i % 5)
			drop(zd, i);
	before = model_stats(zd).pool_total_size;
	given = zdedup_compact(zd);
	model_check(zd);
	assert_int_not_equal(given, 0);
	assert_int_equal(model_stats(zd).pool_total_size,
			 before - given * PAGE);
	for (i = 0; i < 600; i += 5)
		assert_true(put(zd, 1000 + i, text(i)).shared);
	for (i = 0; i < 600; i += 5) {
		get(zd, i, text(i));
		get(zd, 1000 + i, text(i));
	}
	model_end(zd);
}

static void edge_42_a_load_takes_one_share(void **unused)
{
	struct zdedup *zd = model_sharing();
	unsigned int i;

	(void)unused;
	put_copies(zd, 0, 5, text(1));
	for (i = 0; i < 5; i++) {
		assert_int_equal(get(zd, i, text(1)), ZDEDUP_POOL);
		assert_empty(zd, i);
		if (i < 3)
			model_assert_sharing(zd, 1, 3 - i, 0);
	}
	assert_int_equal(model_stats(zd).zswpin, 5);
	model_end(zd);
}

#define STORM 100000u

static void edge_43_an_invalidate_storm(void **unused)
{
	struct zdedup *zd = model_new("always", "xxh64", "none");
	unsigned int i;

	(void)unused;
	assert_int_equal(zdedup_swapon(zd, 1, STORM), 0);
	for (i = 0; i < STORM; i++)
		assert_int_equal(zdedup_store(zd, at(1, i), 0, noise(1), NULL),
				 0);
	model_check(zd);
	model_assert_sharing(zd, 1, STORM - 1, 0);
	assert_int_equal(model_stats(zd).pool_total_size, PAGE);
	for (i = 0; i < STORM; i++) {
		assert_int_equal(zdedup_invalidate(zd, at(1, i)), 0);
		if (i % 10000 == 0)
			model_check(zd);
	}
	assert_int_equal(zdedup_invalidate(zd, at(1, 0)), -ENOENT);
	assert_int_equal(model_stats(zd).contents, 0);
	model_end(zd);
}

static void edge_44_each_slot_goes_to_its_own_device(void **unused)
{
	struct zdedup *zd = model_sharing();

	(void)unused;
	assert_int_equal(zdedup_swapon(zd, 5, 10), 0);
	put_at(zd, at(0, 3), 0, text(1));
	assert_true(put_at(zd, at(5, 3), 0, text(1)).shared);
	assert_int_equal(zdedup_writeback(zd, at(0, 3)), -EBUSY);
	drop(zd, 3);
	assert_int_equal(zdedup_writeback(zd, at(5, 3)), 0);
	put_at(zd, at(0, 3), 0, text(2));
	assert_int_equal(zdedup_writeback(zd, at(0, 3)), 0);
	model_check(zd);
	assert_int_equal(get_at(zd, at(5, 3), text(1)), ZDEDUP_DEVICE);
	assert_int_equal(get_at(zd, at(0, 3), text(2)), ZDEDUP_DEVICE);
	model_end(zd);
}

static void edge_45_every_sum_returns_to_zero(void **unused)
{
	struct zdedup *zd = model_sharing();
	struct zdedup_stats s;
	unsigned int i, freed = 0;

	(void)unused;
	assert_int_equal(zdedup_memcg_add(zd, 1, 0), 0);
	for (i = 0; i < 200; i++)
		put_at(zd, at(0, i), i % 2, page_of(i % PAGE_NR_KINDS, i / 10));
	for (i = 0; i < 200; i += 7)
		zdedup_writeback(zd, at(0, i));
	model_check(zd);
	s = model_stats(zd);
	for (i = 0; i < 200; i++) {
		freed += where_is(zd, i) == ZDEDUP_POOL && i % 3 == 0;
		if (i % 3)
			get(zd, i, page_of(i % PAGE_NR_KINDS, i / 10));
		else
			drop(zd, i);
	}
	s = model_stats(zd);
	model_assert_empty(&s);
	assert_int_equal(s.zswpin + s.written_back_pages + freed, s.zswpout);
	assert_int_equal(s.written_back_pages, s.zswpwb);
	assert_int_equal(model_memcg(zd, 0).zswap_bytes, 0);
	assert_int_equal(model_memcg(zd, 1).zswapped, 0);
	model_end(zd);
}

static void edge_49_an_entry_hidden_by_a_zero_page(void **unused)
{
	struct zdedup *zd = model_sharing();
	struct zdedup_stats s;

	(void)unused;
	put(zd, 0, text(1));
	assert_int_equal(put(zd, 0, page_of(PAGE_ZERO, 0)).where, ZDEDUP_ZERO);
	s = model_stats(zd);
	assert_int_equal(s.stored_pages, 1);
	assert_int_equal(s.live_zero, 1);
	assert_int_equal(where_is(zd, 0), ZDEDUP_ZERO);
	/* it is a content as any other, and may be shared */
	assert_true(put(zd, 1, text(1)).shared);
	assert_int_equal(get(zd, 0, page_of(PAGE_ZERO, 0)), ZDEDUP_ZERO);
	/* the slot was freed, and the entry with it */
	model_assert_sharing(zd, 0, 0, 1);
	get(zd, 1, text(1));

	/* written back below the zero page, it is not returned either */
	put(zd, 2, text(2));
	put(zd, 2, page_of(PAGE_ZERO, 0));
	zdedup_writeback(zd, at(0, 2));
	model_check(zd);
	assert_int_equal(where_is(zd, 2), ZDEDUP_ZERO);
	assert_int_equal(get(zd, 2, page_of(PAGE_ZERO, 0)), ZDEDUP_ZERO);

	/* and the next store ends it */
	put(zd, 3, text(3));
	put(zd, 3, page_of(PAGE_ZERO, 0));
	put(zd, 3, text(4));
	model_assert_sharing(zd, 0, 0, 1);
	get(zd, 3, text(4));
	put(zd, 4, text(5));
	put(zd, 4, page_of(PAGE_ZERO, 0));
	model_end(zd);
}

/* Last, so that it speaks for all of the above. */
static void edge_45_no_allocation_is_left(void **unused)
{
	(void)unused;
	assert_int_equal(compat_nr_allocated(), 0);
	assert_int_equal(compat_nr_warnings(), 0);
}

#define EDGE(name) cmocka_unit_test(edge_##name)

int main(void)
{
	const struct CMUnitTest tests[] = {
		EDGE(01_equal_digests_do_not_share),
		EDGE(02_a_hit_was_compared_and_not_compressed),
		EDGE(03_a_freed_content_is_not_found),
		EDGE(05_two_stores_at_once_make_one_content),
		EDGE(06_overwrite_with_the_same_content),
		EDGE(07_refused_overwrite_leaves_no_stale_entry),
		EDGE(07_every_refusal_empties_the_slot),
		EDGE(08_failure_after_a_hit_drops_one_reference),
		EDGE(09_failure_after_compressing_frees_the_object),
		EDGE(10_shared_content_is_not_written_back),
		EDGE(10_shrinking_only_shared_content_ends),
		EDGE(12_a_busy_slot_says_nothing_of_its_sibling),
		EDGE(13_each_sharer_is_charged_in_full),
		EDGE(14_a_dead_memcg_leaves_to_its_parent),
		EDGE(15_the_gate_stands_before_the_lookup),
		EDGE(15_zswap_max_of_two_pages),
		EDGE(16_a_full_pool_refuses_hits_too),
		EDGE(16_hysteresis_of_the_limit),
		EDGE(17_no_writeback_no_raw_content),
		EDGE(18_raw_duplicates_share),
		EDGE(19_zero_pages_make_no_content),
		EDGE(19_same_filled_is_ordinary_content),
		EDGE(20_no_sharing_across_pools),
		EDGE(21_a_revived_pool_matches_again),
		EDGE(22_levels_are_never_compared_compressed),
		EDGE(23_a_new_sharer_goes_to_the_tail),
		EDGE(24_a_hit_gives_siblings_no_second_chance),
		EDGE(24_k_referenced_entries_refuse_k_stores),
		EDGE(24_the_worker_spends_its_runs_on_bits),
		EDGE(27_swapoff_of_one_of_two_sharing_devices),
		EDGE(29_a_folio_hits_its_own_pages),
		EDGE(29_a_folio_goes_in_whole_or_not),
		EDGE(29_only_a_folio_of_zeroes_is_zero),
		EDGE(31_sharers_stop_at_the_cap),
		EDGE(31_the_equation_of_ksm),
		EDGE(32_a_growing_index_loses_nothing),
		EDGE(33_metadata_is_counted),
		EDGE(34_an_index_that_cannot_grow_still_serves),
		EDGE(35_a_hash_flood_costs_eight_compares),
		EDGE(36_memcgs_do_not_share),
		EDGE(36_a_reused_memcg_number_shares_nothing),
		EDGE(37_the_charge_of_a_hit_is_that_of_a_miss),
		EDGE(39_a_page_that_changes_after_its_hash),
		EDGE(41_compaction_moves_bytes_not_contents),
		EDGE(42_a_load_takes_one_share),
		EDGE(43_an_invalidate_storm),
		EDGE(44_each_slot_goes_to_its_own_device),
		EDGE(45_every_sum_returns_to_zero),
		EDGE(49_an_entry_hidden_by_a_zero_page),
		EDGE(45_no_allocation_is_left),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
