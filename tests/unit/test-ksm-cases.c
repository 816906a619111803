/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The kernel's own tests of KSM, mirrored: selftests/mm/ksm_tests,
 * selftests/mm/ksm_functional_tests, LTP ksm01-07. docs/KERNEL-CASES.md says what
 * each asserts there and what differs here. Each runs with equal and with distinct
 * pages.
 *
 * A page that KSM would scan is a page that is swapped out here; "unmerging" is
 * that it comes back and goes out again by itself, or changed.
 */
#include "cases.h"

/* Slots @first..@first+@nr-1 all get their page of @letter. */
static void put_letters(struct zdedup *zd, const struct variant *v,
			uint64_t first, unsigned int nr, char letter)
{
	unsigned int i;

	for (i = 0; i < nr; i++)
		assert_int_equal(put(zd, first + i,
				     letter_page(v, letter, first + i)).where,
				 ZDEDUP_POOL);
}

static void get_letters(struct zdedup *zd, const struct variant *v,
			uint64_t first, unsigned int nr, char letter)
{
	unsigned int i;

	for (i = 0; i < nr; i++)
		get(zd, first + i, letter_page(v, letter, first + i));
}

/* In and out again, under the policy that rules now. */
static void swap_again(struct zdedup *zd, const struct variant *v,
		       uint64_t first, unsigned int nr, char letter)
{
	unsigned int i;

	for (i = 0; i < nr; i++) {
		get(zd, first + i, letter_page(v, letter, first + i));
		put(zd, first + i, letter_page(v, letter, first + i));
	}
}

static void set_dedup(struct zdedup *zd, const char *word)
{
	assert_int_equal(zdedup_set_dedup(zd, word, NULL), 0);
	model_check(zd);
}

/*------------------------------------------------------- mm/ksm_tests */

/* -M: what p pages come to with at most m sharers a content */
static void ksm_tests_merge(void **state)
{
	const struct variant *v = *state;
	unsigned int m, p, shared, sharing;
	char word[32];

	for (m = 2; m <= 8; m++) {
		for (p = 0; p <= 3 * m + 2; p++) {
			struct zdedup *zd;

			snprintf(word, sizeof(word), "always:sharers=%u", m);
			zd = model_new(word, "xxh64", "lz4");
			put_letters(zd, v, 0, p, '*');
			if (p % m <= 1) {
				shared = p / m;
				sharing = shared * (m - 1);
			} else {
				shared = p / m + 1;
				sharing = p - shared;
			}
			if (v->identical)
				model_assert_sharing(zd, shared, sharing,
						     p % m == 1);
			else
				model_assert_sharing(zd, 0, 0, p);
			get_letters(zd, v, 0, p, '*');
			model_end(zd);
		}
	}
}

/* -U: two pages, one byte of each changes. */
static void ksm_tests_unmerge(void **state)
{
	const struct variant *v = *state;
	struct zdedup *zd = variant_model(v);
	uint8_t page[2][PAGE];
	unsigned int i;

	put_letters(zd, v, 0, 2, '*');
	assert_stored(zd, v, 2);
	for (i = 0; i < 2; i++) {
		memcpy(page[i], letter_page(v, '*', i), PAGE);
		page[i][0] = i ? '+' : '-';
		assert_false(put(zd, i, page[i]).shared);
	}
	model_assert_sharing(zd, 0, 0, 2);
	get(zd, 0, page[0]);
	get(zd, 1, page[1]);
	model_end(zd);
}

/*
 * -Z: zero pages are merged with nothing, as they become the zero page (the zero
 * map). That cannot be switched off in 7.2; pages of another byte are the others.
 */
static void ksm_tests_zero_pages(void **state)
{
	const struct variant *v = *state;
	struct zdedup *zd = variant_model(v);
	unsigned int i;

	for (i = 0; i < 100; i++)
		assert_int_equal(put(zd, i, page_of(PAGE_ZERO, 0)).where,
				 ZDEDUP_ZERO);
	model_assert_sharing(zd, 0, 0, 0);
	assert_int_equal(model_stats(zd).live_zero, 100);
	put_letters(zd, v, 100, 100, 1);
	assert_stored(zd, v, 100);
	assert_int_equal(model_stats(zd).lookups, 100);
	for (i = 0; i < 100; i++)
		assert_int_equal(get(zd, i, page_of(PAGE_ZERO, 0)),
				 ZDEDUP_ZERO);
	get_letters(zd, v, 100, 100, 1);
	assert_events(zd, (struct events){
		.zswpout = 100, .zswpin = 100, .swpout_zero = 100,
		.swpin_zero = 100 });
	model_end(zd);
}

