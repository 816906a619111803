/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The policies that look among what is stored (lib/dedup/scan.c): ksm and fold
 *
 * Most cases store under "none" and then switch, so that what is scanned is there
 * before the first scan. With every=1 an event that changes nothing is a scan, and
 * with fewer entries than pages=100 that is a pass.
 */
#include <pthread.h>
#include <sched.h>

#include <linux/list.h>
#include <linux/slab.h>

#include "model.h"

#include "dedup/dedup.h"
#include "env/env.h"

#define EMPTY_SLOT (MODEL_SLOTS - 1)

/* @n events that change nothing. */
static void tick(struct zdedup *zd, unsigned int n)
{
	while (n--) {
		assert_int_equal(zdedup_invalidate(zd, at(0, EMPTY_SLOT)),
				 -ENOENT);
		model_check(zd);
	}
}

static void set_dedup(struct zdedup *zd, const char *word)
{
	assert_int_equal(zdedup_set_dedup(zd, word, NULL), 0);
	model_check(zd);
}

static struct zdedup_config config_with(const char *compare, const char *charge,
					const char *writeback)
{
	struct zdedup_config config;

	zdedup_config_init(&config);
	config.compare = compare;
	config.charge = charge;
	config.writeback = writeback;
	config.verify = true;
	if (!strcmp(compare, "trust"))
		config.hash = "siphash-2-4-128";
	return config;
}

/* Has stored text(1) in @nr slots from 0 on under "none", then the policy. */
static struct zdedup *twins_with(const struct zdedup_config *config,
				 unsigned int nr, const char *policy)
{
	struct zdedup *zd = model_create(config);
	unsigned int i;

	for (i = 0; i < nr; i++)
		put(zd, i, text(1));
	set_dedup(zd, policy);
	return zd;
}

static struct zdedup *twins(unsigned int nr, const char *policy)
{
	struct zdedup_config config = config_with("bytes", "full", "sole");

	return twins_with(&config, nr, policy);
}

static void get_twins(struct zdedup *zd, unsigned int first, unsigned int nr)
{
	unsigned int i;

	for (i = first; i < first + nr; i++)
		get(zd, i, text(1));
}

/*------------------------------------------------------------ gate and trees */

static void ksm_merges_at_the_second_visit(void **unused)
{
	struct zdedup *zd = twins(3, "ksm:every=1");
	uint64_t length = model_stats(zd).payload_bytes / 3;
	struct zdedup_stats s;

	(void)unused;
	tick(zd, 1);
	s = model_stats(zd);
	assert_int_equal(s.pages_scanned, 3);
	assert_int_equal(s.full_scans, 1);
	assert_int_equal(s.lookups, 0);
	model_assert_sharing(zd, 0, 0, 3);
	tick(zd, 1);
	s = model_stats(zd);
	assert_int_equal(s.pages_scanned, 6);
	assert_int_equal(s.full_scans, 2);
	assert_int_equal(s.lookups, 3);
	assert_int_equal(s.candidates, 2);
	assert_int_equal(s.compares, 2);
	assert_int_equal(s.hits, 2);
	assert_int_equal(s.payload_bytes, length);
	model_assert_sharing(zd, 1, 2, 0);
	/* what is in the stable tree is not looked up again */
	tick(zd, 2);
	assert_int_equal(model_stats(zd).lookups, 3);
	assert_int_equal(model_stats(zd).pages_scanned, 12);
	get_twins(zd, 0, 3);
	model_end(zd);
}

/* One that comes later joins the stable tree, after its gate. */
static void ksm_joins_the_stable_tree(void **unused)
{
	struct zdedup *zd = twins(2, "ksm:every=1");

	(void)unused;
	tick(zd, 2);
	assert_false(put(zd, 2, text(1)).shared);
	model_assert_sharing(zd, 1, 1, 1);
	tick(zd, 1);
	model_assert_sharing(zd, 1, 2, 0);
	/* sole sharers are found there as well */
	drop(zd, 0);
	drop(zd, 1);
	model_assert_sharing(zd, 0, 0, 1);
	put(zd, 3, text(1));
	tick(zd, 1);
	model_assert_sharing(zd, 1, 1, 0);
	get_twins(zd, 2, 2);
	model_end(zd);
}

