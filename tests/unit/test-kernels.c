/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What 6.12 and 6.1 do otherwise than 7.2: one test per field of struct
 * zswap_behaviour. Where a case holds for every kernel it runs on every kernel.
 */
#include "model.h"

static struct zdedup *kernel_new(const char *kernel, const char *zpool,
				 uint64_t totalram_pages, unsigned int percent)
{
	struct zdedup_config config;

	zdedup_config_init(&config);
	config.kernel = kernel;
	config.zpool = zpool;
	config.totalram_pages = totalram_pages;
	config.max_pool_percent = percent;
	return model_create(&config);
}

static struct zdedup *model_of(const char *kernel)
{
	return kernel_new(kernel, "zsmalloc", 0, 20);
}

static void refuse_noise(const char *kernel, uint64_t compress_fail)
{
	struct zdedup *zd = model_of(kernel);
	struct zdedup_stats s;

	assert_int_equal(put(zd, 1, text(1)).where, ZDEDUP_POOL);
	assert_int_equal(put(zd, 1, noise(1)).where, ZDEDUP_DEVICE);
	s = model_stats(zd);
	assert_int_equal(s.reject_compress_fail, compress_fail);
	assert_int_equal(s.stored_incompressible_pages, 0);
	assert_int_equal(s.pswpout, 1);
	assert_int_equal(where_is(zd, 1), ZDEDUP_DEVICE);
	model_end(zd);
}

static void incompressible_pages_are_refused(void **unused)
{
	(void)unused;
	refuse_noise("6.12", 1);
	refuse_noise("6.1", 1);
	/* 6.1 refuses without a counter: the report must not have one */
	assert_false(zdedup_kernel_has_counter("6.1", "reject_compress_fail"));
	assert_true(zdedup_kernel_has_counter("6.12", "reject_compress_fail"));
}

static void large_folios_are_refused_before_7_2(void **unused)
{
	static const char *const kernel[] = { "7.2", "6.12", "6.1" };
	uint8_t pages[2 * PAGE];
	struct zdedup_result r;
	unsigned int k;

	(void)unused;
	page_make(pages, PAGE_TEXT, 1);
	page_make(pages + PAGE, PAGE_TEXT, 2);
	for (k = 0; k < 3; k++) {
		struct zdedup *zd = model_of(kernel[k]);
		struct zdedup_stats s;

		assert_int_equal(zdedup_store_folio(zd, at(0, 4), 0, pages, 2,
						    &r), 0);
		assert_int_equal(r.where, k ? ZDEDUP_DEVICE : ZDEDUP_POOL);
		s = model_stats(zd);
		assert_int_equal(s.stored_pages, k ? 0 : 2);
		/* at once: neither compressed nor counted */
		assert_int_equal(model_rejects(&s), 0);
		model_end(zd);
	}
}

static void a_word_is_kept_as_one_in_6_1(void **unused)
{
	static const enum page_kind kind[] = { PAGE_ZERO, PAGE_SAME };
	struct zdedup *zd = model_of("6.1");
	struct zdedup_stats s;
	uint8_t page[PAGE];
	unsigned int i;

	(void)unused;
	for (i = 0; i < 2; i++) {
		struct zdedup_result r = put(zd, i, page_of(kind[i], 7));

		assert_int_equal(r.where, ZDEDUP_POOL);
		assert_int_equal(r.length, 0);
	}
	s = model_stats(zd);
	assert_int_equal(s.stored_pages, 2);
	assert_int_equal(s.same_filled_pages, 2);
	assert_int_equal(s.zswpout, 2);
	assert_int_equal(s.swpout_zero, 0);
	assert_int_equal(s.pool_total_size, 0);
	assert_int_equal(s.contents, 0);
	assert_int_equal(model_memcg(zd, 0).zswap_bytes, 0);
	assert_int_equal(model_memcg(zd, 0).zswapped, 2);
	for (i = 0; i < 2; i++) {
		assert_int_equal(zdedup_load(zd, at(0, i), page, NULL), 0);
		assert_memory_equal(page, page_of(kind[i], 7), PAGE);
	}
	/* written back, the device has the whole page */
	assert_int_equal(zdedup_writeback(zd, at(0, 1)), 0);
	assert_int_equal(model_stats(zd).same_filled_pages, 1);
	assert_int_equal(zdedup_load(zd, at(0, 1), page, NULL), 0);
	assert_memory_equal(page, page_of(PAGE_SAME, 7), PAGE);
	model_end(zd);
}

