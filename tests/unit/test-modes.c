/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The choices beside the policy: how a candidate is compared, who is charged for a
 * shared content, who may share at all, and what reclaim does to a shared content
 */
#include "model.h"

static struct zdedup *mode_new(const char *compare, const char *charge,
			       const char *writeback)
{
	struct zdedup_config config;

	zdedup_config_init(&config);
	config.dedup = "always";
	config.compare = compare;
	config.charge = charge;
	config.writeback = writeback;
	if (!strcmp(compare, "trust"))
		config.hash = "siphash-2-4-128";
	return model_create(&config);
}

static struct zdedup *charging(const char *charge)
{
	struct zdedup *zd = mode_new("bytes", charge, "sole");

	assert_int_equal(zdedup_memcg_add(zd, 1, 0), 0);
	assert_int_equal(zdedup_memcg_add(zd, 2, 0), 0);
	assert_int_equal(zdedup_memcg_add(zd, 3, 0), 0);
	return zd;
}

static uint64_t paid(struct zdedup *zd, uint32_t memcg)
{
	return model_memcg(zd, memcg).zswap_bytes;
}

static void refused(const char *compare, const char *charge,
		    const char *writeback, const char *hash, const char *part)
{
	char why[ZDEDUP_WHY_MAX] = "";
	struct zdedup_config config;
	struct zdedup *zd;

	zdedup_config_init(&config);
	config.compare = compare;
	config.charge = charge;
	config.writeback = writeback;
	config.hash = hash;
	assert_int_equal(zdedup_create(&config, &zd, why), -EINVAL);
	if (!strstr(why, part))
		fail_msg("no '%s' in: %s", part, why);
}

static void refused_domain(const char *domain, const char *part)
{
	char why[ZDEDUP_WHY_MAX] = "";
	struct zdedup_config config;
	struct zdedup *zd;

	zdedup_config_init(&config);
	config.domain = domain;
	assert_int_equal(zdedup_create(&config, &zd, why), -EINVAL);
	if (!strstr(why, part))
		fail_msg("no '%s' in: %s", part, why);
}

static void unknown_words_are_refused(void **unused)
{
	(void)unused;
	refused("byte", "full", "sole", "xxh64", "unknown compare 'byte'");
	refused("bytes", "fulls", "sole", "xxh64", "unknown charge 'fulls'");
	refused("bytes", "full", "none", "xxh64", "unknown writeback 'none'");
	refused_domain("node", "unknown domain 'node' (global, group or memcg)");
	refused("trust", "full", "sole", "xxh64", "keyed hash");
	refused("trust", "full", "sole", "xxh3-128", "keyed hash");
	refused("trust", "full", "sole", "siphash-1-3", "128 bits");
	refused("trust", "full", "sole", "siphash-2-4-128:bits=64", "128 bits");
}

/*----------------------------------------------------------------- compare */

static void every_compare_shares_the_same(void **unused)
{
	static const char *const compare[] = { "bytes", "compressed", "trust" };
	struct zdedup_stats s[3];
	unsigned int c;
	uint64_t i, state;

	(void)unused;
	for (c = 0; c < 3; c++) {
		struct zdedup *zd = mode_new(compare[c], "full", "sole");

		for (i = 0, state = 3; i < 400; i++)
			put(zd, i, page_of(rng_below(&state, 4) ? PAGE_NEAR :
					   PAGE_NOISE, rng_below(&state, 50)));
		s[c] = model_stats(zd);
		for (i = 0, state = 3; i < 400; i++)
			get(zd, i, page_of(rng_below(&state, 4) ? PAGE_NEAR :
					   PAGE_NOISE, rng_below(&state, 50)));
		model_end(zd);
		assert_int_not_equal(s[c].hits, 0);
		assert_int_equal(s[c].hits, s[0].hits);
		assert_int_equal(s[c].pages_shared, s[0].pages_shared);
		assert_int_equal(s[c].pool_total_size, s[0].pool_total_size);
	}
}

