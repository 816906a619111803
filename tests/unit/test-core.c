/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The inside of the core: zdedup_check finds each invariant that is broken by
 * hand, damaged bytes are found, races are played out step by step, nothing slow
 * runs under a spinlock, and the index stays within its bounds.
 *
 * Races need no luck: the stage hook runs a second thread's whole call at a chosen
 * stage of the first one's, on another processor's compression context.
 */
#include <pthread.h>

#include "model.h"

#include <linux/smp.h>

#include "env/env.h"

/*---------------------------------------------------------------- helpers */

static struct zswap_entry *entry_at(struct zdedup *zd, uint64_t offset)
{
	struct zswap_entry *entry = zswap_find(&zd->zs, swp_entry(0, offset));

	assert_non_null(entry);
	return entry;
}

static struct zswap_content *content_at(struct zdedup *zd, uint64_t offset)
{
	return entry_at(zd, offset)->content;
}

/* The stripe and the bucket that a content stands in, found by looking. */
static struct zswap_stripe *stripe_of(struct zdedup *zd,
				      const struct zswap_content *content,
				      struct hlist_head **bucket)
{
	struct zswap_content *other;
	unsigned long b;
	unsigned int n;

	for (n = 0; n < ZSWAP_STRIPES; n++) {
		struct zswap_stripe *stripe = &zd->zs.dedup.stripe[n];

		for (b = 0; b < 1ul << stripe->bits; b++) {
			hlist_for_each_entry(other, &stripe->bucket[b], node) {
				if (other != content)
					continue;
				*bucket = &stripe->bucket[b];
				return stripe;
			}
		}
	}
	*bucket = NULL;
	return NULL;
}

static bool is_findable(struct zdedup *zd, const struct zswap_content *content)
{
	struct hlist_head *bucket;

	return stripe_of(zd, content, &bucket);
}

static struct zdedup *model_verifying(const char *compressor)
{
	struct zdedup_config config;

	zdedup_config_init(&config);
	config.dedup = "always";
	config.compressor = compressor;
	config.verify = true;
	return model_create(&config);
}

/* Flips one bit of the bytes that are stored; what is linear is not a copy. */
static void flip(struct zswap_content *content, unsigned int bit)
{
	struct zpool *zpool = &content->pool->zpool;
	uint8_t unused[PAGE];
	uint8_t *bytes = (uint8_t *)zpool_obj_read_begin(zpool, &content->handle,
							 content->length,
							 unused);

	assert_ptr_not_equal(bytes, unused);
	bytes[bit / 8] ^= 1u << bit % 8;
	zpool_obj_read_end(zpool, &content->handle, bytes);
}

/* The content was freed in no way and the slot still has it. */
static void assert_kept(struct zdedup *zd, uint64_t offset,
			const struct zswap_content *content)
{
	assert_int_equal(where_is(zd, offset), ZDEDUP_POOL);
	assert_ptr_equal(content_at(zd, offset), content);
}

/*-------------------------------------------- a: check sees what is broken */

/* Two memcgs; slots 0 and 1 share, 2 is alone, 3 is raw and of memcg 1. */
static struct zdedup *model_small(void)
{
	struct zdedup *zd = model_new("always", "xxh64", "lz4");

	assert_int_equal(zdedup_memcg_add(zd, 1, 0), 0);
	put(zd, 0, text(1));
	put(zd, 1, text(1));
	put(zd, 2, text(2));
	put_at(zd, at(0, 3), 1, noise(3));
	model_assert_sharing(zd, 1, 1, 2);
	return zd;
}

static void assert_broken(struct zdedup *zd, const char *what)
{
	char why[ZDEDUP_WHY_MAX] = "";

	assert_int_equal(zdedup_check(zd, why), -EUCLEAN);
	if (strncmp(why, what, strlen(what)))
		fail_msg("told \"%s\" instead of \"%s\"", why, what);
	/* without a message, too */
	assert_int_equal(zdedup_check(zd, NULL), -EUCLEAN);
}

/* Breaks by one statement, and mends by another. */
#define BREAK(zd, what, poke, mend)		\
	do {					\
		model_check(zd);		\
		poke;				\
		assert_broken(zd, what);	\
		mend;				\
		model_check(zd);		\
	} while (0)

static void check_e1_entry_at_its_slot(void **unused)
{
	struct zdedup *zd = model_small();
	struct zswap_entry *e = entry_at(zd, 2);

	(void)unused;
	BREAK(zd, "E1:", e->swpentry.val++, e->swpentry.val--);
	model_end(zd);
}

static void check_e2_entry_on_no_lru(void **unused)
{
	struct zdedup *zd = model_small();
	struct zswap_entry *e = entry_at(zd, 2);
	struct zswap_lru *lru = &memcg_find(zd, 0)->lru;

	(void)unused;
	BREAK(zd, "E2: an entry is on no",
	      (list_del_init(&e->lru), lru->nr_items--),
	      (list_add_tail(&e->lru, &lru->list), lru->nr_items++));
	model_end(zd);
}

static void check_e2_entry_on_another_lru(void **unused)
{
	struct zdedup *zd = model_small();
	struct zswap_entry *e = entry_at(zd, 2);
	struct zswap_lru *own = &memcg_find(zd, 0)->lru;
	struct zswap_lru *other = &memcg_find(zd, 1)->lru;

	(void)unused;
	BREAK(zd, "E2: an entry is on another",
	      (list_move_tail(&e->lru, &other->list), own->nr_items--,
	       other->nr_items++),
	      (list_move_tail(&e->lru, &own->list), own->nr_items++,
	       other->nr_items--));
	model_end(zd);
}

static void check_e3_charge_of_an_entry(void **unused)
{
	struct zdedup *zd = model_small();
	struct zswap_entry *e = entry_at(zd, 1);

	(void)unused;
	BREAK(zd, "E3:", e->charged++, e->charged--);
	model_end(zd);
}

static void check_c1_sharers(void **unused)
{
	struct zdedup *zd = model_small();
	struct zswap_content *c = content_at(zd, 0);

	(void)unused;
	BREAK(zd, "C1:", c->sharers++, c->sharers--);
	BREAK(zd, "C1:", c->sharers--, c->sharers++);
	model_end(zd);
}

static void check_c2_references(void **unused)
{
	struct zdedup *zd = model_small();
	struct zswap_content *c = content_at(zd, 2);

	(void)unused;
	BREAK(zd, "C2:", refcount_set(&c->refs, 2), refcount_set(&c->refs, 1));
	model_end(zd);
}

static void check_c3_wrong_bucket(void **unused)
{
	struct zdedup *zd = model_small();
	struct zswap_content *c = content_at(zd, 0);
	struct hlist_head *bucket, *other;
	struct zswap_stripe *stripe = stripe_of(zd, c, &bucket);

	(void)unused;
	assert_non_null(stripe);
	other = bucket == stripe->bucket ? bucket + 1 : stripe->bucket;
	BREAK(zd, "C3: a content in the wrong bucket",
	      (hlist_del_init(&c->node), hlist_add_head(&c->node, other)),
	      (hlist_del_init(&c->node), hlist_add_head(&c->node, bucket)));
	BREAK(zd, "C3: a content in the wrong bucket", c->digest ^= 1,
	      c->digest ^= 1);
	BREAK(zd, "C3: a content in the wrong bucket", c->domain ^= 1,
	      c->domain ^= 1);
	BREAK(zd, "C3: a content in the wrong bucket", c->shareable = false,
	      c->shareable = true);
	model_end(zd);
}

static void check_c3_content_without_an_entry(void **unused)
{
	struct zdedup *zd = model_small();
	struct zswap_content *c = content_at(zd, 2), orphan;
	struct hlist_head *bucket;
	struct zswap_stripe *stripe = stripe_of(zd, c, &bucket);

	(void)unused;
	assert_non_null(stripe);
	/* it has no list of entries */
	memcpy(&orphan, c, offsetof(struct zswap_content, entries));
	orphan.sharers = 1;
	BREAK(zd, "C3: a content in the index without an entry",
	      (hlist_add_head(&orphan.node, bucket), stripe->nr++),
	      (hlist_del_init(&orphan.node), stripe->nr--));
	model_end(zd);
}