static void unstable_tree_is_dropped_after_each_pass(void **unused)
{
	struct zdedup *zd = model_new("none", "xxh64", "lz4");
	const struct zswap_scan *scan = &zd->zs.dedup.scan;
	unsigned int i, round;

	(void)unused;
	for (i = 0; i < 4; i++)
		put(zd, i, text(i));
	set_dedup(zd, "ksm:pages=1:every=1");
	/* four entries, and the end of the pass */
	tick(zd, 5);
	assert_int_equal(model_stats(zd).full_scans, 1);
	assert_int_equal(scan->nr_unstable, 0);
	for (round = 2; round < 4; round++) {
		for (i = 1; i <= 4; i++) {
			tick(zd, 1);
			assert_int_equal(scan->nr_unstable, i);
		}
		tick(zd, 1);
		assert_int_equal(scan->nr_unstable, 0);
		assert_int_equal(model_stats(zd).full_scans, round);
	}
	assert_int_equal(model_stats(zd).hits, 0);
	/* a change of policy, even to the same, begins anew */
	tick(zd, 2);
	assert_int_equal(scan->nr_unstable, 2);
	set_dedup(zd, "ksm:pages=1:every=1");
	assert_int_equal(scan->nr_unstable, 0);
	tick(zd, 3);
	assert_int_equal(scan->nr_unstable, 3);
	model_end(zd);
}

/* What is stored again between two visits begins anew, equal or not. */
static void an_overwritten_slot_begins_anew(void **unused)
{
	struct zdedup *zd = twins(2, "ksm:every=1");

	(void)unused;
	tick(zd, 1);
	set_dedup(zd, "none");
	put(zd, 0, text(1));
	set_dedup(zd, "ksm:every=1");
	tick(zd, 1);
	/* slot 1 alone passed the gate */
	assert_int_equal(model_stats(zd).lookups, 1);
	model_assert_sharing(zd, 0, 0, 2);
	tick(zd, 1);
	model_assert_sharing(zd, 1, 1, 0);
	get_twins(zd, 0, 2);
	model_end(zd);
}

/* Slot 0 is in the unstable tree when it gets another page, or goes. */
static void a_stale_node_is_no_candidate(void **unused)
{
	const uint8_t *other;
	unsigned int way;

	(void)unused;
	for (way = 0; way < 3; way++) {
		struct zdedup *zd = twins(2, "ksm:pages=1:every=1");

		tick(zd, 4);
		assert_int_equal(zd->zs.dedup.scan.nr_unstable, 1);
		/* each of these is the event at which slot 1 is looked up */
		if (way == 0)
			put(zd, 0, text(2));
		else if (way == 1)
			put(zd, 0, text(1));
		else
			drop(zd, 0);
		assert_int_equal(model_stats(zd).lookups, 2);
		assert_int_equal(model_stats(zd).candidates, 0);
		assert_int_equal(model_stats(zd).hits, 0);
		/* slot 1 stands there alone now */
		assert_int_equal(zd->zs.dedup.scan.nr_unstable, 1);
		other = way == 0 ? text(2) : text(1);
		if (way < 2)
			get(zd, 0, other);
		get(zd, 1, text(1));
		model_end(zd);
	}
}

/* Equal digests of other pages, on both trees; each of them is one compare. */
static void trees_compare_what_they_find(void **unused)
{
	struct zdedup *zd = model_new("none", "xxh64:bits=0", "lz4");
	struct zdedup_stats s;
	unsigned int i;

	(void)unused;
	for (i = 0; i < 3; i++)
		put(zd, i, text(i));
	set_dedup(zd, "ksm:every=1");
	tick(zd, 2);
	s = model_stats(zd);
	assert_int_equal(s.compares, 0 + 1 + 2);
	assert_int_equal(s.false_positives, 3);
	assert_int_equal(s.hits, 0);
	set_dedup(zd, "none");
	for (i = 3; i < 6; i++)
		put(zd, i, text(i - 3));
	set_dedup(zd, "ksm:every=1");
	tick(zd, 2);
	model_assert_sharing(zd, 3, 3, 0);
	for (i = 0; i < 6; i++)
		get(zd, i, text(i % 3));
	model_end(zd);
}

/* However many are alike, one entry is compared with a few. */
static void candidates_are_bounded(void **unused)
{
	struct zdedup *zd = model_new("none", "xxh64:bits=0", "lz4");
	struct zdedup_stats s;
	unsigned int i;

	(void)unused;
	for (i = 0; i < 40; i++)
		put(zd, i, text(i));
	set_dedup(zd, "ksm:every=1");
	tick(zd, 2);
	s = model_stats(zd);
	assert_int_equal(s.lookups, 40);
	assert_int_equal(s.compares, 28 + 32 * ZDEDUP_CANDIDATES_MAX);
	model_end(zd);
}

