/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * census.h - what a trace's stores are, told from the trace alone
 *
 * Four things that are easily mixed up are kept apart: a zero page; a content
 * that another slot holds at that moment (what dedup can save); a content that
 * was stored before and is gone (what dedup cannot save); a new content.
 *
 * Which slots hold something depends on the kernel in one way only: whether a load
 * empties its slot.
 */
#ifndef SIM_CENSUS_H
#define SIM_CENSUS_H

#include <stdbool.h>
#include <stdint.h>

#include "pages.h"
#include "slots.h"

/**
 * struct census_counts - over all events so far
 * Invariant: stores == zero_stores + resident_duplicate_stores + restores + unique_stores
 */
struct census_counts {
	uint64_t events, stores, loads, invalidates;
	uint64_t zero_stores;
	uint64_t same_filled_stores;	/* not zero; each is one of the three below, too */
	uint64_t resident_duplicate_stores;
	uint64_t restores;
	uint64_t unique_stores;
	uint64_t unique_pages;		/* contents, zero and same-filled included */
};

/**
 * struct census - the books of one trace
 * @pages:      the trace's, shared by its censuses
 * @books:      per content, CENSUS_STORED and as often CENSUS_RESIDENT as slots hold
 *              it now: in one place, as both are looked at for each store
 * @live:       slots that hold something
 * @loads_kept: a load leaves what the slot holds
 */
struct census {
	struct pages *pages;
	struct slots *slots;
	uint32_t *books;
	struct census_counts n;
	uint64_t live;
	bool loads_kept;
};

#define CENSUS_STORED 1u	/* the content was stored before */
#define CENSUS_RESIDENT 2u

static inline bool census_stored(const struct census *census, uint32_t content)
{
	return census->books[content] & CENSUS_STORED;
}

/* Slots that hold it now */
static inline uint32_t census_residents(const struct census *census,
					uint32_t content)
{
	return census->books[content] / CENSUS_RESIDENT;
}

/* 0, or -1: out of memory. @pages must outlive it. */
int census_init(struct census *census, const struct trace *trace,
		struct pages *pages);
void census_destroy(struct census *census);

/* Asks the memory for what the slot of @ev holds, and for the books of its page. */
void census_prefetch(const struct census *census, const struct trace_event *ev);
/* A while later: asks for the books of what the slot holds, which @ev may change. */
void census_prefetch_held(const struct census *census,
			  const struct trace_event *ev);
/* What the slot of @ev holds: SLOT_EMPTY or a content + 1. */
uint32_t census_held(const struct census *census, const struct trace_event *ev);
/*
 * Counts @ev, whose slot holds @held, and brings the books up to it. Stores: of
 * @content.
 */
void census_event(struct census *census, const struct trace_event *ev,
		  uint32_t held, uint32_t content);

#endif /* SIM_CENSUS_H */
