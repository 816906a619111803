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

/* 15 TiB for 2^21 events, by ones and by folios: 2^64 is passed on the way. */
static void means_of_large_pools(void **unused)
{
	struct over_time ot = { .events = 0 };
	struct zdedup_sizes sizes = { .stored_pages = 7 };
	struct sample mean;
	uint64_t done = 0, nr;

	(void)unused;
	while (done < 1u << 21) {
		nr = done % 3 ? 1 : 512;
		sizes.pool_total_size = 15 * TIB + done % 2;
		over_time_add(&ot, nr, &sizes, 15 * TIB);
		done += nr;
	}
	over_time_mean(&ot, &mean);
	assert_int_equal(ot.events, done);
	assert_int_equal(mean.v[SAMPLE_STORED_PAGES], 7);
	assert_int_equal(mean.v[SAMPLE_BASELINE_POOL_BYTES], 15 * TIB);
	assert_in_range(mean.v[SAMPLE_POOL_BYTES], 15 * TIB, 15 * TIB + 1);
}

/* Rounded to the nearest; and the first of equal peaks is the peak. */
static void a_mean_and_a_peak_by_hand(void **unused)
{
	static const uint64_t stored[] = { 1, 5, 2, 5, 0 };
	struct over_time ot = { .events = 0 };
	struct sample mean;

	(void)unused;
	for (unsigned int i = 0; i < 5; i++) {
		struct zdedup_sizes sizes = {
			.stored_pages = stored[i],
			.payload_bytes = 10 * i,
		};

		over_time_add(&ot, 1, &sizes, 0);
	}
	over_time_mean(&ot, &mean);
	assert_int_equal(mean.v[SAMPLE_STORED_PAGES], 3);	/* 13 / 5 */
	assert_int_equal(mean.v[SAMPLE_PAYLOAD_BYTES], 20);
	assert_int_equal(ot.peak, 2);
	assert_int_equal(ot.at_peak.v[SAMPLE_PAYLOAD_BYTES], 10);
	assert_int_equal(ot.last.v[SAMPLE_PAYLOAD_BYTES], 40);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(means_of_large_pools),
		cmocka_unit_test(a_mean_and_a_peak_by_hand),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
