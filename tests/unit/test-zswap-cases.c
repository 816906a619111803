/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The kernel's own tests of zswap and zram, mirrored: selftests/cgroup/test_zswap,
 * selftests/zram, LTP zram01-03 and swapping01. docs/KERNEL-CASES.md says what each
 * asserts there and what differs here. Each runs with equal and with distinct
 * pages, with and without dedup.
 *
 * What reclaim chooses to swap out is the caller's here, so a task (below) stands
 * for a process under memory.max: first in, first out.
 */
#include "cases.h"

#define MIB_PAGES (1024u * 1024u / PAGE)

/*------------------------------------------------------------------ tasks */

typedef const uint8_t *(*page_fn)(const struct variant *v, uint64_t i);

/* A process of @nr pages in memcg @memcg, of which @max fit into its memory */
struct task {
	struct zdedup *zd;
	const struct variant *v;
	page_fn page;
	uint32_t memcg;
	unsigned int type, nr, max;
	unsigned int nr_resident, oldest;
	unsigned int *resident;		/* ring of @max, the oldest at @oldest */
	bool *is_resident, *was_touched;
	uint64_t steps, device_peak;
};

static void task_start(struct task *t)
{
	t->resident = calloc(t->max, sizeof(*t->resident));
	t->is_resident = calloc(t->nr, sizeof(*t->is_resident));
	t->was_touched = calloc(t->nr, sizeof(*t->was_touched));
	assert_non_null(t->resident);
	assert_non_null(t->is_resident);
	assert_non_null(t->was_touched);
	assert_int_equal(zdedup_swapon(t->zd, t->type, t->nr), 0);
}

static void task_end(struct task *t)
{
	free(t->resident);
	free(t->is_resident);
	free(t->was_touched);
	model_end(t->zd);
}

/* A walk of everything at each step would be most of the test's time. */
static void task_check(struct task *t)
{
	if (t->steps++ % 128 == 0)
		model_check(t->zd);
}

static void task_swap_out(struct task *t, unsigned int i)
{
	struct zdedup_sizes sizes;

	assert_int_equal(zdedup_store(t->zd, at(t->type, i), t->memcg,
				      t->page(t->v, i), NULL), 0);
	t->is_resident[i] = false;
	zdedup_get_sizes(t->zd, &sizes);
	if (sizes.live_device > t->device_peak)
		t->device_peak = sizes.live_device;
	task_check(t);
}

/* Makes page @i resident; its bytes must be its own. */
static void task_touch(struct task *t, unsigned int i)
{
	uint8_t got[PAGE];

	if (t->is_resident[i])
		return;
	/* the charge comes before the page is read */
	if (t->nr_resident == t->max) {
		task_swap_out(t, t->resident[t->oldest]);
		t->oldest = (t->oldest + 1) % t->max;
		t->nr_resident--;
	}
	if (t->was_touched[i]) {
		assert_int_equal(zdedup_load(t->zd, at(t->type, i), got, NULL),
				 0);
		assert_memory_equal(got, t->page(t->v, i), PAGE);
		task_check(t);
	}
	t->resident[(t->oldest + t->nr_resident++) % t->max] = i;
	t->is_resident[i] = true;
	t->was_touched[i] = true;
}

static void task_touch_all(struct task *t)
{
	unsigned int i;

	for (i = 0; i < t->nr; i++)
		task_touch(t, i);
	model_check(t->zd);
}

/* allocate_bytes(): one letter at the start of each page */
static const uint8_t *touched_page(const struct variant *v, uint64_t i)
{
	static uint8_t page[PAGE];

	memset(page, 0, PAGE);
	page[0] = 'a';
	return own_page(v, page, i);
}

/* attempt_writeback(): a ramp in the first half, zeroes in the other */
static const uint8_t *half_ramp_page(const struct variant *v, uint64_t i)
{
	static uint8_t page[PAGE];
	unsigned int n;

	memset(page, 0, PAGE);
	for (n = 0; n < PAGE / 2; n++)
		page[n] = (uint8_t)n;
	return own_page(v, page, i);
}

