/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * hashlab.c - what a hash does to a dedup index
 *
 * A content is digested once, when it is first stored. Its digest gets a number,
 * its group, and of each group is known how many of its contents are live, which
 * are the pairs that a store meets. Memory: at most 40 bytes a content and hash.
 *
 * The models hold no bytes, and no compressor or allocator takes part: neither
 * changes what a digest finds.
 */
#include "hashlab.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <glib.h>

#include "census.h"
#include "cmd.h"
#include "progress.h"

#define WHY_MAX 1024u
#define LENGTH 2048u		/* of every content: any would do */
#define LOOK_EVERY_MIN 4096u	/* stores */
#define ROUNDS 7
#define MULTIPLIER 0x9e3779b97f4a7c15ull

/**
 * struct group - a digest and how many live contents have it
 */
struct group {
	uint64_t digest[2];
	uint32_t live;
};

/**
 * struct hashlab - one hash
 * @bits:    of the digest that the index uses
 * @group:   per content: number of its group, plus one; 0: not digested yet
 * @groups:  in the order in which they were met
 * @table:   numbers plus one, open addressing by digest
 * @to_look: stores until the chains are looked at again
 */
struct hashlab {
	const char *word;
	struct zdedup *zd;
	unsigned int bits;
	bool keyed;
	uint32_t *group;
	GArray *groups;
	uint32_t *table;
	uint64_t mask;
	uint64_t contents, to_look;
	struct hashlab_counts counts;
};

static int create_model(const char *word, const char *dedup, uint64_t seed,
			bool lengths_only, struct zdedup **out)
{
	struct zdedup_config config;
	char why[ZDEDUP_WHY_MAX] = "";
	int err;

	zdedup_config_init(&config);
	config.compressor = "none";
	config.zpool = "ideal";
	config.hash = word;
	config.dedup = dedup;
	config.seed = seed;
	config.lengths_only = lengths_only;
	err = zdedup_create(&config, out, why);
	if (err == -EINVAL)
		return cmd_usage("hashlab", "%s", why);
	if (err) {
		cmd_error("%s", *why ? why : strerror(-err));
		return CMD_INPUT;
	}
	return CMD_OK;
}

/* The model cuts what it is told, and the lab has to do the same. */
static void cut(unsigned int bits, uint64_t digest[2])
{
	if (bits <= 64)
		digest[1] = 0;
	else if (bits < 128)
		digest[1] &= (1ull << (bits - 64)) - 1;
	if (bits < 64)
		digest[0] &= (1ull << bits) - 1;
}

/* Two seeds, two digests of one page: the key takes part. */
static int find_keyed(struct hashlab *lab, uint64_t seed)
{
	struct zdedup_facts one, other;
	struct zdedup *zd;
	uint8_t page[ZDEDUP_PAGE_SIZE];
	int status = create_model(lab->word, "always", seed + 1, true, &zd);

	if (status)
		return status;
	memset(page, 'k', sizeof(page));
	zdedup_page_facts(lab->zd, page, &one);
	zdedup_page_facts(zd, page, &other);
	lab->keyed = memcmp(one.digest, other.digest, sizeof(one.digest)) != 0;
	zdedup_destroy(zd);
	return CMD_OK;
}

int hashlab_open(const char *word, uint64_t seed, uint64_t nr_contents,
		 struct hashlab **out)
{
	struct hashlab *lab = g_new0(struct hashlab, 1);
	uint64_t size = 8;
	int status;

	*out = lab;
	lab->word = word;
	lab->to_look = LOOK_EVERY_MIN;
	status = create_model(word, "always", seed, true, &lab->zd);
	if (!status)
		status = find_keyed(lab, seed);
	if (status)
		return status;
	lab->bits = zdedup_digest_bits(lab->zd);
	while (size * 3 / 4 < nr_contents)
		size *= 2;
	lab->mask = size - 1;
	lab->groups = g_array_new(FALSE, FALSE, sizeof(struct group));
	lab->group = calloc(nr_contents + 1, sizeof(*lab->group));
	lab->table = calloc(size, sizeof(*lab->table));
	if (lab->group && lab->table)
		return CMD_OK;
	cmd_error("%s: out of memory", word);
	return CMD_INPUT;
}

void hashlab_close(struct hashlab *lab)
{
	if (!lab)
		return;
	zdedup_destroy(lab->zd);
	if (lab->groups)
		g_array_unref(lab->groups);
	free(lab->group);
	free(lab->table);
	g_free(lab);
}

const char *hashlab_word(const struct hashlab *lab)
{
	return lab->word;
}

bool hashlab_keyed(const struct hashlab *lab)
{
	return lab->keyed;
}