/* selftests/mm/ksm_tests -M: p equal pages, at most m sharers */
static void sharers_are_capped(void **unused)
{
	unsigned int m, p, shared, sharing;
	char word[64];

	(void)unused;
	for (m = 2; m <= 5; m++) {
		for (p = 0; p <= 3 * m + 2; p++) {
			struct zdedup *zd;

			snprintf(word, sizeof(word),
				 "ksm:every=1:sharers=%u", m);
			zd = twins(p, word);
			tick(zd, 3);
			shared = p % m <= 1 ? p / m : p / m + 1;
			sharing = p % m <= 1 ? shared * (m - 1) : p - shared;
			model_assert_sharing(zd, shared, sharing, p % m == 1);
			get_twins(zd, 0, p);
			model_end(zd);
		}
	}
}

/* A scan goes on where the last one stopped, whatever has gone meanwhile. */
static void the_cursor_survives_what_goes(void **unused)
{
	struct zdedup *zd = model_new("none", "xxh64", "lz4");
	unsigned int i;

	(void)unused;
	for (i = 0; i < 8; i++)
		put(zd, i, text(i / 2));
	set_dedup(zd, "ksm:pages=3:every=1");
	tick(zd, 1);
	/* the one that comes next, and one that was seen: two events, two scans */
	drop(zd, 3);
	drop(zd, 0);
	/* 0, 1, 2; 4, 5, 6; 7 and the end */
	assert_int_equal(model_stats(zd).pages_scanned, 7);
	assert_int_equal(model_stats(zd).full_scans, 1);
	tick(zd, 3);
	assert_int_equal(model_stats(zd).full_scans, 2);
	model_assert_sharing(zd, 2, 2, 2);
	model_end(zd);
}

/* An event is a page stored, a load, or an invalidate; of a folio each page. */
static void events_are_counted(void **unused)
{
	struct zdedup *zd = model_new("ksm:pages=1:every=10", "xxh64", "lz4");
	uint8_t pages[8 * PAGE];
	unsigned int i;

	(void)unused;
	for (i = 0; i < 8; i++)
		page_make(pages + i * PAGE, PAGE_TEXT, i);
	assert_int_equal(zdedup_store_folio(zd, at(0, 0), 0, pages, 8, NULL),
			 0);
	tick(zd, 1);
	assert_int_equal(model_stats(zd).pages_scanned, 0);
	get(zd, 0, text(0));
	assert_int_equal(model_stats(zd).pages_scanned, 1);
	tick(zd, 9);
	assert_int_equal(model_stats(zd).pages_scanned, 1);
	put(zd, 0, text(0));
	assert_int_equal(model_stats(zd).pages_scanned, 2);
	/* an empty pool is no pass */
	model_end(zd);
	zd = model_new("ksm:every=1", "xxh64", "lz4");
	tick(zd, 5);
	assert_int_equal(model_stats(zd).full_scans, 0);
	model_end(zd);
}

/*------------------------------------------------------------- what is merged */

static void raw_pages_are_merged(void **unused)
{
	static const char *const policy[] = { "ksm:every=1", "fold:every=1" };
	struct zdedup *zd;
	unsigned int p;

	(void)unused;
	for (p = 0; p < 2; p++) {
		zd = model_new("none", "xxh64", "lz4");
		put(zd, 0, noise(1));
		put(zd, 1, noise(1));
		put(zd, 2, noise(2));
		set_dedup(zd, policy[p]);
		tick(zd, 2);
		model_assert_sharing(zd, 1, 1, 1);
		assert_int_equal(model_stats(zd).stored_incompressible_pages,
				 3);
		assert_int_equal(model_stats(zd).payload_bytes, 2 * PAGE);
		get(zd, 0, noise(1));
		get(zd, 1, noise(1));
		get(zd, 2, noise(2));
		model_end(zd);
	}
}

static void each_compare_finds_them(void **unused)
{
	static const char *const compare[] = { "bytes", "compressed", "trust" };
	static const char *const policy[] = { "ksm:every=1", "fold:every=1" };
	struct zdedup_config config;
	struct zdedup *zd;
	unsigned int c, p;

	(void)unused;
	for (c = 0; c < 3; c++) {
		for (p = 0; p < 2; p++) {
			config = config_with(compare[c], "full", "sole");
			zd = twins_with(&config, 3, policy[p]);
			put(zd, 3, page_of(PAGE_NEAR, 8));
			tick(zd, 2);
			model_assert_sharing(zd, 1, 2, 1);
			get_twins(zd, 0, 3);
			get(zd, 3, page_of(PAGE_NEAR, 8));
			model_end(zd);
		}
	}
}

/* Another compressor's are another pool's: as for stores, they are apart. */
static void pools_are_kept_apart(void **unused)
{
	struct zdedup *zd = twins(2, "none");

	(void)unused;
	assert_int_equal(zdedup_set_compressor(zd, "zstd", NULL), 0);
	put(zd, 2, text(1));
	put(zd, 3, text(1));
	set_dedup(zd, "ksm:every=1");
	tick(zd, 3);
	model_assert_sharing(zd, 2, 2, 0);
	get_twins(zd, 0, 4);
	model_end(zd);
}