/* A quarter of urandom */
static const uint8_t *quarter_random_page(const struct variant *v, uint64_t i)
{
	static uint8_t page[PAGE];

	memset(page, 0, PAGE);
	memcpy(page, random_page(v, i), PAGE / 4);
	return page;
}

static unsigned int length_of(struct zdedup *zd, const uint8_t *page)
{
	struct zdedup_facts facts;

	zdedup_page_facts(zd, page, &facts);
	assert_in_range(facts.length, 1, PAGE - 1);
	return facts.length;
}

/*----------------------------------------------------- cgroup/test_zswap */

/* memory.max 1M, 4M touched: what does not fit is swapped out, to zswap. */
static void test_zswap_usage(void **state)
{
	const struct variant *v = *state;
	struct task t = { .v = v, .page = touched_page, .memcg = 1, .type = 1,
			  .nr = 4 * MIB_PAGES, .max = MIB_PAGES };
	uint64_t bytes = 0;
	unsigned int i;

	t.zd = variant_model(v);
	assert_int_equal(zdedup_memcg_add(t.zd, 1, 0), 0);
	task_start(&t);
	task_touch_all(&t);
	for (i = 0; i < 3 * MIB_PAGES; i++)
		bytes += length_of(t.zd, touched_page(v, i));
	assert_events(t.zd, (struct events){ .zswpout = 3 * MIB_PAGES });
	assert_stored(t.zd, v, 3 * MIB_PAGES);
	assert_int_equal(model_memcg(t.zd, 1).zswapped, 3 * MIB_PAGES);
	assert_int_equal(model_memcg(t.zd, 1).zswap_bytes, bytes);
	task_end(&t);
}

/* zswap.max 0: 512 pages, of which 3/4 fit, go by the device. */
static void test_swapin_nozswap(void **state)
{
	const struct variant *v = *state;
	struct task t = { .v = v, .page = touched_page, .memcg = 1, .type = 1,
			  .nr = 512, .max = 384 };

	t.zd = variant_model(v);
	assert_int_equal(zdedup_memcg_add(t.zd, 1, 0), 0);
	zdedup_memcg_set_max(t.zd, 1, 0);
	task_start(&t);
	task_touch_all(&t);
	task_touch_all(&t);
	/* all miss: each was swapped out just before its turn came */
	assert_events(t.zd, (struct events){ .pswpout = 128 + 512,
					     .pswpin = 512 });
	assert_int_equal(t.device_peak, 128 + 1);
	assert_int_equal(model_stats(t.zd).lookups, 0);
	assert_stored(t.zd, v, 0);
	assert_int_equal(model_memcg(t.zd, 1).zswapped, 0);
	task_end(&t);
}

/* memory.max 8M, 32M written and read: the reads are served by the pool. */
static void test_zswapin(void **state)
{
	const struct variant *v = *state;
	struct task t = { .v = v, .page = touched_page, .memcg = 1, .type = 1,
			  .nr = 32 * MIB_PAGES, .max = 8 * MIB_PAGES };

	t.zd = variant_model(v);
	assert_int_equal(zdedup_memcg_add(t.zd, 1, 0), 0);
	zdedup_memcg_set_max(t.zd, 1, ZDEDUP_NO_LIMIT);
	task_start(&t);
	task_touch_all(&t);
	task_touch_all(&t);
	assert_events(t.zd, (struct events){
		.zswpout = (24 + 32) * MIB_PAGES, .zswpin = 32 * MIB_PAGES });
	assert_int_equal(t.device_peak, 0);
	assert_stored(t.zd, v, 24 * MIB_PAGES);
	assert_int_equal(model_memcg(t.zd, 1).zswapped, 24 * MIB_PAGES);
	task_end(&t);
}

#define WB_PAGES 1024u

