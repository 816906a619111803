/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Eight threads on one model: contents that overlap, slots that partly do,
 * limits so small that reclaim always runs, and compressors that change.
 *
 * A page names the slots it belongs to, so that a loaded one proves itself: any
 * page of a slot must be one that somebody stored there. The test is meant for
 * -fsanitize=thread and -fsanitize=address,undefined. ZDEDUP_TEST_SEED and
 * ZDEDUP_TEST_OPS (operations in all) as in test-oracle.c.
 */
#include <pthread.h>
#include <stdatomic.h>

#include "model.h"

#define THREADS 8u
#define SLOTS 96u
#define OWN_SLOTS 8u		/* of each thread; the others are everybody's */
#define GROUPS 4u		/* slot % GROUPS: which share their contents */
#define VARIANTS 8u		/* contents of a group; 0 is the zero page */
#define RAM_PAGES 14u
#define DEFAULT_OPS 20000u

static uint64_t seed;
static uint64_t ops;

struct stress {
	struct zdedup *zd;
	const char *dedup;
	atomic_uint errors;
	_Atomic(const char *) first_error;
};

struct stress_thread {
	struct stress *stress;
	pthread_t thread;
	unsigned int number;
	/* own slots: what they hold is known */
	unsigned int variant[OWN_SLOTS];	/* VARIANTS: empty */
};

/* Page @variant of the slots of @group: says so in its first 16 bytes. */
static void stress_page(uint8_t *page, unsigned int group, unsigned int variant)
{
	uint64_t name[2] = { group + 1, variant };

	if (!variant) {
		memset(page, 0, PAGE);
		return;
	}
	page_make(page, variant % 2 ? PAGE_TEXT : PAGE_NOISE,
		  group * VARIANTS + variant);
	memcpy(page, name, sizeof(name));
}

static void stress_error(struct stress *stress, const char *what)
{
	const char *none = NULL;

	atomic_compare_exchange_strong(&stress->first_error, &none, what);
	atomic_fetch_add(&stress->errors, 1);
}

/* Which variant a loaded page is, VARIANTS when it is none of its slot. */
static unsigned int stress_variant(const uint8_t *page, unsigned int slot)
{
	uint8_t expected[PAGE];
	uint64_t name[2];

	memcpy(name, page, sizeof(name));
	if (name[1] >= VARIANTS)
		return VARIANTS;
	stress_page(expected, slot % GROUPS, name[1]);
	return memcmp(page, expected, PAGE) ? VARIANTS : name[1];
}

static void stress_store(struct stress_thread *t, uint64_t *rng,
			 unsigned int slot, unsigned int *own)
{
	unsigned int variant = rng_below(rng, VARIANTS);
	struct zdedup_result r;
	uint8_t page[PAGE];

	stress_page(page, slot % GROUPS, variant);
	if (zdedup_store(t->stress->zd, at(0, slot), rng_below(rng, 3), page,
			 &r))
		stress_error(t->stress, "a store failed");
	if (own)
		*own = r.where == ZDEDUP_RESIDENT ? VARIANTS : variant;
}

static void stress_load(struct stress_thread *t, unsigned int slot,
			unsigned int *own)
{
	uint8_t page[PAGE];
	unsigned int variant;
	int err = zdedup_load(t->stress->zd, at(0, slot), page, NULL);

	if (err && err != -ENOENT)
		stress_error(t->stress, "a load failed");
	if (own && (err == -ENOENT) != (*own == VARIANTS))
		stress_error(t->stress, "a slot is lost, or came back");
	if (err)
		return;
	variant = stress_variant(page, slot);
	if (variant == VARIANTS)
		stress_error(t->stress, "a page never stored in this slot");
	if (own) {
		if (variant != *own)
			stress_error(t->stress, "not the last page stored");
		*own = VARIANTS;
	}
}

static void stress_invalidate(struct stress_thread *t, unsigned int slot,
			      unsigned int *own)
{
	int err = zdedup_invalidate(t->stress->zd, at(0, slot));

	if (err && err != -ENOENT)
		stress_error(t->stress, "an invalidate failed");
	if (own && (err == -ENOENT) != (*own == VARIANTS))
		stress_error(t->stress, "an invalidate met another slot");
	if (own)
		*own = VARIANTS;
}

static void stress_writeback(struct stress_thread *t, unsigned int slot)
{
	int err = zdedup_writeback(t->stress->zd, at(0, slot));

	/* -ENOMEM, as the kernel's: the slot has changed before it was locked */
	if (err && err != -ENOENT && err != -EBUSY && err != -EEXIST &&
	    err != -ENOMEM)
		stress_error(t->stress, "a writeback failed");
}

/* What concerns the whole model; each thread does it now and then. */
static void stress_tune(struct stress_thread *t, uint64_t *rng)
{
	struct zdedup *zd = t->stress->zd;
	struct zdedup_stats s;

	switch (rng_below(rng, 6)) {
	case 0:
		if (zdedup_set_compressor(zd, rng_below(rng, 2) ? "lz4" :
					  "none", NULL))
			stress_error(t->stress, "set_compressor failed");
		break;
	case 1:		/* 04fc7816089c was found by such a swing */
		zdedup_set_limits(zd, RAM_PAGES, rng_below(rng, 2) ? 20 : 100,
				  60);
		break;
	case 2:
		zdedup_memcg_set_max(zd, 1, rng_below(rng, 2) ? 8192 :
				     ZDEDUP_NO_LIMIT);
		break;
	case 3:
		zdedup_compact(zd);
		break;
	case 4:
		if (zdedup_set_dedup(zd, rng_below(rng, 4) ? t->stress->dedup :
				     rng_below(rng, 2) ? "always" : "memcg",
				     NULL))
			stress_error(t->stress, "set_dedup failed");
		break;
	default:
		zdedup_get_stats(zd, &s);
	}
}

