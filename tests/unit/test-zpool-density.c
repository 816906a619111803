/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test-zpool-density.c - where the older allocators put objects: xvmalloc's
 * blocks and kmalloc's slabs, by worked numbers. The contract that they share
 * with the others is in test-zpool.c.
 */
#include <linux/mm.h>

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "compat/custom.h"
#include "zpool-helpers.h"
#include "zpool/zpool.h"

static const struct zpool_config bytes, lengths = { .lengths_only = true };

/* Every step is checked: a broken list shows where it broke. */
static unsigned long get(struct zpool *zp, size_t size)
{
	unsigned long handle = 0;

	assert_int_equal(handle_malloc(zp, size, &handle), 0);
	assert_int_equal(zp->ops->check(zp->priv), 0);
	return handle;
}

static void put(struct zpool *zp, unsigned long handle)
{
	handle_free(zp, handle);
	assert_int_equal(zp->ops->check(zp->priv), 0);
}

static void put_all(struct zpool *zp, const unsigned long *handle,
		    unsigned int nr)
{
	unsigned int i;

	for (i = 0; i < nr; i++)
		put(zp, handle[i]);
}

#define assert_pages(zp, n) assert_int_equal(zpool_total_pages(zp), n)

/* Where the bytes of an object are; needs a pool with bytes. */
static const char *place(struct zpool *zp, unsigned long handle)
{
	const char *mem = zpool_obj_read_begin(zp, handle_word(handle), 1, NULL);

	zpool_obj_read_end(zp, handle_word(handle), mem);
	return mem;
}

/*-------------------------------------------------------------- xvmalloc */

static void xv_limits(void **state)
{
	struct zpool zp = pool_create(&zpool_xvmalloc, &lengths);
	static const unsigned int whole[] = { 4065, 4088, 4089, 4092 };
	unsigned long handle;
	unsigned int i;

	(void)state;
	assert_int_equal(handle_malloc(&zp, 4093, &handle), -ENOSPC);
	assert_int_equal(handle_malloc(&zp, 4096, &handle), -ENOSPC);
	for (i = 0; i < ARRAY_SIZE(whole); i++) {
		handle = get(&zp, whole[i]);
		assert_pages(&zp, 1);
		put(&zp, handle);
	}
	pool_destroy(&zp);
}

/* Objects follow each other, each behind 4 bytes and rounded up to 4. */
static void xv_split(void **state)
{
	struct zpool zp = pool_create(&zpool_xvmalloc, &bytes);
	unsigned long h[4];

	(void)state;
	h[0] = get(&zp, 1000);
	h[1] = get(&zp, 1001);
	h[2] = get(&zp, 1);
	/* 4096 - 1004 - 1008 - 8 = 2076: a header and 2072, which is 8 * 259 */
	h[3] = get(&zp, 2072);
	assert_pages(&zp, 1);
	assert_int_equal(place(&zp, h[1]) - place(&zp, h[0]), 1004);
	assert_int_equal(place(&zp, h[2]) - place(&zp, h[1]), 1008);
	assert_int_equal(place(&zp, h[3]) - place(&zp, h[2]), 8);
	put_all(&zp, h, 4);
	pool_destroy(&zp);
}

/*
 * The search begins where every block is large enough: of two free blocks of
 * 1000 (a multiple of 8) and 1004 bytes, the second is not found for 1004.
 */
static void xv_search_rounds_up(void **state)
{
	static const struct {
		unsigned int size, pages;
	} hole[] = { { 1000, 1 }, { 1004, 2 } };
	unsigned long h[3], again;
	unsigned int i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(hole); i++) {
		struct zpool zp = pool_create(&zpool_xvmalloc, &lengths);

		h[0] = get(&zp, hole[i].size);
		h[1] = get(&zp, 4096 - 4 - hole[i].size - 4 - 4 - 100);
		h[2] = get(&zp, 96);	/* and 4 bytes, less than a header */
		assert_pages(&zp, 1);
		put(&zp, h[0]);
		again = get(&zp, hole[i].size);
		assert_pages(&zp, hole[i].pages);
		put(&zp, again);
		put_all(&zp, h + 1, 2);
		pool_destroy(&zp);
	}
}

