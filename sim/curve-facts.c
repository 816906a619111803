/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * curve-facts.c - what zdedup curve wants to know of a trace's contents
 *
 * Nothing is computed twice: each content's facts are found when they are first
 * asked for, or taken from the file of facts, or from a trace that has no bytes.
 */
#include "curve-facts.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <glib.h>
#include <xxhash.h>

#include "cmd.h"
#include "facts.h"
#include "words.h"

/* In found[]. */
#define FOUND_LENGTH 1u
#define FOUND_DIGEST 2u

/**
 * struct curve_facts
 * @path:    of the file of facts; NULL: none
 * @lengths, @digests: columns; @digests -1: not wanted
 * @found:   by content, of which column it was found out
 * @fate:    of a page, by enum page_class
 * @missing: content + 1 of a page whose length the trace does not carry
 */
struct curve_facts {
	const struct trace *trace;
	const char *path;
	struct pages *pages;
	struct facts *facts;
	struct zdedup *probe;
	uint64_t seed;
	int lengths, digests;
	uint8_t *found;
	enum curve_fate fate[PAGE_SAME_FILLED + 1];
	uint64_t missing;
};

/* What the kernel's rules make of a page of such facts: its bytes in the pool. */
static int probe_store(struct curve_facts *facts,
		       const struct zdedup_facts *of, struct zdedup_result *at)
{
	struct zdedup_slot slot = { 0, 0 };
	int err = zdedup_store_facts(facts->probe, slot, 0, of, 1, at);

	zdedup_invalidate(facts->probe, slot);
	return err;
}

/* Where this kernel leaves pages of one word. */
static int probe_fates(struct curve_facts *facts)
{
	int err = zdedup_swapon(facts->probe, 0, 1);

	for (unsigned int i = PAGE_ZERO; i <= PAGE_SAME_FILLED && !err; i++) {
		struct zdedup_facts of = { .length = 1, .kind = facts_kind(i) };
		struct zdedup_result at;

		err = probe_store(facts, &of, &at);
		if (!err && at.where == ZDEDUP_ZERO)
			facts->fate[i] = CURVE_ZERO_MAP;
		else if (!err && at.where == ZDEDUP_POOL && !at.length)
			facts->fate[i] = CURVE_NO_BYTES;
	}
	if (!err)
		return CMD_OK;
	cmd_error("%s: %s", trace_path(facts->trace), strerror(-err));
	return CMD_INPUT;
}

static int make_columns(struct curve_facts *facts,
			const struct curve_options *o)
{
	g_autofree char *why = NULL;

	facts->lengths = facts_lengths(facts->facts, o->compressor, o->kernel,
				       &why);
	if (facts->lengths >= 0 && o->compare && strcmp(o->dedup, "none"))
		facts->digests = facts_digests(facts->facts, o->hash, o->seed,
					       &why);
	if (!why)
		return CMD_OK;
	cmd_error("%s", why);
	return CMD_INPUT;
}

int curve_facts_new(const struct trace *trace, const char *path,
		    const struct curve_options *options, struct zdedup *probe,
		    struct curve_facts **out)
{
	struct curve_facts *facts = g_new0(struct curve_facts, 1);
	const char *why = "out of memory";

	*out = facts;
	facts->trace = trace;
	facts->path = path;
	facts->probe = probe;
	facts->seed = options->seed;
	facts->digests = -1;
	facts->facts = facts_new(trace, 1);
	if (path && facts_load(facts->facts, path))
		return CMD_INPUT;
	facts->pages = pages_new(trace, &why);
	facts->found = calloc(trace_summary(trace)->nr_pages + 1, 1);
	if (!facts->pages || !facts->found) {
		cmd_error("%s: %s", trace_path(trace), why);
		return CMD_INPUT;
	}
	pages_expect(facts->pages, facts_page_digests(facts->facts));
	if (make_columns(facts, options))
		return CMD_INPUT;
	return probe_fates(facts);
}