int hashlab_swapon(struct hashlab *lab, unsigned int type, uint64_t nr_slots)
{
	return zdedup_swapon(lab->zd, type, nr_slots);
}

static struct group *group_at(struct hashlab *lab, uint32_t number)
{
	return &g_array_index(lab->groups, struct group, number - 1);
}

/* The number, plus one, of the group of @digest, a new one if it is. */
static uint32_t group_of(struct hashlab *lab, const uint64_t digest[2])
{
	/* a chosen set may have digests alike in the low bits */
	uint64_t i = ((digest[0] ^ digest[1]) * MULTIPLIER >> 32) & lab->mask;
	struct group new = { .digest = { digest[0], digest[1] } };

	/* more places than contents: the walk ends */
	for (; lab->table[i]; i = (i + 1) & lab->mask)
		if (!memcmp(group_at(lab, lab->table[i])->digest, new.digest,
			    sizeof(new.digest)))
			return lab->table[i];
	g_array_append_val(lab->groups, new);
	lab->table[i] = lab->groups->len;
	return lab->table[i];
}

static struct group *digested(struct hashlab *lab, uint32_t content,
			      const void *page)
{
	struct zdedup_facts facts;

	if (!lab->group[content]) {
		zdedup_page_facts(lab->zd, page, &facts);
		cut(lab->bits, facts.digest);
		lab->group[content] = group_of(lab, facts.digest);
	}
	return group_at(lab, lab->group[content]);
}

/*
 * Walking the index costs as much as it has contents, so that many stores lie
 * between two looks.
 */
static void look_at_chains(struct hashlab *lab)
{
	uint64_t longest = zdedup_longest_chain(lab->zd);

	lab->counts.longest_chain = MAX(lab->counts.longest_chain, longest);
	lab->to_look = MAX(LOOK_EVERY_MIN, lab->contents);
}

int hashlab_store(struct hashlab *lab, struct zdedup_slot slot,
		  uint32_t content, const void *page, bool live)
{
	const struct group *group = digested(lab, content, page);
	struct hashlab_counts *n = &lab->counts;
	struct zdedup_facts facts = {
		.identity = content,
		.digest = { group->digest[0], group->digest[1] },
		.length = LENGTH,
		.kind = ZDEDUP_PAGE_DATA,
	};
	struct zdedup_stats stats;
	int err;

	n->pairs += group->live;
	n->false_pairs += group->live - live;
	n->stores++;
	err = zdedup_store_facts(lab->zd, slot, 0, &facts, 1, NULL);
	if (err)
		return err;
	zdedup_get_stats(lab->zd, &stats);
	n->most_candidates = MAX(n->most_candidates,
				 stats.candidates - n->candidates);
	n->candidates = stats.candidates;
	if (!--lab->to_look)
		look_at_chains(lab);
	return 0;
}

void hashlab_live(struct hashlab *lab, uint32_t content, bool live)
{
	struct group *group = group_at(lab, lab->group[content]);

	if (!live) {
		group->live--;
		lab->contents--;
		return;
	}
	group->live++;
	lab->contents++;
	lab->counts.longest_equal = MAX(lab->counts.longest_equal, group->live);
}

void hashlab_drop(struct hashlab *lab, struct zdedup_slot slot)
{
	zdedup_invalidate(lab->zd, slot);
}

void hashlab_get(struct hashlab *lab, struct hashlab_counts *counts)
{
	struct zdedup_stats stats;

	look_at_chains(lab);
	zdedup_get_stats(lab->zd, &stats);
	lab->counts.digests = stats.lookups;
	lab->counts.candidates = stats.candidates;
	lab->counts.false_candidates = stats.false_positives;
	lab->counts.compares = stats.compares;
	lab->counts.hits = stats.hits;
	lab->counts.longest_walk = stats.walk_max;
	/* between two looks a lookup may have met a longer one */
	lab->counts.longest_chain = MAX(lab->counts.longest_chain,
					stats.walk_max);
	*counts = lab->counts;
}

/*----------------------------------------------------------------- a trace */

struct pass {
	struct trace *trace;
	struct census census;
	struct hashlab **labs;
	unsigned int nr;
};

static int swapon_all(struct pass *pass)
{
	const struct trace_summary *summary = trace_summary(pass->trace);
	int err = 0;

	for (unsigned int i = 0; i < pass->nr && !err; i++)
		for (unsigned int t = 0; t < TRACE_TYPES_MAX && !err; t++)
			if (summary->slots[t])
				err = hashlab_swapon(pass->labs[i], t,
						     summary->slots[t]);
	if (!err)
		return CMD_OK;
	cmd_error("%s: swap device: %s", trace_path(pass->trace),
		  strerror(-err));
	return CMD_INPUT;
}