/* Of equal digest, and of equal length, but not equal. */
static void compressed_sees_every_byte(void **unused)
{
	struct zdedup_config config;
	struct zdedup *zd;
	uint64_t i;

	(void)unused;
	zdedup_config_init(&config);
	config.dedup = "always";
	config.hash = "xxh64:bits=0";
	config.compare = "compressed";
	zd = model_create(&config);
	for (i = 0; i < 8; i++)
		put(zd, i, page_of(PAGE_NEAR, 80 + i));
	/* from the newest but its last byte, which is stored as it is */
	put(zd, 8, text(10));
	for (i = 0; i < 3; i++)
		put(zd, 20 + i, noise(i));
	assert_int_equal(model_stats(zd).hits, 0);
	assert_int_not_equal(model_stats(zd).false_positives, 0);
	assert_true(put(zd, 30, page_of(PAGE_NEAR, 87)).shared);
	assert_true(put(zd, 31, noise(2)).shared);
	model_end(zd);
}

/*------------------------------------------------------------------ charge */

static void first_pays_and_hands_on(void **unused)
{
	struct zdedup *zd = charging("first");
	uint64_t length = put_at(zd, at(0, 1), 1, text(1)).length;

	(void)unused;
	put_at(zd, at(0, 2), 2, text(1));
	put_at(zd, at(0, 3), 3, text(1));
	assert_int_equal(paid(zd, 1), length);
	assert_int_equal(paid(zd, 2) + paid(zd, 3), 0);
	assert_int_equal(paid(zd, 0), length);
	assert_int_equal(model_memcg(zd, 2).zswapped, 1);
	/* who did not pay goes, and nothing moves */
	drop(zd, 2);
	assert_int_equal(paid(zd, 1), length);
	/* who paid goes, and the one that is left pays */
	drop(zd, 1);
	assert_int_equal(paid(zd, 1), 0);
	assert_int_equal(paid(zd, 3), length);
	/* a page of one's own is one's own */
	length = put_at(zd, at(0, 4), 2, text(2)).length;
	assert_int_equal(paid(zd, 2), length);
	drop(zd, 3);
	assert_int_equal(paid(zd, 3), 0);
	model_end(zd);
}

static void split_in_equal_parts(void **unused)
{
	struct zdedup *zd = charging("split");
	uint64_t length = put_at(zd, at(0, 1), 1, text(1)).length, i;

	(void)unused;
	put_at(zd, at(0, 2), 2, text(1));
	assert_int_equal(paid(zd, 1), length / 2);
	assert_int_equal(paid(zd, 2), length - length / 2);
	put_at(zd, at(0, 3), 3, text(1));
	assert_int_equal(paid(zd, 1), length / 3);
	assert_int_equal(paid(zd, 0), length);
	/* from the 17th on the newest sixteen pay */
	for (i = 4; i <= 40; i++) {
		put_at(zd, at(0, i), 3, text(1));
		assert_int_equal(paid(zd, 0), length);
	}
	assert_int_equal(paid(zd, 1), 0);
	assert_int_equal(paid(zd, 3), length);
	for (i = 40; i > 1; i--) {
		drop(zd, i);
		assert_int_equal(paid(zd, 0), length);
	}
	assert_int_equal(paid(zd, 1), length);
	model_end(zd);
}

/* Random sharing, leaving and dying: put and drop check the sums each time. */
static void charges_add_up(void **unused)
{
	static const char *const charge[] = { "full", "first", "split" };
	unsigned int c;
	uint64_t i, state = 5;

	(void)unused;
	for (c = 0; c < 3; c++) {
		struct zdedup *zd = charging(charge[c]);

		for (i = 0; i < 1500; i++) {
			uint64_t slot = rng_below(&state, 60);

			if (rng_below(&state, 3))
				put_at(zd, at(0, slot), rng_below(&state, 3),
				       page_of(PAGE_TEXT, rng_below(&state, 5)));
			else
				zdedup_invalidate(zd, at(0, slot));
			if (i == 1000)
				assert_int_equal(zdedup_memcg_remove(zd, 3), 0);
		}
		model_end(zd);
	}
}

/*----------------------------------------------------------------- domains */