/* memory.reclaim of everything: all pages of the group go out. */
static void reclaim_all(struct zdedup *zd, const struct variant *v,
			uint32_t memcg, unsigned int *where)
{
	struct zdedup_result r;
	unsigned int i;

	memset(where, 0, (ZDEDUP_RESIDENT + 1) * sizeof(*where));
	for (i = 0; i < WB_PAGES; i++) {
		assert_int_equal(zdedup_store(zd, at(0, i), memcg,
					      half_ramp_page(v, i), &r), 0);
		where[r.where]++;
		if (i % 64 == 0)
			model_check(zd);
	}
	model_check(zd);
}

/* Pages that never left memory have an empty slot; all others prove themselves. */
static void fault_back(struct zdedup *zd, const struct variant *v,
		       bool all_swapped)
{
	enum zdedup_where now;
	unsigned int i;

	for (i = 0; i < WB_PAGES; i++)
		if (all_swapped || !zdedup_peek(zd, at(0, i), &now))
			get(zd, i, half_ramp_page(v, i));
}

/*
 * Of the stores that find the group at its limit, how many are let in? Each looks
 * at the oldest entry: the first @fit find its second chance and are refused, the
 * next @fit write it back, each for a new one, and so on.
 */
static unsigned int stores_let_in(unsigned int fit)
{
	unsigned int i, in = 0;

	for (i = 0; i < WB_PAGES - fit; i++)
		in += i / fit % 2;
	return in;
}

/*
 * attempt_writeback(): out, back, zswap.max to a quarter, out. @fit: how many pages
 * the quarter takes (the limit is kept in whole pages, and may be passed by one).
 */
static unsigned int attempt_writeback(struct zdedup *zd,
				      const struct variant *v, uint32_t memcg,
				      unsigned int *where)
{
	unsigned int length = length_of(zd, half_ramp_page(v, 0));
	uint64_t usage;
	unsigned int i;

	for (i = 0; i < WB_PAGES; i++)
		assert_int_equal(length_of(zd, half_ramp_page(v, i)), length);
	reclaim_all(zd, v, memcg, where);
	assert_int_equal(where[ZDEDUP_POOL], WB_PAGES);
	assert_stored(zd, v, WB_PAGES);
	usage = model_memcg(zd, memcg).zswap_bytes;
	/* the charge knows nothing of sharing, or the quarter would be 0 pages */
	assert_int_equal(usage, WB_PAGES * length);
	assert_int_equal(model_stats(zd).zswpwb, 0);
	fault_back(zd, v, true);
	zdedup_memcg_set_max(zd, memcg, usage / 4);
	assert_true(usage / 4 >= PAGE);
	reclaim_all(zd, v, memcg, where);
	return (unsigned int)((usage / 4 / PAGE * PAGE + length - 1) / length);
}

/*
 * The kernel's test wants zswpwb > 0, and its 1024 pages are all equal: a group at
 * its limit writes back shared contents as well (docs/MODEL.md).
 */
static void writeback_enabled(const struct variant *v, uint32_t memcg)
{
	struct zdedup *zd = variant_model(v);
	unsigned int where[ZDEDUP_RESIDENT + 1], fit, in;

	assert_int_equal(zdedup_memcg_add(zd, 1, 0), 0);
	assert_int_equal(zdedup_memcg_add(zd, 2, 1), 0);
	zdedup_memcg_set_writeback(zd, 1, true);
	zdedup_memcg_set_writeback(zd, 2, true);
	fit = attempt_writeback(zd, v, memcg, where);
	assert_in_range(fit, 1, WB_PAGES / 4);
	in = stores_let_in(fit);
	assert_int_not_equal(in, 0);
	assert_int_equal(where[ZDEDUP_POOL], fit + in);
	assert_int_equal(where[ZDEDUP_DEVICE], WB_PAGES - fit - in);
	assert_int_equal(where[ZDEDUP_RESIDENT], 0);
	assert_stored(zd, v, fit);
	assert_events(zd, (struct events){
		.zswpout = WB_PAGES + fit + in, .zswpin = WB_PAGES,
		.zswpwb = in, .pswpout = WB_PAGES - fit });
	assert_int_equal(model_stats(zd).live_device, WB_PAGES - fit);
	assert_int_equal(model_memcg(zd, memcg).zswapped, fit);
	fault_back(zd, v, true);
	assert_int_equal(model_stats(zd).pswpin, WB_PAGES - fit);
	model_end(zd);
}