static void check_i1_contents_of_a_stripe(void **unused)
{
	struct zdedup *zd = model_small();
	struct zswap_stripe *stripe = &zd->zs.dedup.stripe[ZSWAP_STRIPES - 1];

	(void)unused;
	BREAK(zd, "I1:", stripe->nr++, stripe->nr--);
	model_end(zd);
}

static void check_l1_items_of_an_lru(void **unused)
{
	struct zdedup *zd = model_small();
	struct zswap_lru *lru = &memcg_find(zd, 1)->lru;

	(void)unused;
	BREAK(zd, "L1:", lru->nr_items++, lru->nr_items--);
	model_end(zd);
}

static void check_s1_stored_pages(void **unused)
{
	struct zdedup *zd = model_small();
	atomic_long_t *counter = &zd->zs.stats.stored_pages;
	struct zswap_lru *lru = &memcg_find(zd, 0)->lru;
	struct zswap_entry stray = *entry_at(zd, 0);

	(void)unused;
	BREAK(zd, "S1: stored_pages", atomic_long_inc(counter),
	      atomic_long_dec(counter));
	BREAK(zd, "S1: entries on LRUs",
	      (list_add(&stray.lru, &lru->list), lru->nr_items++),
	      (list_del_init(&stray.lru), lru->nr_items--));
	model_end(zd);
}

static void check_s2_incompressible_pages(void **unused)
{
	struct zdedup *zd = model_small();
	atomic_long_t *counter = &zd->zs.stats.stored_incompressible_pages;

	(void)unused;
	BREAK(zd, "S2:", atomic_long_dec(counter), atomic_long_inc(counter));
	model_end(zd);
}

static void check_d1_d2_d3_sums(void **unused)
{
	struct zdedup *zd = model_small();
	struct zswap_dedup *d = &zd->zs.dedup;

	(void)unused;
	BREAK(zd, "D1:", atomic_long_inc(&d->pages_shared),
	      atomic_long_dec(&d->pages_shared));
	BREAK(zd, "D1:", atomic_long_inc(&d->pages_unshared),
	      atomic_long_dec(&d->pages_unshared));
	BREAK(zd, "D2:", atomic_long_dec(&d->pages_sharing),
	      atomic_long_inc(&d->pages_sharing));
	BREAK(zd, "D3:", atomic_long_inc(&d->payload_bytes),
	      atomic_long_dec(&d->payload_bytes));
	model_end(zd);
}

static void check_d4_compares(void **unused)
{
	struct zdedup *zd = model_small();
	struct zswap_dedup *d = &zd->zs.dedup;

	(void)unused;
	BREAK(zd, "D4:", atomic_long_inc(&d->hits), atomic_long_dec(&d->hits));
	BREAK(zd, "D4:", atomic_long_inc(&d->dup_races),
	      atomic_long_dec(&d->dup_races));
	BREAK(zd, "D4:", atomic_long_inc(&d->false_positives),
	      atomic_long_dec(&d->false_positives));
	BREAK(zd, "D4:", atomic_long_dec(&d->candidates),
	      atomic_long_inc(&d->candidates));
	model_end(zd);
}

static void check_p1_references_of_a_pool(void **unused)
{
	struct zdedup *zd = model_small();
	refcount_t *ref = &content_at(zd, 0)->pool->ref;
	unsigned int now = refcount_read(ref);

	(void)unused;
	/* two contents that are compressed, a raw one, and the current pool's */
	assert_int_equal(now, 4);
	BREAK(zd, "P1:", refcount_set(ref, now + 1), refcount_set(ref, now));
	BREAK(zd, "P1:", refcount_set(ref, now - 1), refcount_set(ref, now));
	model_end(zd);
}

static void check_m1_charge_of_the_root(void **unused)
{
	struct zdedup *zd = model_small();
	struct mem_cgroup *root = memcg_find(zd, 0);

	(void)unused;
	BREAK(zd, "M1:", atomic64_inc(&root->bytes), atomic64_dec(&root->bytes));
	BREAK(zd, "M1:", atomic64_dec(&root->entries),
	      atomic64_inc(&root->entries));
	model_end(zd);
}

static void check_length_of_a_raw_content(void **unused)
{
	struct zdedup *zd = model_small();
	struct zswap_content *c = content_at(zd, 2);

	(void)unused;
	BREAK(zd, "a raw content of another length",
	      c->kind = ZSWAP_CONTENT_RAW, c->kind = ZSWAP_CONTENT_PLAIN);
	model_end(zd);
}

static int broken_allocator(void *priv)
{
	(void)priv;
	return -EUCLEAN;
}

static void check_asks_the_allocator(void **unused)
{
	struct zdedup *zd = model_small();
	struct zpool *zpool = &content_at(zd, 0)->pool->zpool;
	const struct zpool_ops *ops = zpool->ops;
	struct zpool_ops broken = *ops;

	(void)unused;
	broken.check = broken_allocator;
	BREAK(zd, "an allocator's own check", zpool->ops = &broken,
	      zpool->ops = ops);
	model_end(zd);
}

/*------------------------------------------------------------ b: bit flips */

/*
 * Every bit of the stored bytes of @page, one at a time: a load either gives the
 * page or -EIO, and then the slot keeps its content, which nobody finds any more.
 */
static void flip_every_bit(const char *compressor, const uint8_t *page,
			   bool raw)
{
	struct zdedup *zd = model_verifying(compressor);
	unsigned int bits = put(zd, 0, page).length * 8, bit, damaged = 0;
	struct zswap_content *content;
	uint8_t got[PAGE];
	int err;

	assert_int_equal(bits == PAGE * 8, raw);
	for (bit = 0; bit < bits; bit++) {
		uint64_t fails = model_stats(zd).decompress_fail;

		content = content_at(zd, 0);
		assert_true(is_findable(zd, content));
		flip(content, bit);
		err = zdedup_load(zd, at(0, 0), got, NULL);
		if (!err) {
			assert_false(raw);
			assert_memory_equal(got, page, PAGE);
			put(zd, 0, page);
			continue;
		}
		assert_int_equal(err, -EIO);
		damaged++;
		assert_int_equal(model_stats(zd).decompress_fail, fails + 1);
		assert_kept(zd, 0, content);
		assert_false(is_findable(zd, content));
		assert_int_equal(zdedup_load(zd, at(0, 0), got, NULL), -EIO);
		assert_int_equal(zdedup_writeback(zd, at(0, 0)), -EIO);
		assert_kept(zd, 0, content);
		if (bit % 64 == 0) {
			assert_false(put(zd, 1, page).shared);
			assert_true(put(zd, 2, page).shared);
			get(zd, 2, page);
			get(zd, 1, page);
		}
		drop(zd, 0);
		put(zd, 0, page);
	}
	/* most flips change the page; a few are padding */
	assert_true(damaged > bits * 9 / 10);
	assert_int_equal(model_stats(zd).live_device, 0);
	model_end(zd);
}

static void flips_38_lz4(void **unused)
{
	(void)unused;
	flip_every_bit("lz4", text(0), false);
	flip_every_bit("lz4", page_of(PAGE_SAME, 1), false);
}

static void flips_38_zstd(void **unused)
{
	(void)unused;
	flip_every_bit("zstd", text(0), false);
}

static void flips_38_raw(void **unused)
{
	(void)unused;
	flip_every_bit("lz4", noise(1), true);
}

/* One damaged copy, many slots: each is told, none is served, none is lost. */
static void flips_38_all_sharers_are_told(void **unused)
{
	struct zdedup *zd = model_verifying("lz4");
	unsigned int i;
	uint8_t got[PAGE];

	(void)unused;
	for (i = 0; i < 4; i++)
		put(zd, i, noise(1));
	flip(content_at(zd, 0), 12345);
	for (i = 0; i < 4; i++)
		assert_int_equal(zdedup_load(zd, at(0, i), got, NULL), -EIO);
	model_check(zd);
	model_assert_sharing(zd, 1, 3, 0);
	assert_int_equal(model_stats(zd).decompress_fail, 4);
	flip(content_at(zd, 0), 12345);
	for (i = 0; i < 4; i++)
		get(zd, i, noise(1));
	model_end(zd);
}