static void one_byte_off_is_no_word(void **unused)
{
	static const unsigned int at_byte[] = { 0, 7, 8, 2048, 4088, 4095 };
	struct zdedup *zd = model_of("6.1");
	uint8_t page[PAGE];
	unsigned int i;

	(void)unused;
	for (i = 0; i < 6; i++) {
		page_make(page, PAGE_SAME, 9);
		page[at_byte[i]] ^= 1;
		assert_true(put(zd, i, page).length > 0);
	}
	assert_int_equal(model_stats(zd).same_filled_pages, 0);
	model_end(zd);
}

static void a_load_keeps_the_slot_in_6_1(void **unused)
{
	struct zdedup *zd = model_of("6.1");
	enum zdedup_where from;
	uint8_t page[PAGE];
	unsigned int i;

	(void)unused;
	put(zd, 1, text(1));
	put(zd, 2, noise(2));
	for (i = 0; i < 2; i++) {
		assert_int_equal(zdedup_load(zd, at(0, 1), page, &from), 0);
		assert_memory_equal(page, text(1), PAGE);
		assert_int_equal(from, ZDEDUP_POOL);
		assert_int_equal(zdedup_load(zd, at(0, 2), page, &from), 0);
		assert_memory_equal(page, noise(2), PAGE);
		assert_int_equal(from, ZDEDUP_DEVICE);
	}
	assert_int_equal(model_stats(zd).zswpin, 2);
	assert_int_equal(model_stats(zd).pswpin, 2);
	assert_int_equal(model_stats(zd).stored_pages, 1);
	drop(zd, 1);
	drop(zd, 2);
	assert_empty(zd, 1);
	assert_empty(zd, 2);
	model_end(zd);
}

/* SWAP_SLOTS_CACHE_SIZE: the 65th freed slot sends the 64 before it on. */
static void freed_slots_wait_in_6_1(void **unused)
{
	struct zdedup *zd = model_of("6.1");
	uint64_t i;

	(void)unused;
	for (i = 0; i < 100; i++)
		put(zd, i, text(i));
	for (i = 0; i < 64; i++)
		drop(zd, i);
	assert_int_equal(model_stats(zd).stored_pages, 100);
	assert_empty(zd, 0);
	/* a number that waits can be stored to: it is another slot by now */
	put(zd, 0, text(1000));
	assert_int_equal(model_stats(zd).stored_pages, 101);
	drop(zd, 64);
	assert_int_equal(model_stats(zd).stored_pages, 101 - 64);
	/* so is an overwrite: the page was written to, and has a new slot */
	put(zd, 99, text(2000));
	assert_int_equal(model_stats(zd).stored_pages, 101 - 64 + 1);
	assert_int_equal(model_stats(zd).duplicate_entry, 0);
	/* an empty slot frees nothing */
	assert_int_equal(zdedup_invalidate(zd, at(0, 64)), -ENOENT);
	model_end(zd);
}

static void freed_slots_do_not_wait_later(void **unused)
{
	static const char *const kernel[] = { "7.2", "6.12" };
	unsigned int k;

	(void)unused;
	for (k = 0; k < 2; k++) {
		struct zdedup *zd = model_of(kernel[k]);

		put(zd, 0, text(1));
		drop(zd, 0);
		assert_int_equal(model_stats(zd).stored_pages, 0);
		model_end(zd);
	}
}

/* Stores large pages until one is refused; *peak is what the pool had come to by then. */
static uint64_t fill(struct zdedup *zd, uint64_t nr, uint64_t *peak)
{
	uint64_t i;

	for (i = 0; i < nr; i++) {
		*peak = model_stats(zd).pool_total_size / PAGE;
		if (put(zd, i, page_of(PAGE_TEXT, 36 + 37 * i)).where !=
		    ZDEDUP_POOL)
			break;
	}
	return i;
}

/* 100 pages, 10 %: 6.1 holds more than 10 before it refuses, the others reach 10. */
static void the_limit_itself_may_be_reached_in_6_1(void **unused)
{
	static const char *const kernel[] = { "7.2", "6.12", "6.1" };
	uint64_t pages[3];
	unsigned int k;

	(void)unused;
	for (k = 0; k < 3; k++) {
		struct zdedup *zd = kernel_new(kernel[k], "ideal", 100, 10);

		assert_true(fill(zd, 1000, &pages[k]) < 1000);
		assert_int_equal(model_stats(zd).pool_limit_hit, 1);
		model_end(zd);
	}
	assert_int_equal(pages[0], 10);
	assert_int_equal(pages[1], 10);
	assert_int_equal(pages[2], 11);
}