static void test_zswap_writeback_enabled(void **state)
{
	writeback_enabled(*state, 1);
}

static void test_zswap_writeback_enabled_in_child(void **state)
{
	writeback_enabled(*state, 2);
}

/* memory.reclaim gives -EAGAIN: what is refused stays where it is. */
static void writeback_disabled(const struct variant *v, uint32_t memcg)
{
	struct zdedup *zd = variant_model(v);
	unsigned int where[ZDEDUP_RESIDENT + 1], fit;

	assert_int_equal(zdedup_memcg_add(zd, 1, 0), 0);
	assert_int_equal(zdedup_memcg_add(zd, 2, 1), 0);
	zdedup_memcg_set_writeback(zd, 1, false);
	zdedup_memcg_set_writeback(zd, 2, true);
	fit = attempt_writeback(zd, v, memcg, where);
	assert_int_equal(where[ZDEDUP_POOL], fit);
	assert_int_equal(where[ZDEDUP_DEVICE], 0);
	assert_int_equal(where[ZDEDUP_RESIDENT], WB_PAGES - fit);
	/* a refused store over an older copy leaves none */
	assert_int_equal(put_at(zd, at(0, 0), memcg,
				half_ramp_page(v, 1)).where, ZDEDUP_RESIDENT);
	assert_empty(zd, 0);
	assert_stored(zd, v, fit - 1);
	assert_events(zd, (struct events){ .zswpout = WB_PAGES + fit,
					   .zswpin = WB_PAGES });
	assert_int_equal(model_memcg(zd, memcg).zswapped, fit - 1);
	fault_back(zd, v, false);
	assert_int_equal(model_stats(zd).zswpin, WB_PAGES + fit - 1);
	model_end(zd);
}

static void test_zswap_writeback_disabled(void **state)
{
	writeback_disabled(*state, 1);
}

static void test_zswap_writeback_disabled_in_child(void **state)
{
	writeback_disabled(*state, 2);
}

/* Whoever runs reclaim, the charge is the owner's. */
static void test_no_kmem_bypass(void **state)
{
	const struct variant *v = *state;
	struct zdedup *zd = variant_model(v);
	uint64_t bytes[3] = { 0 };
	unsigned int i;

	assert_int_equal(zdedup_memcg_add(zd, 1, 0), 0);
	assert_int_equal(zdedup_memcg_add(zd, 2, 0), 0);
	/* three of the group's to one of a stranger's, of the same pages */
	for (i = 0; i < 400; i++) {
		uint32_t memcg = i % 4 ? 1 : 2;

		bytes[memcg] += put_at(zd, at(0, i), memcg,
				       touched_page(v, i)).length;
	}
	assert_stored(zd, v, 400);
	assert_int_equal(model_memcg(zd, 1).zswapped, 300);
	assert_int_equal(model_memcg(zd, 2).zswapped, 100);
	assert_int_equal(model_memcg(zd, 0).zswapped, 400);
	assert_int_equal(model_memcg(zd, 1).zswap_bytes, bytes[1]);
	assert_int_equal(model_memcg(zd, 2).zswap_bytes, bytes[2]);
	assert_int_equal(model_memcg(zd, 0).zswap_bytes, bytes[1] + bytes[2]);
	assert_int_equal(bytes[1], 3 * bytes[2]);
	assert_events(zd, (struct events){ .zswpout = 400 });
	for (i = 0; i < 400; i++)
		get(zd, i, touched_page(v, i));
	assert_int_equal(model_memcg(zd, 0).zswap_bytes, 0);
	model_end(zd);
}

#define WB_GROUP 1u
#define ZW_GROUP 2u

/*
 * A group over its zswap.max of one page is shrunk, its neighbour is not. With
 * equal pages the neighbour holds the same content, which must not matter.
 */
