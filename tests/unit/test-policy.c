/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The dedup policies: what each promises, and what all of them do (each by its
 * name from the registry, so a new one is held to it by itself)
 */
#include <pthread.h>

#include <linux/cpumask.h>
#include <linux/smp.h>

#include "model.h"

#include "dedup/dedup.h"
#include "env/env.h"
#include "registry.h"

/*------------------------------------------------------------- all policies */

static void on_each(void (*check)(const char *name))
{
	const char *name;
	unsigned int i;

	for (i = 0; (name = registry_name(REGISTRY_POLICY, i)); i++)
		check(name);
}

/* Whatever is shared, each slot gives its own bytes back, and nothing is left. */
static void keeps_bytes(const char *name)
{
	struct zdedup *zd = model_new(name, "jhash2", "lz4");
	uint64_t i, state = 7;

	for (i = 0; i < 600; i++)
		put(zd, i, page_of(PAGE_NEAR, rng_below(&state, 40)));
	state = 7;
	for (i = 0; i < 600; i++)
		get(zd, i, page_of(PAGE_NEAR, rng_below(&state, 40)));
	model_end(zd);
}

static void every_policy_keeps_bytes(void **unused)
{
	(void)unused;
	on_each(keeps_bytes);
}

/* Equal digests of other bytes are never shared, whatever a policy thinks of it. */
static void compares(const char *name)
{
	struct zdedup *zd = model_new(name, "xxh64:bits=0", "lz4");
	uint64_t i;

	for (i = 0; i < 64; i++)
		put(zd, i, text(i));
	model_assert_sharing(zd, 0, 0, 64);
	for (i = 0; i < 64; i++)
		get(zd, i, text(i));
	model_end(zd);
}

static void every_policy_compares(void **unused)
{
	(void)unused;
	on_each(compares);
}

static void out_of_memory(const char *name)
{
	struct zdedup_config config;
	char why[ZDEDUP_WHY_MAX];
	struct zdedup *zd;
	unsigned long nr;
	int err = -ENOMEM;

	zdedup_config_init(&config);
	config.dedup = name;
	for (nr = 1; err == -ENOMEM; nr++) {
		compat_fail_alloc(nr, false);
		err = zdedup_create(&config, &zd, why);
		compat_fail_alloc(0, false);
		if (err)
			assert_int_equal(compat_nr_allocated(), 0);
	}
	assert_int_equal(err, 0);
	zdedup_destroy(zd);
	assert_int_equal(compat_nr_allocated(), 0);
}

static void every_policy_fails_whole(void **unused)
{
	(void)unused;
	on_each(out_of_memory);
}

/* Switched while contents are shared: they stay so, and all goes in the end. */
static void switches_to(const char *name)
{
	struct zdedup *zd = model_new("always", "xxh64", "lz4");

	put(zd, 0, text(1));
	put(zd, 1, text(1));
	assert_int_equal(zdedup_set_dedup(zd, name, NULL), 0);
	model_assert_sharing(zd, 1, 1, 0);
	put(zd, 2, text(2));
	assert_int_equal(zdedup_set_dedup(zd, "always", NULL), 0);
	assert_true(put(zd, 3, text(1)).shared);
	get(zd, 0, text(1));
	get(zd, 2, text(2));
	model_end(zd);
}

static void every_policy_can_be_switched_to(void **unused)
{
	(void)unused;
	on_each(switches_to);
}

/*------------------------------------------------------------ second-sight */

static void second_sight_shares_from_the_third_on(void **unused)
{
	struct zdedup *zd = model_new("second-sight", "xxh64", "lz4");

	(void)unused;
	assert_false(put(zd, 0, text(1)).shared);
	assert_false(put(zd, 1, text(1)).shared);
	assert_true(put(zd, 2, text(1)).shared);
	assert_true(put(zd, 3, text(1)).shared);
	model_assert_sharing(zd, 1, 2, 1);
	/* it is the second content that is shared */
	drop(zd, 1);
	drop(zd, 2);
	assert_true(put(zd, 4, text(1)).shared);
	model_end(zd);
}

static void second_sight_indexes_no_page_seen_once(void **unused)
{
	struct zdedup *zd = model_new("second-sight:memory=64K", "xxh64",
				      "lz4");
	uint64_t before = model_stats(zd).dedup_metadata_bytes, i;
	uint64_t indexed;

	(void)unused;
	/* the filter is there from the start, and within its bound */
	assert_in_range(before, 32 << 10, (64 << 10) + 4096);
	for (i = 0; i < 2000; i++)
		put(zd, i, text(i));
	indexed = zd->zs.dedup.shareable.counter;
	/* false marks: below 4 % */
	assert_in_range(indexed, 0, 80);
	assert_int_equal(model_stats(zd).dedup_metadata_bytes,
			 before + indexed * 64);
	model_end(zd);
}