/* -N: one page on each of two nodes. A domain of sharing stands for a node. */
static void ksm_tests_numa(void **state)
{
	const struct variant *v = *state;
	bool across = !strcmp(v->dedup, "always");
	struct zdedup *zd = variant_model(v);
	unsigned int i;

	for (i = 0; i < 2; i++) {
		assert_int_equal(zdedup_memcg_add(zd, 1 + i, 0), 0);
		put_at(zd, at(0, i), 1 + i, letter_page(v, '*', i));
	}
	if (across && v->identical)
		model_assert_sharing(zd, 1, 1, 0);
	else
		model_assert_sharing(zd, 0, 0, 2);
	get_letters(zd, v, 0, 2, '*');
	model_end(zd);
}

/* How often each of the costly stages was entered */
struct work {
	uint64_t seen[ZDEDUP_NR_STAGES];
};

static void count_stage(void *data, enum zdedup_stage stage)
{
	struct work *work = data;

	work->seen[stage]++;
}

static void assert_work(struct zdedup *zd, struct work *work, uint64_t hash,
			uint64_t compare, uint64_t compress,
			uint64_t decompress)
{
	assert_int_equal(work->seen[ZDEDUP_STAGE_HASH], hash);
	assert_int_equal(work->seen[ZDEDUP_STAGE_COMPARE], compare);
	assert_int_equal(work->seen[ZDEDUP_STAGE_COMPRESS], compress);
	assert_int_equal(work->seen[ZDEDUP_STAGE_ALLOCATE], compress);
	assert_int_equal(work->seen[ZDEDUP_STAGE_DECOMPRESS], decompress);
	memset(work, 0, sizeof(*work));
	model_check(zd);
}

/* What the timings of -P, -H, -D and -C would time */
static void ksm_tests_merge_time(void **state)
{
	const struct variant *v = *state;
	struct zdedup *zd = variant_model(v);
	struct work work = { 0 };

	zdedup_set_stage_hook(zd, count_stage, &work);
	put_letters(zd, v, 0, 400, '*');
	assert_work(zd, &work, 400, v->identical ? 399 : 0,
		    v->identical ? 1 : 400, 0);
	assert_stored(zd, v, 400);
	model_end(zd);
}

/* -H: pages that arrive as huge ones, 512 at a time */
static void ksm_tests_merge_huge_pages_time(void **state)
{
	const struct variant *v = *state;
	const unsigned int nr = ZDEDUP_FOLIO_PAGES_MAX;
	struct zdedup *zd = variant_model(v);
	uint8_t *pages = malloc((size_t)nr * PAGE);
	struct work work = { 0 };
	struct zdedup_result r;
	unsigned int i, folio;

	assert_non_null(pages);
	zdedup_set_stage_hook(zd, count_stage, &work);
	for (folio = 0; folio < 2; folio++) {
		for (i = 0; i < nr; i++)
			memcpy(pages + i * PAGE,
			       letter_page(v, '*', folio * nr + i), PAGE);
		assert_int_equal(zdedup_store_folio(zd, at(0, folio * nr), 0,
						    pages, nr, &r), 0);
		assert_int_equal(r.where, ZDEDUP_POOL);
		assert_int_equal(r.shared, v->identical && folio);
	}
	free(pages);
	assert_work(zd, &work, 2 * nr, v->identical ? 2 * nr - 1 : 0,
		    v->identical ? 1 : 2 * nr, 0);
	assert_stored(zd, v, 2 * nr);
	get_letters(zd, v, 0, 2 * nr, '*');
	model_end(zd);
}

static void ksm_tests_unmerge_time(void **state)
{
	const struct variant *v = *state;
	struct zdedup *zd = variant_model(v);
	struct work work = { 0 };

	put_letters(zd, v, 0, 400, '*');
	set_dedup(zd, "none");
	zdedup_set_stage_hook(zd, count_stage, &work);
	swap_again(zd, v, 0, 400, '*');
	/* neither hashed nor compared; each is in a copy of its own */
	assert_work(zd, &work, 0, 0, 400, 400);
	model_assert_sharing(zd, 0, 0, 400);
	model_end(zd);
}