/* What was shared by stores is the stable tree. */
static void follows_an_inline_policy(void **unused)
{
	struct zdedup *zd = twins(1, "always");

	(void)unused;
	put(zd, 1, text(1));
	assert_true(put(zd, 2, text(1)).shared);
	set_dedup(zd, "ksm:every=1");
	tick(zd, 2);
	model_assert_sharing(zd, 1, 2, 0);
	/* and what it merges is found by stores */
	set_dedup(zd, "none");
	put(zd, 3, text(2));
	put(zd, 4, text(2));
	set_dedup(zd, "ksm:every=1");
	tick(zd, 2);
	set_dedup(zd, "always");
	assert_true(put(zd, 5, text(2)).shared);
	get_twins(zd, 0, 3);
	model_end(zd);
}

static void full_charges_stay(void **unused)
{
	struct zdedup *zd = model_new("none", "xxh64", "lz4");
	uint64_t before;

	(void)unused;
	assert_int_equal(zdedup_memcg_add(zd, 1, 0), 0);
	put(zd, 0, text(1));
	put_at(zd, at(0, 1), 1, text(1));
	before = model_memcg(zd, 1).zswap_bytes;
	assert_int_not_equal(before, 0);
	set_dedup(zd, "ksm:every=1");
	tick(zd, 2);
	model_assert_sharing(zd, 1, 1, 0);
	assert_int_equal(model_memcg(zd, 1).zswap_bytes, before);
	assert_int_equal(model_memcg(zd, 0).zswap_bytes, 2 * before);
	assert_int_equal(model_memcg(zd, 0).zswapped, 2);
	model_end(zd);
}

static void other_charges_are_shared_out(void **unused)
{
	static const char *const charge[] = { "first", "split" };
	struct zdedup_config config;
	struct zdedup *zd;
	uint64_t length;
	unsigned int c;

	(void)unused;
	for (c = 0; c < 2; c++) {
		config = config_with("bytes", charge[c], "sole");
		zd = model_create(&config);
		assert_int_equal(zdedup_memcg_add(zd, 1, 0), 0);
		assert_int_equal(zdedup_memcg_add(zd, 2, 0), 0);
		put_at(zd, at(0, 0), 1, text(1));
		put_at(zd, at(0, 1), 2, text(1));
		length = model_stats(zd).payload_bytes / 2;
		set_dedup(zd, "ksm:every=1");
		tick(zd, 2);
		model_assert_sharing(zd, 1, 1, 0);
		assert_int_equal(model_memcg(zd, 0).zswap_bytes, length);
		assert_int_equal(model_memcg(zd, 0).zswapped, 2);
		/* the one that was there first */
		assert_in_range(model_memcg(zd, 1).zswap_bytes,
				c ? length / 2 : length,
				c ? length / 2 + 1 : length);
		drop(zd, 0);
		assert_int_equal(model_memcg(zd, 2).zswap_bytes, length);
		get(zd, 1, text(1));
		model_end(zd);
	}
}

static void merged_contents_are_written_back(void **unused)
{
	static const char *const mode[] = { "sole", "rotate", "all" };
	struct zdedup_config config;
	struct zdedup *zd;
	unsigned int m, i;

	(void)unused;
	for (m = 0; m < 3; m++) {
		config = config_with("bytes", "full", mode[m]);
		zd = twins_with(&config, 3, "ksm:every=1");
		tick(zd, 2);
		model_assert_sharing(zd, 1, 2, 0);
		set_dedup(zd, "none");
		assert_int_equal(zdedup_writeback(zd, at(0, 1)),
				 m ? 0 : -EBUSY);
		model_check(zd);
		/* a pool of no page at all: reclaim takes what the mode lets it */
		zdedup_set_limits(zd, 1, 0, 0);
		for (i = 0; i < 8; i++)
			zdedup_shrink(zd);
		model_check(zd);
		assert_int_equal(model_stats(zd).stored_pages, m ? 0 : 3);
		get_twins(zd, 0, 3);
		model_end(zd);
	}
}

/* A place in the LRU is the slot's: merging does not touch it. */
static void the_lru_stays(void **unused)
{
	struct zdedup_config config = config_with("bytes", "full", "rotate");
	struct zdedup *zd = twins_with(&config, 2, "ksm:every=1");
	struct list_head *lru = &zd->zs.ops->lru(zd, memcg_find(zd, 0))->list;
	struct zswap_entry *first;

	(void)unused;
	first = list_first_entry(lru, struct zswap_entry, lru);
	first->referenced = false;
	tick(zd, 2);
	model_assert_sharing(zd, 1, 1, 0);
	assert_ptr_equal(list_first_entry(lru, struct zswap_entry, lru), first);
	assert_false(first->referenced);
	assert_int_equal(swp_offset(first->swpentry), 0);
	model_end(zd);
}