void curve_facts_free(struct curve_facts *facts)
{
	if (!facts)
		return;
	pages_free(facts->pages);
	facts_free(facts->facts);
	free(facts->found);
	g_free(facts);
}

struct pages *curve_facts_pages(const struct curve_facts *facts)
{
	return facts->pages;
}

enum curve_fate curve_facts_fate(const struct curve_facts *facts,
				 uint32_t content)
{
	return facts->fate[pages_class(facts->pages, content)];
}

/* A file of facts has those of all contents, a trace without bytes as well. */
bool curve_facts_known(const struct curve_facts *facts)
{
	return facts->path || !trace_summary(facts->trace)->has_pages;
}

static void find(struct curve_facts *facts, int column, unsigned int bit,
		 uint32_t content)
{
	const void *page = NULL;

	if (facts->found[content] & bit)
		return;
	if (trace_summary(facts->trace)->has_pages)
		page = trace_page(facts->trace, content);
	facts_find(facts->facts, 0, (unsigned int)column, content, page);
	facts->found[content] |= (uint8_t)bit;
}

static uint16_t length_of(struct curve_facts *facts, uint32_t content)
{
	uint16_t length;

	find(facts, facts->lengths, FOUND_LENGTH, content);
	length = facts_length(facts->facts, (unsigned int)facts->lengths,
			      content);
	if (!length && !facts->missing)
		facts->missing = (uint64_t)content + 1;
	return length;
}

void curve_facts_get(struct curve_facts *facts, uint32_t content,
		     struct zdedup_facts *out)
{
	*out = (struct zdedup_facts){
		.identity = content,
		.kind = facts_kind(pages_class(facts->pages, content)),
		.length = length_of(facts, content),
	};
	if (facts->digests < 0)
		return;
	find(facts, facts->digests, FOUND_DIGEST, content);
	facts_digest(facts->facts, (unsigned int)facts->digests, content,
		     out->digest);
}

void curve_facts_keep(struct curve_facts *facts, uint32_t content)
{
	if (facts->path)
		length_of(facts, content);
}

char *curve_facts_wrong(const struct curve_facts *facts)
{
	uint64_t stranger = pages_stranger(facts->pages);

	if (stranger)
		return g_strdup_printf("%s: does not belong to %s (page %" PRIu64
				       " has other bytes)", facts->path,
				       trace_path(facts->trace), stranger - 1);
	if (facts->missing)
		return g_strdup_printf("%s: carries no length of page %" PRIu64
				       ", which is stored",
				       trace_path(facts->trace),
				       facts->missing - 1);
	return NULL;
}

int curve_facts_save(struct curve_facts *facts)
{
	return facts_save(facts->facts);
}

/*----------------------------------------------------------------- source */

static uint32_t weigh(void *data, uint32_t content)
{
	struct curve_facts *facts = data;
	struct zdedup_facts of = {
		.identity = content,
		.kind = facts_kind(pages_class(facts->pages, content)),
		.length = length_of(facts, content),
	};
	struct zdedup_result at;

	if (!of.length || probe_store(facts, &of, &at) ||
	    at.where != ZDEDUP_POOL)
		return SHARDS_REFUSED;
	return at.length;
}

static uint32_t guess(void *data, uint32_t content)
{
	const struct curve_facts *facts = data;

	return words_distinct(trace_page(facts->trace, content));
}

/* Of what is known of the content anyhow: contents whose tags are equal are drawn together. */
static uint64_t hash_content(void *data, uint32_t content)
{
	const struct curve_facts *facts = data;
	const struct trace_summary *sum = trace_summary(facts->trace);
	uint64_t what[2] = { content, 0 };

	if (sum->has_pages)
		what[0] = pages_tag(facts->pages, content);
	else if (sum->digest)
		memcpy(what, trace_columns(facts->trace)->digest[content],
		       sizeof(what));
	return XXH3_64bits_withSeed(what, sizeof(what), facts->seed);
}

struct shards_source curve_facts_source(struct curve_facts *facts)
{
	return (struct shards_source){
		.hash = hash_content, .weight = weigh, .guess = guess,
		.data = facts,
	};
}