#define COW_PAIRS 2000u

/* -C: 2000 pairs, of which the one is written to */
static void ksm_tests_cow_time(void **state)
{
	const struct variant *v = *state;
	struct zdedup *zd = variant_model(v);
	struct work work = { 0 };
	struct zdedup_result r;
	unsigned int i;

	for (i = 0; i < 2 * COW_PAIRS; i++) {
		uint64_t seed = v->identical ? i / 2 : i;

		assert_int_equal(zdedup_store(zd, at(0, i), 0, text(seed), &r),
				 0);
		assert_int_equal(r.shared, v->identical && i % 2);
	}
	if (v->identical)
		model_assert_sharing(zd, COW_PAIRS, COW_PAIRS, 0);
	else
		model_assert_sharing(zd, 0, 0, 2 * COW_PAIRS);
	zdedup_set_stage_hook(zd, count_stage, &work);
	for (i = 0; i < 2 * COW_PAIRS; i += 2)
		assert_int_equal(zdedup_store(zd, at(0, i), 0,
					      noise(i), &r), 0);
	assert_work(zd, &work, COW_PAIRS, 0, COW_PAIRS, 0);
	model_assert_sharing(zd, 0, 0, 2 * COW_PAIRS);
	for (i = 1; i < 2 * COW_PAIRS; i += 400)
		get(zd, i, text(v->identical ? i / 2 : i));
	model_end(zd);
}

/*-------------------------------------------- mm/ksm_functional_tests */

#define AREA 512u		/* pages of 2 MiB */
#define HALF (AREA / 2)

/* The area as mmap_and_merge_range() leaves it */
static struct zdedup *area_merged(const struct variant *v)
{
	struct zdedup *zd = variant_model(v);

	put_letters(zd, v, 0, AREA, (char)0xcf);
	assert_stored(zd, v, AREA);
	return zd;
}

/* No two slots of those [@first, AREA) are in one content. */
static void unmerge_from(struct zdedup *zd, const struct variant *v,
			 unsigned int first)
{
	set_dedup(zd, "none");
	swap_again(zd, v, first, AREA - first, (char)0xcf);
}

static void test_unmerge(void **state)
{
	const struct variant *v = *state;
	struct zdedup *zd = area_merged(v);

	unmerge_from(zd, v, 0);
	model_assert_sharing(zd, 0, 0, AREA);
	get_letters(zd, v, 0, AREA, (char)0xcf);
	model_end(zd);
}

/* The count of zero pages: all, half after half is written to, none. */
static void test_unmerge_zero_pages(void **state)
{
	const struct variant *v = *state;
	struct zdedup *zd = variant_model(v);
	unsigned int i;

	for (i = 0; i < AREA; i++)
		assert_int_equal(put(zd, i, page_of(PAGE_ZERO, 0)).where,
				 ZDEDUP_ZERO);
	assert_int_equal(model_stats(zd).live_zero, AREA);
	put_letters(zd, v, 0, HALF, 1);
	assert_int_equal(model_stats(zd).live_zero, HALF);
	assert_stored(zd, v, HALF);
	put_letters(zd, v, HALF, HALF, 1);
	assert_int_equal(model_stats(zd).live_zero, 0);
	assert_stored(zd, v, AREA);
	get_letters(zd, v, 0, AREA, 1);
	assert_events(zd, (struct events){ .zswpout = AREA, .zswpin = AREA,
					   .swpout_zero = AREA });
	model_end(zd);
}

/* Half is thrown away first (MADV_DONTNEED). */
static void test_unmerge_discarded(void **state)
{
	const struct variant *v = *state;
	struct zdedup *zd = area_merged(v);
	unsigned int i;

	for (i = 0; i < HALF; i++)
		drop(zd, i);
	assert_stored(zd, v, HALF);
	unmerge_from(zd, v, HALF);
	model_assert_sharing(zd, 0, 0, HALF);
	for (i = 0; i < HALF; i++)
		assert_empty(zd, i);
	get_letters(zd, v, HALF, HALF, (char)0xcf);
	model_end(zd);
}

