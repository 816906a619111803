/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Bugs that really happened, in zswap, its allocators and its neighbours, each as
 * a test that it does not happen here. docs/KERNEL-CASES.md tells what they were.
 * tests/faults/faults.txt puts them back, one by one.
 *
 * Interleavings are made without threads where the stage hook can: what another
 * thread would do then is done by the hook.
 */
#include <pthread.h>
#include <stdatomic.h>

#include "model.h"

static struct zdedup *model_sharing(void)
{
	return model_new("always", "xxh64", "lz4");
}

/* Calls @act once, when @stage begins the next time. */
struct ambush {
	struct zdedup *zd;
	enum zdedup_stage after, stage;
	void (*act)(struct zdedup *zd);
	enum zdedup_stage last;
	bool done;
};

static void ambush_hook(void *data, enum zdedup_stage stage)
{
	struct ambush *a = data;
	bool now = stage == a->stage &&
		   (a->after == ZDEDUP_NR_STAGES || a->last == a->after);

	a->last = stage;
	if (!now || a->done)
		return;
	a->done = true;
	a->act(a->zd);
}

/* @after: only when that was the stage before; ZDEDUP_NR_STAGES: any */
static void ambush(struct ambush *a, struct zdedup *zd,
		   enum zdedup_stage after, enum zdedup_stage stage,
		   void (*act)(struct zdedup *zd))
{
	*a = (struct ambush){ .zd = zd, .after = after, .stage = stage,
			      .act = act, .last = ZDEDUP_NR_STAGES };
	zdedup_set_stage_hook(zd, ambush_hook, a);
}

static void ambush_over(struct ambush *a)
{
	zdedup_set_stage_hook(a->zd, NULL, NULL);
	assert_true(a->done);
	model_check(a->zd);
}

/*------------------------------------------- 04fc7816089c: zswap, 2023 */

#define SWING_ROUNDS 60000u
#define SWING_SLOTS 2u
#define SWING_THREADS 3u

struct swing {
	struct zdedup *zd;
	atomic_bool stop;
};

/* Reclaim, as fast as it goes, with the limit swinging between 20 % and 1 % */
static void *swing_reclaim(void *data)
{
	struct swing *s = data;
	unsigned int i;

	for (i = 0; !atomic_load(&s->stop); i++) {
		zdedup_writeback(s->zd, at(0, i % SWING_SLOTS));
		if (i % 1024 == 0)
			zdedup_set_limits(s->zd, 100, i % 2048 ? 20 : 1, 90);
	}
	return NULL;
}

/* Newer over older over nothing; returns how much of that went wrong. */
static unsigned int swing_round(struct zdedup *zd, uint8_t *page,
				unsigned int i)
{
	struct zdedup_slot slot = at(0, i % SWING_SLOTS);
	unsigned int wrong = 0;
	uint8_t got[PAGE];

	memcpy(page, &i, sizeof(i));
	wrong += zdedup_store(zd, slot, 0, page, NULL) != 0;
	page[PAGE - 1] ^= 0xff;
	wrong += zdedup_store(zd, slot, 0, page, NULL) != 0;
	wrong += zdedup_load(zd, slot, got, NULL) != 0;
	wrong += memcmp(page, got, PAGE) != 0;
	wrong += zdedup_load(zd, slot, got, NULL) != -ENOENT;
	return wrong;
}

/*
 * Reclaim holds an entry whose slot is freed and reused meanwhile, and writes the
 * older page over the newer. The kernel's was found after hours; with threads
 * alone this one is found in most runs, test-core.c has it for certain.
 */