static void *stress_run(void *data)
{
	struct stress_thread *t = data;
	uint64_t rng = seed + ((uint64_t)t->number << 32);
	unsigned int slot, *own;
	uint64_t i;

	for (i = 0; i < ops / THREADS; i++) {
		/* half of the calls hit slots that all threads use */
		own = NULL;
		slot = THREADS * OWN_SLOTS +
		       rng_below(&rng, SLOTS - THREADS * OWN_SLOTS);
		if (rng_below(&rng, 2)) {
			unsigned int nr = rng_below(&rng, OWN_SLOTS);

			slot = t->number * OWN_SLOTS + nr;
			own = &t->variant[nr];
		}
		switch (rng_below(&rng, 16)) {
		default:
			stress_store(t, &rng, slot, own);
			break;
		case 8 ... 10:
			stress_load(t, slot, own);
			break;
		case 11:
			stress_invalidate(t, slot, own);
			break;
		case 12 ... 13:
			stress_writeback(t, slot);
			break;
		case 14:
			if (rng_below(&rng, 4) == 0)
				zdedup_shrink(t->stress->zd);
			break;
		case 15:
			stress_tune(t, &rng);
			break;
		}
	}
	/* own slots must still hold what they should */
	for (i = 0; i < OWN_SLOTS; i++)
		stress_load(t, t->number * OWN_SLOTS + i, &t->variant[i]);
	return NULL;
}

static void stress_with(const char *dedup, const char *hash, const char *zpool,
			const char *charge)
{
	struct stress stress = { .dedup = dedup };
	struct stress_thread t[THREADS];
	struct zdedup_config config;
	struct zdedup_stats s;
	unsigned int i, n;

	zdedup_config_init(&config);
	config.dedup = dedup;
	config.charge = charge;
	config.hash = hash;
	config.compressor = "lz4";
	config.zpool = zpool;
	config.totalram_pages = RAM_PAGES;
	config.max_pool_percent = 100;
	config.verify = true;
	stress.zd = model_create(&config);
	assert_int_equal(zdedup_memcg_add(stress.zd, 1, 0), 0);
	assert_int_equal(zdedup_memcg_add(stress.zd, 2, 1), 0);
	for (i = 0; i < THREADS; i++) {
		t[i].stress = &stress;
		t[i].number = i;
		for (n = 0; n < OWN_SLOTS; n++)
			t[i].variant[n] = VARIANTS;
		assert_int_equal(pthread_create(&t[i].thread, NULL, stress_run,
						&t[i]), 0);
	}
	for (i = 0; i < THREADS; i++)
		pthread_join(t[i].thread, NULL);
	if (atomic_load(&stress.errors))
		fail_msg("ZDEDUP_TEST_SEED=%llu: %u errors, the first: %s",
			 (unsigned long long)seed,
			 atomic_load(&stress.errors),
			 atomic_load(&stress.first_error));
	model_check(stress.zd);
	s = model_stats(stress.zd);
	/* else the run has not been where the races are */
	if (ops >= DEFAULT_OPS) {
		assert_int_not_equal(s.hits, 0);
		assert_int_not_equal(s.written_back_pages, 0);
		assert_int_not_equal(s.pool_limit_hit, 0);
		/* whom a scan meets is a matter of luck */
		if (!strncmp(dedup, "always", strlen("always")))
			assert_int_not_equal(s.sharers_full, 0);
	}
	for (i = 0; i < SLOTS; i++)
		zdedup_invalidate(stress.zd, at(0, i));
	model_check(stress.zd);
	s = model_stats(stress.zd);
	model_assert_empty(&s);
	model_end(stress.zd);
	assert_int_equal(compat_nr_allocated(), 0);
}

static void eight_threads(void **unused)
{
	(void)unused;
	stress_with("always:sharers=3", "xxh64", "zsmalloc", "full");
}

static void eight_threads_in_one_bucket(void **unused)
{
	(void)unused;
	stress_with("always:sharers=3", "xxh64:bits=0", "ideal", "full");
}

/* Scans run in whichever thread makes one due, beside all that the others do. */
static void eight_threads_and_a_scan(void **unused)
{
	(void)unused;
	stress_with("ksm:pages=24:every=3:sharers=3", "xxh64", "zsmalloc",
		    "full");
	stress_with("ksm:pages=200:every=5:sharers=3", "xxh64:bits=0", "ideal",
		    "split");
}

static void eight_threads_and_a_fold(void **unused)
{
	(void)unused;
	stress_with("fold:every=7:sharers=3", "xxh64", "zsmalloc", "first");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(eight_threads),
		cmocka_unit_test(eight_threads_in_one_bucket),
		cmocka_unit_test(eight_threads_and_a_scan),
		cmocka_unit_test(eight_threads_and_a_fold),
	};

	seed = env_number("ZDEDUP_TEST_SEED", 20261121);
	ops = env_number("ZDEDUP_TEST_OPS", DEFAULT_OPS);
	printf("# ZDEDUP_TEST_SEED=%llu ZDEDUP_TEST_OPS=%llu\n",
	       (unsigned long long)seed, (unsigned long long)ops);
	fflush(stdout);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