/* Write-protected pages: looked at and never changed. The others are unmerged. */
static void test_unmerge_uffd_wp(void **state)
{
	const struct variant *v = *state;
	struct zdedup *zd = area_merged(v);
	unsigned int i;

	unmerge_from(zd, v, HALF);
	for (i = 0; i < AREA; i++)
		assert_int_equal(where_is(zd, i), ZDEDUP_POOL);
	if (v->identical)
		model_assert_sharing(zd, 1, HALF - 1, HALF);
	else
		model_assert_sharing(zd, 0, 0, AREA);
	get_letters(zd, v, 0, AREA, (char)0xcf);
	model_end(zd);
}

/* One half gets bytes of its own behind the mapping's back, the other is unmerged. */
static void test_prot_none(void **state)
{
	const struct variant *v = *state;
	struct zdedup *zd = area_merged(v);
	unsigned int i;

	for (i = 0; i < HALF; i++)
		assert_false(put(zd, i, text(i)).shared);
	if (v->identical)
		model_assert_sharing(zd, 1, HALF - 1, HALF);
	else
		model_assert_sharing(zd, 0, 0, AREA);
	unmerge_from(zd, v, HALF);
	model_assert_sharing(zd, 0, 0, AREA);
	for (i = 0; i < HALF; i++)
		get(zd, i, text(i));
	get_letters(zd, v, HALF, HALF, (char)0xcf);
	model_end(zd);
}

/* PR_SET_MEMORY_MERGE: on, on again, off, off again; nonsense is refused. */
static void test_prctl(void **state)
{
	const struct variant *v = *state;
	struct zdedup *zd = model_new("none", "xxh64", "lz4");
	static const char *const word[] = {
		"always", "always", "none", "none", "always",
	};
	char why[ZDEDUP_WHY_MAX] = "";
	unsigned int i;

	for (i = 0; i < 5; i++) {
		set_dedup(zd, word[i]);
		assert_int_equal(zdedup_set_dedup(zd, "merge", why), -EINVAL);
		assert_int_not_equal(why[0], 0);
		put_letters(zd, v, 4 * i, 4, 'm');
	}
	/* eight under the first two, four alone twice, four more for the eight */
	if (v->identical)
		model_assert_sharing(zd, 1, 11, 8);
	else
		model_assert_sharing(zd, 0, 0, 20);
	assert_int_equal(model_stats(zd).lookups, 12);
	get_letters(zd, v, 0, 20, 'm');
	model_end(zd);
}

/*
 * The flag is inherited, and merging happens in the child. A child is a new memcg;
 * sharing with its parent is the policy's to allow.
 */
static void prctl_fork(const struct variant *v, bool across)
{
	struct zdedup *zd = model_new(across ? "always" : "memcg", "xxh64",
				      "lz4");
	unsigned int i;

	assert_int_equal(zdedup_memcg_add(zd, 1, 0), 0);
	for (i = 0; i < AREA; i++)
		put_at(zd, at(0, i), 1, letter_page(v, 'm', i));
	assert_int_equal(zdedup_memcg_add(zd, 2, 1), 0);
	for (i = AREA; i < 2 * AREA; i++)
		put_at(zd, at(0, i), 2, letter_page(v, 'm', i));
	if (!v->identical)
		model_assert_sharing(zd, 0, 0, 2 * AREA);
	else if (across)
		model_assert_sharing(zd, 1, 2 * AREA - 1, 0);
	else
		model_assert_sharing(zd, 2, 2 * AREA - 2, 0);
	assert_int_equal(model_memcg(zd, 1).zswapped, 2 * AREA);
	assert_int_equal(model_memcg(zd, 2).zswapped, AREA);
	/* the child exits */
	for (i = AREA; i < 2 * AREA; i++)
		drop(zd, i);
	assert_int_equal(zdedup_memcg_remove(zd, 2), 0);
	assert_stored(zd, v, AREA);
	get_letters(zd, v, 0, AREA, 'm');
	model_end(zd);
}

static void test_prctl_fork(void **state)
{
	prctl_fork(*state, true);
}

/* exec: another address space, which shares nothing with its parent */
static void test_prctl_fork_exec(void **state)
{
	prctl_fork(*state, false);
}