/*
 * A damaged candidate met by a compare: not shared, whatever came of it, and
 * taken out of the index when its bytes do not decompress.
 */
static void flip_candidate(const char *compressor, const uint8_t *page,
			   bool verify, unsigned int *unhashed,
			   unsigned int *unequal)
{
	struct zdedup *zd = verify ? model_verifying(compressor) :
				     model_new("always", "xxh64", compressor);
	unsigned int bits = put(zd, 0, page).length * 8, bit;
	struct zdedup_stats before, after;
	struct zdedup_result r;

	for (bit = 0; bit < bits; bit += 3) {
		struct zswap_content *content = content_at(zd, 0);

		before = model_stats(zd);
		flip(content, bit);
		r = put(zd, 1, page);
		after = model_stats(zd);
		assert_int_equal(after.compares, before.compares + 1);
		if (after.decompress_fail > before.decompress_fail) {
			(*unhashed)++;
			assert_false(r.shared);
			assert_false(is_findable(zd, content));
			assert_int_equal(after.false_positives,
					 before.false_positives);
		} else if (!r.shared) {
			(*unequal)++;
			assert_true(is_findable(zd, content));
			assert_int_equal(after.false_positives,
					 before.false_positives + 1);
		}
		get(zd, 1, page);
		assert_kept(zd, 0, content);
		drop(zd, 0);
		put(zd, 0, page);
	}
	model_end(zd);
}

static void flips_02_a_damaged_candidate_is_a_miss(void **unused)
{
	unsigned int verify, unhashed = 0, unequal = 0, raw = 0;

	(void)unused;
	for (verify = 0; verify < 2; verify++) {
		flip_candidate("lz4", text(0), verify, &unhashed, &unequal);
		flip_candidate("zstd", text(0), verify, &unhashed, &unequal);
		flip_candidate("lz4", noise(1), verify, &raw, &unequal);
	}
	assert_int_not_equal(unhashed, 0);
	assert_int_not_equal(unequal, 0);
	assert_int_equal(raw, 0);
}

/* Only trust takes a candidate whose bytes are not the page's. */
static void flips_02_trust_does_not_look(void **unused)
{
	static const char *const compare[] = { "bytes", "compressed", "trust" };
	struct zdedup_config config;
	struct zdedup *zd;
	unsigned int c;

	(void)unused;
	for (c = 0; c < 3; c++) {
		zdedup_config_init(&config);
		config.dedup = "always";
		config.hash = "siphash-2-4-128";
		config.compare = compare[c];
		zd = model_create(&config);
		put(zd, 0, noise(1));
		put(zd, 1, text(1));
		flip(content_at(zd, 0), 9);
		flip(content_at(zd, 1), 8 * content_at(zd, 1)->length - 1);
		assert_int_equal(put(zd, 2, noise(1)).shared, c == 2);
		assert_int_equal(put(zd, 3, text(1)).shared, c == 2);
		model_end(zd);
	}
}

/* Without verify a load may be wrong, but it ends, and inside the page. */
static void flips_off_never_crash(void **unused)
{
	static const char *const compressor[] = { "lz4", "zstd" };
	uint8_t guarded[PAGE + 64];
	unsigned int i, bit, bits, g, failed = 0, served = 0;

	(void)unused;
	for (i = 0; i < 2; i++) {
		struct zdedup *zd = model_new("always", "xxh64", compressor[i]);

		bits = put(zd, 0, text(1)).length * 8;
		for (bit = 0; bit < bits; bit++) {
			flip(content_at(zd, 0), bit);
			memset(guarded, 0x5a, sizeof(guarded));
			if (zdedup_load(zd, at(0, 0), guarded, NULL)) {
				failed++;
				drop(zd, 0);
			} else {
				served++;
			}
			for (g = PAGE; g < sizeof(guarded); g++)
				assert_int_equal(guarded[g], 0x5a);
			put(zd, 0, text(1));
		}
		model_end(zd);
	}
	assert_int_not_equal(failed, 0);
	assert_int_not_equal(served, 0);
}

/*--------------------------------------------- c: races, one step at a time */

struct race;

/* At @stage of the first thread's call, another thread does @act. */
struct race_step {
	enum zdedup_stage stage;
	void (*act)(struct race *race);
};

/* Steps happen in their order, each once. */
struct race {
	struct zdedup *zd;
	struct race_step step[4];
	unsigned int nr_steps;
	unsigned int done;
	unsigned int cpu;
	pthread_t main;
};

/* Another processor's: the first thread may hold its own one's context. */
static void *race_other(void *data)
{
	struct race *race = data;

	compat_cpu = (race->cpu + 1) % nr_cpu_ids;
	race->step[race->done++].act(race);
	return NULL;
}

static void race_hook(void *data, enum zdedup_stage stage)
{
	struct race *race = data;
	pthread_t thread;

	if (!pthread_equal(pthread_self(), race->main) ||
	    race->done == race->nr_steps ||
	    stage != race->step[race->done].stage)
		return;
	race->cpu = raw_smp_processor_id();
	assert_int_equal(pthread_create(&thread, NULL, race_other, race), 0);
	pthread_join(thread, NULL);
}

static void race_then(struct race *race, enum zdedup_stage stage,
		      void (*act)(struct race *race))
{
	race->step[race->nr_steps++] = (struct race_step){ stage, act };
}

/* Arms @zd: @act happens when the next call reaches @stage. */
static void race_arm(struct race *race, struct zdedup *zd,
		     enum zdedup_stage stage, void (*act)(struct race *race))
{
	*race = (struct race){ .zd = zd, .main = pthread_self() };
	race_then(race, stage, act);
	zdedup_set_stage_hook(zd, race_hook, race);
}

/* All of it has happened; and the model is sound. */
static void race_end(struct race *race)
{
	zdedup_set_stage_hook(race->zd, NULL, NULL);
	assert_int_equal(race->done, race->nr_steps);
	model_check(race->zd);
}

static struct zdedup_result race_put(struct race *race, uint64_t offset,
				     const void *page)
{
	struct zdedup_result r;

	assert_int_equal(zdedup_store(race->zd, at(0, offset), 0, page, &r), 0);
	race_end(race);
	return r;
}

static int act_err;	/* of the last act's call */

static void act_store(struct race *race, uint64_t offset, enum page_kind kind,
		      uint64_t seed)
{
	uint8_t page[PAGE];

	page_make(page, kind, seed);
	act_err = zdedup_store(race->zd, at(0, offset), 0, page, NULL);
}

static void act_store_text_in_1(struct race *race)
{
	act_store(race, 1, PAGE_TEXT, 1);
}

static void act_store_noise_in_1(struct race *race)
{
	act_store(race, 1, PAGE_NOISE, 1);
}

static void act_invalidate_0(struct race *race)
{
	act_err = zdedup_invalidate(race->zd, at(0, 0));
}

static void act_invalidate_1(struct race *race)
{
	act_err = zdedup_invalidate(race->zd, at(0, 1));
}

static void act_load_0(struct race *race)
{
	uint8_t page[PAGE];

	act_err = zdedup_load(race->zd, at(0, 0), page, NULL);
}

/* Takes the memory of what slot 0 held, if that may be had. */
static void act_overwrite_0(struct race *race)
{
	act_store(race, 0, PAGE_TEXT, 38);
}

static void act_writeback_0(struct race *race)
{
	act_err = zdedup_writeback(race->zd, at(0, 0));
}

static void act_zstd(struct race *race)
{
	act_err = zdedup_set_compressor(race->zd, "zstd", NULL);
}

static void act_zstd_and_invalidate_0(struct race *race)
{
	act_zstd(race);
	act_invalidate_0(race);
}

static void act_damage_and_load_0(struct race *race)
{
	struct zswap_entry *entry = zswap_find(&race->zd->zs, swp_entry(0, 0));
	uint8_t page[PAGE];

	flip(entry->content, 100);
	act_err = zdedup_load(race->zd, at(0, 0), page, NULL);
}