/*----------------------------------------------------------------------- fold */

static void fold_merges_in_one_pass(void **unused)
{
	struct zdedup *zd = twins(3, "fold:every=4");
	struct zdedup_stats s;
	unsigned int i;

	(void)unused;
	for (i = 3; i < 200; i++)
		assert_int_equal(zdedup_store(zd, at(0, i), 0, text(2 + i % 90),
					      NULL), 0);
	s = model_stats(zd);
	/* 197 stores: 49 passes */
	assert_int_equal(s.full_scans, 49);
	tick(zd, 3);
	assert_int_equal(zd->zs.dedup.scan.nr_unstable, 0);
	model_assert_sharing(zd, 91, 109, 0);
	get_twins(zd, 0, 3);
	for (i = 3; i < 200; i++)
		get(zd, i, text(2 + i % 90));
	model_end(zd);
}

/* It looks at what is stored: nothing is decompressed, nor are pages hashed. */
static unsigned int decompressions;
static const struct zcomp_ops *real_comp;
static void (*on_decompress)(void);

static int counted_decompress(void *ctx, const void *src, unsigned int slen,
			      void *dst)
{
	decompressions++;
	if (on_decompress)
		on_decompress();
	return real_comp->decompress(ctx, src, slen, dst);
}

static void watch_decompress(struct zdedup *zd, struct zcomp_ops *comp)
{
	struct zswap_pool *pool = list_first_entry(&zd->zs.pools,
						   struct zswap_pool, list);

	real_comp = pool->comp;
	*comp = *real_comp;
	comp->decompress = counted_decompress;
	pool->comp = comp;
	decompressions = 0;
}

static void watch_over(struct zdedup *zd)
{
	list_first_entry(&zd->zs.pools, struct zswap_pool, list)->comp =
		real_comp;
	on_decompress = NULL;
}

static void fold_decompresses_nothing(void **unused)
{
	static const char *const policy[] = { "fold:every=1", "ksm:every=1" };
	struct zcomp_ops comp;
	struct zdedup *zd;
	unsigned int p;

	(void)unused;
	for (p = 0; p < 2; p++) {
		zd = twins(2, policy[p]);
		watch_decompress(zd, &comp);
		tick(zd, 1);
		/* two to be digested; then two to be compared */
		assert_int_equal(decompressions, p ? 2 : 0);
		tick(zd, 1);
		assert_int_equal(decompressions, p ? 4 : 0);
		model_assert_sharing(zd, 1, 1, 0);
		watch_over(zd);
		get_twins(zd, 0, 2);
		model_end(zd);
	}
}

/* Digests of what is stored are no digests of pages: each policy makes its own. */
static void switches_between_fold_and_ksm(void **unused)
{
	struct zdedup *zd = twins(2, "fold:every=1");

	(void)unused;
	tick(zd, 1);
	model_assert_sharing(zd, 1, 1, 0);
	set_dedup(zd, "none");
	put(zd, 2, text(2));
	set_dedup(zd, "fold:every=1");
	tick(zd, 1);
	set_dedup(zd, "none");
	put(zd, 3, text(2));
	set_dedup(zd, "ksm:every=1");
	/* slot 2 was scanned, but not digested as ksm has it */
	tick(zd, 1);
	assert_int_equal(model_stats(zd).lookups, 3);
	tick(zd, 1);
	model_assert_sharing(zd, 2, 2, 0);
	/* --verify asks for the digest of pages: of those that have one */
	get_twins(zd, 0, 2);
	get(zd, 2, text(2));
	get(zd, 3, text(2));
	model_end(zd);
}

/*--------------------------------------------------------------- what it costs */

static void metadata_is_counted(void **unused)
{
	struct zdedup *zd = model_new("ksm:every=1000", "xxh64", "lz4");
	unsigned int i;

	(void)unused;
	assert_int_equal(model_stats(zd).dedup_metadata_bytes, 0);
	for (i = 0; i < 4; i++)
		put(zd, i, text(i / 2));
	assert_int_equal(model_stats(zd).dedup_metadata_bytes, 0);
	set_dedup(zd, "ksm:every=1");
	tick(zd, 1);
	/* an rmap_item each */
	assert_int_equal(model_stats(zd).dedup_metadata_bytes, 4 * 64);
	tick(zd, 1);
	/* and two stable nodes */
	assert_int_equal(model_stats(zd).dedup_metadata_bytes, 6 * 64);
	drop(zd, 0);
	assert_int_equal(model_stats(zd).dedup_metadata_bytes, 5 * 64);
	drop(zd, 1);
	assert_int_equal(model_stats(zd).dedup_metadata_bytes, 3 * 64);
	model_end(zd);

	zd = twins(4, "fold:every=1");
	assert_int_equal(model_stats(zd).dedup_metadata_bytes, 255 * 8);
	put(zd, 4, text(2));
	assert_int_equal(model_stats(zd).dedup_metadata_bytes, 255 * 8 + 40);
	model_end(zd);
}

