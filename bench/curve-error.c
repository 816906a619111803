/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * curve-error.c - how far sampled curves are from the exact one
 *
 * usage: curve-error TRACE COPIES RATE SEEDS [none] [known]
 *
 * Blows the trace up in memory, as zdedup gen --from --interleave 50 does: each copy
 * has slots and contents of its own. One exact curve, then one for each seed;
 * docs/CURVE.md has the figures. "none": without dedup; "known": with the lengths of all
 * contents. One line of output:
 *
 *	events; of hits and of writebacks per store, of pages and of contents: the mean
 *	and the greatest error of the curve, half the mean width of its 95 % intervals
 *	and how often they held
 */
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <glib.h>

#include "../sim/pages.h"
#include "../sim/shards.h"
#include "../sim/words.h"
#include "zdedup.h"

#define BATCH 50u
#define POINTS 64u

struct event {
	uint32_t slot, content;
	uint32_t held;	/* by the slot: content + 1 */
	uint8_t type, op;
};

/**
 * struct bench - a trace in memory: of contents, their lengths; of events, those
 * that a pool sees; and what is in the slots at the end
 */
struct bench {
	struct trace *trace;
	struct trace_summary sum;
	GArray *events, *left;
	uint16_t *weight, *words;
	uint64_t copies, contents, seed, stores;
	bool dedup, known;
};

struct errors {
	double sum, most, wide;
	uint64_t nr, held;
};

static void die(const char *what)
{
	fprintf(stderr, "curve-error: %s\n", what);
	exit(3);
}

static uint64_t mix(uint64_t x)
{
	x ^= x >> 30;
	x *= 0xbf58476d1ce4e5b9u;
	x ^= x >> 27;
	x *= 0x94d049bb133111ebu;
	return x ^ x >> 31;
}

static uint64_t hash_content(void *data, uint32_t content)
{
	const struct bench *b = data;

	return mix(mix(content + 0x9e3779b97f4a7c15u) ^ mix(b->seed));
}

static uint32_t weigh(void *data, uint32_t content)
{
	const struct bench *b = data;

	return b->weight[content % b->contents];
}

static uint32_t guess(void *data, uint32_t content)
{
	const struct bench *b = data;

	return b->words[content % b->contents];
}

static struct zdedup *make_model(void)
{
	struct zdedup_config config;
	struct zdedup *zd;
	char why[ZDEDUP_WHY_MAX];

	zdedup_config_init(&config);
	config.lengths_only = true;
	if (zdedup_create(&config, &zd, why))
		die(why);
	return zd;
}

/* The slots' states are told once, so that a run does nothing but sample. */
static void read_trace(struct bench *b, const char *path)
{
	struct zdedup *zd = make_model();
	GHashTable *held = g_hash_table_new(NULL, NULL);
	struct zdedup_facts facts;
	struct trace_event ev;
	struct pages *pages;
	GHashTableIter iter;
	gpointer key, value;
	const char *reason;
	char why[1024];
	int got;

	if (trace_open(path, NULL, &b->trace, why, sizeof(why)))
		die(why);
	b->sum = *trace_summary(b->trace);
	pages = pages_new(b->trace, &reason);
	if (!pages)
		die(reason);
	b->contents = b->sum.nr_pages;
	b->weight = g_new0(uint16_t, b->contents);
	b->words = g_new0(uint16_t, b->contents);
	b->events = g_array_new(FALSE, FALSE, sizeof(struct event));
	b->left = g_array_new(FALSE, FALSE, sizeof(struct event));
	while ((got = trace_next(b->trace, &ev, why, sizeof(why))) > 0) {
		struct event event = {
			.slot = (uint32_t)ev.slot, .type = ev.type,
			.op = ev.op,
		};

		key = (gpointer)(uintptr_t)(ev.slot * 32 + ev.type);
		event.held = (uint32_t)(uintptr_t)
			     g_hash_table_lookup(held, key);

		g_hash_table_remove(held, key);

		if (ev.op == TRACE_STORE) {
			event.content = pages_content(pages, ev.page);
			if (pages_class(pages, event.content) == PAGE_ZERO) {
				event.op = TRACE_INVALIDATE;
			} else {
				g_hash_table_insert(held, key,
					(gpointer)((uintptr_t)event.content + 1));
				b->stores += b->copies;
			}
			if (!b->weight[event.content]) {
				zdedup_page_facts(zd, trace_page(b->trace,
						  event.content), &facts);
				b->weight[event.content] =
					(uint16_t)MIN(facts.length, 4096u);
				b->words[event.content] = (uint16_t)
					words_distinct(trace_page(b->trace,
							event.content));
			}
		}
		g_array_append_val(b->events, event);
	}
	if (got < 0)
		die(why);
	g_hash_table_iter_init(&iter, held);
	while (g_hash_table_iter_next(&iter, &key, &value)) {
		struct event left = {
			.slot = (uint32_t)((uintptr_t)key / 32),
			.type = (uintptr_t)key % 32,
			.held = (uint32_t)(uintptr_t)value,
		};

		g_array_append_val(b->left, left);
	}
	g_hash_table_destroy(held);
	pages_free(pages);
	zdedup_destroy(zd);
}