/* The next list with a block, be it in another word of the bits. */
static void xv_next_list(void **state)
{
	/* list (2048 - 32) / 8 = 252 of word 3, or (600 - 32) / 8 = 71 of 1 */
	static const unsigned int sizes[] = { 2048, 600 };
	struct zpool zp = pool_create(&zpool_xvmalloc, &bytes);
	unsigned long h[4], small;
	unsigned int i;

	(void)state;
	h[0] = get(&zp, 2048);
	h[1] = get(&zp, 2036);	/* fills the first page */
	h[2] = get(&zp, 600);
	h[3] = get(&zp, 3484);	/* and the second */
	assert_pages(&zp, 2);
	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		const char *hole = place(&zp, h[2 * i]);

		/* 40 is list 1 of word 0; 560 is list 66 */
		put(&zp, h[2 * i]);
		small = get(&zp, i ? 560 : 40);
		assert_ptr_equal(place(&zp, small), hole);
		put(&zp, small);
		h[2 * i] = get(&zp, sizes[i]);
		assert_ptr_equal(place(&zp, h[2 * i]), hole);
	}
	assert_pages(&zp, 2);
	put_all(&zp, h, 4);
	pool_destroy(&zp);
}

/* Of two blocks in one list the one freed last is taken. */
static void xv_last_freed_first(void **state)
{
	struct zpool zp = pool_create(&zpool_xvmalloc, &bytes);
	unsigned long h[5];
	const char *hole;

	(void)state;
	h[0] = get(&zp, 800);
	h[1] = get(&zp, 100);
	h[2] = get(&zp, 800);
	h[3] = get(&zp, 100);
	h[4] = get(&zp, 2272);	/* 4096 - 804 - 104 - 804 - 104 - 4 = 2276 */
	assert_pages(&zp, 1);
	hole = place(&zp, h[0]);
	put(&zp, h[2]);
	put(&zp, h[0]);
	h[0] = get(&zp, 800);
	assert_ptr_equal(place(&zp, h[0]), hole);
	h[2] = get(&zp, 800);
	assert_pages(&zp, 1);
	put_all(&zp, h, 5);
	pool_destroy(&zp);
}

/* 1000 bytes, each time three in a row and more behind: the middle goes last. */
static void xv_merge_both_sides(void **state)
{
	static const unsigned char order[][3] = {
		{ 0, 2, 1 }, { 0, 1, 2 }, { 2, 1, 0 }, { 1, 0, 2 },
	};
	unsigned long h[4], all;
	unsigned int i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(order); i++) {
		struct zpool zp = pool_create(&zpool_xvmalloc, &bytes);
		const char *start;

		h[0] = get(&zp, 1000);
		h[1] = get(&zp, 1000);
		h[2] = get(&zp, 1000);
		h[3] = get(&zp, 1080);	/* 4096 - 3 * 1004 - 4 */
		start = place(&zp, h[0]);
		put(&zp, h[order[i][0]]);
		put(&zp, h[order[i][1]]);
		put(&zp, h[order[i][2]]);
		assert_pages(&zp, 1);
		/* 3 * 1000 and the two headers between them */
		all = get(&zp, 3008);
		assert_pages(&zp, 1);
		assert_ptr_equal(place(&zp, all), start);
		put(&zp, all);
		put(&zp, h[3]);
		pool_destroy(&zp);
	}
}

/* 28 bytes that remain are in no list, until a neighbour is freed. */
static void xv_remainder_is_lost(void **state)
{
	static const struct {
		unsigned int rest, pages;
	} last[] = { { 28, 2 }, { 32, 1 } };
	unsigned long h[2], small, large;
	unsigned int i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(last); i++) {
		struct zpool zp = pool_create(&zpool_xvmalloc, &lengths);

		h[0] = get(&zp, 2000);
		h[1] = get(&zp, 4096 - 2004 - 4 - 4 - last[i].rest);
		small = get(&zp, 20);
		assert_pages(&zp, last[i].pages);
		put(&zp, small);
		assert_pages(&zp, 1);
		put(&zp, h[1]);
		/* 4096 - 2004 - 4 = 2088, a multiple of 8 */
		large = get(&zp, 2088);
		assert_pages(&zp, 1);
		put(&zp, large);
		put(&zp, h[0]);
		pool_destroy(&zp);
	}
}

static void xv_page_released(void **state)
{
	struct zpool zp = pool_create(&zpool_xvmalloc, &lengths);
	unsigned long h[6];
	unsigned int i;

	(void)state;
	/* two to a page: 2 * 1804, and 488 that hold none more */
	for (i = 0; i < 6; i++)
		h[i] = get(&zp, 1800);
	assert_pages(&zp, 3);
	put(&zp, h[2]);
	assert_pages(&zp, 3);
	put(&zp, h[3]);
	assert_pages(&zp, 2);
	put(&zp, h[0]);
	put(&zp, h[5]);
	assert_pages(&zp, 2);
	put(&zp, h[1]);
	put(&zp, h[4]);
	pool_destroy(&zp);
}