static void act_damage_load_and_heal_0(struct race *race)
{
	struct zswap_entry *entry = zswap_find(&race->zd->zs, swp_entry(0, 0));

	act_damage_and_load_0(race);
	flip(entry->content, 100);
}

static void race_05_twin_stores(void **unused)
{
	static const enum zdedup_stage stage[] = {
		ZDEDUP_STAGE_COMPRESS, ZDEDUP_STAGE_ALLOCATE,
	};
	unsigned int i, raw;

	(void)unused;
	for (i = 0; i < 4; i++) {
		struct zdedup *zd = model_new("always", "xxh64", "lz4");
		const uint8_t *page;
		struct zdedup_stats s;
		struct zdedup_result r;
		struct race race;

		raw = i / 2;
		page = raw ? noise(1) : text(1);
		race_arm(&race, zd, stage[i % 2], raw ? act_store_noise_in_1 :
							act_store_text_in_1);
		r = race_put(&race, 0, page);
		assert_true(r.shared);
		s = model_stats(zd);
		assert_int_equal(s.dup_races, 1);
		assert_int_equal(s.hits, 0);
		assert_int_equal(s.lookups, 2);
		model_assert_sharing(zd, 1, 1, 0);
		assert_int_equal(s.payload_bytes, r.length);
		get(zd, 0, page);
		get(zd, 1, page);
		model_end(zd);
	}
}

/* The last sharer leaves while a store compares with its content. */
static void race_03_last_sharer_leaves(void **unused)
{
	static void (*const leave[])(struct race *) = {
		act_invalidate_0, act_load_0, act_overwrite_0, act_writeback_0,
	};
	static const enum zdedup_stage stage[] = {
		ZDEDUP_STAGE_LOOKUP, ZDEDUP_STAGE_COMPARE,
	};
	unsigned int i, s;

	(void)unused;
	for (i = 0; i < 4; i++) {
		for (s = 0; s < 2; s++) {
			struct zdedup *zd = model_new("always", "xxh64", "lz4");
			struct race race;

			put(zd, 0, text(1));
			race_arm(&race, zd, stage[s], leave[i]);
			act_err = -1;
			assert_false(race_put(&race, 1, text(1)).shared);
			assert_int_equal(act_err, 0);
			assert_int_equal(model_stats(zd).hits, 0);
			assert_int_equal(model_stats(zd).compares, s);
			assert_int_equal(model_stats(zd).false_positives, 0);
			assert_true(put(zd, 2, text(1)).shared);
			get(zd, 1, text(1));
			get(zd, 2, text(1));
			model_end(zd);
		}
	}
}

/* The twin that was found at insertion leaves before it can be adopted. */
static void race_11_the_twin_leaves(void **unused)
{
	struct zdedup *zd = model_new("always", "xxh64", "lz4");
	struct race race;

	(void)unused;
	race_arm(&race, zd, ZDEDUP_STAGE_COMPRESS, act_store_text_in_1);
	race_then(&race, ZDEDUP_STAGE_COMPARE, act_invalidate_1);
	assert_false(race_put(&race, 0, text(1)).shared);
	assert_int_equal(model_stats(zd).dup_races, 0);
	assert_int_equal(model_stats(zd).compares, 1);
	model_assert_sharing(zd, 0, 0, 1);
	assert_true(put(zd, 2, text(1)).shared);
	get(zd, 0, text(1));
	get(zd, 2, text(1));
	model_end(zd);
}

/* A second sharer comes while the owner reads its page and leaves. */
static void race_46_sharer_comes_as_the_owner_leaves(void **unused)
{
	struct zdedup *zd = model_new("always", "xxh64", "lz4");
	struct race race;
	uint8_t got[PAGE];

	(void)unused;
	put(zd, 0, text(1));
	race_arm(&race, zd, ZDEDUP_STAGE_DECOMPRESS, act_store_text_in_1);
	assert_int_equal(zdedup_load(zd, at(0, 0), got, NULL), 0);
	race_end(&race);
	assert_memory_equal(got, text(1), PAGE);
	model_assert_sharing(zd, 0, 0, 1);
	assert_int_equal(model_stats(zd).hits, 1);
	get(zd, 1, text(1));
	model_end(zd);
}

/* Written back while it got its second sharer: the other slot's stays. */
static void race_10_shared_while_written_back(void **unused)
{
	struct zdedup *zd = model_new("always", "xxh64", "lz4");
	struct race race;

	(void)unused;
	put(zd, 0, text(1));
	race_arm(&race, zd, ZDEDUP_STAGE_DECOMPRESS, act_store_text_in_1);
	assert_int_equal(zdedup_writeback(zd, at(0, 0)), 0);
	race_end(&race);
	model_assert_sharing(zd, 0, 0, 1);
	assert_int_equal(get(zd, 0, text(1)), ZDEDUP_DEVICE);
	assert_int_equal(get(zd, 1, text(1)), ZDEDUP_POOL);
	model_end(zd);
}

static void race_12_writeback_of_a_locked_slot(void **unused)
{
	struct zdedup *zd = model_new("always", "xxh64", "lz4");
	struct race race;

	(void)unused;
	put(zd, 0, text(1));
	race_arm(&race, zd, ZDEDUP_STAGE_COMPRESS, act_writeback_0);
	race_put(&race, 0, text(2));
	assert_int_equal(act_err, -EEXIST);
	assert_int_equal(model_stats(zd).zswpwb, 0);
	assert_int_equal(get(zd, 0, text(2)), ZDEDUP_POOL);
	model_end(zd);
}

/*
 * 04fc7816089c: between reclaim's look at an entry and the lock of its slot, the
 * slot gets another page. It must be left alone.
 */
static const struct zswap_env_ops *real_env_ops;

static int refill_before_swapcache_add(void *env, swp_entry_t swp,
				       struct zswap_folio *folio)
{
	struct zdedup_slot slot = at(swp_type(swp), swp_offset(swp));
	uint8_t page[PAGE];

	page_make(page, PAGE_TEXT, 2);
	assert_int_equal(zdedup_store(env, slot, 0, page, NULL), 0);
	return real_env_ops->swapcache_add(env, swp, folio);
}

static void race_11_the_slot_changes_before_writeback(void **unused)
{
	struct zdedup *zd = model_new("always", "xxh64", "lz4");
	struct zswap_env_ops ops = *zd->zs.ops;

	(void)unused;
	real_env_ops = zd->zs.ops;
	ops.swapcache_add = refill_before_swapcache_add;
	put(zd, 0, text(1));
	zd->zs.ops = &ops;
	assert_int_equal(zdedup_writeback(zd, at(0, 0)), -ENOMEM);
	zd->zs.ops = real_env_ops;
	model_check(zd);
	assert_int_equal(model_stats(zd).zswpwb, 0);
	assert_int_equal(model_stats(zd).live_device, 0);
	assert_int_equal(get(zd, 0, text(2)), ZDEDUP_POOL);
	model_end(zd);
}

/* Damaged, or found to be, while a store compares with it. */
static void race_38_damaged_meanwhile(void **unused)
{
	unsigned int heal;

	(void)unused;
	for (heal = 0; heal < 2; heal++) {
		struct zdedup *zd = model_verifying("lz4");
		struct zswap_content *content;
		struct race race;

		put(zd, 0, noise(1));
		content = content_at(zd, 0);
		race_arm(&race, zd, ZDEDUP_STAGE_COMPARE,
			 heal ? act_damage_load_and_heal_0 :
				act_damage_and_load_0);
		assert_false(race_put(&race, 1, noise(1)).shared);
		assert_int_equal(act_err, -EIO);
		assert_kept(zd, 0, content);
		assert_false(is_findable(zd, content));
		/* equal again, but given up on */
		assert_int_equal(model_stats(zd).false_positives, !heal);
		assert_int_equal(model_stats(zd).hits, 0);
		if (!heal)
			flip(content, 100);
		get(zd, 0, noise(1));
		get(zd, 1, noise(1));
		model_end(zd);
	}
}

