/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * gen-stream.c - the events of a made trace
 *
 * Kinds of events and of stores are drawn without replacement from what is still to
 * come, so the asked shares are met to the event. Memory: 40 bytes a slot.
 */
#include <stdlib.h>
#include <string.h>

#include "gen.h"

#define TIME_STEP 10u	/* us between two events */
#define TRIES 16	/* at a live slot, by rank */

/* What a slot holds. */
struct held {
	uint64_t content;
	uint32_t memcg;
};

/**
 * struct gen_stream - between two events
 * @stores, @loads, @invalidates: still to come; likewise @zero, @same_filled,
 *          @duplicates, @fresh of the stores
 * @fill:   stores before anything else happens
 * @order:  the slots: the first @live are live; up to @used they are loaded, the
 *          others free; @at: where in it a slot is
 * @stride: from one rank's slot to the next one's
 * @working_set: data pages that duplicates are taken from
 * @special: data pages made before zero and each same-filled page was first used
 *          by number of first use; @nr_special of them; @place: index into it + 1
 */
struct gen_stream {
	struct gen_options o;
	struct gen_zipf zipf, sizes;
	uint64_t state, seq;
	uint64_t stores, loads, invalidates;
	uint64_t zero, same_filled, duplicates, fresh;
	uint64_t fill, working_set, live, used, stride;
	uint64_t *order, *at;
	struct held *held;
	struct gen_counts counts;
	uint64_t special[GEN_WORDS + 1];
	unsigned int nr_special;
	uint8_t place[GEN_WORDS + 1];
};

static void set_quotas(struct gen_stream *s)
{
	const struct gen_options *o = &s->o;
	uint64_t data;

	s->stores = o->stores;
	s->loads = o->loads;
	s->invalidates = o->invalidates;
	s->fill = o->slots < o->stores / 2 ? o->slots : o->stores / 2;
	s->zero = o->stores * o->zero / 100;
	s->same_filled = o->stores * o->same_filled / 100;
	if (o->zero + o->same_filled == 100)
		s->zero = o->stores - s->same_filled;
	data = o->stores - s->zero - s->same_filled;
	s->duplicates = data * o->dedupe / 100;
	if (data && s->duplicates == data)
		s->duplicates--;	/* of something */
	s->fresh = data - s->duplicates;
	s->working_set = data * o->working_set / 100;
	if (!s->working_set)
		s->working_set = 1;
}

static uint64_t gcd(uint64_t a, uint64_t b)
{
	while (b) {
		uint64_t rest = a % b;

		a = b;
		b = rest;
	}
	return a;
}

struct gen_stream *gen_stream_new(const struct gen_options *o)
{
	struct gen_stream *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->o = *o;
	s->state = gen_mix(o->seed);
	set_quotas(s);
	s->order = malloc(o->slots * sizeof(*s->order));
	s->at = malloc(o->slots * sizeof(*s->at));
	s->held = calloc(o->slots, sizeof(*s->held));
	if (!s->order || !s->at || !s->held ||
	    gen_zipf_init(&s->zipf, o->slots, o->zipf) ||
	    (o->cgroups && gen_zipf_init(&s->sizes, o->cgroups, 100))) {
		gen_stream_free(s);
		return NULL;
	}
	for (uint64_t i = 0; i < o->slots; i++) {
		s->order[i] = i;
		s->at[i] = i;
	}
	/* the golden section scatters the ranks; it has to reach every slot */
	s->stride = (o->slots * 79 / 128) | 1;
	while (gcd(s->stride, o->slots) != 1)
		s->stride++;
	return s;
}

void gen_stream_free(struct gen_stream *s)
{
	if (!s)
		return;
	gen_zipf_destroy(&s->zipf);
	gen_zipf_destroy(&s->sizes);
	free(s->order);
	free(s->at);
	free(s->held);
	free(s);
}

const struct gen_counts *gen_stream_counts(const struct gen_stream *s)
{
	return &s->counts;
}

/* ---- contents ---- */

static uint64_t new_content(struct gen_stream *s)
{
	uint64_t number = s->counts.pages++, base;
	enum gen_kind kind = gen_page_kind(&s->o, number, &base);

	s->fresh--;
	s->counts.near += kind == GEN_NEAR;
	s->counts.hostile += kind == GEN_HOSTILE;
	return number;
}

/*
 * As fio's get_buf_state: the last different buffer once more, or one of the
 * working set, which is the start of the sequence of different ones.
 */
static uint64_t old_content(struct gen_stream *s)
{
	uint64_t pages = s->counts.pages;

	s->duplicates--;
	s->counts.duplicates++;
	if (s->o.repeat)
		return pages - 1;
	return gen_below(&s->state, pages < s->working_set ? pages :
			 s->working_set);
}

static uint64_t draw_content(struct gen_stream *s)
{
	uint64_t at = gen_below(&s->state, s->zero + s->same_filled +
				s->duplicates + s->fresh);

	if (at < s->zero) {
		s->zero--;
		s->counts.zero++;
		return GEN_ZERO;
	}
	at -= s->zero;
	if (at < s->same_filled) {
		s->same_filled--;
		s->counts.same_filled++;
		return GEN_SAME_FILLED | gen_below(&s->state, GEN_WORDS);
	}
	at -= s->same_filled;
	if (at < s->fresh || !s->counts.pages)
		return new_content(s);
	return old_content(s);
}

/*
 * Pages are numbered by first use, and data pages come in the order of their
 * numbers: only the zero page and the same-filled ones before it shift one.
 */