static void commit_04fc7816089c_stale_entry_written_back(void **unused)
{
	struct swing s = { .zd = model_new("always", "crc32c", "none") };
	pthread_t thread[SWING_THREADS];
	unsigned int i, wrong = 0;
	uint8_t page[PAGE];

	(void)unused;
	page_make(page, PAGE_NOISE, 1);
	for (i = 0; i < SWING_THREADS; i++)
		assert_int_equal(pthread_create(&thread[i], NULL, swing_reclaim,
						&s), 0);
	for (i = 0; i < SWING_ROUNDS; i++)
		wrong += swing_round(s.zd, page, i);
	atomic_store(&s.stop, true);
	for (i = 0; i < SWING_THREADS; i++)
		pthread_join(thread[i], NULL);
	assert_int_equal(wrong, 0);
	model_check(s.zd);
	model_end(s.zd);
}

/*--------------------------------------- CVE-2025-21693: zswap, 2025 */

static void retire_the_pool(struct zdedup *zd)
{
	assert_int_equal(zdedup_set_compressor(zd, "zstd", NULL), 0);
	assert_int_equal(zdedup_invalidate(zd, at(0, 0)), 0);
}

/* The compressor's context is freed while a store, or a compare, is using it. */
static void cve_2025_21693_context_freed_under_use(void **unused)
{
	static const enum zdedup_stage stage[] = {
		ZDEDUP_STAGE_HASH, ZDEDUP_STAGE_LOOKUP, ZDEDUP_STAGE_COMPRESS,
		ZDEDUP_STAGE_ALLOCATE,
	};
	struct zdedup *zd;
	struct ambush a;
	unsigned int i;

	(void)unused;
	for (i = 0; i < 4; i++) {
		zd = model_sharing();
		put(zd, 0, text(1));
		ambush(&a, zd, ZDEDUP_NR_STAGES, stage[i], retire_the_pool);
		assert_int_equal(zdedup_store(zd, at(0, 1), 0, text(2), NULL),
				 0);
		ambush_over(&a);
		assert_int_equal(get(zd, 1, text(2)), ZDEDUP_POOL);
		model_end(zd);
	}
	/* the content compared with is the one that goes */
	zd = model_sharing();
	put(zd, 0, text(1));
	ambush(&a, zd, ZDEDUP_NR_STAGES, ZDEDUP_STAGE_COMPARE, retire_the_pool);
	assert_int_equal(zdedup_store(zd, at(0, 1), 0, text(1), NULL), 0);
	ambush_over(&a);
	assert_int_equal(get(zd, 1, text(1)), ZDEDUP_POOL);
	model_end(zd);
}

/*-------------------------------------------- 25cd241408a2: zswap, 2024 */

static uint8_t scribbled[PAGE];

static void scribble(struct zdedup *zd)
{
	(void)zd;
	scribbled[2000] ^= 0xff;
}

/*
 * A load gave up the pool's copy although its reader could not keep the page. Here
 * it fails because of a digest: the page was written to while it was stored.
 */
static void commit_25cd241408a2_load_drops_the_only_copy(void **unused)
{
	struct zdedup_config config;
	enum zdedup_where now;
	uint8_t got[PAGE];
	struct ambush a;
	struct zdedup *zd;
	unsigned int i;

	(void)unused;
	zdedup_config_init(&config);
	config.dedup = "always";
	config.verify = true;
	zd = model_create(&config);
	page_make(scribbled, PAGE_TEXT, 1);
	ambush(&a, zd, ZDEDUP_NR_STAGES, ZDEDUP_STAGE_COMPRESS, scribble);
	assert_int_equal(zdedup_store(zd, at(0, 0), 0, scribbled, NULL), 0);
	ambush_over(&a);
	for (i = 1; i <= 3; i++) {
		assert_int_equal(zdedup_load(zd, at(0, 0), got, NULL), -EIO);
		model_check(zd);
		assert_int_equal(zdedup_peek(zd, at(0, 0), &now), 0);
		assert_int_equal(now, ZDEDUP_POOL);
		assert_int_equal(model_stats(zd).decompress_fail, i);
		assert_int_equal(model_stats(zd).zswpin, 0);
		model_assert_sharing(zd, 0, 0, 1);
	}
	drop(zd, 0);
	model_end(zd);
}