static void do_event(const struct bench *b, struct shards *shards,
		     const struct event *ev, uint64_t copy)
{
	uint64_t slot = ev->slot + copy * b->sum.slots[ev->type];

	if (ev->held && ev->op == TRACE_LOAD)
		shards_load(shards, ev->type, slot,
			    (uint32_t)(ev->held - 1 + copy * b->contents));
	if (ev->held)
		shards_drop(shards, ev->type, slot,
			    (uint32_t)(ev->held - 1 + copy * b->contents));
	if (ev->op == TRACE_STORE)
		shards_store(shards, ev->type, slot,
			     (uint32_t)(ev->content + copy * b->contents));
	shards_tick(shards);
}

static void stays(const struct bench *b, struct shards *shards,
		  const struct event *ev, uint64_t copy)
{
	shards_stays(shards, ev->type,
		     ev->slot + copy * b->sum.slots[ev->type],
		     (uint32_t)(ev->held - 1 + copy * b->contents));
}

static struct shards *run(struct bench *b, uint32_t threshold, uint64_t seed)
{
	const struct shards_options options = {
		.dedup = b->dedup, .threshold = threshold,
		.sample = threshold < SHARDS_ALL, .known = b->known,
	};
	const struct shards_source source = { hash_content, weigh, guess, b };
	struct trace_summary sum = b->sum;
	struct shards *shards;

	b->seed = seed;
	for (unsigned int t = 0; t < TRACE_TYPES_MAX; t++)
		sum.slots[t] *= b->copies;
	shards = shards_new(&sum, b->contents * b->copies, &options, &source);
	if (!shards)
		die("out of memory");
	for (guint from = 0; from < b->events->len; from += BATCH)
		for (uint64_t copy = 0; copy < b->copies; copy++)
			for (guint i = from; i < from + BATCH &&
			     i < b->events->len; i++)
				do_event(b, shards,
					 &g_array_index(b->events,
							struct event, i),
					 copy);
	for (guint i = 0; i < b->left->len; i++)
		for (uint64_t copy = 0; copy < b->copies; copy++)
			stays(b, shards, &g_array_index(b->left, struct event,
							i), copy);
	shards_finish(shards);
	return shards;
}

static void add_error(struct errors *errors, const struct shards_estimate *e,
		      double truth, double unit)
{
	double error = fabs(e->value - truth) * unit;

	errors->sum += error;
	errors->most = fmax(errors->most, error);
	errors->wide += (e->high - e->low) / 2 * unit;
	errors->nr++;
	/* what both round to is the same */
	errors->held += e->low * unit <= truth * unit + 1e-9 &&
			e->high * unit >= truth * unit - 1e-9;
}

static void compare(const struct bench *b, const struct shards *exact,
		    const struct shards *sample, struct errors *hits, struct errors *writebacks,
		    struct errors *contents)
{
	uint64_t step = MAX(shards_step(exact), shards_step(sample));
	struct shards_sharing truth, guess;
	struct shards_point t, e;

	shards_mean(exact, &truth);
	shards_mean(sample, &guess);
	if (guess.pages != truth.pages || guess.contents != truth.contents)
		die("the duplicates are not those of all");
	for (unsigned int i = 0; i < POINTS; i++) {
		double size = (double)shards_peak(exact) *
			      pow(64, i / (POINTS - 1.) - 1);
		uint64_t at = (uint64_t)ceil(size / (double)step) * step;

		shards_at(exact, at, 0, &t);
		shards_at(sample, at, 0, &e);
		if (t.hit_rate.value >= 0)
			add_error(hits, &e.hit_rate, t.hit_rate.value, 1);
		add_error(writebacks, &e.writebacks, t.writebacks.value,
			  1. / (double)b->stores);
		add_error(contents, &e.content_writebacks,
			  t.content_writebacks.value, 1. / (double)b->stores);
	}
}

static void print(const char *name, const struct errors *e)
{
	if (!e->nr)
		return;
	printf("; %s %.4f mean, %.4f most, +- %.4f held %.1f %%", name,
	       e->sum / (double)e->nr, e->most, e->wide / (double)e->nr,
	       100. * (double)e->held / (double)e->nr);
}

int main(int argc, char **argv)
{
	struct errors hits = { 0 }, writebacks = { 0 }, contents = { 0 };
	struct bench b = { .dedup = true };
	struct shards *exact, *sample;
	uint64_t seeds;
	double rate;

	if (argc < 5) {
		fprintf(stderr, "usage: curve-error TRACE COPIES RATE SEEDS [none] [known]\n");
		return 2;
	}
	for (int i = 5; i < argc; i++) {
		b.dedup &= strcmp(argv[i], "none") != 0;
		b.known |= !strcmp(argv[i], "known");
	}
	b.copies = g_ascii_strtoull(argv[2], NULL, 10);
	rate = g_ascii_strtod(argv[3], NULL);
	seeds = g_ascii_strtoull(argv[4], NULL, 10);
	read_trace(&b, argv[1]);
	exact = run(&b, SHARDS_ALL, 0);
	for (uint64_t seed = 1; seed <= seeds; seed++) {
		sample = run(&b, (uint32_t)(rate * SHARDS_ALL), seed);
		compare(&b, exact, sample, &hits, &writebacks,
			&contents);
		shards_free(sample);
	}
	printf("%s: %" G_GUINT64_FORMAT " events", argv[1],
	       b.copies * b.events->len);
	print("hits", &hits);
	print("writebacks per store", &writebacks);
	print("content writebacks", &contents);
	putchar('\n');
	shards_free(exact);
	g_array_free(b.events, TRUE);
	g_array_free(b.left, TRUE);
	g_free(b.weight);
	g_free(b.words);
	trace_close(b.trace);
	return 0;
}