static void test_no_invasive_cgroup_shrink(void **state)
{
	const struct variant *v = *state;
	struct zdedup *zd = variant_model(v);
	unsigned int i, fit, length, written = 0;
	struct zdedup_stats s;

	assert_int_equal(zdedup_memcg_add(zd, WB_GROUP, 0), 0);
	assert_int_equal(zdedup_memcg_add(zd, ZW_GROUP, 0), 0);
	zdedup_memcg_set_max(zd, WB_GROUP, PAGE);
	for (i = 0; i < 50; i++)
		put_at(zd, at(0, i), ZW_GROUP, quarter_random_page(v, i));
	length = length_of(zd, quarter_random_page(v, 50));
	fit = (PAGE + length - 1) / length;
	for (i = 50; i < 100; i++) {
		assert_int_equal(length_of(zd, quarter_random_page(v, i)),
				 length);
		put_at(zd, at(0, i), WB_GROUP, quarter_random_page(v, i));
		if (i - 50 >= fit)
			written += (i - 50 - fit) / fit % 2;
	}
	assert_int_not_equal(written, 0);
	s = model_stats(zd);
	assert_int_equal(s.zswpwb, written);
	assert_int_equal(s.live_device, 50 - fit);
	assert_int_equal(model_memcg(zd, WB_GROUP).zswapped, fit);
	assert_int_equal(model_memcg(zd, ZW_GROUP).zswapped, 50);
	for (i = 0; i < 50; i++)
		assert_int_equal(get(zd, i, quarter_random_page(v, i)),
				 ZDEDUP_POOL);
	for (i = 50; i < 100; i++)
		get(zd, i, quarter_random_page(v, i));
	model_end(zd);
}

static void test_zswap_incompressible(void **state)
{
	const struct variant *v = *state;
	struct zdedup *zd = variant_model(v);
	const unsigned int nr = 4 * MIB_PAGES;
	unsigned int i, contents = variant_shares(v) ? 1 : nr;

	for (i = 0; i < nr; i++) {
		struct zdedup_result r;

		assert_int_equal(zdedup_store(zd, at(0, i), 0,
					      random_page(v, i), &r), 0);
		assert_int_equal(r.length, PAGE);
		assert_int_equal(model_stats(zd).stored_incompressible_pages,
				 i + 1);
	}
	assert_stored(zd, v, nr);
	assert_events(zd, (struct events){ .zswpout = nr });
	assert_int_equal(model_stats(zd).pool_total_size,
			 (uint64_t)contents * PAGE);
	assert_int_equal(model_memcg(zd, 0).zswap_bytes, (uint64_t)nr * PAGE);
	for (i = 0; i < nr; i++) {
		uint8_t got[PAGE];

		if (i % 2) {
			assert_int_equal(zdedup_load(zd, at(0, i), got, NULL),
					 0);
			assert_memory_equal(got, random_page(v, i), PAGE);
		} else {
			assert_int_equal(zdedup_invalidate(zd, at(0, i)), 0);
		}
		assert_int_equal(model_stats(zd).stored_incompressible_pages,
				 nr - 1 - i);
		if (i % 64 == 0)
			model_check(zd);
	}
	model_end(zd);
}

/*
 * Asked for page by page: bad requests change nothing, good ones count in zswpwb.
 * A request meets the content of others as it meets any: spared.
 */