/*
 * Clearing the flag unmerges at once in KSM. Here what is shared stays so, nothing
 * is shared any more, and each page is alone from its next way out on.
 */
static void test_prctl_unmerge(void **state)
{
	const struct variant *v = *state;
	struct zdedup *zd = area_merged(v);
	unsigned int i;

	set_dedup(zd, "none");
	assert_stored(zd, v, AREA);
	assert_false(put(zd, AREA, letter_page(v, (char)0xcf, AREA)).shared);
	drop(zd, AREA);
	for (i = 1; i < AREA; i++) {
		swap_again(zd, v, i - 1, 1, (char)0xcf);
		if (!v->identical || i == AREA - 1)
			model_assert_sharing(zd, 0, 0, AREA);
		else
			model_assert_sharing(zd, 1, AREA - i - 1, i);
	}
	assert_int_equal(model_stats(zd).lookups, AREA);
	get_letters(zd, v, 0, AREA, (char)0xcf);
	model_end(zd);
}

/* A child starts to count at 0, also one that is given a dead one's number. */
static void test_fork_ksm_merging_page_count(void **state)
{
	const struct variant *v = *state;
	struct zdedup *zd = variant_model(v);
	struct zdedup_memcg_stat parent;
	unsigned int i, round;

	assert_int_equal(zdedup_memcg_add(zd, 1, 0), 0);
	for (i = 0; i < AREA; i++)
		put_at(zd, at(0, i), 1, letter_page(v, 'm', i));
	parent = model_memcg(zd, 1);
	assert_int_equal(parent.zswapped, AREA);
	for (round = 0; round < 2; round++) {
		assert_int_equal(zdedup_memcg_add(zd, 2, 1), 0);
		assert_int_equal(model_memcg(zd, 2).zswapped, 0);
		assert_int_equal(model_memcg(zd, 2).zswap_bytes, 0);
		put_at(zd, at(0, AREA + round), 2,
		       letter_page(v, 'm', AREA + round));
		assert_int_equal(model_memcg(zd, 2).zswapped, 1);
		assert_int_equal(model_memcg(zd, 1).zswapped,
				 AREA + round + 1);
		/* what it leaves is its parent's */
		assert_int_equal(zdedup_memcg_remove(zd, 2), 0);
		model_check(zd);
	}
	assert_int_equal(model_memcg(zd, 1).zswap_bytes,
			 parent.zswap_bytes / AREA * (AREA + 2));
	get_letters(zd, v, 0, AREA + 2, 'm');
	model_end(zd);
}

/*------------------------------------------------------------ LTP ksm */

#define CHILD_PAGES 48u

/* The children of create_same_memory(): where they are, and what they count to */
struct family {
	struct zdedup *zd;
	const struct variant *v;
	unsigned int nr;
	bool own_device;	/* ksm02, 04: cpuset.mems */
	bool one_memcg;		/* ksm03, 04: all below one limit */
};

static struct zdedup_slot child_slot(const struct family *f,
				     unsigned int child, unsigned int page)
{
	return f->own_device ? at(1 + child, page) :
			       at(0, child * CHILD_PAGES + page);
}

/* What a child holds at a phase; the last page of the last child may be odd. */
static const uint8_t *child_page(const struct family *f, const char *letters,
				 unsigned int child, unsigned int page)
{
	static uint8_t bytes[PAGE];
	unsigned int kind = child < 2 ? child : 2;

	memcpy(bytes, letter_page(f->v, letters[kind],
				  child * CHILD_PAGES + page), PAGE);
	if (letters[3] && child == f->nr - 1 && page == CHILD_PAGES - 1)
		bytes[PAGE - 1] = (uint8_t)letters[3];
	return bytes;
}

/* All children write their memory, all is swapped out, and must be counted so. */
static void family_phase(struct family *f, const char *letters,
			 unsigned int shared, unsigned int unshared)
{
	const unsigned int nr = f->nr * CHILD_PAGES;
	unsigned int child, page;

	for (child = 0; child < f->nr; child++)
		for (page = 0; page < CHILD_PAGES; page++)
			put_at(f->zd, child_slot(f, child, page), 1 + child,
			       child_page(f, letters, child, page));
	if (f->v->identical)
		model_assert_sharing(f->zd, shared, nr - shared - unshared,
				     unshared);
	else
		model_assert_sharing(f->zd, 0, 0, nr);
	for (child = 0; child < f->nr; child++)
		assert_int_equal(model_memcg(f->zd, 1 + child).zswapped,
				 CHILD_PAGES);
}