/* One sharer's load must not take the others' bytes with it. */
static void commit_25cd241408a2_load_of_one_of_many(void **unused)
{
	struct zdedup *zd = model_sharing();
	unsigned int i;

	(void)unused;
	for (i = 0; i < 4; i++)
		put(zd, i, text(1));
	for (i = 0; i < 4; i++) {
		assert_int_equal(get(zd, i, text(1)), ZDEDUP_POOL);
		assert_empty(zd, i);
		assert_int_equal(model_stats(zd).stored_pages, 3 - i);
	}
	model_end(zd);
}

/*------------------------------------------- the older entry of a slot */

enum refusal {
	REFUSED_DISABLED,
	REFUSED_POOL_LIMIT,
	REFUSED_HYSTERESIS,
	REFUSED_ZSWAP_MAX_0,
	REFUSED_ZSWAP_MAX,
	REFUSED_ANCESTOR_MAX,
	REFUSED_RAW_WITHOUT_WRITEBACK,
	REFUSED_NO_MEMORY,
	NR_REFUSALS,
};

#define OLDER 20u	/* more than the worker gives their second chance in a run */

/* OLDER pages of memcg 2, below 1, are in: makes the next store be refused. */
static void refuse(struct zdedup *zd, enum refusal reason)
{
	unsigned int i;

	switch (reason) {
	case REFUSED_DISABLED:
		zdedup_set_enabled(zd, false);
		break;
	case REFUSED_POOL_LIMIT:
		zdedup_set_limits(zd, OLDER, 100, 0);
		break;
	case REFUSED_HYSTERESIS:
		/* full, and open again at a tenth */
		zdedup_set_limits(zd, OLDER, 100, 10);
		assert_int_equal(put(zd, 50, noise(50)).where, ZDEDUP_DEVICE);
		for (i = 10; i < OLDER; i++)
			drop(zd, i);
		break;
	case REFUSED_ZSWAP_MAX_0:
		zdedup_memcg_set_max(zd, 2, 0);
		break;
	case REFUSED_ZSWAP_MAX:
		zdedup_memcg_set_max(zd, 2, PAGE);
		break;
	case REFUSED_ANCESTOR_MAX:
		zdedup_memcg_set_max(zd, 1, PAGE);
		break;
	case REFUSED_RAW_WITHOUT_WRITEBACK:
		zdedup_memcg_set_writeback(zd, 1, false);
		break;
	default:
		compat_fail_alloc(1, true);
	}
}

/*
 * A store that is refused leaves the slot's older entry, and a load finds that
 * instead of what was written to the device (check_old in mm/zswap.c).
 */
static void check_old_refused_store_leaves_the_older_entry(void **unused)
{
	struct zdedup_result r;
	uint8_t got[PAGE];
	unsigned int reason, i;

	(void)unused;
	for (reason = 0; reason < NR_REFUSALS; reason++) {
		struct zdedup *zd = model_sharing();

		assert_int_equal(zdedup_memcg_add(zd, 1, 0), 0);
		assert_int_equal(zdedup_memcg_add(zd, 2, 1), 0);
		for (i = 0; i < OLDER; i++)
			put_at(zd, at(0, i), 2, noise(i));
		refuse(zd, reason);
		assert_int_equal(where_is(zd, 5), ZDEDUP_POOL);
		assert_int_equal(zdedup_store(zd, at(0, 5), 2, noise(100), &r),
				 0);
		compat_fail_alloc(0, false);
		model_check(zd);
		if (reason == REFUSED_RAW_WITHOUT_WRITEBACK) {
			assert_int_equal(r.where, ZDEDUP_RESIDENT);
			assert_int_equal(zdedup_load(zd, at(0, 5), got, NULL),
					 -ENOENT);
		} else {
			assert_int_equal(r.where, ZDEDUP_DEVICE);
			assert_int_equal(zdedup_writeback(zd, at(0, 5)),
					 -ENOENT);
			assert_int_equal(get(zd, 5, noise(100)),
					 ZDEDUP_DEVICE);
		}
		zdedup_set_enabled(zd, true);
		model_end(zd);
	}
}