/* zsmalloc of 6.1 has no LRU: each refused store ends in one failed reclaim. */
static void zsmalloc_of_6_1_cannot_write_back(void **unused)
{
	struct zdedup *zd = kernel_new("6.1", "zsmalloc", 100, 10);
	uint64_t peak, n = fill(zd, 1000, &peak), i;
	struct zdedup_stats s;

	(void)unused;
	for (i = 1; i < 50; i++)
		assert_int_equal(put(zd, n + i, text(36)).where, ZDEDUP_DEVICE);
	s = model_stats(zd);
	assert_int_equal(s.pool_limit_hit, 50);
	assert_int_equal(s.reject_reclaim_fail, 50);
	assert_int_equal(s.written_back_pages, 0);
	assert_int_equal(s.stored_pages, n);
	model_end(zd);
}

/* Below the limit, above what is accepted again: refused, and the worker not asked. */
static void hysteresis_of_6_1_is_silent(void **unused)
{
	struct zdedup *zd = kernel_new("6.1", "ideal", 100, 10);
	uint64_t peak, n = fill(zd, 1000, &peak), i;
	struct zdedup_stats s;

	(void)unused;
	/* 64 wait and one sends them on; the pool is then below the limit */
	for (i = 0; i < 2; i++)
		assert_int_equal(zdedup_writeback(zd, at(0, i)), 0);
	assert_true(model_stats(zd).pool_total_size <= 10 * PAGE);
	assert_true(model_stats(zd).pool_total_size >= 9 * PAGE);
	assert_int_equal(put(zd, n, text(36)).where, ZDEDUP_DEVICE);
	s = model_stats(zd);
	assert_int_equal(s.pool_limit_hit, 1);
	assert_int_equal(s.reject_reclaim_fail, 1);
	for (i = 2; i < 6; i++)
		assert_int_equal(zdedup_writeback(zd, at(0, i)), 0);
	assert_true(model_stats(zd).pool_total_size < 9 * PAGE);
	assert_int_equal(put(zd, n, text(36)).where, ZDEDUP_POOL);
	model_end(zd);
}

/* memory.zswap.max: 6.1 refuses, later kernels try the memcg's own LRU first. */
static void a_full_memcg_is_not_reclaimed_in_6_1(void **unused)
{
	static const char *const kernel[] = { "7.2", "6.1" };
	unsigned int k;
	uint64_t i;

	(void)unused;
	for (k = 0; k < 2; k++) {
		struct zdedup *zd = model_of(kernel[k]);

		assert_int_equal(zdedup_memcg_add(zd, 1, 0), 0);
		assert_int_equal(zdedup_memcg_set_max(zd, 1, 8192), 0);
		for (i = 0; i < 64; i++)
			put_at(zd, at(0, i), 1, text(36));
		if (k)
			assert_int_equal(model_stats(zd).written_back_pages, 0);
		else
			assert_true(model_stats(zd).written_back_pages > 0);
		model_end(zd);
	}
}

/* Entries less the device's reads, by the share of memory that each would free. */
static void shrinker_counts_by_the_formula(void **unused)
{
	static const char *const kernel[] = { "7.2", "6.12" };
	uint64_t bytes, i;
	unsigned int k;
	uint8_t page[PAGE];

	(void)unused;
	for (k = 0; k < 2; k++) {
		struct zdedup *zd = model_of(kernel[k]);

		for (i = 0; i < 40; i++)
			put(zd, i, text(i));
		assert_int_equal(zdedup_shrinker_count(zd, 0), 0);
		zdedup_set_shrinker_enabled(zd, true);
		bytes = model_memcg(zd, 0).zswap_bytes / PAGE;
		assert_int_equal(zdedup_shrinker_count(zd, 0), 40 * bytes / 40);
		for (i = 0; i < 10; i++)
			assert_int_equal(zdedup_writeback(zd, at(0, i)), 0);
		for (i = 0; i < 10; i++)
			assert_int_equal(zdedup_load(zd, at(0, i), page, NULL),
					 0);
		bytes = model_memcg(zd, 0).zswap_bytes / PAGE;
		assert_int_equal(zdedup_shrinker_count(zd, 0), 20 * bytes / 30);
		/* that used the reads up */
		assert_int_equal(zdedup_shrinker_count(zd, 0), 30 * bytes / 30);
		model_end(zd);
	}
}