/* Two filters take turns: what was seen long ago is forgotten, not kept for ever. */
static void second_sight_forgets(void **unused)
{
	struct zdedup *zd = model_new("second-sight:memory=4K", "xxh64", "none");
	uint64_t i, seen = 0, remembered = 0;

	(void)unused;
	for (i = 0; i < 50; i++)
		put(zd, i, text(1000 + i));
	for (i = 0; i < 8000; i++)
		zdedup_store(zd, at(0, 100 + i % 100), 0, noise(i), NULL);
	for (i = 0; i < 50; i++) {
		put(zd, 50 + i, text(1000 + i));
		remembered += put(zd, i, text(1000 + i)).shared;
	}
	/* but for false marks */
	assert_in_range(remembered, 0, 8);
	/* but not of what came a moment ago */
	for (i = 0; i < 64; i++) {
		put(zd, 300, noise(20000 + i));
		put(zd, 301, noise(20000 + i));
		seen += put(zd, 302, noise(20000 + i)).shared;
	}
	assert_int_equal(seen, 64);
	model_end(zd);
}

/* A filter that is full stays until the next one is: 2048 digests at this size. */
static void second_sight_remembers_across_a_turn(void **unused)
{
	struct zdedup *zd = model_new("second-sight:memory=4K", "xxh64", "none");
	uint64_t i;

	(void)unused;
	put(zd, 0, text(1));
	for (i = 0; i < 3000; i++)
		zdedup_store(zd, at(0, 100 + i % 100), 0, noise(i), NULL);
	put(zd, 1, text(1));
	assert_true(put(zd, 2, text(1)).shared);
	model_end(zd);
}

/*---------------------------------------------------------------- adaptive */

/* LTP ksm07's thought: where nothing merges, most of the looks are saved. */
static void adaptive_stops_where_nothing_is_equal(void **unused)
{
	struct zdedup *zd = model_new("adaptive", "xxh64", "none");
	struct zdedup_stats s;
	uint64_t i;

	(void)unused;
	for (i = 0; i < 20000; i++)
		assert_int_equal(zdedup_store(zd, at(0, i % 1000), 0, noise(i),
					      NULL), 0);
	s = model_stats(zd);
	/* 1024, a rest of 4096, 256, a rest of 8192, 256 ... */
	assert_int_equal(s.lookups, 1024 + 256 + 256);
	assert_int_equal(s.hits, 0);
	model_end(zd);
}

static void adaptive_resumes(void **unused)
{
	struct zdedup *zd = model_new("adaptive", "xxh64", "none");
	uint64_t i, lookups, before;

	(void)unused;
	for (i = 0; i < 2000; i++)
		zdedup_store(zd, at(0, i % 500), 0, noise(i), NULL);
	lookups = model_stats(zd).lookups;
	assert_int_equal(lookups, 1024);
	for (i = 0; i < 8000; i++)
		zdedup_store(zd, at(0, i % 500), 0, noise(i % 16), NULL);
	before = model_stats(zd).lookups;
	for (i = 0; i < 1000; i++)
		zdedup_store(zd, at(0, i % 500), 0, noise(i % 16), NULL);
	assert_int_equal(model_stats(zd).lookups, before + 1000);
	model_check(zd);
	model_end(zd);
}

static void adaptive_goes_on_while_it_pays(void **unused)
{
	struct zdedup *zd = model_new("adaptive", "xxh64", "none");
	uint64_t i;

	(void)unused;
	/* 1 of 25 is equal to another */
	for (i = 0; i < 10000; i++)
		zdedup_store(zd, at(0, i % 2000), 0,
			     noise(i % 25 ? 100 + i : 7), NULL);
	assert_int_equal(model_stats(zd).lookups, 10000);
	model_end(zd);
}

/*---------------------------------------------------------------- replicas */

/* Edge case 50: with one candidate, a collision in front hides an equal content. */
static void replicas_lose_what_hides_behind_a_collision(void **unused)
{
	static const char *const replica[] = { "zram-dedup",
					       "same-page-sharing" };
	unsigned int r;

	(void)unused;
	for (r = 0; r < 2; r++) {
		struct zdedup *zd = model_new(replica[r], "xxh64:bits=0",
					      "lz4");

		put(zd, 0, text(1));
		put(zd, 1, text(2));
		/* zram compares its newest; the vendor's never indexed the second */
		assert_int_equal(put(zd, 2, text(1)).shared, r == 1);
		assert_false(put(zd, 3, text(2)).shared);
		model_end(zd);
	}
}