/*--------------------------------------------- zsmalloc and the LRU */

static void compact(struct zdedup *zd)
{
	zdedup_compact(zd);
}

/* Every fifth of @nr pages is left, so that compaction has much to move. */
static struct zdedup *model_sparse(unsigned int nr)
{
	struct zdedup *zd = model_sharing();
	unsigned int i;

	for (i = 0; i < nr; i++)
		assert_int_equal(zdedup_store(zd, at(0, i), 0, text(i), NULL),
				 0);
	for (i = 0; i < nr; i++)
		if (i % 5)
			assert_int_equal(zdedup_invalidate(zd, at(0, i)), 0);
	model_check(zd);
	return zd;
}

/* Objects move, are freed and are given out again, in turns. */
static void commit_85b325815b56_free_and_compaction(void **unused)
{
	struct zdedup *zd = model_sparse(500);
	uint64_t before, given = 0;
	unsigned int i;

	(void)unused;
	for (i = 0; i < 500; i += 5) {
		before = model_stats(zd).pool_total_size;
		given = zdedup_compact(zd);
		model_check(zd);
		assert_int_equal(model_stats(zd).pool_total_size,
				 before - given * PAGE);
		/* at once again, there is nothing to do */
		assert_int_equal(zdedup_compact(zd), 0);
		get(zd, i, text(i));
		put(zd, i + 1, text(i + 1));
		if (i % 2)
			drop(zd, i + 1);
	}
	for (i = 0; i < 500; i += 10)
		get(zd, i + 1, text(i + 1));
	model_end(zd);
}

/* Compaction in the midst of each stage of a store, a load and a writeback */
static void zsmalloc_migration_of_what_is_read(void **unused)
{
	static const enum zdedup_stage stage[] = {
		ZDEDUP_STAGE_HASH, ZDEDUP_STAGE_LOOKUP, ZDEDUP_STAGE_COMPARE,
		ZDEDUP_STAGE_COMPRESS, ZDEDUP_STAGE_ALLOCATE,
		ZDEDUP_STAGE_DECOMPRESS,
	};
	struct ambush a;
	unsigned int s, i;

	(void)unused;
	for (s = 0; s < 6; s++) {
		struct zdedup *zd = model_sparse(300);
		uint8_t got[PAGE];

		ambush(&a, zd, ZDEDUP_NR_STAGES, stage[s], compact);
		assert_int_equal(zdedup_store(zd, at(0, 1000), 0,
					      text(stage[s] ==
						   ZDEDUP_STAGE_COMPARE ?
						   45 : 1000), NULL), 0);
		assert_int_equal(zdedup_load(zd, at(0, 50), got, NULL), 0);
		assert_memory_equal(got, text(50), PAGE);
		ambush_over(&a);
		get(zd, 1000, text(stage[s] == ZDEDUP_STAGE_COMPARE ? 45 :
				   1000));
		for (i = 0; i < 300; i += 5)
			if (i != 50)
				get(zd, i, text(i));
		model_end(zd);
	}
}

/* Entries leave the LRU in each way there is, from its head, middle and tail. */
static void lru_2023_list_del_corruption(void **unused)
{
	struct zdedup *zd = model_sharing();
	unsigned int way, i;
	uint64_t state = 7;

	(void)unused;
	assert_int_equal(zdedup_memcg_add(zd, 1, 0), 0);
	for (i = 0; i < 2000; i++) {
		unsigned int slot = rng_below(&state, 12);
		unsigned int memcg = rng_below(&state, 3);

		if (memcg == 2 && zdedup_memcg_add(zd, 2, 1) == -EEXIST)
			assert_int_equal(zdedup_memcg_remove(zd, 2), 0);
		way = rng_below(&state, 6);
		switch (way) {
		case 0:
			zdedup_invalidate(zd, at(0, slot));
			break;
		case 1:
			zdedup_writeback(zd, at(0, slot));
			break;
		case 2:
			zdedup_set_limits(zd, 100, 100, 2);
			zdedup_shrink(zd);
			break;
		default:
			put_at(zd, at(0, slot), memcg % 2,
			       noise(rng_below(&state, 8)));
		}
		model_check(zd);
	}
	assert_int_not_equal(model_stats(zd).zswpwb, 0);
	model_end(zd);
}

