/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test-over-time.c - means and the peak over more events than a sum of 64 bits holds
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "sim/over-time.h"

#define TIB (1ull << 40)
#define PAGE ZDEDUP_PAGE_SIZE

static struct zdedup *new_model(void)
{
	struct zdedup_config config;
	struct zdedup *zd;

	zdedup_config_init(&config);
	config.lengths_only = true;
	assert_int_equal(zdedup_create(&config, &zd, NULL), 0);
	assert_int_equal(zdedup_swapon(zd, 0, 64), 0);
	return zd;
}

static void store(struct zdedup *zd, uint64_t slot, uint32_t length)
{
	struct zdedup_facts facts = { .identity = slot, .length = length };

	assert_int_equal(zdedup_store_facts(zd, (struct zdedup_slot){ 0, slot },
					    0, &facts, 1, NULL), 0);
}

/*
 * 15 TiB for 2^21 events, by ones and by folios: 2^64 is passed on the way. No model
 * is that large: its counts are made so, after they were added.
 */
static void means_of_large_pools(void **unused)
{
	struct over_time ot = { .live = 0 };
	struct zdedup *zd = new_model();
	uint64_t done = 0, nr, before;

	(void)unused;
	store(zd, 1, 100);
	while (done < 1u << 21) {
		nr = done % 3 ? 1 : 512;
		before = ot.part.counts.moments;
		over_time_add(&ot, zd, nr, 15 * TIB);
		/* what has just been gone over is not to be found here any more */
		if (ot.part.counts.moments > before)
			ot.part.counts.payload_bytes += nr * (15 * TIB);
		done += nr;
	}
	over_time_end(&ot, zd, &(uint64_t){ 15 * TIB });
	assert_int_equal(ot.events, done);
	assert_int_equal(ot.mean.v[SAMPLE_STORED_PAGES], 1);
	assert_int_equal(ot.mean.v[SAMPLE_BASELINE_POOL_BYTES], 15 * TIB);
	assert_in_range(ot.mean.v[SAMPLE_PAYLOAD_BYTES], 14 * TIB,
			15 * TIB + 100);
	zdedup_destroy(zd);
}

/* Rounded to the nearest; and the first of equal peaks is the peak. */
static void a_mean_and_a_peak_by_hand(void **unused)
{
	/* stored, payload: 1, 10; 2, 30; 1, 20; 2, 60; 1, 40 */
	struct over_time ot = { .live = 0 };
	struct zdedup *zd = new_model();

	(void)unused;
	store(zd, 1, 10);
	over_time_add(&ot, zd, 1, 7);
	store(zd, 2, 20);
	over_time_add(&ot, zd, 1, 7);
	assert_int_equal(zdedup_invalidate(zd, (struct zdedup_slot){ 0, 1 }),
			 0);
	over_time_add(&ot, zd, 1, 7);
	store(zd, 3, 40);
	over_time_add(&ot, zd, 1, 7);
	assert_int_equal(zdedup_invalidate(zd, (struct zdedup_slot){ 0, 2 }),
			 0);
	over_time_add(&ot, zd, 1, 7);
	over_time_end(&ot, zd, &(uint64_t){ 9 });
	assert_int_equal(ot.mean.v[SAMPLE_STORED_PAGES], 1);	/* 7 / 5 */
	assert_int_equal(ot.mean.v[SAMPLE_PAYLOAD_BYTES], 32);
	assert_int_equal(ot.peak, 2);
	assert_int_equal(ot.at_peak.v[SAMPLE_PAYLOAD_BYTES], 30);
	assert_int_equal(ot.at_peak.v[SAMPLE_BASELINE_POOL_BYTES], 7);
	assert_int_equal(ot.last.v[SAMPLE_PAYLOAD_BYTES], 40);
	assert_int_equal(ot.last.v[SAMPLE_BASELINE_POOL_BYTES], 9);
	zdedup_destroy(zd);
}

/* What sizes follow from is the same whether it is asked for once or added up. */
static void sizes_follow_from_sums(void **unused)
{
	struct zdedup_counts sum = { .moments = 0 };
	struct zdedup_sizes sizes, once;
	struct zdedup *zd = new_model();

	(void)unused;
	store(zd, 1, 1000);
	store(zd, 2, 3000);
	zdedup_get_sizes(zd, &once);
	for (unsigned int i = 0; i < 5; i++)
		assert_int_equal(zdedup_add_counts(zd, &sum), 2);
	zdedup_sizes_of(zd, &sum, &sizes);
	assert_int_equal(sum.moments, 5);
	assert_int_equal(sizes.stored_pages, 10);
	assert_int_equal(sizes.payload_bytes, 5 * 4000);
	assert_int_equal(sizes.pool_total_size, 5 * once.pool_total_size);
	assert_int_equal(sizes.metadata_bytes, 5 * once.metadata_bytes);
	zdedup_destroy(zd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(means_of_large_pools),
		cmocka_unit_test(a_mean_and_a_peak_by_hand),
		cmocka_unit_test(sizes_follow_from_sums),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