/*
 * Memcgs 1 and 2 below the root; 3 below 1, 4 below 2, 5 below 4. Of these 1 and 4
 * are marked as group 9, and 5 as the root's.
 */
static struct zdedup *domains(const char *domain, const char *dedup)
{
	static const uint32_t parent[] = { 0, 0, 0, 1, 2, 4 };
	struct zdedup_config config;
	struct zdedup *zd;
	uint32_t id;

	zdedup_config_init(&config);
	config.dedup = dedup;
	config.domain = domain;
	zd = model_create(&config);
	for (id = 1; id < 6; id++)
		assert_int_equal(zdedup_memcg_add(zd, id, parent[id]), 0);
	assert_int_equal(zdedup_memcg_set_group(zd, 1, 9), 0);
	assert_int_equal(zdedup_memcg_set_group(zd, 4, 9), 0);
	assert_int_equal(zdedup_memcg_set_group(zd, 5, 0), 0);
	return zd;
}

/* Each two of them store the same page; those with the same letter share it. */
static void shares(const char *domain, const char *dedup, const char *letters)
{
	struct zdedup *zd = domains(domain, dedup);
	uint32_t a, b;

	for (a = 0; a < 6; a++) {
		for (b = 0; b < 6; b++) {
			const uint8_t *page = text(6 * a + b);

			assert_false(put_at(zd, at(0, 0), a, page).shared);
			assert_int_equal(put_at(zd, at(0, 1), b, page).shared,
					 letters[a] == letters[b]);
			get(zd, 0, page);
			get(zd, 1, page);
		}
	}
	model_end(zd);
}

static void who_shares_with_whom(void **unused)
{
	static const char *const dedup[] = { "always", "adaptive" };
	unsigned int i;

	(void)unused;
	for (i = 0; i < 2; i++) {
		shares("global", dedup[i], "aaaaaa");
		shares("group", dedup[i], "ababba");
		shares("memcg", dedup[i], "abcdef");
	}
	/* the policy's own is the narrower one */
	shares("global", "memcg", "abcdef");
	shares("group", "memcg", "abcdef");
}

/* A mark is for what comes; and no number of a group is that of a memcg. */
static void a_group_is_none_of_a_memcg(void **unused)
{
	struct zdedup *zd = domains("group", "always");

	(void)unused;
	assert_int_equal(zdedup_memcg_set_group(zd, 2, 1), 0);
	put_at(zd, at(0, 0), 2, text(1));
	assert_int_equal(zdedup_set_dedup(zd, "memcg", NULL), 0);
	/* the second memcg that was made, by the name 1 of the first group */
	assert_false(put_at(zd, at(0, 1), 1, text(1)).shared);
	assert_int_equal(zdedup_set_dedup(zd, "always", NULL), 0);
	assert_int_equal(zdedup_memcg_set_group(zd, 2, ZDEDUP_NO_GROUP), 0);
	assert_false(put_at(zd, at(0, 2), 2, text(1)).shared);
	assert_true(put_at(zd, at(0, 3), 0, text(1)).shared);
	assert_int_equal(zdedup_memcg_set_group(zd, 77, 1), -ENOENT);
	assert_int_equal(zdedup_memcg_set_group(zd, 2, ZDEDUP_GROUP_MAX + 1),
			 -EINVAL);
	model_end(zd);
}

/*--------------------------------------------------------------- writeback */

/* Slots 0..9 share a content, 10..19 have one each; all second chances are used up. */
static struct zdedup *shrinking(const char *writeback)
{
	struct zdedup *zd = mode_new("bytes", "full", writeback);
	uint64_t i;

	for (i = 0; i < 10; i++)
		put(zd, i, text(1));
	for (i = 10; i < 20; i++)
		put(zd, i, text(i));
	zdedup_set_shrinker_enabled(zd, true);
	assert_int_equal(zdedup_shrinker_scan(zd, 0, 20), 0);
	return zd;
}

static unsigned int on_device(struct zdedup *zd, uint64_t first, uint64_t last)
{
	unsigned int nr = 0;

	for (; first <= last; first++)
		nr += where_is(zd, first) == ZDEDUP_DEVICE;
	return nr;
}

