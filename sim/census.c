/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * census.c - what a trace's stores are, told from the trace alone
 */
#include "census.h"

#include <string.h>

int census_init(struct census *census, const struct trace *trace,
		const char **why)
{
	memset(census, 0, sizeof(*census));
	census->pages = pages_new(trace, why);
	if (!census->pages)
		return -1;
	census->slots = slots_new(trace_summary(trace));
	if (!census->slots) {
		*why = "out of memory";
		census_destroy(census);
		return -1;
	}
	return 0;
}

void census_destroy(struct census *census)
{
	pages_free(census->pages);
	slots_free(census->slots);
	memset(census, 0, sizeof(*census));
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
	if (held != SLOT_KEPT) {
		--*pages_residents(census->pages, held - 1);
		census->live--;
	}
	slots_put(census->slots, ev->type, ev->slot, SLOT_EMPTY);
}

static void count_store(struct census *census, const struct trace_event *ev)
{
	uint32_t content = pages_content(census->pages, ev->page);
	enum page_class class = pages_class(census->pages, content);
	uint32_t *residents = pages_residents(census->pages, content);
	bool first = pages_first_store(census->pages, content);

	/* the slot's own old content goes first: a page is no duplicate of itself */
	empty_slot(census, ev);
	census->n.stores++;
	census->n.same_filled_stores += class == PAGE_SAME_FILLED;
	if (class == PAGE_ZERO)
		census->n.zero_stores++;
	else if (*residents)
		census->n.resident_duplicate_stores++;
	else if (first)
		census->n.unique_stores++;
	else
		census->n.restores++;
	++*residents;
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
		if (!census->loads_kept ||
		    census_held(census, ev) == SLOT_KEPT)
			empty_slot(census, ev);
		break;
	case TRACE_INVALIDATE:
		census->n.invalidates++;
		empty_slot(census, ev);
		break;
	}
	census->n.unique_pages = pages_unique(census->pages);
}

void census_kept(struct census *census, const struct trace_event *ev)
{
	empty_slot(census, ev);
	slots_put(census->slots, ev->type, ev->slot, SLOT_KEPT);
}
