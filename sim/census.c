/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * census.c - what a trace's stores are, told from the trace alone
 */
#include "census.h"

#include <stdlib.h>
#include <string.h>

#include "../traces/large.h"
#include "ask.h"

int census_init(struct census *census, const struct trace *trace,
		struct pages *pages)
{
	uint64_t nr = trace_summary(trace)->nr_pages + 1;

	memset(census, 0, sizeof(*census));
	census->pages = pages;
	census->books = calloc(nr, sizeof(*census->books));
	large_array(census->books, nr * sizeof(*census->books));
	census->slots = slots_new(trace_summary(trace));
	if (census->books && census->slots)
		return 0;
	census_destroy(census);
	return -1;
}

void census_destroy(struct census *census)
{
	slots_free(census->slots);
	free(census->books);
	memset(census, 0, sizeof(*census));
}

void census_prefetch(const struct census *census, const struct trace_event *ev)
{
	slots_prefetch(census->slots, ev->type, ev->slot);
	/* most pages are contents of their own */
	if (ev->op == TRACE_STORE)
		ask_for(&census->books[ev->page]);
}

void census_prefetch_held(const struct census *census,
			  const struct trace_event *ev)
{
	uint32_t held = slots_peek(census->slots, ev->type, ev->slot);

	if (held != SLOT_EMPTY)
		ask_for(&census->books[held - 1]);
}

uint32_t census_held(const struct census *census, const struct trace_event *ev)
{
	return slots_get(census->slots, ev->type, ev->slot);
}

static void empty_slot(struct census *census, uint32_t held)
{
	if (held == SLOT_EMPTY)
		return;
	census->books[held - 1] -= CENSUS_RESIDENT;
	census->live--;
}

static void count_store(struct census *census, const struct trace_event *ev,
			uint32_t held, uint32_t content)
{
	enum page_class class = pages_class(census->pages, content);

	/* the slot's own old content goes first: a page is no duplicate of itself */
	empty_slot(census, held);
	census->n.stores++;
	census->n.same_filled_stores += class == PAGE_SAME_FILLED;
	if (class == PAGE_ZERO)
		census->n.zero_stores++;
	else if (census_residents(census, content))
		census->n.resident_duplicate_stores++;
	else if (!census_stored(census, content))
		census->n.unique_stores++;
	else
		census->n.restores++;
	census->books[content] = (census->books[content] | CENSUS_STORED) +
				 CENSUS_RESIDENT;
	census->live++;
	slots_put(census->slots, ev->type, ev->slot, content + 1);
}

void census_event(struct census *census, const struct trace_event *ev,
		  uint32_t held, uint32_t content)
{
	census->n.events++;
	census->n.unique_pages = pages_unique(census->pages);
	if (ev->op == TRACE_STORE) {
		count_store(census, ev, held, content);
		return;
	}
	if (ev->op == TRACE_LOAD) {
		census->n.loads++;
		if (census->loads_kept)
			return;
	} else {
		census->n.invalidates++;
	}
	if (held == SLOT_EMPTY)
		return;
	empty_slot(census, held);
	slots_put(census->slots, ev->type, ev->slot, SLOT_EMPTY);
}