/* Just above half a page: nothing shares the page with its like. */
static void xv_above_half(void **state)
{
	struct zpool zp = pool_create(&zpool_xvmalloc, &lengths);
	unsigned long h[10];
	unsigned int i;

	(void)state;
	for (i = 0; i < 5; i++)
		h[i] = get(&zp, 2048);
	assert_pages(&zp, 5);
	/* the second of each page has 4096 - 2052 - 4 = 2040 */
	for (i = 5; i < 10; i++)
		h[i] = get(&zp, 2040);
	assert_pages(&zp, 5);
	put_all(&zp, h, 10);
	pool_destroy(&zp);
}

/* splitmix64 */
static uint64_t rng_next(uint64_t *state)
{
	uint64_t z = (*state += 0x9e3779b97f4a7c15ull);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
	return z ^ (z >> 31);
}

/*
 * The pages after each of 60,000 steps, in one word. The kernel's xvmalloc.c as it
 * was when it was removed, built for 4-byte headers, gave this word.
 */
static void xv_pages_of_the_kernel(void **state)
{
	static unsigned long live[4000];
	struct zpool zp = pool_create(&zpool_xvmalloc, &lengths);
	uint64_t rng = 1, sum = 0, most = 0;
	unsigned int step, nr = 0;

	(void)state;
	for (step = 0; step < 60000; step++) {
		uint64_t r = rng_next(&rng);
		unsigned int at = nr ? (r >> 8) % nr : 0;

		if (nr && (nr == ARRAY_SIZE(live) ||
			   r % 16 < (step / 8000 % 2 ? 10 : 5))) {
			handle_free(&zp, live[at]);
			live[at] = live[--nr];
		} else {
			assert_int_equal(handle_malloc(&zp,
				1 + (r >> 8) % (r & 128 ? 4088 : 1200),
				&live[nr++]), 0);
		}
		if (zpool_total_pages(&zp) > most)
			most = zpool_total_pages(&zp);
		sum = (sum ^ zpool_total_pages(&zp)) * 0x100000001b3ull;
	}
	assert_int_equal(most, 1370);
	assert_int_equal(sum, 0xadbaacef08c28d17ull);
	put_all(&zp, live, nr);
	pool_destroy(&zp);
}

static void xv_check_sees_wrong_size(void **state)
{
	struct zpool zp = pool_create(&zpool_xvmalloc, &bytes);
	unsigned long h = get(&zp, 1000);
	/* the handle leads to the descriptor, whose last word says 1000 */
	u16 *word = (u16 *)*handle_word(h);
	unsigned int i = 0;

	(void)state;
	while (word[i] != 1000)
		i++;
	word[i] = 1004;
	assert_int_equal(zp.ops->check(zp.priv), -EUCLEAN);
	word[i] = 1000;
	put(&zp, h);
	pool_destroy(&zp);
}

/*--------------------------------------------------------------- kmalloc */

/* As /sys/kernel/slab has them on one CPU of 6.1 and 6.12. */
static void km_geometry(void **state)
{
	static const struct {
		unsigned int size, objs, pages;
	} class[] = {
		{ 8, 512, 1 },	 { 16, 256, 1 },  { 32, 128, 1 },
		{ 64, 64, 1 },	 { 96, 42, 1 },	  { 128, 32, 1 },
		{ 192, 21, 1 },	 { 256, 16, 1 },  { 512, 8, 1 },
		{ 1024, 8, 2 },	 { 2048, 8, 4 },  { 4096, 8, 8 },
	};
	struct zpool zp = pool_create(&zpool_kmalloc, &lengths);
	unsigned int i, k, least = 1;
	unsigned long h[513];

	(void)state;
	for (i = 0; i < ARRAY_SIZE(class); i++) {
		/* the edges in turn: both sizes are of this class */
		for (k = 0; k < class[i].objs; k++)
			h[k] = get(&zp, k % 2 ? least : class[i].size);
		assert_pages(&zp, class[i].pages);
		h[k] = get(&zp, least);
		assert_pages(&zp, 2 * class[i].pages);
		put_all(&zp, h, k + 1);
		assert_pages(&zp, 0);
		least = class[i].size + 1;
	}
	assert_int_equal(handle_malloc(&zp, least, h), -ENOSPC);
	pool_destroy(&zp);
}

/* Fills slabs of kmalloc-4k, 8 objects each, in the order of their handles. */
static void fill(struct zpool *zp, unsigned long *h, unsigned int slabs)
{
	unsigned int i;

	for (i = 0; i < slabs * 8; i++)
		h[i] = get(zp, 4096);
	assert_pages(zp, slabs * 8);
}