static void test_zswap_proactive_writeback(void **state)
{
	static const char *const bad[] = {
		"", "sometimes", "always:sharers", "always:sharers=1",
		"none:sharers=2", "always:sharers=2:sharers=3",
	};
	const struct variant *v = *state;
	struct zdedup *zd = variant_model(v);
	char why[ZDEDUP_WHY_MAX];
	unsigned int i, written = 0;
	const unsigned int nr = 64;
	int want;

	for (i = 0; i < nr; i++)
		put(zd, i, half_ramp_page(v, i));
	for (i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		why[0] = 0;
		assert_int_equal(zdedup_set_dedup(zd, bad[i], why), -EINVAL);
		assert_int_not_equal(why[0], 0);
	}
	assert_int_equal(zdedup_writeback(zd, at(0, MODEL_SLOTS)), -EINVAL);
	assert_int_equal(zdedup_writeback(zd, at(1, 0)), -EINVAL);
	assert_int_equal(zdedup_writeback(zd, at(0, nr)), -ENOENT);
	model_check(zd);
	assert_stored(zd, v, nr);
	assert_events(zd, (struct events){ .zswpout = nr });

	for (i = 0; i < nr; i++) {
		want = variant_shares(v) ? -EBUSY : 0;
		assert_int_equal(zdedup_writeback(zd, at(0, i)), want);
		written += !want;
		model_check(zd);
	}
	assert_events(zd, (struct events){ .zswpout = nr, .zswpwb = written,
					   .pswpout = written });
	assert_stored(zd, v, nr - written);
	for (i = 0; i < nr; i++)
		assert_int_equal(get(zd, i, half_ramp_page(v, i)),
				 written ? ZDEDUP_DEVICE : ZDEDUP_POOL);
	model_end(zd);
}

/*---------------------------------------------------- zram and swapping */

/* selftests zram01: the algorithm is set and read back; zeroes need no memory. */
static void zram01_selftest(void **state)
{
	static const char *const algorithm[] = { "lz4", "zstd", "none" };
	const struct variant *v = *state;
	struct zdedup *zd = variant_model(v);
	char version[3][64];
	unsigned int a, i;

	for (a = 0; a < 3; a++) {
		assert_int_equal(zdedup_set_compressor(zd, algorithm[a], NULL),
				 0);
		snprintf(version[a], sizeof(version[a]), "%s",
			 zdedup_codec_version(zd));
	}
	assert_string_not_equal(version[0], version[1]);
	assert_string_not_equal(version[1], version[2]);
	assert_int_equal(zdedup_set_compressor(zd, "lz5", NULL), -EINVAL);
	assert_string_equal(zdedup_codec_version(zd), version[2]);
	assert_int_equal(zdedup_set_compressor(zd, "lz4", NULL), 0);
	assert_string_equal(zdedup_codec_version(zd), version[0]);

	/* a limit of no page at all stops what needs one */
	zdedup_set_limits(zd, 1000, 0, 90);
	for (i = 0; i < 256; i++)
		assert_int_equal(put(zd, i, page_of(PAGE_ZERO, 0)).where,
				 ZDEDUP_ZERO);
	assert_int_equal(model_stats(zd).pool_total_size, 0);
	assert_int_equal(model_stats(zd).live_zero, 256);
	assert_int_equal(put(zd, 256, letter_page(v, 'a', 256)).where,
			 ZDEDUP_DEVICE);
	for (i = 0; i < 256; i++)
		get(zd, i, page_of(PAGE_ZERO, 0));
	assert_events(zd, (struct events){
		.swpout_zero = 256, .swpin_zero = 256, .pswpout = 1,
		.pool_limit_hit = 1 });
	model_end(zd);
}

/* selftests zram02: a device is on, used, and off again. */
static void zram02_selftest(void **state)
{
	const struct variant *v = *state;
	struct zdedup *zd = variant_model(v);
	struct zdedup_stats before = model_stats(zd), s;
	unsigned int round, i;

	for (round = 0; round < 3; round++) {
		assert_int_equal(zdedup_swapon(zd, 1, 1000), 0);
		assert_int_equal(zdedup_swapon(zd, 1, 1000), -EBUSY);
		for (i = 0; i < 100; i++)
			put_at(zd, at(1, i * 9), 0, letter_page(v, 'a', i));
		assert_stored(zd, v, 100);
		assert_int_equal(zdedup_swapoff(zd, 1), 0);
		assert_int_equal(zdedup_swapoff(zd, 1), -EINVAL);
		model_check(zd);
		s = model_stats(zd);
		model_assert_empty(&s);
		assert_int_equal(s.metadata_bytes, before.metadata_bytes);
	}
	assert_events(zd, (struct events){ .zswpout = 300 });
	model_end(zd);
}