/*-------------------------------------------- 88ca9f019597: z3fold, 2020 */

static void free_the_siblings(struct zdedup *zd)
{
	unsigned int i;

	/* else what follows waits for ever, on a lock of ours */
	assert_int_equal(compat_spinlocks_held(), 0);
	for (i = 1; i < 8; i++)
		assert_int_equal(zdedup_invalidate(zd, at(0, i)), 0);
	zdedup_compact(zd);
}

/* Reclaim holds its page, and everything that lies beside it is freed. */
static void commit_88ca9f019597_free_during_reclaim(void **unused)
{
	struct zdedup *zd = model_sharing();
	struct ambush a;
	unsigned int i;

	(void)unused;
	for (i = 0; i < 8; i++)
		put(zd, i, text(i));
	ambush(&a, zd, ZDEDUP_NR_STAGES, ZDEDUP_STAGE_DECOMPRESS,
	       free_the_siblings);
	assert_int_equal(zdedup_writeback(zd, at(0, 0)), 0);
	ambush_over(&a);
	model_assert_sharing(zd, 0, 0, 0);
	assert_int_equal(model_stats(zd).pool_total_size, 0);
	assert_int_equal(get(zd, 0, text(0)), ZDEDUP_DEVICE);
	model_end(zd);
}

/*------------------------------------------------------ shmem, 2026-01 */

#define TREE_SLOTS 16384u

/*
 * A range that reaches over the end of a tree (64 MB): each page must be found
 * where it belongs, whatever the range began in.
 */
static void shmem_2026_range_over_a_tree_boundary(void **unused)
{
	struct zdedup *zd = model_sharing();
	const uint64_t edge[] = { TREE_SLOTS, 2 * TREE_SLOTS };
	uint8_t pages[8 * PAGE];
	unsigned int e, i, round;
	struct zdedup_stats s;

	(void)unused;
	assert_int_equal(zdedup_swapon(zd, 1, 3 * TREE_SLOTS), 0);
	for (i = 0; i < 8; i++)
		page_make(pages + i * PAGE, PAGE_TEXT, i);
	for (round = 0; round < 3; round++) {
		for (e = 0; e < 2; e++) {
			assert_int_equal(zdedup_store_folio(zd,
					at(1, edge[e] - 3), 0, pages, 8,
					NULL), 0);
			model_check(zd);
		}
		model_assert_sharing(zd, 8, 8, 0);
		/* 0: loaded; 1: refused over; 2: left to swapoff */
		if (round == 1) {
			zdedup_set_enabled(zd, false);
			for (e = 0; e < 2; e++)
				assert_int_equal(zdedup_store_folio(zd,
						at(1, edge[e] - 3), 0, pages,
						8, NULL), 0);
			zdedup_set_enabled(zd, true);
			model_check(zd);
			model_assert_sharing(zd, 0, 0, 0);
		}
		for (e = 0; e < 2 && round < 2; e++)
			for (i = 0; i < 8; i++)
				assert_int_equal(get_at(zd,
						at(1, edge[e] - 3 + i),
						pages + i * PAGE),
						round ? ZDEDUP_DEVICE :
						ZDEDUP_POOL);
	}
	assert_int_equal(zdedup_swapoff(zd, 1), 0);
	model_check(zd);
	s = model_stats(zd);
	model_assert_empty(&s);
	model_end(zd);
}

/*-------------------------------------- Samsung's same-page sharing */