static void stage_of_a_scan(void *data, enum zdedup_stage stage)
{
	enum zdedup_stage *seen = data;

	/* nothing of what happens in a scan is a store's */
	if (stage != ZDEDUP_STAGE_OTHER)
		*seen = stage;
}

static void a_scan_is_one_stage(void **unused)
{
	struct zdedup *zd = twins(3, "ksm:every=1");
	enum zdedup_stage seen = ZDEDUP_STAGE_OTHER;

	(void)unused;
	zdedup_set_stage_hook(zd, stage_of_a_scan, &seen);
	tick(zd, 2);
	zdedup_set_stage_hook(zd, NULL, NULL);
	model_assert_sharing(zd, 1, 2, 0);
	assert_int_equal(seen, ZDEDUP_STAGE_SCAN);
	model_end(zd);
}

/*------------------------------------------------------------------ with others */

static struct zdedup *raced;
static int race_left;	/* decompressions until it is time; -1: it was */

static void drop_0_and_1(void)
{
	if (race_left < 0 || race_left--)
		return;
	assert_int_equal(zdedup_invalidate(raced, at(0, 0)), 0);
	assert_int_equal(zdedup_invalidate(raced, at(0, 1)), 0);
}

/* All sharers of the stable content go while it is compared with. */
static void the_stable_content_leaves(void **unused)
{
	struct zdedup *zd = twins(2, "ksm:every=1");
	struct zcomp_ops comp;

	(void)unused;
	tick(zd, 2);
	model_assert_sharing(zd, 1, 1, 0);
	set_dedup(zd, "none");
	put(zd, 2, text(1));
	set_dedup(zd, "ksm:every=1");
	tick(zd, 1);
	raced = zd;
	race_left = 1;
	on_decompress = drop_0_and_1;
	watch_decompress(zd, &comp);
	tick(zd, 1);
	watch_over(zd);
	assert_int_equal(race_left, -1);
	assert_int_equal(model_stats(zd).hits, 1);
	model_assert_sharing(zd, 0, 0, 1);
	get(zd, 2, text(1));
	model_end(zd);
}

static void *load_a_slot(void *data)
{
	uint64_t slot = *(uint64_t *)data;
	uint8_t page[PAGE];

	if (zdedup_load(raced, at(0, slot), page, NULL) ||
	    memcmp(page, data + sizeof(slot), PAGE))
		return data;
	return NULL;
}

static pthread_t loader;
static struct {
	uint64_t slot;
	uint8_t page[PAGE];
} loaded;

static void load_in_a_thread(void)
{
	unsigned int i;

	if (race_left < 0 || race_left--)
		return;
	assert_int_equal(pthread_create(&loader, NULL, load_a_slot, &loaded),
			 0);
	/* it has the time to go wrong */
	for (i = 0; i < 1000; i++)
		sched_yield();
}

/* A load of either slot between the compare and the merge: it waits for its slot. */
static void a_load_meets_a_merge(void **unused)
{
	struct zcomp_ops comp;
	void *wrong;

	(void)unused;
	for (loaded.slot = 0; loaded.slot < 2; loaded.slot++) {
		struct zdedup *zd = twins(2, "ksm:every=1");

		tick(zd, 1);
		page_make(loaded.page, PAGE_TEXT, 1);
		raced = zd;
		race_left = 1;
		on_decompress = load_in_a_thread;
		watch_decompress(zd, &comp);
		assert_int_equal(zdedup_invalidate(zd, at(0, EMPTY_SLOT)),
				 -ENOENT);
		assert_int_equal(race_left, -1);
		pthread_join(loader, &wrong);
		watch_over(zd);
		assert_null(wrong);
		model_check(zd);
		assert_int_equal(model_stats(zd).hits, 1);
		model_assert_sharing(zd, 0, 0, 1);
		get(zd, !loaded.slot, text(1));
		model_end(zd);
	}
}