/*
 * LTP zram01: filled until the limit says no, whatever the allocator. The ratio
 * 100 * stored / used is at least 100: pages that nobody can shrink cost no more
 * than themselves.
 */
static void zram01_ltp(void **state)
{
	const struct variant *v = *state;
	struct zdedup_config config;
	unsigned int z, i, filled;
	struct zdedup_result r;
	struct zdedup_stats s;
	bool zsmalloc_seen = false;

	for (z = 0; zdedup_name(ZDEDUP_ZPOOLS, z); z++) {
		struct zdedup *zd;

		zdedup_config_init(&config);
		config.dedup = v->dedup;
		config.zpool = zdedup_name(ZDEDUP_ZPOOLS, z);
		if (!zdedup_kernel_has_zpool(config.kernel, config.zpool))
			continue;
		config.totalram_pages = 1000;
		zd = model_create(&config);
		filled = 0;
		for (i = 0; i < 300; i++) {
			assert_int_equal(zdedup_store(zd, at(0, i), 0,
						      random_page(v, i), &r),
					 0);
			/* a refusal lets the worker make room for some later */
			if (r.where != ZDEDUP_POOL)
				break;
			filled++;
			model_check(zd);
		}
		s = model_stats(zd);
		assert_true(s.stored_pages * PAGE >= s.pool_total_size);
		if (!strcmp(config.zpool, "zsmalloc")) {
			assert_int_equal(filled,
					 variant_shares(v) ? 300 : 200);
			assert_int_equal(s.pool_limit_hit, filled == 200);
			assert_int_equal(s.pool_total_size,
					 s.contents * PAGE);
			zsmalloc_seen = true;
		}
		for (i = 0; i < filled; i++)
			get(zd, i, random_page(v, i));
		model_end(zd);
	}
	assert_true(zsmalloc_seen);
}

#define GIB100_PAGES (100ull * 1024 * MIB_PAGES)

/* LTP zram02: a disk of 100 GB and a limit of 1 MB; what is not used costs nothing. */
static void zram02_ltp(void **state)
{
	const struct variant *v = *state;
	struct zdedup *zd = variant_model(v), *small = variant_model(v);
	unsigned int i;

	assert_int_equal(zdedup_swapon(zd, 1, GIB100_PAGES), 0);
	zdedup_set_limits(zd, MIB_PAGES, 100, 90);
	assert_int_equal(model_stats(zd).metadata_bytes,
			 model_stats(small).metadata_bytes);
	for (i = 0; i < MIB_PAGES; i++) {
		assert_int_equal(put_at(zd, at(1, i), 0,
					random_page(v, i)).where, ZDEDUP_POOL);
		put(small, i, random_page(v, i));
	}
	assert_int_equal(model_stats(zd).metadata_bytes,
			 model_stats(small).metadata_bytes);
	/* as far out as it goes: a tree of its own, and no limit for a sharer */
	assert_int_equal(put_at(zd, at(1, GIB100_PAGES - 1), 0,
				random_page(v, MIB_PAGES)).where,
			 variant_shares(v) ? ZDEDUP_POOL : ZDEDUP_DEVICE);
	assert_int_equal(zdedup_store(zd, at(1, GIB100_PAGES), 0,
				      random_page(v, 0), NULL), -EINVAL);
	get_at(zd, at(1, GIB100_PAGES - 1), random_page(v, MIB_PAGES));
	for (i = 0; i < MIB_PAGES; i++)
		get_at(zd, at(1, i), random_page(v, i));
	model_end(zd);
	model_end(small);
}

#define DISK_PAGES (32u * MIB_PAGES)

/* 'a' in every byte but the last of the disk, which is 0 */
static const uint8_t *zram03_page(const struct variant *v, uint64_t i)
{
	static uint8_t page[PAGE];

	memcpy(page, letter_page(v, 'a', i), PAGE);
	if (i == DISK_PAGES - 1)
		page[PAGE - 1] = 0;
	return page;
}