static uint64_t page_number(struct gen_stream *s, uint64_t content)
{
	unsigned int which, i;

	if (!(content & (GEN_ZERO | GEN_SAME_FILLED))) {
		for (i = 0; i < s->nr_special && s->special[i] <= content; i++)
			;
		return content + i;
	}
	which = content & GEN_ZERO ? GEN_WORDS :
		(unsigned int)(content & (GEN_WORDS - 1));
	if (!s->place[which]) {
		s->special[s->nr_special++] = s->counts.pages;
		s->place[which] = (uint8_t)s->nr_special;
	}
	i = s->place[which] - 1u;
	return s->special[i] + i;
}

/* ---- slots ---- */

static void swap_places(struct gen_stream *s, uint64_t i, uint64_t k)
{
	uint64_t slot = s->order[i];

	s->order[i] = s->order[k];
	s->order[k] = slot;
	s->at[s->order[i]] = i;
	s->at[slot] = k;
}

/*
 * What would make the rest impossible gives way to what would not. Invariants:
 * loads <= stores + live, invalidates <= stores + used, of what is to come.
 */
static enum trace_op draw_op(struct gen_stream *s)
{
	bool need_live = s->loads == s->stores + s->live;
	uint64_t at;

	if (s->fill) {
		s->fill--;
		return TRACE_STORE;
	}
	if (!s->used)
		return TRACE_STORE;
	at = gen_below(&s->state, s->stores + s->loads + s->invalidates);
	if (at >= s->stores && at - s->stores < s->loads && s->live)
		return TRACE_LOAD;
	if (at >= s->stores + s->loads)
		return s->live == s->used && need_live ? TRACE_LOAD :
		       TRACE_INVALIDATE;
	/* an overwrite takes a store and makes nothing live */
	if (s->live == s->o.slots && need_live)
		return TRACE_LOAD;
	/* nor does a store without a free slot make one used */
	if (s->used == s->o.slots && s->invalidates == s->stores + s->used)
		return TRACE_INVALIDATE;
	return TRACE_STORE;
}

/*
 * By its rank, which it keeps for ever. The most wanted ones are often loaded
 * already: after some tries it is any live one.
 */
static uint64_t live_slot(struct gen_stream *s)
{
	for (int i = 0; i < TRIES; i++) {
		uint64_t rank = gen_zipf_draw(&s->zipf, s->o.slots, &s->state);
		uint64_t slot = rank * s->stride % s->o.slots;

		if (s->at[slot] < s->live)
			return slot;
	}
	return s->order[gen_below(&s->state, s->live)];
}

/*
 * One that was loaded goes out again, or a free one is taken: always, while more
 * than a sixteenth of them is free, so that the slots stay about full.
 */
static uint64_t slot_to_store(struct gen_stream *s)
{
	uint64_t loaded = s->used - s->live, free = s->o.slots - s->used;
	bool take = free > s->o.slots / 16 ||
		    s->invalidates == s->stores + s->used;

	if (loaded && !(free && (take || gen_below(&s->state, 2)))) {
		swap_places(s, s->live + gen_below(&s->state, loaded),
			    s->live);
		return s->order[s->live++];
	}
	if (!free)
		return live_slot(s);
	swap_places(s, s->used++, s->live);
	return s->order[s->live++];
}

static uint64_t store(struct gen_stream *s)
{
	uint64_t slot = slot_to_store(s);
	struct held *held = &s->held[slot];

	s->stores--;
	held->content = draw_content(s);
	held->memcg = s->o.cgroups ?
		      1 + (uint32_t)gen_zipf_draw(&s->sizes, s->o.cgroups,
						  &s->state) : 0;
	return slot;
}

/* The page is in memory then, as with the exclusive loads of 6.12 and later. */
static uint64_t load(struct gen_stream *s)
{
	uint64_t slot = live_slot(s);

	s->loads--;
	s->live--;
	swap_places(s, s->at[slot], s->live);
	return slot;
}

/* Mostly one that has been loaded; else any live one, as when a program ends. */
static uint64_t invalidate(struct gen_stream *s)
{
	uint64_t loaded = s->used - s->live, at;
	bool need_live = s->loads == s->stores + s->live;

	if (loaded && (!s->live || need_live || gen_below(&s->state, 8))) {
		at = s->live + gen_below(&s->state, loaded);
	} else {
		at = gen_below(&s->state, s->live);
		s->live--;
		swap_places(s, at, s->live);
		at = s->live;
	}
	s->invalidates--;
	s->used--;
	swap_places(s, at, s->used);
	return s->order[s->used];
}

bool gen_stream_next(struct gen_stream *s, struct trace_event *ev,
		     uint64_t *content)
{
	if (!(s->stores + s->loads + s->invalidates))
		return false;
	memset(ev, 0, sizeof(*ev));
	ev->op = (uint8_t)draw_op(s);
	switch (ev->op) {
	case TRACE_STORE:
		ev->slot = store(s);
		break;
	case TRACE_LOAD:
		ev->slot = load(s);
		break;
	default:
		ev->slot = invalidate(s);
		break;
	}
	ev->seq = s->seq++;
	ev->time_us = ev->seq * TIME_STEP;
	ev->memcg = s->held[ev->slot].memcg;
	ev->page = TRACE_NO_PAGE;
	if (ev->op != TRACE_INVALIDATE) {
		*content = s->held[ev->slot].content;
		ev->page = page_number(s, *content);
	}
	return true;
}