/* More reads than entries: all entries are spared, and the rest of the reads is kept. */
static void shrinker_keeps_what_it_cannot_subtract(void **unused)
{
	struct zdedup *zd = model_of("7.2");
	uint8_t page[PAGE];
	uint64_t i, pages;

	(void)unused;
	zdedup_set_shrinker_enabled(zd, true);
	for (i = 0; i < 20; i++)
		put(zd, i, text(36));
	for (i = 0; i < 15; i++) {
		assert_int_equal(zdedup_writeback(zd, at(0, i)), 0);
		assert_int_equal(zdedup_load(zd, at(0, i), page, NULL), 0);
	}
	assert_int_equal(zdedup_shrinker_count(zd, 0), 0);
	for (i = 0; i < 15; i++)
		put(zd, i, text(36));
	/* 20 entries less the 10 reads that were left of 15 */
	pages = model_memcg(zd, 0).zswap_bytes / PAGE;
	assert_int_equal(zdedup_shrinker_count(zd, 0), 10 * pages / 20);
	model_end(zd);
}

static void shrinker_scans_by_second_chance(void **unused)
{
	struct zdedup *zd = model_of("7.2");
	uint64_t i;

	(void)unused;
	for (i = 0; i < 10; i++)
		put(zd, i, text(i));
	assert_int_equal(zdedup_shrinker_scan(zd, 0, 10), 0);
	zdedup_set_shrinker_enabled(zd, true);
	/* the first round takes the second chances */
	assert_int_equal(zdedup_shrinker_scan(zd, 0, 10), 0);
	assert_int_equal(zdedup_shrinker_scan(zd, 0, 4), 4);
	for (i = 0; i < 10; i++)
		assert_int_equal(where_is(zd, i),
				 i < 4 ? ZDEDUP_DEVICE : ZDEDUP_POOL);
	assert_int_equal(model_stats(zd).written_back_pages, 4);
	assert_int_equal(zdedup_memcg_add(zd, 1, 0), 0);
	assert_int_equal(zdedup_memcg_set_writeback(zd, 1, false), 0);
	put_at(zd, at(0, 20), 1, text(20));
	assert_int_equal(zdedup_shrinker_count(zd, 1), 0);
	assert_int_equal(zdedup_shrinker_scan(zd, 1, 10), 0);
	assert_int_equal(zdedup_shrinker_scan(zd, 77, 10), 0);
	model_end(zd);
}

static void kernels_have_their_allocators(void **unused)
{
	(void)unused;
	assert_true(zdedup_kernel_has_zpool("7.2", "zsmalloc"));
	assert_false(zdedup_kernel_has_zpool("7.2", "zbud"));
	assert_true(zdedup_kernel_has_zpool("6.12", "zbud"));
	assert_false(zdedup_kernel_has_zpool("6.12", "z3fold"));
	assert_true(zdedup_kernel_has_zpool("6.1", "z3fold"));
	assert_false(zdedup_kernel_has_zpool("6.1", "z3"));
	assert_false(zdedup_kernel_has_zpool("6.1", "ideal"));
	assert_false(zdedup_kernel_has_zpool("5.0", "zbud"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(incompressible_pages_are_refused),
		cmocka_unit_test(large_folios_are_refused_before_7_2),
		cmocka_unit_test(a_word_is_kept_as_one_in_6_1),
		cmocka_unit_test(one_byte_off_is_no_word),
		cmocka_unit_test(a_load_keeps_the_slot_in_6_1),
		cmocka_unit_test(freed_slots_wait_in_6_1),
		cmocka_unit_test(freed_slots_do_not_wait_later),
		cmocka_unit_test(the_limit_itself_may_be_reached_in_6_1),
		cmocka_unit_test(zsmalloc_of_6_1_cannot_write_back),
		cmocka_unit_test(hysteresis_of_6_1_is_silent),
		cmocka_unit_test(a_full_memcg_is_not_reclaimed_in_6_1),
		cmocka_unit_test(shrinker_counts_by_the_formula),
		cmocka_unit_test(shrinker_keeps_what_it_cannot_subtract),
		cmocka_unit_test(shrinker_scans_by_second_chance),
		cmocka_unit_test(kernels_have_their_allocators),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
