/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * model.h - what the tests of a whole model share: pages made from a kind and a
 * seed, and a model that is checked after each step
 *
 * Steps (put, get, ...) assert; they belong on the main thread of a test.
 */
#ifndef TESTS_MODEL_H
#define TESTS_MODEL_H

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "compat/custom.h"
#include "zdedup.h"

#define PAGE ZDEDUP_PAGE_SIZE
#define MODEL_SLOTS 4096u

/* splitmix64: the tests' only source of variety, always from a printed seed */
static inline uint64_t rng_next(uint64_t *state)
{
	uint64_t z = (*state += 0x9e3779b97f4a7c15ull);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
	return z ^ (z >> 31);
}

static inline unsigned int rng_below(uint64_t *state, unsigned int n)
{
	return (unsigned int)((rng_next(state) >> 32) % n);
}

/*------------------------------------------------------------------ pages */

enum page_kind {
	PAGE_ZERO,
	PAGE_SAME,	/* one word repeated, not zero */
	PAGE_TEXT,	/* compresses, to a length that depends on the seed */
	PAGE_NEAR,	/* PAGE_TEXT of seed / 8 with one byte changed */
	PAGE_NOISE,	/* does not compress */
	PAGE_NR_KINDS,
};

static inline void page_fill(uint8_t *page, uint64_t seed, size_t noise)
{
	uint64_t state = seed * 0x2545f4914f6cdd1dull + 1;
	uint64_t word = 0;
	size_t i;

	for (i = 0; i < PAGE; i += 8) {
		if (i < noise || i % 512 == 0)
			word = rng_next(&state);
		memcpy(page + i, &word, 8);
	}
}

static inline void page_make(uint8_t *page, enum page_kind kind, uint64_t seed)
{
	uint64_t word;
	size_t i;

	switch (kind) {
	case PAGE_ZERO:
		memset(page, 0, PAGE);
		break;
	case PAGE_SAME:
		word = seed * 0x0101010101010101ull | 1;
		for (i = 0; i < PAGE; i += 8)
			memcpy(page + i, &word, 8);
		break;
	case PAGE_TEXT:
		page_fill(page, seed, 64 + seed % 37 * 96);
		break;
	case PAGE_NEAR:
		page_make(page, PAGE_TEXT, seed / 8);
		/* first, last and inner bytes: where compares are cut short */
		page[seed % 8 * (PAGE - 1) / 7] ^= 0x10;
		break;
	default:
		page_fill(page, seed ^ 0x6e6f697365ull, PAGE);
	}
}

static inline const uint8_t *page_of(enum page_kind kind, uint64_t seed)
{
	static uint8_t page[PAGE];

	page_make(page, kind, seed);
	return page;
}

/* Short names for the two that nearly every case needs. */
static inline const uint8_t *text(uint64_t seed)
{
	return page_of(PAGE_TEXT, seed);
}

static inline const uint8_t *noise(uint64_t seed)
{
	return page_of(PAGE_NOISE, seed);
}

/*------------------------------------------------------------------ model */

static inline struct zdedup_slot at(unsigned int type, uint64_t offset)
{
	return (struct zdedup_slot){ .type = type, .offset = offset };
}

static inline void model_check(struct zdedup *zd)
{
	char why[ZDEDUP_WHY_MAX] = "";
	int err = zdedup_check(zd, why);

	if (err)
		fail_msg("zdedup_check: %d: %s", err, why);
}

static inline struct zdedup *model_create(const struct zdedup_config *config)
{
	char why[ZDEDUP_WHY_MAX] = "";
	struct zdedup *zd;
	int err = zdedup_create(config, &zd, why);

	if (err)
		fail_msg("zdedup_create: %d: %s", err, why);
	assert_int_equal(zdedup_swapon(zd, 0, MODEL_SLOTS), 0);
	model_check(zd);
	return zd;
}

/* A model with swap device 0, zsmalloc, and no limit. */
static inline struct zdedup *model_new(const char *dedup, const char *hash,
				       const char *compressor)
{
	struct zdedup_config config;

	zdedup_config_init(&config);
	config.dedup = dedup;
	config.hash = hash;
	config.compressor = compressor;
	return model_create(&config);
}

static inline struct zdedup_stats model_stats(struct zdedup *zd)
{
	struct zdedup_stats stats;

	zdedup_get_stats(zd, &stats);
	return stats;
}