/* The allocator's object leaks when what should point to it cannot be had. */
static void samsung_object_leaks_without_a_handle(void **unused)
{
	unsigned int nth, refused = 0;
	bool injected = true;

	(void)unused;
	for (nth = 1; injected; nth++) {
		struct zdedup *zd = model_sharing();
		struct zdedup_stats before, after;
		struct zdedup_result r;

		put(zd, 0, text(1));
		before = model_stats(zd);
		compat_fail_alloc(nth, false);
		assert_int_equal(zdedup_store(zd, at(0, 64), 0, text(2), &r),
				 0);
		injected = compat_fail_happened();
		compat_fail_alloc(0, false);
		model_check(zd);
		after = model_stats(zd);
		if (r.where != ZDEDUP_POOL) {
			refused++;
			assert_int_equal(after.pool_total_size,
					 before.pool_total_size);
			assert_int_equal(after.payload_bytes,
					 before.payload_bytes);
			assert_int_equal(model_rejects(&after), 1);
		}
		get(zd, 64, text(2));
		get(zd, 0, text(1));
		model_end(zd);
		assert_int_equal(compat_nr_allocated(), 0);
	}
	assert_int_not_equal(refused, 0);
}

/* -EEXIST of the slot's tree ignored: two entries for one slot */
static void samsung_slot_that_is_taken(void **unused)
{
	struct zdedup *zd = model_sharing();
	unsigned int i;

	(void)unused;
	for (i = 0; i < 20; i++) {
		put(zd, 3, text(i));
		model_assert_sharing(zd, 0, 0, 1);
		assert_int_equal(model_memcg(zd, 0).zswapped, 1);
	}
	get(zd, 3, text(19));
	assert_empty(zd, 3);
	model_end(zd);
}

#define U16_SHARERS 65536u

/* The count of sharers in 16 bits: the 65536th frees everybody's content. */
static void samsung_count_of_sharers_wraps(void **unused)
{
	struct zdedup *zd = model_sharing();
	struct zdedup_result r;
	uint8_t got[PAGE];
	unsigned int i;

	(void)unused;
	assert_int_equal(zdedup_swapon(zd, 1, U16_SHARERS + 2), 0);
	for (i = 0; i < U16_SHARERS + 2; i++) {
		assert_int_equal(zdedup_store(zd, at(1, i), 0,
					      page_of(PAGE_SAME, 3), &r), 0);
		assert_int_equal(r.shared, i > 0);
		if (i >= U16_SHARERS - 2) {
			model_check(zd);
			model_assert_sharing(zd, 1, i, 0);
		}
	}
	for (i = 0; i < U16_SHARERS + 2; i++) {
		assert_int_equal(zdedup_load(zd, at(1, i), got, NULL), 0);
		if (i < 4 || i >= U16_SHARERS - 2)
			assert_memory_equal(got, page_of(PAGE_SAME, 3), PAGE);
	}
	model_check(zd);
	model_end(zd);
}

struct held {
	unsigned int seen[ZDEDUP_NR_STAGES], spinlocks;
};

static void note_locks(void *data, enum zdedup_stage stage)
{
	struct held *held = data;

	held->seen[stage]++;
	if (stage != ZDEDUP_STAGE_OTHER)
		held->spinlocks += compat_spinlocks_held();
}

/* Pages were compared under the lock of the tree. */
static void samsung_compare_under_a_spinlock(void **unused)
{
	struct zdedup *zd = model_sharing();
	struct held held = { .spinlocks = 0 };
	unsigned int i;

	(void)unused;
	zdedup_set_stage_hook(zd, note_locks, &held);
	for (i = 0; i < 64; i++)
		put(zd, i, i % 4 ? text(i / 2) : noise(i / 8));
	get(zd, 5, text(2));
	assert_int_equal(zdedup_set_dedup(zd, "ksm:every=8", NULL), 0);
	for (i = 0; i < 64; i++)
		zdedup_invalidate(zd, at(0, i));
	zdedup_set_stage_hook(zd, NULL, NULL);
	for (i = ZDEDUP_STAGE_CLASSIFY; i < ZDEDUP_NR_STAGES; i++)
		assert_int_not_equal(held.seen[i], 0);
	assert_int_equal(held.spinlocks, 0);
	model_end(zd);
}