/* The compressor changes while a page is compressed, or compared. */
static void race_20_pool_switched_meanwhile(void **unused)
{
	struct zdedup *zd = model_new("always", "xxh64", "lz4");
	struct race race;

	(void)unused;
	race_arm(&race, zd, ZDEDUP_STAGE_COMPRESS, act_zstd);
	assert_false(race_put(&race, 0, text(1)).shared);
	assert_int_equal(act_err, 0);
	assert_false(put(zd, 1, text(1)).shared);
	assert_string_equal(content_at(zd, 0)->pool->comp->name, "lz4");
	assert_string_equal(content_at(zd, 1)->pool->comp->name, "zstd");
	get(zd, 0, text(1));
	get(zd, 1, text(1));
	model_end(zd);

	zd = model_new("always", "xxh64", "lz4");
	put(zd, 0, text(1));
	race_arm(&race, zd, ZDEDUP_STAGE_COMPARE, act_zstd);
	assert_true(race_put(&race, 1, text(1)).shared);
	assert_string_equal(content_at(zd, 1)->pool->comp->name, "lz4");
	get(zd, 0, text(1));
	get(zd, 1, text(1));
	model_end(zd);
}

/* The retired pool's last content goes while a store still means to use it. */
static void race_20_a_pool_in_use_outlives_its_contents(void **unused)
{
	struct zdedup *zd = model_new("always", "xxh64", "lz4");
	struct race race;

	(void)unused;
	put(zd, 0, text(1));
	race_arm(&race, zd, ZDEDUP_STAGE_COMPARE, act_zstd_and_invalidate_0);
	assert_false(race_put(&race, 1, text(1)).shared);
	assert_string_equal(content_at(zd, 1)->pool->comp->name, "lz4");
	get(zd, 1, text(1));
	assert_ptr_equal(zd->zs.pools.next, zd->zs.pools.prev);
	model_end(zd);
}

/* Inserts another page of the same digest each time that it is asked. */
struct inserter {
	struct zdedup *zd;
	pthread_t main;
	unsigned int asked;
	unsigned int cpu;
};

static void *insert_one(void *data)
{
	struct inserter *in = data;
	uint8_t page[PAGE];

	compat_cpu = (in->cpu + 1) % nr_cpu_ids;
	page_make(page, PAGE_TEXT, 100 + in->asked);
	zdedup_store(in->zd, at(0, 100 + in->asked), 0, page, NULL);
	return NULL;
}

static void insert_hook(void *data, enum zdedup_stage stage)
{
	struct inserter *in = data;
	pthread_t thread;

	if (!pthread_equal(pthread_self(), in->main) ||
	    (stage != ZDEDUP_STAGE_COMPARE && stage != ZDEDUP_STAGE_COMPRESS))
		return;
	in->asked++;
	in->cpu = raw_smp_processor_id();
	assert_int_equal(pthread_create(&thread, NULL, insert_one, in), 0);
	pthread_join(thread, NULL);
}

/* However many insert, a store looks for twins so often and no more. */
static void race_05_rounds_are_bounded(void **unused)
{
	struct zdedup *zd = model_new("always", "xxh64:bits=0", "lz4");
	struct inserter in = { .zd = zd, .main = pthread_self() };

	(void)unused;
	zdedup_set_stage_hook(zd, insert_hook, &in);
	assert_int_equal(zdedup_store(zd, at(0, 0), 0, text(1), NULL), 0);
	zdedup_set_stage_hook(zd, NULL, NULL);
	assert_int_equal(in.asked, 1 + ZSWAP_TWIN_ROUNDS);
	model_check(zd);
	get(zd, 0, text(1));
	model_end(zd);
}

/*---------------------------------------- d: nothing slow under a spinlock */

static unsigned int under_spinlock;
static unsigned int slow_calls;
static const struct zcomp_ops *real_comp;
static const struct zhash_ops *real_hash;

static void slow(void)
{
	slow_calls++;
	under_spinlock += compat_spinlocks_held() != 0;
}

static void slow_stage(void *data, enum zdedup_stage stage)
{
	unsigned int *seen = data;

	slow();
	seen[stage]++;
}

static int slow_compress(void *ctx, const void *src, void *dst,
			 unsigned int *dlen)
{
	slow();
	return real_comp->compress(ctx, src, dst, dlen);
}

static int slow_decompress(void *ctx, const void *src, unsigned int slen,
			   void *dst)
{
	slow();
	return real_comp->decompress(ctx, src, slen, dst);
}

static void slow_digest(const struct zhash_key *key, const void *page,
			struct zswap_digest *out)
{
	slow();
	real_hash->digest(key, page, out);
}

static int slow_swap_write(void *env, struct zswap_folio *folio)
{
	slow();
	return real_env_ops->swap_write(env, folio);
}

static int slow_swapcache_add(void *env, swp_entry_t swp,
			      struct zswap_folio *folio)
{
	slow();
	return real_env_ops->swapcache_add(env, swp, folio);
}

static void no_slow_work_under_a_spinlock(void **unused)
{
	struct zdedup *zd = model_verifying("lz4");
	struct zswap_pool *pool = list_first_entry(&zd->zs.pools,
						   struct zswap_pool, list);
	struct zswap_env_ops env_ops = *zd->zs.ops;
	unsigned int seen[ZDEDUP_NR_STAGES] = { 0 }, i;
	struct zcomp_ops comp = *pool->comp;
	struct zhash_ops hash = *zd->zs.dedup.hash;

	(void)unused;
	real_comp = pool->comp;
	real_hash = zd->zs.dedup.hash;
	real_env_ops = zd->zs.ops;
	comp.compress = slow_compress;
	comp.decompress = slow_decompress;
	hash.digest = slow_digest;
	env_ops.swap_write = slow_swap_write;
	env_ops.swapcache_add = slow_swapcache_add;
	pool->comp = &comp;
	zd->zs.dedup.hash = &hash;
	zd->zs.ops = &env_ops;
	zdedup_set_stage_hook(zd, slow_stage, seen);

	for (i = 0; i < 60; i++)
		put(zd, i, page_of(i % PAGE_NR_KINDS, i / 10));
	for (i = 0; i < 60; i += 7)
		zdedup_writeback(zd, at(0, i));
	zdedup_set_limits(zd, 10, 100, 10);
	for (i = 0; i < 10; i++)
		zdedup_shrink(zd);
	zdedup_set_limits(zd, 0, 20, 90);
	for (i = 0; i < 60; i++)
		get(zd, i, page_of(i % PAGE_NR_KINDS, i / 10));
	/* and what a scan does */
	for (i = 0; i < 2; i++) {
		put(zd, 0, noise(1));
		put(zd, 1, text(1));
		assert_int_equal(zdedup_set_dedup(zd, i ? "fold:every=2" :
						  "ksm:every=2", NULL), 0);
		put(zd, 2, noise(1));
		put(zd, 3, text(1));
		put(zd, 4, text(2));
		get(zd, 4, text(2));
		zdedup_set_dedup(zd, "none", NULL);
	}
	for (i = 0; i < ZDEDUP_NR_STAGES; i++)
		assert_int_not_equal(seen[i], 0);
	assert_true(slow_calls > 500);
	assert_int_equal(under_spinlock, 0);
	assert_int_equal(compat_spinlocks_held(), 0);

	zdedup_set_stage_hook(zd, NULL, NULL);
	pool->comp = real_comp;
	zd->zs.dedup.hash = real_hash;
	zd->zs.ops = real_env_ops;
	model_end(zd);
}

/*----------------------------------------------- e, f: sizes and the index */

/* A page that costs next to nothing to keep. */
static void tiny(uint8_t *page, uint64_t number)
{
	memset(page, 0x11, PAGE);
	memcpy(page, &number, sizeof(number));
}

/* Stores @nr tiny pages in device @type, all shared or none. */
static void put_tiny(struct zdedup *zd, unsigned int type, unsigned int nr,
		     bool shared)
{
	struct zdedup_result r;
	uint8_t page[PAGE];
	unsigned int i;

	for (i = 0; i < nr; i++) {
		tiny(page, i);
		assert_int_equal(zdedup_store(zd, at(type, i), 0, page, &r), 0);
		assert_int_equal(r.where, ZDEDUP_POOL);
		assert_int_equal(r.shared, shared);
	}
	model_check(zd);
}

