/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * past.c - what contents had reached when they were stored again
 *
 * 4 bytes a content, and 32 for each that has been stored more than once since it
 * was there.
 */
#include "past.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <glib.h>

#define KEPT 4u
#define UNIT 64u	/* bytes: 32 bits are enough for 256 GiB */

/* The newest first; each is less than the next, which ends with 0. */
struct record {
	uint32_t mark[KEPT], reached[KEPT];
};

/**
 * struct past
 * @record: of each content, + 1; 0: none
 * @free:   the first free one + 1; the next is in its mark[0]
 */
struct past {
	uint32_t *record;
	GArray *records;
	uint32_t free;
};

static struct record *record_at(const struct past *past, uint32_t i)
{
	return &g_array_index(past->records, struct record, i - 1);
}

struct past *past_new(uint64_t nr_contents)
{
	struct past *past = g_new0(struct past, 1);

	past->records = g_array_new(FALSE, FALSE, sizeof(struct record));
	past->record = calloc(nr_contents + 1, sizeof(*past->record));
	if (past->record)
		return past;
	past_free(past);
	return NULL;
}

void past_free(struct past *past)
{
	if (!past)
		return;
	g_array_free(past->records, TRUE);
	free(past->record);
	g_free(past);
}

static struct record *make_record(struct past *past, uint32_t content)
{
	uint32_t i = past->free;

	if (i) {
		past->free = record_at(past, i)->mark[0];
	} else {
		g_array_set_size(past->records, past->records->len + 1);
		i = past->records->len;
	}
	past->record[content] = i;
	memset(record_at(past, i), 0, sizeof(struct record));
	return record_at(past, i);
}

void past_add(struct past *past, uint32_t content, uint32_t mark,
	      uint64_t depth)
{
	uint32_t reached = (uint32_t)MIN(depth / UNIT, UINT32_MAX);
	struct record *record;
	unsigned int less = 0, keep;
	bool full;

	if (!reached)
		return;
	record = past->record[content] ?
		 record_at(past, past->record[content]) :
		 make_record(past, content);
	/* what was less than this tells nothing any more */
	while (less < KEPT && record->reached[less] <= reached &&
	       record->reached[less])
		less++;
	/* the greatest of all is dear to the most pages, so the one after it goes */
	full = !less && record->reached[KEPT - 1];
	keep = KEPT - (full ? 2 : MAX(less, 1));
	memmove(record->mark + 1, record->mark + less,
		keep * sizeof(*record->mark));
	memmove(record->reached + 1, record->reached + less,
		keep * sizeof(*record->reached));
	for (unsigned int i = keep + 1; i < KEPT && !full; i++)
		record->reached[i] = 0;
	record->mark[0] = mark;
	record->reached[0] = reached;
}

uint64_t past_reached(const struct past *past, uint32_t content, uint32_t mark)
{
	const struct record *record;
	uint32_t reached = 0;

	if (!past->record[content])
		return 0;
	record = record_at(past, past->record[content]);
	for (unsigned int i = 0; i < KEPT && record->reached[i] &&
	     record->mark[i] > mark; i++)
		reached = record->reached[i];
	return (uint64_t)reached * UNIT;
}

void past_forget(struct past *past, uint32_t content)
{
	uint32_t i = past->record[content];

	if (!i)
		return;
	record_at(past, i)->mark[0] = past->free;
	past->free = i;
	past->record[content] = 0;
}