/* A slot that is busy is left alone; it is for the next pass. */
static void a_busy_slot_is_passed_over(void **unused)
{
	struct zdedup *zd = twins(3, "ksm:every=1");

	(void)unused;
	tick(zd, 1);
	swap_lock(zd->device[0], 0);
	tick(zd, 1);
	model_assert_sharing(zd, 1, 1, 1);
	swap_unlock(zd->device[0], 0);
	tick(zd, 1);
	model_assert_sharing(zd, 1, 2, 0);
	model_end(zd);

	/* and so is one that is in the unstable tree */
	zd = twins(2, "ksm:pages=1:every=1");
	tick(zd, 4);
	assert_int_equal(zd->zs.dedup.scan.nr_unstable, 1);
	swap_lock(zd->device[0], 0);
	tick(zd, 1);
	swap_unlock(zd->device[0], 0);
	assert_int_equal(zd->zs.dedup.scan.nr_unstable, 2);
	model_assert_sharing(zd, 0, 0, 2);
	tick(zd, 4);
	model_assert_sharing(zd, 1, 1, 0);
	model_end(zd);
}

static void a_device_goes_with_its_nodes(void **unused)
{
	struct zdedup *zd = model_new("none", "xxh64", "lz4");

	(void)unused;
	assert_int_equal(zdedup_swapon(zd, 1, 64), 0);
	put_at(zd, at(1, 0), 0, text(1));
	put_at(zd, at(1, 1), 0, text(2));
	put(zd, 0, text(3));
	set_dedup(zd, "ksm:pages=1:every=1");
	tick(zd, 4 + 3);
	assert_int_equal(zd->zs.dedup.scan.nr_unstable, 3);
	assert_int_equal(zdedup_swapoff(zd, 1), 0);
	model_check(zd);
	assert_int_equal(zd->zs.dedup.scan.nr_unstable, 1);
	tick(zd, 8);
	get(zd, 0, text(3));
	model_end(zd);
}

/* Without memory for a node an entry waits for the next pass. */
static void no_memory_for_a_node(void **unused)
{
	struct zdedup *zd = twins(2, "ksm:every=1");
	struct zswap_scan *scan = &zd->zs.dedup.scan;

	(void)unused;
	tick(zd, 1);
	/* the folio of the slot, then the node */
	compat_fail_alloc(2, false);
	tick(zd, 1);
	assert_true(compat_fail_happened());
	compat_fail_alloc(0, false);
	assert_int_equal(scan->nr_unstable, 0);
	model_assert_sharing(zd, 0, 0, 2);
	tick(zd, 1);
	model_assert_sharing(zd, 1, 1, 0);
	model_end(zd);
}

static int fail_decompress(void *ctx, const void *src, unsigned int slen,
			   void *dst)
{
	(void)ctx;
	(void)src;
	(void)slen;
	(void)dst;
	return -EINVAL;
}

/* What cannot be read is not scanned: it is neither looked up nor counted. */
static void a_damaged_content_is_left(void **unused)
{
	struct zdedup *zd = twins(2, "ksm:every=1");
	struct zcomp_ops comp;

	(void)unused;
	watch_decompress(zd, &comp);
	comp.decompress = fail_decompress;
	tick(zd, 2);
	watch_over(zd);
	assert_int_equal(model_stats(zd).decompress_fail, 4);
	assert_int_equal(model_stats(zd).lookups, 0);
	assert_int_equal(model_stats(zd).dedup_metadata_bytes, 0);
	tick(zd, 2);
	model_assert_sharing(zd, 1, 1, 0);
	get_twins(zd, 0, 2);
	model_end(zd);
}

/* 6.1: a freed slot that waits is in no one's reach. */
static void waiting_slots_are_passed_over(void **unused)
{
	struct zdedup_config config = config_with("bytes", "full", "sole");
	struct zdedup *zd;

	(void)unused;
	config.kernel = "6.1";
	config.zpool = "zsmalloc";
	zd = twins_with(&config, 3, "none");
	drop(zd, 1);
	set_dedup(zd, "ksm:every=1");
	tick(zd, 3);
	/* slots 0 and 2; that of slot 1 waits, by itself */
	model_assert_sharing(zd, 1, 1, 1);
	model_end(zd);
}

/*-------------------------------------------------------------- without bytes */