#define MANY 20000u

static void index_32_grows_and_loses_nothing(void **unused)
{
	struct zdedup *zd = model_new("always", "xxh64", "lz4");
	struct zdedup_stats s;
	unsigned int n, grown = 0;

	(void)unused;
	assert_true(sizeof(struct zswap_content) <= 72);
	assert_true(sizeof(struct zswap_entry) <= 64);
	assert_int_equal(zdedup_swapon(zd, 1, MANY), 0);
	assert_int_equal(zdedup_swapon(zd, 2, MANY), 0);
	put_tiny(zd, 1, MANY, false);
	assert_true(atomic_long_read(&zd->zs.dedup.index_bytes) <= 32 * MANY);
	put_tiny(zd, 2, MANY, true);
	s = model_stats(zd);
	model_assert_sharing(zd, MANY, MANY, 0);
	/* chains stay short: few are met in vain */
	assert_int_equal(s.compares, MANY);
	for (n = 0; n < ZSWAP_STRIPES; n++) {
		struct zswap_stripe *stripe = &zd->zs.dedup.stripe[n];

		grown += stripe->bits > ZSWAP_BUCKET_BITS_MIN;
		assert_true(stripe->nr <= (unsigned long)ZSWAP_BUCKET_LOAD <<
					  stripe->bits);
	}
	assert_int_equal(grown, ZSWAP_STRIPES);
	model_end(zd);
}

static u64 index_bytes_by_hand(struct zdedup *zd)
{
	u64 bytes = ZSWAP_STRIPES * sizeof(struct zswap_stripe);
	unsigned int n;

	for (n = 0; n < ZSWAP_STRIPES; n++)
		bytes += sizeof(struct hlist_head)
			 << zd->zs.dedup.stripe[n].bits;
	return bytes;
}

/*
 * Each store meets one failing allocation, another one each time; where it was
 * the table's, the table stays and serves, and grows at the next chance.
 */
static void index_34_growth_without_memory(void **unused)
{
	struct zdedup *zd = model_new("always", "xxh64", "lz4");
	unsigned int i, n, crowded = 0, kept = 0;
	struct zdedup_result r;
	static bool in[3000];
	uint8_t page[PAGE];

	(void)unused;
	for (i = 0; i < 3000; i++) {
		tiny(page, i);
		/* the rare ones are a zspage, a node of the tree, the table */
		if (i >= 64)
			compat_fail_alloc(3 + i % 4, i % 3 == 0);
		assert_int_equal(zdedup_store(zd, at(0, i), 0, page, &r), 0);
		compat_fail_alloc(0, false);
		in[i] = r.where == ZDEDUP_POOL;
		kept += in[i];
		for (n = 0; n < ZSWAP_STRIPES; n++)
			crowded += zd->zs.dedup.stripe[n].nr >
				   (unsigned long)ZSWAP_BUCKET_LOAD
					   << zd->zs.dedup.stripe[n].bits;
		assert_int_equal(atomic_long_read(&zd->zs.dedup.index_bytes),
				 index_bytes_by_hand(zd));
	}
	model_check(zd);
	assert_int_not_equal(crowded, 0);
	assert_in_range(kept, 1000, 2999);
	for (i = 0; i < 3000; i++) {
		tiny(page, i);
		if (!in[i])
			assert_false(put(zd, i, page).shared);
	}
	for (n = 0; n < ZSWAP_STRIPES; n++)
		assert_true(zd->zs.dedup.stripe[n].nr <=
			    (unsigned long)ZSWAP_BUCKET_LOAD
				    << zd->zs.dedup.stripe[n].bits);
	assert_int_equal(zdedup_swapon(zd, 1, 3000), 0);
	put_tiny(zd, 1, 3000, true);
	model_end(zd);
}

/* Newton's: what the index multiplies by @factor, times this, it multiplies back. */
static uint64_t inverse_of(uint64_t factor)
{
	uint64_t inverse = factor;
	unsigned int i;

	for (i = 0; i < 6; i++)
		inverse *= 2 - factor * inverse;
	return inverse;
}

/* Its size is told by the number of contents, even where all are in one stripe. */
static void index_32_size_is_no_matter_of_digests(void **unused)
{
	struct zdedup_facts facts = { .length = 100 };
	struct zdedup_config config;
	struct zdedup_sizes sizes[2];
	struct zdedup *zd[2];
	uint64_t inverse;
	unsigned int n, i;

	(void)unused;
	zdedup_config_init(&config);
	config.dedup = "always";
	config.lengths_only = true;
	for (i = 0; i < 2; i++) {
		assert_int_equal(zdedup_create(&config, &zd[i], NULL), 0);
		assert_int_equal(zdedup_swapon(zd[i], 0, MODEL_SLOTS), 0);
	}
	inverse = inverse_of(zd[0]->zs.dedup.spread.digest);
	for (n = 0; n < MODEL_SLOTS; n++) {
		struct zdedup_slot slot = { .offset = n };

		facts.identity = n;
		for (i = 0; i < 2; i++) {
			facts.digest[0] = i ? n : inverse * ((uint64_t)n << 40);
			assert_int_equal(zdedup_store_facts(zd[i], slot, 0,
							    &facts, 1, NULL), 0);
			zdedup_get_sizes(zd[i], &sizes[i]);
		}
		assert_int_equal(sizes[0].dedup_metadata_bytes,
				 sizes[1].dedup_metadata_bytes);
	}
	assert_int_equal(zd[0]->zs.dedup.stripe[0].nr, MODEL_SLOTS);
	zdedup_destroy(zd[0]);
	zdedup_destroy(zd[1]);
}

/* Newest first, before a table has grown and right after it has. */
static void index_32_growth_keeps_the_order(void **unused)
{
	const unsigned int full = ZSWAP_BUCKET_LOAD * ZSWAP_STRIPES
				  << ZSWAP_BUCKET_BITS_MIN;
	unsigned int nr;

	(void)unused;
	for (nr = full - 1; nr <= full + 3; nr++) {
		struct zdedup *zd = model_new("always", "xxh64:bits=0", "none");
		unsigned int i;

		for (i = 0; i < nr; i++)
			assert_false(put(zd, i, text(i)).shared);
		for (i = nr - ZSWAP_CANDIDATES_MAX; i < nr; i++)
			assert_true(put(zd, 100 + i, text(i)).shared);
		assert_int_equal(model_stats(zd).hits, ZSWAP_CANDIDATES_MAX);
		model_end(zd);
	}
}

/* Contents of its digest in another pool are in the way, up to what a lookup may walk. */
static void index_35_the_walk_is_bounded(void **unused)
{
	unsigned int others;

	(void)unused;
	for (others = ZSWAP_WALK_MAX - 1; others <= ZSWAP_WALK_MAX; others++) {
		struct zdedup *zd = model_new("always", "xxh64:bits=0", "lz4");
		unsigned int i;

		put(zd, 0, text(1));
		assert_int_equal(zdedup_set_compressor(zd, "none", NULL), 0);
		for (i = 0; i < others; i++)
			put(zd, 1 + i, text(2 + i));
		assert_int_equal(zdedup_set_compressor(zd, "lz4", NULL), 0);
		assert_int_equal(model_stats(zd).walk_max,
				 ZSWAP_CANDIDATES_MAX);
		assert_int_equal(zdedup_longest_chain(zd), 1 + others);
		assert_int_equal(put(zd, 1000, text(1)).shared,
				 others < ZSWAP_WALK_MAX);
		assert_int_equal(model_stats(zd).walk_max, ZSWAP_WALK_MAX);
		assert_int_equal(zdedup_longest_chain(zd),
				 others < ZSWAP_WALK_MAX ? 1 + others :
							   2 + others);
		get(zd, 1000, text(1));
		model_end(zd);
	}
}

/* A content of this digest and no bytes, in the slot of its number. */
static struct zdedup_result put_digest(struct zdedup *zd, unsigned int identity,
				       unsigned int slot, uint32_t memcg,
				       uint64_t digest)
{
	struct zdedup_facts facts = {
		.identity = identity, .digest = { digest }, .length = 100,
	};
	struct zdedup_result result;

	assert_int_equal(zdedup_store_facts(zd, at(0, slot), memcg, &facts, 1,
					    &result), 0);
	return result;
}