/* Is it something that the index knows? The zero map keeps zero pages from it. */
static bool indexed(const struct pass *pass, uint32_t held)
{
	return held != SLOT_EMPTY &&
	       pages_class(pass->census.pages, held - 1) != PAGE_ZERO;
}

static int to_models(struct pass *pass, const struct trace_event *ev,
		     uint32_t stored)
{
	struct zdedup_slot slot = { .type = ev->type, .offset = ev->slot };
	bool store = indexed(pass, stored);
	int err = 0;

	for (unsigned int i = 0; i < pass->nr && !err; i++) {
		if (!store) {
			hashlab_drop(pass->labs[i], slot);
			continue;
		}
		err = hashlab_store(pass->labs[i], slot, stored - 1,
				    trace_page(pass->trace, ev->page),
				    census_residents(&pass->census,
						     stored - 1));
	}
	return err;
}

static void tell_live(struct pass *pass, uint32_t held, bool live)
{
	for (unsigned int i = 0; i < pass->nr; i++)
		hashlab_live(pass->labs[i], held - 1, live);
}

/* Slots' contents are written as the census has them: a content + 1. */
static int do_event(struct pass *pass, const struct trace_event *ev)
{
	struct pages *pages = pass->census.pages;
	uint32_t old = census_held(&pass->census, ev), new = SLOT_EMPTY;
	uint32_t new_residents = 0;
	int err;

	if (ev->op == TRACE_STORE) {
		new = pages_content(pages, ev->page) + 1;
		new_residents = census_residents(&pass->census, new - 1);
	}
	err = to_models(pass, ev, new);
	if (err) {
		cmd_error("%s: event %" G_GUINT64_FORMAT ": store: %s",
			  trace_path(pass->trace), ev->seq, strerror(-err));
		return CMD_INPUT;
	}
	census_event(&pass->census, ev, old, new - 1);
	if (old == new)
		return CMD_OK;
	if (indexed(pass, old) && !census_residents(&pass->census, old - 1))
		tell_live(pass, old, false);
	if (indexed(pass, new) && !new_residents)
		tell_live(pass, new, true);
	return CMD_OK;
}

int hashlab_trace(struct trace *trace, struct hashlab **labs, unsigned int nr)
{
	struct pass pass = { .trace = trace, .labs = labs, .nr = nr };
	struct trace_event ev;
	char why[WHY_MAX] = "";
	const char *reason = "out of memory";
	struct pages *pages = pages_new(trace, &reason);
	int status, got = 0;

	if (!pages || census_init(&pass.census, trace, pages)) {
		cmd_error("%s: %s", trace_path(trace), reason);
		pages_free(pages);
		return CMD_INPUT;
	}
	status = swapon_all(&pass);
	progress_start("hashing", trace_summary(trace)->events);
	while (!status && (got = trace_next(trace, &ev, why, sizeof(why))) > 0) {
		status = do_event(&pass, &ev);
		progress_at(pass.census.n.events);
	}
	progress_wipe();
	if (got < 0) {
		cmd_error("%s", why);
		status = CMD_INPUT;
	}
	census_destroy(&pass.census);
	pages_free(pages);
	return status;
}

/*------------------------------------------------------------------ timing */

static double cpu_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
	return (double)ts.tv_sec * 1e9 + (double)ts.tv_nsec;
}

static double round_ns(struct zdedup *zd, const void *const *pages,
		       unsigned int nr)
{
	struct zdedup_facts facts;
	double begun = cpu_ns();

	for (unsigned int i = 0; i < nr; i++)
		zdedup_page_facts(zd, pages[i], &facts);
	return cpu_ns() - begun;
}

/*
 * A digest is too short for a clock, so whole rounds are read: one by a model that
 * digests, one by a model without dedup that does all the same but that.
 */
double hashlab_ns(const char *word, const void *const *pages, unsigned int nr)
{
	struct zdedup *with, *without;
	double least[2] = { 1e18, 1e18 };

	if (!nr)
		return 0;
	if (create_model(word, "always", 1, true, &with))
		return -1;
	if (create_model(word, "none", 1, true, &without)) {
		zdedup_destroy(with);
		return -1;
	}
	for (unsigned int i = 0; i < ROUNDS; i++) {
		double ns[2] = { round_ns(with, pages, nr),
				 round_ns(without, pages, nr) };

		for (unsigned int j = 0; j < 2; j++)
			least[j] = MIN(least[j], ns[j]);
	}
	zdedup_destroy(with);
	zdedup_destroy(without);
	return MAX(0, (least[0] - least[1]) / nr);
}
