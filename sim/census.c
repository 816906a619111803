/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * census.c - what a trace's stores are, told from the trace alone
 */
#include "census.h"

#include <stdlib.h>
#include <string.h>

int census_init(struct census *census, const struct trace *trace,
		struct pages *pages)
{
	uint64_t nr = trace_summary(trace)->nr_pages + 1;

	memset(census, 0, sizeof(*census));
	census->pages = pages;
	census->residents = calloc(nr, sizeof(*census->residents));
	census->stored = calloc(nr, sizeof(*census->stored));
	census->slots = slots_new(trace_summary(trace));
	if (census->residents && census->stored && census->slots)
		return 0;
	census_destroy(census);
	return -1;
}

void census_destroy(struct census *census)
{
	slots_free(census->slots);
	free(census->residents);
	free(census->stored);
	memset(census, 0, sizeof(*census));
}

void census_prefetch(const struct census *census, const struct trace_event *ev)
{
	slots_prefetch(census->slots, ev->type, ev->slot);
}

uint32_t census_held(const struct census *census, const struct trace_event *ev)
{
	return slots_get(census->slots, ev->type, ev->slot);
}

static void empty_slot(struct census *census, const struct trace_event *ev)
{
	uint32_t held = census_held(census, ev);

	if (held == SLOT_EMPTY)
		return;
	census->residents[held - 1]--;
	census->live--;
	slots_put(census->slots, ev->type, ev->slot, SLOT_EMPTY);
}

static void count_store(struct census *census, const struct trace_event *ev)
{
	uint32_t content = pages_content(census->pages, ev->page);
	enum page_class class = pages_class(census->pages, content);

	/* the slot's own old content goes first: a page is no duplicate of itself */
	empty_slot(census, ev);
	census->n.stores++;
	census->n.same_filled_stores += class == PAGE_SAME_FILLED;
	if (class == PAGE_ZERO)
		census->n.zero_stores++;
	else if (census->residents[content])
		census->n.resident_duplicate_stores++;
	else if (!census->stored[content])
		census->n.unique_stores++;
	else
		census->n.restores++;
	census->stored[content] = true;
	census->residents[content]++;
	census->live++;
	slots_put(census->slots, ev->type, ev->slot, content + 1);
}

void census_event(struct census *census, const struct trace_event *ev)
{
	census->n.events++;
	switch (ev->op) {
	case TRACE_STORE:
		count_store(census, ev);
		break;
	case TRACE_LOAD:
		census->n.loads++;
		if (!census->loads_kept)
			empty_slot(census, ev);
		break;
	case TRACE_INVALIDATE:
		census->n.invalidates++;
		empty_slot(census, ev);
		break;
	}
	census->n.unique_pages = pages_unique(census->pages);
}
