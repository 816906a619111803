/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test-memory.c - what the structures are counted to take, and what the process takes
 *
 * A million contents without bytes, then a second entry for each. What grows is
 * entries, slot trees, contents, the index, and of the allocator (ideal) one object
 * of malloc's for each content.
 */
#include "dedup/dedup.h"
#include "env/env.h"
#include "model.h"

#include <malloc.h>
#include <unistd.h>

#define CONTENTS (1u << 20)

/* The bounds that the project holds itself to, in bytes. */
#define ENTRY_MAX 64
#define CONTENT_MAX 72
#define INDEX_MAX 32

/* struct ideal_object has 24 bytes, of which malloc makes 32. */
#define IDEAL_OBJECT 32

#define SLACK (2.0 * (2 << 20))

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define OWN_MALLOC 0
#else
#define OWN_MALLOC 1
#endif

/* What the structures take by their sizes, and what is resident. */
struct usage {
	double entries, trees, contents, index, objects;
	double resident;
};

static double resident(void)
{
	FILE *file = fopen("/proc/self/statm", "r");
	unsigned long all, in_memory = 0, shared = 0;

	if (!file)
		return 0;
	if (fscanf(file, "%lu %lu %lu", &all, &in_memory, &shared) != 3)
		in_memory = shared = 0;
	fclose(file);
	return (double)(in_memory - shared) * (double)sysconf(_SC_PAGESIZE);
}

static void take(struct zdedup *zd, struct usage *u)
{
	struct zdedup_stats s = model_stats(zd);

	u->entries = (double)s.stored_pages * sizeof(struct zswap_entry);
	u->trees = (double)zd->tree_nodes.nr * zd->zs.behaviour->node_bytes;
	u->contents = (double)s.contents *
		      (zd->zs.dedup.maps_sharers ?
			       sizeof(struct zswap_content) :
			       offsetof(struct zswap_content, entries));
	u->objects = (double)s.contents * IDEAL_OBJECT;
	u->index = (double)atomic_long_read(&zd->zs.dedup.index_bytes);
	u->resident = resident();
}

static void store_all(struct zdedup *zd, uint64_t first_slot, bool shared)
{
	struct zdedup_facts facts = { .length = 1000 };
	struct zdedup_result at;
	uint64_t i, state = 1;

	for (i = 0; i < CONTENTS; i++) {
		facts.identity = i;
		facts.digest[0] = rng_next(&state);
		assert_int_equal(zdedup_store_facts(zd, (struct zdedup_slot)
						    { 0, first_slot + i }, 0,
						    &facts, 1, &at), 0);
		assert_int_equal(at.shared, shared);
	}
}

/*
 * Within 2 %, for slabs have a header and magazines some free objects; and of each
 * cache a huge page may be resident of which little is in use yet.
 */
static void same(const char *what, double counted, double found)
{
	printf("# %s: counted %.2f bytes each, found %.2f\n", what,
	       counted / CONTENTS, found / CONTENTS);
	if (found > counted * 1.02 + SLACK || found < counted * 0.98 - SLACK)
		fail_msg("%s: %.0f bytes counted, %.0f found", what, counted,
			 found);
}

static void process_takes_what_is_counted(const char *charge)
{
	struct zdedup_config config;
	struct usage start, distinct, twice;
	struct zdedup *zd;
	double counted;

	/* what a model before this one took is given back */
	malloc_trim(0);
	zdedup_config_init(&config);
	config.dedup = "always";
	config.charge = charge;
	config.zpool = "ideal";
	config.lengths_only = true;
	assert_int_equal(zdedup_create(&config, &zd, NULL), 0);
	assert_int_equal(zdedup_swapon(zd, 0, 2 * CONTENTS), 0);
	take(zd, &start);
	store_all(zd, 0, false);
	take(zd, &distinct);
	store_all(zd, CONTENTS, true);
	take(zd, &twice);

	counted = distinct.entries + distinct.trees + distinct.contents +
		  distinct.objects + distinct.index - start.index -
		  start.trees;
	if (OWN_MALLOC) {
		same("entry, node, content and bucket", counted,
		     distinct.resident - start.resident);
	}
	assert_true(twice.contents == distinct.contents);
	counted = twice.entries + twice.trees - distinct.entries -
		  distinct.trees;
	if (OWN_MALLOC) {
		same("one entry more, with its node", counted,
		     twice.resident - distinct.resident);
	}
	zdedup_destroy(zd);
}

static void the_process_takes_what_is_counted(void **unused)
{
	(void)unused;
	process_takes_what_is_counted("full");
}

/* Contents know their sharers then, and are larger. */
static void it_does_where_sharers_are_mapped(void **unused)
{
	(void)unused;
	process_takes_what_is_counted("first");
}

/* Digest, link and share of the buckets, when these have just doubled. */
static void the_structures_are_small(void **unused)
{
	const struct zdedup_facts one_more = {
		.identity = CONTENTS, .length = 1000, .digest = { 1 },
	};
	const struct zswap_content *c = NULL;
	struct zdedup_config config;
	struct usage usage;
	struct zdedup *zd;
	double index;

	(void)unused;
	assert_true(sizeof(struct zswap_entry) <= ENTRY_MAX);
	assert_true(sizeof(struct zswap_content) <= CONTENT_MAX);
	zdedup_config_init(&config);
	config.dedup = "always";
	config.zpool = "ideal";
	config.lengths_only = true;
	assert_int_equal(zdedup_create(&config, &zd, NULL), 0);
	assert_int_equal(zdedup_swapon(zd, 0, 2 * CONTENTS), 0);
	store_all(zd, 0, false);
	/* one more than fits */
	assert_int_equal(zdedup_store_facts(zd, (struct zdedup_slot)
					    { 0, CONTENTS }, 0, &one_more, 1,
					    NULL), 0);
	take(zd, &usage);
	assert_true(usage.index >= 8.0 * CONTENTS);
	index = sizeof(c->digest) + sizeof(c->node) + usage.index / CONTENTS;
	printf("# index: %.3f bytes of a content\n", index);
	/* the stripes themselves are 512 bytes */
	assert_true(index <= INDEX_MAX + 0.01);
	zdedup_destroy(zd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_process_takes_what_is_counted),
		cmocka_unit_test(it_does_where_sharers_are_mapped),
		cmocka_unit_test(the_structures_are_small),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