static void sole_spares_what_is_shared(void **unused)
{
	struct zdedup *zd = shrinking("sole");

	(void)unused;
	assert_int_equal(zdedup_shrinker_scan(zd, 0, 20), 10);
	assert_int_equal(on_device(zd, 0, 9), 0);
	assert_int_equal(on_device(zd, 10, 19), 10);
	/* nor is it tried, however often it comes round */
	assert_int_equal(zdedup_shrinker_scan(zd, 0, 20), 0);
	assert_int_equal(zdedup_shrinker_scan(zd, 0, 20), 0);
	assert_int_equal(model_stats(zd).reject_reclaim_fail, 0);
	model_end(zd);
}

static void rotate_spares_it_once(void **unused)
{
	struct zdedup *zd = shrinking("rotate");

	(void)unused;
	assert_int_equal(zdedup_shrinker_scan(zd, 0, 20), 10);
	assert_int_equal(on_device(zd, 0, 9), 0);
	assert_int_equal(zdedup_shrinker_scan(zd, 0, 3), 3);
	assert_int_equal(on_device(zd, 0, 9), 3);
	model_assert_sharing(zd, 1, 6, 0);
	model_end(zd);
}

static void all_frees_the_content(void **unused)
{
	struct zdedup *zd = shrinking("all");
	uint64_t contents = model_stats(zd).contents, i;

	(void)unused;
	/* one look, ten slots: the content is gone */
	assert_int_equal(zdedup_shrinker_scan(zd, 0, 1), 1);
	assert_int_equal(on_device(zd, 0, 9), 10);
	assert_int_equal(model_stats(zd).contents, contents - 1);
	assert_int_equal(model_stats(zd).written_back_pages, 10);
	assert_int_equal(model_stats(zd).zswpwb, 10);
	for (i = 0; i < 10; i++)
		assert_int_equal(get(zd, i, text(1)), ZDEDUP_DEVICE);
	model_end(zd);
}

/* One slot by name is one slot, whoever shares it. */
static void one_slot_is_one_slot(void **unused)
{
	static const char *const writeback[] = { "sole", "rotate", "all" };
	unsigned int w;

	(void)unused;
	for (w = 0; w < 3; w++) {
		struct zdedup *zd = mode_new("bytes", "full", writeback[w]);

		put(zd, 0, text(1));
		put(zd, 1, text(1));
		assert_int_equal(zdedup_writeback(zd, at(0, 0)),
				 w ? 0 : -EBUSY);
		assert_int_equal(on_device(zd, 0, 1), w ? 1 : 0);
		model_end(zd);
	}
}

/* What the list of sharers costs is counted where it is kept, and only there. */
static void the_list_of_sharers_is_counted(void **unused)
{
	struct zdedup *plain = mode_new("bytes", "full", "sole");
	struct zdedup *mapped = mode_new("bytes", "full", "all");
	uint64_t i;

	(void)unused;
	for (i = 0; i < 10; i++) {
		put(plain, i, text(i));
		put(mapped, i, text(i));
	}
	assert_int_equal(model_stats(mapped).dedup_metadata_bytes,
			 model_stats(plain).dedup_metadata_bytes + 10 * 8);
	model_end(plain);
	model_end(mapped);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(unknown_words_are_refused),
		cmocka_unit_test(every_compare_shares_the_same),
		cmocka_unit_test(compressed_sees_every_byte),
		cmocka_unit_test(first_pays_and_hands_on),
		cmocka_unit_test(split_in_equal_parts),
		cmocka_unit_test(charges_add_up),
		cmocka_unit_test(who_shares_with_whom),
		cmocka_unit_test(a_group_is_none_of_a_memcg),
		cmocka_unit_test(sole_spares_what_is_shared),
		cmocka_unit_test(rotate_spares_it_once),
		cmocka_unit_test(all_frees_the_content),
		cmocka_unit_test(one_slot_is_one_slot),
		cmocka_unit_test(the_list_of_sharers_is_counted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