static inline struct zdedup_memcg_stat model_memcg(struct zdedup *zd,
						   uint32_t id)
{
	struct zdedup_memcg_stat stat;

	assert_int_equal(zdedup_memcg_stat(zd, id, &stat), 0);
	return stat;
}

/* Refusals that have a counter, each counted once. */
static inline uint64_t model_rejects(const struct zdedup_stats *s)
{
	return s->reject_alloc_fail + s->reject_kmemcache_fail +
	       s->reject_compress_fail + s->reject_compress_poor;
}

static inline void model_assert_empty(const struct zdedup_stats *s)
{
	assert_int_equal(s->stored_pages, 0);
	assert_int_equal(s->stored_incompressible_pages, 0);
	assert_int_equal(s->pool_total_size, 0);
	assert_int_equal(s->payload_bytes, 0);
	assert_int_equal(s->contents, 0);
	assert_int_equal(s->pages_shared, 0);
	assert_int_equal(s->pages_sharing, 0);
	assert_int_equal(s->pages_unshared, 0);
	assert_int_equal(s->live_zero, 0);
	assert_int_equal(s->live_device, 0);
}

static inline void model_assert_sharing(struct zdedup *zd, uint64_t shared,
					uint64_t sharing, uint64_t unshared)
{
	struct zdedup_stats s = model_stats(zd);

	assert_int_equal(s.pages_shared, shared);
	assert_int_equal(s.pages_sharing, sharing);
	assert_int_equal(s.pages_unshared, unshared);
	assert_int_equal(s.contents, shared + unshared);
	assert_int_equal(s.stored_pages, shared + sharing + unshared);
}

static inline struct zdedup_result put_at(struct zdedup *zd,
					  struct zdedup_slot slot,
					  uint32_t memcg, const void *page)
{
	struct zdedup_result result = { .length = ~0u };

	assert_int_equal(zdedup_store(zd, slot, memcg, page, &result), 0);
	model_check(zd);
	return result;
}

static inline struct zdedup_result put(struct zdedup *zd, uint64_t offset,
				       const void *page)
{
	return put_at(zd, at(0, offset), 0, page);
}

/* Loads, which must give exactly @page, and tells where it was. */
static inline enum zdedup_where get_at(struct zdedup *zd,
				       struct zdedup_slot slot,
				       const void *page)
{
	enum zdedup_where from = ZDEDUP_RESIDENT, now;
	uint8_t got[PAGE];

	memset(got, 0xa5, sizeof(got));
	assert_int_equal(zdedup_load(zd, slot, got, &from), 0);
	assert_memory_equal(got, page, PAGE);
	assert_int_equal(zdedup_peek(zd, slot, &now), -ENOENT);
	model_check(zd);
	return from;
}

static inline enum zdedup_where get(struct zdedup *zd, uint64_t offset,
				    const void *page)
{
	return get_at(zd, at(0, offset), page);
}

static inline void drop(struct zdedup *zd, uint64_t offset)
{
	assert_int_equal(zdedup_invalidate(zd, at(0, offset)), 0);
	model_check(zd);
}

static inline void assert_empty(struct zdedup *zd, uint64_t offset)
{
	enum zdedup_where where;
	uint8_t page[PAGE];

	assert_int_equal(zdedup_peek(zd, at(0, offset), &where), -ENOENT);
	assert_int_equal(zdedup_load(zd, at(0, offset), page, NULL), -ENOENT);
}

static inline enum zdedup_where where_is(struct zdedup *zd, uint64_t offset)
{
	enum zdedup_where where = ZDEDUP_RESIDENT;

	assert_int_equal(zdedup_peek(zd, at(0, offset), &where), 0);
	return where;
}

/* Swaps everything off: every size is back at 0 and nothing was warned about. */
static inline void model_end(struct zdedup *zd)
{
	struct zdedup_stats s;
	unsigned int type;

	for (type = 0; type < ZDEDUP_TYPES_MAX; type++) {
		int err = zdedup_swapoff(zd, type);

		assert_true(err == 0 || err == -EINVAL);
	}
	model_check(zd);
	s = model_stats(zd);
	model_assert_empty(&s);
	zdedup_destroy(zd);
	assert_int_equal(compat_nr_warnings(), 0);
}

/*------------------------------------------------------------- parameters */

/* A decimal from the environment, or what the test would take by itself. */
static inline uint64_t env_number(const char *name, uint64_t otherwise)
{
	const char *value = getenv(name);

	return value && *value ? strtoull(value, NULL, 0) : otherwise;
}

#endif /* TESTS_MODEL_H */
