/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ops-stores.c - the index, the trees and the LRU, and whole stores, by the public
 * header alone
 */
#include <stdio.h>
#include <string.h>

#include "ops.h"
#include "zdedup.h"

#define CONTENTS 65536u	/* more than the caches near a core hold */

static struct zdedup *model_new(const struct zdedup_config *config,
				uint64_t slots)
{
	char why[ZDEDUP_WHY_MAX] = "out of memory";
	struct zdedup *zd;

	if (zdedup_create(config, &zd, why)) {
		fprintf(stderr, "bench-ops: %s\n", why);
		return NULL;
	}
	if (!zdedup_swapon(zd, 0, slots))
		return zd;
	fprintf(stderr, "bench-ops: no swap device\n");
	zdedup_destroy(zd);
	return NULL;
}

static struct zdedup_slot slot_at(uint64_t offset)
{
	return (struct zdedup_slot){ .offset = offset };
}

/*------------------------------------------------------------------ index */

static uint64_t splitmix64(uint64_t z)
{
	z *= 0x9e3779b97f4a7c15ull;
	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
	return z ^ (z >> 31);
}

/* CPU nanoseconds a store of each content, from slot @first on; negative: failed. */
static double store_facts(struct zdedup *zd, uint64_t first)
{
	double begun = ops_clock();
	int err = 0;

	for (uint64_t i = 0; i < CONTENTS && !err; i++) {
		const struct zdedup_facts facts = {
			.identity = i,
			.digest = { splitmix64(i + 1), 0 },
			.length = 2048,
		};

		err = zdedup_store_facts(zd, slot_at(first + i), 0, &facts, 1,
					 NULL);
	}
	return err ? -1 : (ops_clock() - begun) / CONTENTS;
}

static double invalidate(struct zdedup *zd, uint64_t first)
{
	double begun = ops_clock();
	int err = 0;

	for (uint64_t i = 0; i < CONTENTS && !err; i++)
		err = zdedup_invalidate(zd, slot_at(first + i));
	return err ? -1 : (ops_clock() - begun) / CONTENTS;
}

static double peek(struct zdedup *zd)
{
	double begun = ops_clock();
	enum zdedup_where where;
	int err = 0;

	/* in an order that no cache foresees: the factor is odd */
	for (uint64_t i = 0; i < CONTENTS && !err; i++)
		err = zdedup_peek(zd, slot_at(i * 40503 % CONTENTS), &where);
	return err ? -1 : (ops_clock() - begun) / CONTENTS;
}

/* Each new entry has its second chance: one scan of all of them rotates all. */
static double rotate(struct zdedup *zd)
{
	double begun;
	uint64_t written;

	zdedup_set_shrinker_enabled(zd, true);
	begun = ops_clock();
	written = zdedup_shrinker_scan(zd, 0, CONTENTS);
	return written ? -1 : (ops_clock() - begun) / CONTENTS;
}

/* What a warm model does: one pass unmeasured grows the tables and malloc's heap. */
static struct zdedup *index_model(const char *dedup)
{
	struct zdedup_config config;
	struct zdedup *zd;

	zdedup_config_init(&config);
	config.lengths_only = true;
	config.zpool = "ideal";
	config.dedup = dedup;
	zd = model_new(&config, 2 * CONTENTS);
	if (zd && (store_facts(zd, 0) < 0 || invalidate(zd, 0) < 0)) {
		zdedup_destroy(zd);
		return NULL;
	}
	return zd;
}