/* verify(): each child finds each of its bytes, and swaps out again. */
static void family_verify(struct family *f, const char *letters)
{
	unsigned int child, page;

	for (child = 0; child < f->nr; child++) {
		for (page = 0; page < CHILD_PAGES; page++) {
			const uint8_t *bytes = child_page(f, letters, child,
							  page);

			get_at(f->zd, child_slot(f, child, page), bytes);
			put_at(f->zd, child_slot(f, child, page), 1 + child,
			       bytes);
		}
	}
}

/* ksm_test.h: four phases, then run=2 */
static void create_same_memory(struct family *f)
{
	static const struct {
		char letters[4];	/* of child 0, 1, all others; the odd byte */
		unsigned int shared, unshared;
	} phase[] = {
		{ "aac", 2, 0 },
		{ "abc", 3, 0 },
		{ "ddd", 1, 0 },
		{ "ddde", 1, 1 },
	};
	struct zdedup_stats s;
	unsigned int i, child;

	f->zd = variant_model(f->v);
	if (f->one_memcg)
		assert_int_equal(zdedup_memcg_add(f->zd, 100, 0), 0);
	for (child = 0; child < f->nr; child++) {
		assert_int_equal(zdedup_memcg_add(f->zd, 1 + child,
						  f->one_memcg ? 100 : 0), 0);
		if (f->own_device)
			assert_int_equal(zdedup_swapon(f->zd, 1 + child,
						       CHILD_PAGES), 0);
	}
	for (i = 0; i < 4; i++) {
		char letters[5] = { 0 };

		memcpy(letters, phase[i].letters, 4);
		family_phase(f, letters, phase[i].shared, phase[i].unshared);
		family_verify(f, letters);
		family_phase(f, letters, phase[i].shared, phase[i].unshared);
	}
	if (f->one_memcg)
		assert_int_equal(model_memcg(f->zd, 100).zswapped,
				 f->nr * CHILD_PAGES);
	for (child = 0; child < f->nr; child++)
		for (i = 0; i < CHILD_PAGES; i++)
			get_at(f->zd, child_slot(f, child, i),
			       child_page(f, "ddde", child, i));
	s = model_stats(f->zd);
	model_assert_empty(&s);
	assert_int_equal(s.pswpout, 0);
	model_end(f->zd);
}

static void same_memory(const struct variant *v, bool own_device,
			bool one_memcg)
{
	unsigned int nr;

	for (nr = 3; nr <= 6; nr++) {
		struct family f = { .v = v, .nr = nr,
				    .own_device = own_device,
				    .one_memcg = one_memcg };

		create_same_memory(&f);
	}
}

static void ksm01(void **state)
{
	same_memory(*state, false, false);
}

static void ksm02(void **state)
{
	same_memory(*state, true, false);
}

static void ksm03(void **state)
{
	same_memory(*state, false, true);
}

static void ksm04(void **state)
{
	same_memory(*state, true, true);
}

/*
 * CVE-2011-2183: who owns the pages goes while they are looked at. A memcg dies,
 * then a device, and after each the shrink worker runs, whose cursor stood there.
 */
static void ksm05(void **state)
{
	const struct variant *v = *state;
	struct zdedup *zd = variant_model(v);
	unsigned int round, i;

	zdedup_set_limits(zd, 100, 100, 10);
	for (round = 0; round < 50; round++) {
		assert_int_equal(zdedup_memcg_add(zd, 1, 0), 0);
		assert_int_equal(zdedup_memcg_add(zd, 2, 1), 0);
		assert_int_equal(zdedup_swapon(zd, 1, 64), 0);
		for (i = 0; i < 30; i++) {
			put_at(zd, at(0, i), 1 + i % 2, random_page(v, i));
			put_at(zd, at(1, i), 2 - i % 2,
			       random_page(v, 30 + i));
		}
		for (i = 0; i < round % 5; i++)
			zdedup_shrink(zd);
		model_check(zd);
		assert_int_equal(zdedup_memcg_remove(zd, 2), 0);
		zdedup_shrink(zd);
		model_check(zd);
		assert_int_equal(zdedup_swapoff(zd, 1), 0);
		zdedup_shrink(zd);
		model_check(zd);
		assert_int_equal(zdedup_memcg_remove(zd, 1), 0);
		zdedup_shrink(zd);
		model_check(zd);
		/* still alive */
		for (i = 0; i < 30; i++)
			get(zd, i, random_page(v, i));
		assert_stored(zd, v, 0);
	}
	assert_true(variant_shares(v) || model_stats(zd).zswpwb);
	model_end(zd);
}

