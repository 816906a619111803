/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * facts.c - what is known of a trace's pages, field by field
 *
 * Readers add it page by page or a block at once, when they open their file. Whoever
 * asks for one field of all pages takes the column as it is.
 */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "large.h"
#include "trace-internal.h"

#define ROOM_MIN 4096u

static bool widen(void *array, uint64_t room, size_t size)
{
	void **column = array;
	void *wider = realloc(*column, room * size);

	if (wider)
		*column = wider;
	large_array(wider, room * size);
	return wider;
}

int trace_facts_room(struct trace *trace, uint64_t nr,
		     const struct trace_why *why)
{
	const struct trace_summary *sum = &trace->summary;
	struct trace_columns *c = &trace->columns;
	uint64_t room = trace->columns_room ? trace->columns_room : ROOM_MIN;
	unsigned int i;
	bool ok;

	while (room - c->nr < nr)
		room *= 2;
	if (room == trace->columns_room)
		return 0;
	ok = widen(&c->class, room, sizeof(*c->class)) &&
	     (!sum->digest || widen(&c->digest, room, sizeof(*c->digest))) &&
	     (!c->word || widen(&c->word, room, sizeof(*c->word)));
	for (i = 0; ok && i < sum->nr_lengths; i++)
		ok = widen(&c->lengths[i], room, sizeof(*c->lengths[i]));
	if (!ok)
		return trace_fail(why, -ENOMEM, "%s: %m", trace->path);
	if (c->word)
		memset(c->word + trace->columns_room, 0,
		       (room - trace->columns_room) * sizeof(*c->word));
	trace->columns_room = room;
	return 0;
}

int trace_facts_word(struct trace *trace, uint64_t page, uint64_t word,
		     const struct trace_why *why)
{
	struct trace_columns *c = &trace->columns;

	if (!c->word)
		c->word = calloc(trace->columns_room, sizeof(*c->word));
	if (!c->word)
		return trace_fail(why, -ENOMEM, "%s: %m", trace->path);
	c->word[page] = word;
	return 0;
}

int trace_build_facts(struct trace *trace, const struct trace_facts *facts,
		      const struct trace_why *why)
{
	struct trace_columns *c = &trace->columns;
	int ret = trace_facts_room(trace, 1, why);
	unsigned int i;

	if (!ret && facts->word)
		ret = trace_facts_word(trace, c->nr, facts->word, why);
	if (ret)
		return ret;
	trace->summary.has_facts = true;
	trace->summary.nr_pages++;
	c->class[c->nr] = facts->class;
	if (c->digest)
		memcpy(c->digest[c->nr], facts->digest, sizeof(*c->digest));
	for (i = 0; i < trace->summary.nr_lengths; i++)
		c->lengths[i][c->nr] = facts->lengths[i];
	c->nr++;
	return 0;
}

void trace_facts_free(struct trace *trace)
{
	struct trace_columns *c = &trace->columns;
	unsigned int i;

	free(c->class);
	free(c->digest);
	free(c->word);
	for (i = 0; i < TRACE_LENGTHS_MAX; i++)
		free(c->lengths[i]);
}

const struct trace_columns *trace_columns(const struct trace *trace)
{
	assert(trace->summary.has_facts);
	return &trace->columns;
}

struct trace_facts trace_facts(const struct trace *trace, uint64_t page)
{
	const struct trace_columns *c = &trace->columns;
	struct trace_facts facts = { 0 };
	unsigned int i;

	assert(trace->summary.has_facts && page < c->nr);
	facts.class = c->class[page];
	if (c->word)
		facts.word = c->word[page];
	if (c->digest)
		memcpy(facts.digest, c->digest[page], sizeof(facts.digest));
	for (i = 0; i < trace->summary.nr_lengths; i++)
		facts.lengths[i] = c->lengths[i][page];
	return facts;
}