int ops_index(struct ops *ops)
{
	struct zdedup *none = index_model("none");
	struct zdedup *always = index_model("always");
	double store, look, turn, drop, miss, hit, unshare, remove;
	int err = !none || !always;

	if (!err) {
		store = store_facts(none, 0);
		look = peek(none);
		turn = rotate(none);
		drop = invalidate(none, 0);
		miss = store_facts(always, 0);
		hit = store_facts(always, CONTENTS);
		unshare = invalidate(always, CONTENTS);
		remove = invalidate(always, 0);
		err = store < 0 || look < 0 || turn < 0 || drop < 0 ||
		      miss < 0 || hit < 0 || unshare < 0 || remove < 0;
	}
	if (err) {
		fprintf(stderr, "bench-ops: the index: a call failed\n");
	} else {
		ops_note(ops, "tree", "store", store);
		ops_note(ops, "tree", "lookup", look);
		ops_note(ops, "tree", "invalidate", drop);
		ops_note(ops, "lru", "rotate", turn);
		ops_note(ops, "index", "miss+insert", miss - store);
		ops_note(ops, "index", "remove", remove - drop);
		ops_note(ops, "index", "store that hits", hit);
		ops_note(ops, "index", "drop a share", unshare);
	}
	zdedup_destroy(none);
	zdedup_destroy(always);
	return err ? -1 : 0;
}

/*----------------------------------------------------------------- stores */

/* How a hit is confirmed; the first has none. */
static const struct {
	const char *name, *dedup, *compare, *hash;
} way[] = {
	{ "none", "none", "bytes", "xxh64" },
	{ "bytes", "always", "bytes", "xxh64" },
	{ "compressed", "always", "compressed", "xxh64" },
	{ "trust", "always", "trust", "xxh3-128-seed" },
	{ "trust siphash", "always", "trust", "siphash-2-4-128" },
};

#define WAYS (sizeof(way) / sizeof(way[0]))

static double store_pages(const struct ops *ops, struct zdedup *zd,
			  uint64_t first, bool shared)
{
	double begun = ops_clock();

	for (unsigned int i = 0; i < ops->nr; i++) {
		struct zdedup_result result;

		if (zdedup_store(zd, slot_at(first + i), 0, ops_page(ops, i),
				 &result) || result.shared != shared) {
			fprintf(stderr, "bench-ops: a store went another way\n");
			return -1;
		}
	}
	return (ops_clock() - begun) / ops->nr;
}

static int drop_pages(const struct ops *ops, struct zdedup *zd)
{
	int err = 0;

	for (unsigned int i = 0; i < ops->nr && !err; i++)
		err = zdedup_invalidate(zd, slot_at(i));
	return err;
}

/* *miss and *hit: CPU nanoseconds a store, in a model that has had all pages before. */
static int one_way(const struct ops *ops, unsigned int w, double *miss,
		   double *hit)
{
	bool dedup = strcmp(way[w].dedup, "none") != 0;
	struct zdedup_config config;
	struct zdedup *zd;
	int err;

	zdedup_config_init(&config);
	config.compressor = "lz4";
	config.dedup = way[w].dedup;
	config.compare = way[w].compare;
	config.hash = way[w].hash;
	zd = model_new(&config, 2ull * ops->nr);
	if (!zd)
		return -1;
	err = store_pages(ops, zd, 0, false) < 0 || drop_pages(ops, zd);
	if (!err) {
		*miss = store_pages(ops, zd, 0, false);
		*hit = dedup ? store_pages(ops, zd, ops->nr, true) : 0;
		err = *miss < 0 || *hit < 0;
	}
	zdedup_destroy(zd);
	return err ? -1 : 0;
}

int ops_stores(struct ops *ops)
{
	double miss[WAYS], hit[WAYS];

	for (unsigned int w = 0; w < WAYS; w++)
		if (one_way(ops, w, &miss[w], &hit[w]))
			return -1;
	ops_note(ops, "store", "no dedup", miss[0]);
	for (unsigned int w = 1; w < WAYS; w++) {
		ops_note(ops, "store miss", way[w].name, miss[w]);
		ops_note(ops, "store hit", way[w].name, hit[w]);
	}
	for (unsigned int w = 1; w < WAYS; w++) {
		ops_note(ops, "hit/miss", way[w].name, hit[w] / miss[w]);
		ops_note(ops, "hit/no dedup", way[w].name, hit[w] / miss[0]);
	}
	return 0;
}