static void km_partial_order(void **state)
{
	struct zpool zp = pool_create(&zpool_kmalloc, &bytes);
	const char *at_0, *at_8, *at_9, *at_24;
	unsigned long h[32];

	(void)state;
	fill(&zp, h, 4);
	at_8 = place(&zp, h[8]);
	at_9 = place(&zp, h[9]);
	at_0 = place(&zp, h[0]);
	at_24 = place(&zp, h[24]);
	put(&zp, h[8]);
	put(&zp, h[0]);
	put(&zp, h[9]);
	put(&zp, h[24]);	/* of the current slab, which is on no list */

	/* the current slab, then the list from its head; last freed first */
	h[24] = get(&zp, 4096);
	assert_ptr_equal(place(&zp, h[24]), at_24);
	h[9] = get(&zp, 4096);
	assert_ptr_equal(place(&zp, h[9]), at_9);
	h[8] = get(&zp, 4096);
	assert_ptr_equal(place(&zp, h[8]), at_8);
	h[0] = get(&zp, 4096);
	assert_ptr_equal(place(&zp, h[0]), at_0);
	assert_pages(&zp, 32);
	put_all(&zp, h, 32);
	pool_destroy(&zp);
}

/* kmalloc-4k keeps min_partial (6) slabs on the list, empty ones included. */
static void km_min_partial(void **state)
{
	struct zpool zp = pool_create(&zpool_kmalloc, &lengths);
	unsigned long h[9 * 8];
	unsigned int i;

	(void)state;
	fill(&zp, h, 9);
	/* the list grows to 5 slabs, all empty: none goes back */
	for (i = 0; i < 5; i++) {
		put_all(&zp, h + 8 * i, 8);
		assert_pages(&zp, 72);
	}
	/* the sixth is one too many when it is empty, not before */
	put_all(&zp, h + 40, 7);
	assert_pages(&zp, 72);
	put(&zp, h[47]);
	assert_pages(&zp, 64);
	put_all(&zp, h + 48, 8);
	assert_pages(&zp, 56);

	/* empty ones serve before a new one does; slab 7 and the current are full */
	for (i = 0; i < 40; i++)
		h[i] = get(&zp, 4096);
	assert_pages(&zp, 56);
	h[40] = get(&zp, 4096);
	assert_pages(&zp, 64);

	put_all(&zp, h, 41);
	put_all(&zp, h + 56, 16);
	pool_destroy(&zp);
}

/* The current slab stays when it is empty, as long as its class has objects. */
static void km_current_stays(void **state)
{
	struct zpool zp = pool_create(&zpool_kmalloc, &lengths);
	unsigned long h[16], other;

	(void)state;
	fill(&zp, h, 2);
	put_all(&zp, h + 8, 8);
	assert_pages(&zp, 16);
	other = get(&zp, 2048);
	assert_pages(&zp, 20);
	put_all(&zp, h, 7);
	assert_pages(&zp, 20);
	/* the last of its class: both slabs go, the other class has its own */
	put(&zp, h[7]);
	assert_pages(&zp, 4);
	put(&zp, other);
	pool_destroy(&zp);
}

static void km_check_sees_wrong_class(void **state)
{
	struct zpool zp = pool_create(&zpool_kmalloc, &lengths);
	unsigned long h = get(&zp, 1024);
	u16 *word = (u16 *)(*handle_word(h) + sizeof(void *));

	(void)state;
	assert_int_equal(word[1], 1024);
	word[1] = 1025;
	assert_int_equal(zp.ops->check(zp.priv), -EUCLEAN);
	word[1] = 1024;
	put(&zp, h);
	pool_destroy(&zp);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(xv_limits),
		cmocka_unit_test(xv_split),
		cmocka_unit_test(xv_search_rounds_up),
		cmocka_unit_test(xv_next_list),
		cmocka_unit_test(xv_last_freed_first),
		cmocka_unit_test(xv_merge_both_sides),
		cmocka_unit_test(xv_remainder_is_lost),
		cmocka_unit_test(xv_page_released),
		cmocka_unit_test(xv_above_half),
		cmocka_unit_test(xv_pages_of_the_kernel),
		cmocka_unit_test(xv_check_sees_wrong_size),
		cmocka_unit_test(km_geometry),
		cmocka_unit_test(km_partial_order),
		cmocka_unit_test(km_min_partial),
		cmocka_unit_test(km_current_stays),
		cmocka_unit_test(km_check_sees_wrong_class),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