struct twin {
	struct zdedup *zd;
	pthread_t main;
	unsigned int cpu;
	bool done;
};

/* On another processor: the first one's context is taken. */
static void *twin_store(void *data)
{
	struct twin *twin = data;
	uint8_t page[PAGE];

	compat_cpu = (twin->cpu + 1) % nr_cpu_ids;
	page_make(page, PAGE_TEXT, 1);
	twin->done = !zdedup_store(twin->zd, at(0, 1), 0, page, NULL);
	return NULL;
}

/* The first store has looked, and not found anything; an equal one overtakes it. */
static void twin_hook(void *data, enum zdedup_stage stage)
{
	struct twin *twin = data;
	pthread_t thread;

	if (twin->done || stage != ZDEDUP_STAGE_COMPRESS ||
	    !pthread_equal(pthread_self(), twin->main))
		return;
	twin->cpu = raw_smp_processor_id();
	assert_int_equal(pthread_create(&thread, NULL, twin_store, twin), 0);
	pthread_join(thread, NULL);
}

/*
 * zram's patch looks once, before it compresses. Of two equal pages that race both
 * stay; and so does one whose like stands behind the one candidate that is compared.
 */
static void keeps_twins(void **unused)
{
	static const char *const policy[] = { "zram-dedup", "always" };
	struct zdedup_stats s;
	unsigned int p;

	(void)unused;
	for (p = 0; p < 2; p++) {
		struct twin twin = { .main = pthread_self() };
		bool shares = p == 1;

		twin.zd = model_new(policy[p], "jhash2", "lz4");
		zdedup_set_stage_hook(twin.zd, twin_hook, &twin);
		assert_int_equal(put(twin.zd, 0, text(1)).shared, shares);
		zdedup_set_stage_hook(twin.zd, NULL, NULL);
		assert_true(twin.done);
		s = model_stats(twin.zd);
		assert_int_equal(s.dup_races, shares);
		assert_int_equal(s.compares, shares);
		model_assert_sharing(twin.zd, shares, shares, shares ? 0 : 2);
		/* a third shares with one of them */
		assert_true(put(twin.zd, 2, text(1)).shared);
		model_assert_sharing(twin.zd, 1, shares ? 2 : 1, !shares);
		get(twin.zd, 0, text(1));
		get(twin.zd, 1, text(1));
		model_end(twin.zd);

		twin.zd = model_new(policy[p], "jhash2:bits=0", "lz4");
		put(twin.zd, 0, text(1));
		put(twin.zd, 1, text(2));
		assert_int_equal(put(twin.zd, 2, text(1)).shared, shares);
		/* it was not looked for again when it was inserted */
		assert_int_equal(model_stats(twin.zd).compares, 1 + 1 + shares);
		model_assert_sharing(twin.zd, shares, shares, shares ? 1 : 3);
		get(twin.zd, 0, text(1));
		get(twin.zd, 2, text(1));
		model_end(twin.zd);
	}
}

static void replicas_count_their_own_metadata(void **unused)
{
	struct zdedup *zram = model_new("zram-dedup", "jhash2", "lz4");
	struct zdedup *vendor = model_new("same-page-sharing", "jhash2", "lz4");
	uint64_t i;

	(void)unused;
	/* 4096 slots / 128 is less than the 1024 buckets of 16 bytes that it has at least */
	assert_int_equal(model_stats(zram).dedup_metadata_bytes, 1024 * 16);
	assert_int_equal(model_stats(vendor).dedup_metadata_bytes, 0);
	for (i = 0; i < 10; i++) {
		put(zram, i, text(i));
		put(vendor, i, text(i));
	}
	assert_int_equal(model_stats(zram).dedup_metadata_bytes,
			 1024 * 16 + 480);
	assert_int_equal(model_stats(vendor).dedup_metadata_bytes, 480);
	model_end(zram);
	model_end(vendor);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_policy_keeps_bytes),
		cmocka_unit_test(every_policy_compares),
		cmocka_unit_test(every_policy_fails_whole),
		cmocka_unit_test(every_policy_can_be_switched_to),
		cmocka_unit_test(second_sight_shares_from_the_third_on),
		cmocka_unit_test(second_sight_indexes_no_page_seen_once),
		cmocka_unit_test(second_sight_forgets),
		cmocka_unit_test(second_sight_remembers_across_a_turn),
		cmocka_unit_test(adaptive_stops_where_nothing_is_equal),
		cmocka_unit_test(adaptive_resumes),
		cmocka_unit_test(adaptive_goes_on_while_it_pays),
		cmocka_unit_test(replicas_lose_what_hides_behind_a_collision),
		cmocka_unit_test(keeps_twins),
		cmocka_unit_test(replicas_count_their_own_metadata),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