/* merge_across_nodes 1: one content for all; 0: one for each node */
static void ksm06(void **state)
{
	const struct variant *v = *state;
	bool across = !strcmp(v->dedup, "always");
	const unsigned int pages = 32;
	unsigned int nodes, node, i;

	for (nodes = 1; nodes <= 4; nodes++) {
		struct zdedup *zd = variant_model(v);

		for (node = 0; node < nodes; node++)
			assert_int_equal(zdedup_memcg_add(zd, 1 + node, 0), 0);
		for (i = 0; i < pages * nodes; i++)
			put_at(zd, at(0, i), 1 + i % nodes,
			       letter_page(v, 'n', i));
		if (!v->identical)
			model_assert_sharing(zd, 0, 0, pages * nodes);
		else if (across)
			model_assert_sharing(zd, 1, pages * nodes - 1, 0);
		else
			model_assert_sharing(zd, nodes, pages * nodes - nodes,
					     0);
		get_letters(zd, v, 0, pages * nodes, 'n');
		model_end(zd);
	}
}

/* Lookups are left out while they are switched off, and are taken up again. */
static void ksm07(void **state)
{
	const struct variant *v = *state;
	struct zdedup *zd = variant_model(v);
	const unsigned int nr = 100;

	put_letters(zd, v, 0, nr, 's');
	assert_int_equal(model_stats(zd).lookups, nr);
	set_dedup(zd, "none");
	put_letters(zd, v, nr, nr, 's');
	assert_int_equal(model_stats(zd).lookups, nr);
	set_dedup(zd, "always");
	put_letters(zd, v, 2 * nr, nr, 's');
	assert_int_equal(model_stats(zd).lookups, 2 * nr);
	if (v->identical)
		model_assert_sharing(zd, 1, 2 * nr - 1, nr);
	else
		model_assert_sharing(zd, 0, 0, 3 * nr);
	get_letters(zd, v, 0, 3 * nr, 's');
	model_end(zd);
}

static const struct variant memcg_identical = { "memcg", true };
static const struct variant memcg_distinct = { "memcg", false };

#define CASE_DOMAINS(f) \
	CASE_SHARING(f), CASE_OF(f, memcg_identical), CASE_OF(f, memcg_distinct)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE_SHARING(ksm_tests_merge),
		CASE_SHARING(ksm_tests_unmerge),
		CASE_SHARING(ksm_tests_zero_pages),
		CASE_DOMAINS(ksm_tests_numa),
		CASE_SHARING(ksm_tests_merge_time),
		CASE_SHARING(ksm_tests_merge_huge_pages_time),
		CASE_SHARING(ksm_tests_unmerge_time),
		CASE_SHARING(ksm_tests_cow_time),
		CASE_SHARING(test_unmerge),
		CASE_SHARING(test_unmerge_zero_pages),
		CASE_SHARING(test_unmerge_discarded),
		CASE_SHARING(test_unmerge_uffd_wp),
		CASE_SHARING(test_prot_none),
		CASE_SHARING(test_prctl),
		CASE_SHARING(test_prctl_fork),
		CASE_SHARING(test_prctl_fork_exec),
		CASE_SHARING(test_prctl_unmerge),
		CASE_SHARING(test_fork_ksm_merging_page_count),
		CASE_SHARING(ksm01),
		CASE_SHARING(ksm02),
		CASE_SHARING(ksm03),
		CASE_SHARING(ksm04),
		CASE_SHARING(ksm05),
		CASE_DOMAINS(ksm06),
		CASE_SHARING(ksm07),
		cmocka_unit_test(no_allocation_is_left),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
