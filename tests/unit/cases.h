/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cases.h - what the mirrors of the kernel's own tests share
 * (docs/KERNEL-CASES.md): each case as several tests, its pages, its counters
 */
#ifndef TESTS_CASES_H
#define TESTS_CASES_H

#include "model.h"

/* What a case is run with. */
struct variant {
	const char *dedup;
	bool identical;		/* all pages of the case are equal */
};

static const struct variant always_identical = { "always", true };
static const struct variant always_distinct = { "always", false };
static const struct variant none_identical = { "none", true };
static const struct variant none_distinct = { "none", false };

#define CASE_OF(f, v) \
	{ #f "_" #v, f, NULL, NULL, (void *)&v }
/* A case of KSM has no subject without sharing. */
#define CASE_SHARING(f) \
	CASE_OF(f, always_identical), CASE_OF(f, always_distinct)
#define CASE(f) \
	CASE_SHARING(f), CASE_OF(f, none_identical), CASE_OF(f, none_distinct)

/* Do equal pages of this variant share one content? */
static inline bool variant_shares(const struct variant *v)
{
	return v->identical && !strcmp(v->dedup, "always");
}

static inline struct zdedup *variant_model(const struct variant *v)
{
	return model_new(v->dedup, "xxh64", "lz4");
}

/*------------------------------------------------------------------ pages */

/*
 * Page @i of a case: @page as the kernel's test fills it, and unless all are to
 * be equal, made one of its own by four bytes. Their upper bits are fixed, and
 * make no sequence, so that the pages of a case all have the same length.
 */
static inline const uint8_t *own_page(const struct variant *v, uint8_t *page,
				      uint64_t i)
{
	static const uint8_t base[4] = { 0xd0, 0x30, 0xe0, 0x10 };
	unsigned int n;

	for (n = 0; !v->identical && n < 4; n++)
		page[PAGE / 4 * 3 + n] = base[n] | (i >> 4 * n & 15);
	return page;
}

/* One letter in all bytes, as memset() leaves it. */
static inline const uint8_t *letter_page(const struct variant *v, char letter,
					 uint64_t i)
{
	static uint8_t page[PAGE];

	memset(page, letter, PAGE);
	return own_page(v, page, i);
}

/* An incompressible page: own_page() of urandom */
static inline const uint8_t *random_page(const struct variant *v, uint64_t i)
{
	return noise(v->identical ? 1 : 1000 + i);
}

/*--------------------------------------------------------------- counters */

/* Counters of events, all of which a case states; those left out are 0. */
struct events {
	uint64_t zswpout, zswpin, zswpwb, swpout_zero, swpin_zero;
	uint64_t pswpout, pswpin, pool_limit_hit, rejects;
};

static inline void assert_events(struct zdedup *zd, struct events want)
{
	struct zdedup_stats s = model_stats(zd);

	assert_int_equal(s.zswpout, want.zswpout);
	assert_int_equal(s.zswpin, want.zswpin);
	assert_int_equal(s.zswpwb, want.zswpwb);
	assert_int_equal(s.written_back_pages, want.zswpwb);
	assert_int_equal(s.swpout_zero, want.swpout_zero);
	assert_int_equal(s.swpin_zero, want.swpin_zero);
	assert_int_equal(s.pswpout, want.pswpout);
	assert_int_equal(s.pswpin, want.pswpin);
	assert_int_equal(s.pool_limit_hit, want.pool_limit_hit);
	assert_int_equal(model_rejects(&s), want.rejects);
	assert_int_equal(s.decompress_fail, 0);
	assert_int_equal(s.false_positives, 0);
}

/* @n pages of the variant are in the pool, in one content or in @n. */
static inline void assert_stored(struct zdedup *zd, const struct variant *v,
				 uint64_t n)
{
	if (variant_shares(v) && n > 1)
		model_assert_sharing(zd, 1, n - 1, 0);
	else
		model_assert_sharing(zd, 0, 0, n);
}

/* Last in a program, so that it speaks for all of its tests. */
static inline void no_allocation_is_left(void **unused)
{
	(void)unused;
	assert_int_equal(compat_nr_allocated(), 0);
	assert_int_equal(compat_nr_warnings(), 0);
}

#endif /* TESTS_CASES_H */