/* BUG_ON() when a candidate of equal digest turns out to be another page */
static void samsung_bad_candidate(void **unused)
{
	static const char *const compressor[] = { "lz4", "zstd", "none" };
	uint8_t stored[PAGE];
	struct ambush a;
	unsigned int c;

	(void)unused;
	for (c = 0; c < 3; c++) {
		struct zdedup *zd = model_new("always", "xxh64",
					      compressor[c]);

		page_make(scribbled, PAGE_TEXT, 1);
		ambush(&a, zd, ZDEDUP_NR_STAGES, ZDEDUP_STAGE_COMPRESS,
		       scribble);
		assert_int_equal(zdedup_store(zd, at(0, 0), 0, scribbled,
					      NULL), 0);
		ambush_over(&a);
		memcpy(stored, scribbled, PAGE);
		assert_false(put(zd, 1, text(1)).shared);
		assert_int_equal(model_stats(zd).false_positives, 1);
		assert_int_equal(model_stats(zd).hits, 0);
		model_assert_sharing(zd, 0, 0, 2);
		get(zd, 0, stored);
		get(zd, 1, text(1));
		model_end(zd);
	}
}

static void store_the_twin(struct zdedup *zd)
{
	uint8_t page[PAGE];

	page_make(page, PAGE_TEXT, 1);
	assert_int_equal(zdedup_store(zd, at(0, 1), 0, page, NULL), 0);
}

/* Two stores of one page both look in vain, and both insert. */
static void samsung_racing_stores_both_miss(void **unused)
{
	struct zdedup *zd = model_sharing();
	struct zdedup_result r;
	struct zdedup_stats s;
	struct ambush a;

	(void)unused;
	/* it has looked, and has not compressed yet */
	ambush(&a, zd, ZDEDUP_STAGE_LOOKUP, ZDEDUP_STAGE_OTHER,
	       store_the_twin);
	assert_int_equal(zdedup_store(zd, at(0, 0), 0, text(1), &r), 0);
	ambush_over(&a);
	assert_true(r.shared);
	s = model_stats(zd);
	assert_int_equal(s.dup_races, 1);
	assert_int_equal(s.hits, 0);
	model_assert_sharing(zd, 1, 1, 0);
	get(zd, 0, text(1));
	get(zd, 1, text(1));
	model_end(zd);
}

/* Last, so that it speaks for all of the above. */
static void no_allocation_is_left(void **unused)
{
	(void)unused;
	assert_int_equal(compat_nr_allocated(), 0);
	assert_int_equal(compat_nr_warnings(), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(commit_04fc7816089c_stale_entry_written_back),
		cmocka_unit_test(cve_2025_21693_context_freed_under_use),
		cmocka_unit_test(commit_25cd241408a2_load_drops_the_only_copy),
		cmocka_unit_test(commit_25cd241408a2_load_of_one_of_many),
		cmocka_unit_test(check_old_refused_store_leaves_the_older_entry),
		cmocka_unit_test(commit_85b325815b56_free_and_compaction),
		cmocka_unit_test(zsmalloc_migration_of_what_is_read),
		cmocka_unit_test(lru_2023_list_del_corruption),
		cmocka_unit_test(commit_88ca9f019597_free_during_reclaim),
		cmocka_unit_test(shmem_2026_range_over_a_tree_boundary),
		cmocka_unit_test(samsung_object_leaks_without_a_handle),
		cmocka_unit_test(samsung_slot_that_is_taken),
		cmocka_unit_test(samsung_count_of_sharers_wraps),
		cmocka_unit_test(samsung_compare_under_a_spinlock),
		cmocka_unit_test(samsung_bad_candidate),
		cmocka_unit_test(samsung_racing_stores_both_miss),
		cmocka_unit_test(no_allocation_is_left),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