static struct zdedup *lengths_new(const char *dedup, uint64_t seed)
{
	struct zdedup_config config;

	zdedup_config_init(&config);
	config.dedup = dedup;
	config.seed = seed;
	config.lengths_only = true;
	return model_create(&config);
}

/* Other digests of the bucket, which one needs the factor for, bound no lookup. */
static void index_35_decoys_bound_no_lookup(void **unused)
{
	static const char *const policies[] = { "always", "same-page-sharing" };
	unsigned int i, p;

	(void)unused;
	for (p = 0; p < 2; p++) {
		struct zdedup *zd = lengths_new(policies[p], 1);
		uint64_t inverse = inverse_of(zd->zs.dedup.spread.digest);

		put_digest(zd, 1, 0, 0, inverse);
		for (i = 0; i < 2 * ZSWAP_WALK_MAX; i++)
			put_digest(zd, 100 + i, 1 + i, 0, inverse * (2 + i));
		assert_int_equal(zdedup_longest_chain(zd),
				 1 + 2 * ZSWAP_WALK_MAX);
		/* of its digest, and another: it may not be the index's second */
		assert_false(put_digest(zd, 2, 1000, 0, inverse).shared);
		assert_int_equal(zdedup_longest_chain(zd),
				 2 - p + 2 * ZSWAP_WALK_MAX);
		assert_true(put_digest(zd, 1, 1001, 0, inverse).shared);
		assert_int_equal(model_stats(zd).walk_max, 2 - p);
		model_end(zd);
	}
}

/* Whoever does not know the seed finds no bucket to fill. */
static void index_35_buckets_are_the_seeds(void **unused)
{
	uint64_t seed, inverse = 1;

	(void)unused;
	for (seed = 1; seed <= 20; seed++) {
		struct zdedup *zd = lengths_new("always", seed);
		unsigned int i;

		assert_int_equal(zd->zs.dedup.spread.digest & 1, 1);
		assert_int_equal(zd->zs.dedup.spread.domain & 1, 1);
		/* chosen for the seed before */
		for (i = 0; i < 2 * ZSWAP_WALK_MAX; i++)
			put_digest(zd, i, i, 0, inverse * (2 + i));
		assert_in_range(zdedup_longest_chain(zd), 1, ZSWAP_WALK_MAX / 2);
		inverse = inverse_of(zd->zs.dedup.spread.digest);
		model_end(zd);
	}
}

/* Contents of the same digest that another domain has are not in its way, either. */
static void index_35_36_the_walk_is_of_one_domain(void **unused)
{
	struct zdedup *zd = lengths_new("memcg", 1);
	uint64_t factor = zd->zs.dedup.spread.domain;
	uint32_t other = 2;
	unsigned int i;

	(void)unused;
	/* the two share a bucket: 4 bits of the stripe, and 4 of its smallest table */
	while ((factor * other ^ factor) >> 56)
		other++;
	/* domains are numbered as memcgs are added */
	for (i = 1; i <= other; i++)
		assert_int_equal(zdedup_memcg_add(zd, i, 0), 0);
	put_digest(zd, 0, 0, 1, 0);
	for (i = 1; i <= 2 * ZSWAP_WALK_MAX; i++)
		put_digest(zd, i, i, other, 0);
	assert_int_equal(zdedup_longest_chain(zd), 1 + 2 * ZSWAP_WALK_MAX);
	assert_true(put_digest(zd, 0, 1000, 1, 0).shared);
	assert_int_equal(model_stats(zd).walk_max, ZSWAP_CANDIDATES_MAX);
	model_end(zd);
}

/* Which policies a hash can be told from another by, when both find the same pages equal. */
static void policy_digests_only_compared(void **unused)
{
	static const struct {
		const char *word;
		bool only;
	} cases[] = {
		{ "none", true }, { "always", true }, { "always:sharers=3", true },
		{ "memcg", true }, { "adaptive", true }, { "zram-dedup", true },
		{ "same-page-sharing", true }, { "second-sight", false },
		{ "ksm", false }, { "fold", false },
	};
	unsigned int i;

	(void)unused;
	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		struct zdedup *zd = model_new(cases[i].word, "xxh64", "none");

		assert_int_equal(zdedup_digests_only_compared(zd),
				 cases[i].only);
		model_end(zd);
	}
	/* and each that there is stands here */
	assert_null(zdedup_name(ZDEDUP_POLICIES, i - 1));
	assert_non_null(zdedup_name(ZDEDUP_POLICIES, i - 2));
}

static void digest_bits_are_told(void **unused)
{
	static const struct {
		const char *word;
		unsigned int bits;
	} cases[] = {
		{ "xxh64", 64 }, { "crc32c", 32 }, { "xxh3-128", 128 },
		{ "xxh64:bits=7", 7 }, { "xxh64:bits=0", 0 },
	};
	unsigned int i;

	(void)unused;
	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		struct zdedup *zd = model_new("always", cases[i].word, "none");

		assert_int_equal(zdedup_digest_bits(zd), cases[i].bits);
		model_end(zd);
	}
}

/* A short digest is its low bits, both words of it. */
static void index_01_digests_are_cut(void **unused)
{
	static const unsigned int bits[] = { 0, 1, 8, 63, 64, 65, 127, 128 };
	struct zdedup *zd = model_new("always", "xxh3-128", "none");
	struct zswap_dedup *config = &zd->zs.dedup;
	struct zswap_digest whole, cut;
	unsigned int i, seed, b;

	(void)unused;
	/* several pages: any one bit may be 0 by itself */
	for (i = 0; i < 64; i++) {
		b = bits[i % 8];
		seed = i / 8;
		config->hash->digest(&config->key, text(seed), &whole);
		config->hash_bits = b;
		zswap_dedup_digest(&zd->zs, text(seed), &cut);
		assert_int_equal(cut.lo, b >= 64 ? whole.lo :
				 whole.lo & ((1ull << b) - 1));
		assert_int_equal(cut.hi, b == 128 ? whole.hi : b <= 64 ? 0 :
				 whole.hi & ((1ull << (b - 64)) - 1));
	}
	model_end(zd);
}

/* Compares see every byte: pages of equal digest that differ in one. */
static void index_01_one_byte_differs(void **unused)
{
	static const unsigned int where[] = { 0, 63, 64, 2048, PAGE - 1 };
	unsigned int i, raw;
	uint8_t page[PAGE];

	(void)unused;
	for (i = 0; i < 10; i++) {
		struct zdedup *zd = model_new("always", "xxh64:bits=0", "lz4");

		raw = i / 5;
		page_make(page, raw ? PAGE_NOISE : PAGE_TEXT, 1);
		put(zd, 0, page);
		page[where[i % 5]] ^= 1;
		assert_false(put(zd, 1, page).shared);
		get(zd, 1, page);
		page[where[i % 5]] ^= 1;
		get(zd, 0, page);
		model_end(zd);
	}
}

/* More domains than buckets: some share a bucket, none shares a content. */
static void index_36_domains_in_one_bucket(void **unused)
{
	struct zdedup *zd = model_new("memcg", "xxh64:bits=0", "none");
	unsigned int id;

	(void)unused;
	for (id = 1; id <= 600; id++) {
		assert_int_equal(zdedup_memcg_add(zd, id, 0), 0);
		assert_false(put_at(zd, at(0, id), id, text(1)).shared);
	}
	assert_int_equal(model_stats(zd).candidates, 0);
	model_end(zd);
}

/* What each of many domains has of one digest is no chain: who may not share it passes it by. */
static void index_36_domains_have_buckets_of_their_own(void **unused)
{
	struct zdedup *zd = lengths_new("memcg", 1);
	unsigned int id;

	(void)unused;
	for (id = 1; id <= 256; id++) {
		assert_int_equal(zdedup_memcg_add(zd, id, 0), 0);
		put_digest(zd, 0, id, id, 7);
	}
	assert_in_range(zdedup_longest_chain(zd), 1, 16);
	model_end(zd);
}