/* LTP zram03: a whole disk filled, read back, and reset. */
static void zram03_ltp(void **state)
{
	const struct variant *v = *state;
	struct zdedup *zd = variant_model(v);
	struct zdedup_stats s;
	uint8_t got[PAGE];
	unsigned int i;

	assert_int_equal(zdedup_swapon(zd, 1, DISK_PAGES), 0);
	for (i = 0; i < DISK_PAGES; i++)
		assert_int_equal(zdedup_store(zd, at(1, i), 0,
					      zram03_page(v, i), NULL), 0);
	model_check(zd);
	if (variant_shares(v))
		model_assert_sharing(zd, 1, DISK_PAGES - 2, 1);
	else
		model_assert_sharing(zd, 0, 0, DISK_PAGES);
	for (i = 0; i < DISK_PAGES; i += 2) {
		assert_int_equal(zdedup_load(zd, at(1, i), got, NULL), 0);
		assert_memory_equal(got, zram03_page(v, i), PAGE);
	}
	get_at(zd, at(1, DISK_PAGES - 1), zram03_page(v, DISK_PAGES - 1));
	/* reset, with the other half still there */
	assert_stored(zd, v, DISK_PAGES / 2 - 1);
	assert_events(zd, (struct events){ .zswpout = DISK_PAGES,
					   .zswpin = DISK_PAGES / 2 + 1 });
	assert_int_equal(zdedup_swapoff(zd, 1), 0);
	model_check(zd);
	s = model_stats(zd);
	model_assert_empty(&s);
	assert_int_equal(model_memcg(zd, 0).zswap_bytes, 0);
	model_end(zd);
}

/*
 * LTP swapping01: 1.3 times what there is. Swap holds what does not fit and no
 * more, and reclaim writes a page at most once for each time it was swapped out.
 */
static void swapping01(void **state)
{
	const struct variant *v = *state;
	struct task t = { .v = v, .page = random_page, .memcg = 0, .type = 1,
			  .nr = 1300, .max = 1000 };
	struct zdedup_stats s;

	t.zd = variant_model(v);
	zdedup_set_limits(t.zd, 1000, 10, 90);
	task_start(&t);
	task_touch_all(&t);
	s = model_stats(t.zd);
	assert_int_equal(s.stored_pages + s.live_device, 300);
	/* to the device: refused, or written back; nothing was read */
	assert_int_equal(s.pswpout, 300 - s.zswpout + s.zswpwb);
	assert_int_equal(s.stored_pages, s.zswpout - s.zswpwb);
	assert_true(s.zswpwb <= s.zswpout);
	assert_int_equal(s.zswpin + s.pswpin, 0);
	if (variant_shares(v)) {
		assert_int_equal(s.zswpout, 300);
		assert_int_equal(s.pswpout, 0);
	} else {
		assert_int_not_equal(s.zswpwb, 0);
		assert_true(s.pool_total_size <= 100 * PAGE);
	}
	task_touch_all(&t);
	s = model_stats(t.zd);
	assert_int_equal(s.stored_pages + s.live_device, 300);
	assert_true(s.zswpwb <= s.zswpout);
	assert_int_equal(s.zswpin + s.pswpin, 1300);
	task_end(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_zswap_usage),
		CASE(test_swapin_nozswap),
		CASE(test_zswapin),
		CASE(test_zswap_writeback_enabled),
		CASE(test_zswap_writeback_enabled_in_child),
		CASE(test_zswap_writeback_disabled),
		CASE(test_zswap_writeback_disabled_in_child),
		CASE(test_no_kmem_bypass),
		CASE(test_no_invasive_cgroup_shrink),
		CASE(test_zswap_incompressible),
		CASE(test_zswap_proactive_writeback),
		CASE(zram01_selftest),
		CASE(zram02_selftest),
		CASE(zram01_ltp),
		CASE(zram02_ltp),
		CASE(zram03_ltp),
		CASE(swapping01),
		cmocka_unit_test(no_allocation_is_left),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