/* The same calls to a model with bytes and one without: all counters are equal. */
static void compare_without_bytes(const char *policy, const char *hash,
				  const char *kernel)
{
	struct zdedup_config config;
	struct zdedup_facts facts;
	struct zdedup *zd, *bare;
	struct zdedup_stats a, b;
	uint64_t rng = 11, slot;
	unsigned int i;

	zdedup_config_init(&config);
	config.dedup = policy;
	config.hash = hash;
	config.kernel = kernel;
	zd = model_create(&config);
	config.lengths_only = true;
	bare = model_create(&config);
	for (i = 0; i < 3000; i++) {
		unsigned int what = rng_below(&rng, 8), seed;
		const uint8_t *page;

		slot = rng_below(&rng, 200);
		seed = rng_below(&rng, 60);
		if (what < 5) {
			page = page_of(seed % 5 ? PAGE_NEAR : PAGE_NOISE, seed);
			zdedup_page_facts(zd, page, &facts);
			facts.identity = seed;
			assert_int_equal(zdedup_store(zd, at(0, slot), 0, page,
						      NULL), 0);
			assert_int_equal(zdedup_store_facts(bare, at(0, slot),
							    0, &facts, 1, NULL),
					 0);
		} else if (what < 7) {
			uint8_t got[PAGE];

			assert_int_equal(zdedup_load(zd, at(0, slot), got, NULL),
					 zdedup_load(bare, at(0, slot), NULL,
						     NULL));
		} else {
			assert_int_equal(zdedup_invalidate(zd, at(0, slot)),
					 zdedup_invalidate(bare, at(0, slot)));
		}
		zdedup_get_stats(zd, &a);
		zdedup_get_stats(bare, &b);
		if (memcmp(&a, &b, sizeof(a)))
			fail_msg("%s %s: other counters after %u calls", policy,
				 hash, i);
		if (i % 50 == 0) {
			model_check(zd);
			model_check(bare);
		}
	}
	assert_int_not_equal(a.hits, 0);
	model_end(zd);
	model_end(bare);
}

static void without_bytes_all_is_the_same(void **unused)
{
	static const char *const policy[] = { "ksm:pages=7:every=3",
					      "fold:every=40" };
	static const char *const hash[] = { "xxh64", "xxh64:bits=5", "crc32c" };
	static const char *const kernel[] = { "7.2", "6.12" };
	unsigned int p, h, k;

	(void)unused;
	for (p = 0; p < 2; p++)
		for (h = 0; h < 3; h++)
			for (k = 0; k < 2; k++)
				compare_without_bytes(policy[p], hash[h],
						      kernel[k]);
}

/*---------------------------------------------------------------------- check */

static void assert_broken(struct zdedup *zd, const char *rule)
{
	char why[ZDEDUP_WHY_MAX] = "";

	assert_int_equal(zdedup_check(zd, why), -EUCLEAN);
	if (strncmp(why, rule, strlen(rule)))
		fail_msg("not %s: %s", rule, why);
}

static void check_finds_what_is_broken(void **unused)
{
	struct zdedup *zd = model_new("none", "xxh64", "lz4");
	struct zswap_scan *scan = &zd->zs.dedup.scan;
	struct zswap_entry *entry;
	unsigned int i;

	(void)unused;
	for (i = 0; i < 4; i++)
		put(zd, i, text(i));
	set_dedup(zd, "ksm:pages=1:every=1");
	tick(zd, 5 + 4);
	assert_int_equal(scan->nr_unstable, 4);
	entry = zswap_find(&zd->zs, swp_entry(0, 2));

	scan->nr_unstable--;
	assert_broken(zd, "Q2");
	scan->nr_unstable++;
	atomic_long_inc(&scan->scanned);
	assert_broken(zd, "Q1");
	atomic_long_dec(&scan->scanned);
	entry->content->digest++;
	assert_broken(zd, "Q3");
	entry->content->digest--;
	model_check(zd);
	model_end(zd);
}

static void no_allocation_is_left(void **unused)
{
	(void)unused;
	assert_int_equal(compat_nr_allocated(), 0);
	assert_int_equal(compat_nr_warnings(), 0);
}

#define T(f) cmocka_unit_test(f)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(ksm_merges_at_the_second_visit),
		T(ksm_joins_the_stable_tree),
		T(unstable_tree_is_dropped_after_each_pass),
		T(an_overwritten_slot_begins_anew),
		T(a_stale_node_is_no_candidate),
		T(trees_compare_what_they_find),
		T(candidates_are_bounded),
		T(sharers_are_capped),
		T(the_cursor_survives_what_goes),
		T(events_are_counted),
		T(raw_pages_are_merged),
		T(each_compare_finds_them),
		T(pools_are_kept_apart),
		T(follows_an_inline_policy),
		T(full_charges_stay),
		T(other_charges_are_shared_out),
		T(merged_contents_are_written_back),
		T(the_lru_stays),
		T(fold_merges_in_one_pass),
		T(fold_decompresses_nothing),
		T(switches_between_fold_and_ksm),
		T(metadata_is_counted),
		T(a_scan_is_one_stage),
		T(the_stable_content_leaves),
		T(a_load_meets_a_merge),
		T(a_busy_slot_is_passed_over),
		T(a_device_goes_with_its_nodes),
		T(no_memory_for_a_node),
		T(a_damaged_content_is_left),
		T(waiting_slots_are_passed_over),
		T(without_bytes_all_is_the_same),
		T(check_finds_what_is_broken),
		T(no_allocation_is_left),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