/* The last place of a content is taken while a store compares with it. */
static void race_31_the_last_place_is_taken(void **unused)
{
	struct zdedup *zd = model_new("always:sharers=2", "xxh64", "lz4");
	struct race race;

	(void)unused;
	put(zd, 0, text(1));
	race_arm(&race, zd, ZDEDUP_STAGE_COMPARE, act_store_text_in_1);
	assert_false(race_put(&race, 2, text(1)).shared);
	assert_int_equal(content_at(zd, 0)->sharers, 2);
	assert_ptr_equal(content_at(zd, 0), content_at(zd, 1));
	model_assert_sharing(zd, 1, 1, 1);
	model_end(zd);
}

/* A shared content that reclaim meets is no failed writeback: it is not tried. */
static void reclaim_10_does_not_try_shared(void **unused)
{
	struct zdedup *zd = model_new("always", "xxh64", "lz4");
	unsigned int i;

	(void)unused;
	for (i = 0; i < 8; i++)
		put(zd, i, noise(i / 2));
	zdedup_set_limits(zd, 2, 100, 50);
	for (i = 0; i < 4; i++)
		zdedup_shrink(zd);
	model_check(zd);
	assert_int_equal(model_stats(zd).reject_reclaim_fail, 0);
	model_assert_sharing(zd, 4, 4, 0);
	model_end(zd);
}

static void pool_22_levels_are_two_pools(void **unused)
{
	struct zdedup *zd = model_new("always", "xxh64", "zstd:level=1");

	(void)unused;
	put(zd, 0, text(1));
	assert_int_equal(zdedup_set_compressor(zd, "zstd:level=9", NULL), 0);
	assert_false(put(zd, 1, text(1)).shared);
	assert_int_equal(content_at(zd, 0)->pool->params.level, 1);
	assert_int_equal(content_at(zd, 1)->pool->params.level, 9);
	get(zd, 0, text(1));
	get(zd, 1, text(1));
	model_end(zd);
}

/* What is written back below a zero page is not the slot's. */
static void zero_49_hides_what_is_written_back(void **unused)
{
	struct zdedup *zd = model_new("always", "xxh64", "lz4");

	(void)unused;
	put(zd, 0, text(1));
	put(zd, 0, page_of(PAGE_ZERO, 0));
	assert_int_equal(zdedup_writeback(zd, at(0, 0)), 0);
	model_check(zd);
	assert_int_equal(model_stats(zd).pswpout, 1);
	assert_int_equal(model_stats(zd).live_device, 0);
	assert_int_equal(get(zd, 0, page_of(PAGE_ZERO, 0)), ZDEDUP_ZERO);
	model_end(zd);
}

/* A pool without a limit is not full, and was not when it gets one again. */
static void limit_16_taken_away_and_back(void **unused)
{
	struct zdedup *zd = model_new("always", "xxh64", "lz4");
	unsigned int i;

	(void)unused;
	for (i = 0; i < 20; i++)
		put(zd, i, noise(i));
	zdedup_set_limits(zd, 100, 20, 90);
	assert_int_equal(put(zd, 20, noise(20)).where, ZDEDUP_DEVICE);
	zdedup_set_limits(zd, 0, 20, 90);
	zdedup_set_limits(zd, 105, 20, 90);
	assert_int_equal(put(zd, 21, noise(21)).where, ZDEDUP_POOL);
	model_end(zd);
}

#define T(name) cmocka_unit_test(name)

/*
 * Whatever is asked ahead, in any order, of live and of empty slots and of none: all
 * that follows is as if nobody had asked.
 */
static void prefetch_changes_nothing(void **unused)
{
	/* 6.1 has entries without a content: of pages that are one word */
	static const char *const how[][2] = {
		{ "always", "7.2" }, { "none", "7.2" },
		{ "second-sight", "7.2" }, { "ksm", "7.2" }, { "always", "6.1" },
	};
	struct zdedup_config config;
	struct zdedup *zd[2];
	struct zdedup_stats stats[2];
	struct zdedup_hint hint[ZDEDUP_PREFETCH_MAX + 1];
	uint64_t x = 1, digest;
	unsigned int p, i, m, k;

	(void)unused;
	for (p = 0; p < ARRAY_SIZE(how); p++) {
		zdedup_config_init(&config);
		config.dedup = how[p][0];
		config.kernel = how[p][1];
		for (m = 0; m < 2; m++)
			zd[m] = model_create(&config);
		for (i = 0; i < 3000; i++) {
			struct zdedup_slot slot;
			uint8_t page[PAGE];

			x = x * 6364136223846793005ull + 1442695040888963407ull;
			slot = at(0, x >> 40 & 63);
			digest = x >> 20;
			for (k = 0; k <= ZDEDUP_PREFETCH_MAX; k++)
				hint[k] = (struct zdedup_hint){
					.slot = at(x >> 30 & 33,
						   ((x >> 45) + k) & 4095),
					.memcg = x >> 10 & 1,
					.digest = i & 1 ? &digest : NULL,
				};
			zdedup_prefetch(zd[0], hint, x % (k + 1));
			for (m = 0; m < 2; m++) {
				if (x >> 60 < 9)
					put(zd[m], slot.offset,
					    page_of(x >> 50 & 3, x >> 33 & 15));
				else if (x >> 60 < 13)
					zdedup_load(zd[m], slot, page, NULL);
				else
					zdedup_invalidate(zd[m], slot);
			}
		}
		for (m = 0; m < 2; m++)
			stats[m] = model_stats(zd[m]);
		assert_memory_equal(&stats[0], &stats[1], sizeof(stats[0]));
		model_end(zd[0]);
		model_end(zd[1]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(prefetch_changes_nothing),
		T(check_e1_entry_at_its_slot),
		T(check_e2_entry_on_no_lru),
		T(check_e2_entry_on_another_lru),
		T(check_e3_charge_of_an_entry),
		T(check_c1_sharers),
		T(check_c2_references),
		T(check_c3_wrong_bucket),
		T(check_c3_content_without_an_entry),
		T(check_i1_contents_of_a_stripe),
		T(check_l1_items_of_an_lru),
		T(check_s1_stored_pages),
		T(check_s2_incompressible_pages),
		T(check_d1_d2_d3_sums),
		T(check_d4_compares),
		T(check_p1_references_of_a_pool),
		T(check_m1_charge_of_the_root),
		T(check_length_of_a_raw_content),
		T(check_asks_the_allocator),
		T(flips_38_lz4),
		T(flips_38_zstd),
		T(flips_38_raw),
		T(flips_38_all_sharers_are_told),
		T(flips_02_a_damaged_candidate_is_a_miss),
		T(flips_02_trust_does_not_look),
		T(flips_off_never_crash),
		T(race_05_twin_stores),
		T(race_03_last_sharer_leaves),
		T(race_11_the_twin_leaves),
		T(race_46_sharer_comes_as_the_owner_leaves),
		T(race_10_shared_while_written_back),
		T(race_12_writeback_of_a_locked_slot),
		T(race_11_the_slot_changes_before_writeback),
		T(race_38_damaged_meanwhile),
		T(race_20_pool_switched_meanwhile),
		T(race_20_a_pool_in_use_outlives_its_contents),
		T(race_05_rounds_are_bounded),
		T(no_slow_work_under_a_spinlock),
		T(index_32_grows_and_loses_nothing),
		T(index_34_growth_without_memory),
		T(index_32_size_is_no_matter_of_digests),
		T(index_32_growth_keeps_the_order),
		T(index_35_the_walk_is_bounded),
		T(index_35_decoys_bound_no_lookup),
		T(index_35_buckets_are_the_seeds),
		T(index_35_36_the_walk_is_of_one_domain),
		T(policy_digests_only_compared),
		T(digest_bits_are_told),
		T(index_01_digests_are_cut),
		T(index_01_one_byte_differs),
		T(index_36_domains_in_one_bucket),
		T(index_36_domains_have_buckets_of_their_own),
		T(race_31_the_last_place_is_taken),
		T(reclaim_10_does_not_try_shared),
		T(pool_22_levels_are_two_pools),
		T(zero_49_hides_what_is_written_back),
		T(limit_16_taken_away_and_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
