/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * shards.c - a curve of all contents, or of a sample of them
 *
 * What is followed has an object in the stack, and what its pages have reached is
 * known. All else is weight between these objects: whoever holds it keeps the mark
 * at which it lies. So the depth of what is followed counts every content, and of
 * one that is not the object next below tells about how deep it has been.
 * That is corrected by those of the sample, of which both are known (a difference
 * estimator; Cochran, Sampling Techniques, 7.2; Saerndal, Swensson and Wretman, Model
 * Assisted Survey Sampling, 6.3), and so are the weights.
 */
#include "shards.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <glib.h>

#include "curve.h"
#include "past.h"
#include "slots.h"
#include "tally.h"

#define GROUPS 16u
#define T_GROUPS 2.1314		/* Student, 0.975, GROUPS - 1 */
#define NORMAL 1.9600		/* 0.975 */
#define FEW 3.0			/* what was never seen in n may be 3 / n of all, with 95 % */
#define MANY 16u		/* pages, from which on a content's are followed */
#define BINS 65536u
#define BINS_FEW 4096u		/* of what only tells how wide an interval is */
#define NEAR 1.05		/* sizes as near as that have about the same doubt */
#define GUESSES_MIN 32u
#define GUESS_UNIT 4u		/* bytes of a weight for each of a guess, until more is known */
#define THRESHOLD_MIN 64u

/* What entry[] holds of a content: followed, FIRST + its place; or a mark. */
#define UNKNOWN 0u
#define LEFT_OUT 1u		/* no page of it is there */
#define FIRST 2u
#define MARK (1u << 31)

/*
 * A slot holds a page that is followed + 1; or MARK, and when it was stored; without
 * dedup also whether its weight was sure.
 */
#define MARK_SURE (1u << 30)

/* state[] has the number of a content's pages, and these. */
#define HEAVY (1u << 31)	/* it had MANY at a time: it is followed until they are gone */
#define REFUSED (1u << 30)	/* known to be kept by no pool */
#define WEIGHED (1u << 29)	/* put[] is set */
#define SURE (1u << 28)		/* its weight was asked for, not because of a draw */
#define PAGES_MAX (SURE - 1)

enum what {
	LOADS,		/* by the depth that the page had reached */
	PAGES,		/* pages that go, or are still there at the end, by the same */
	CONTENTS,	/* contents between a store and the next one, or their end */
	NR_WHAT,
};

/**
 * struct content - one that is followed
 * @place:  its hash, to be compared with the threshold
 * @number: the caller's; free: the next free one
 * @pages:  that are followed
 * @name:   in the curve, with dedup
 * @early:  a page stored when it was made HEAVY, for those stored before
 * @sampled: by its hash, not for being HEAVY
 */
struct content {
	uint32_t place, number, weight, pages;
	uint32_t name, early;
	bool sampled, used;
};

/**
 * struct page - one that is followed
 * @content: CURVE_NONE: free, and @name is the next free one
 * @name:    in the curve; @own: without dedup, its own content's there
 * @mark:    when it was stored
 * @sure:    stored when its content was HEAVY: it stands for itself alone
 */
struct page {
	uint64_t slot;
	uint32_t content;
	uint32_t name, own, mark;
	uint8_t type;
	bool sure;
};

/* Weights by what was guessed, so far: least squares. */
struct guesses {
	double nr, x, y, xx, xy;
};

/**
 * struct shards
 * @asked:     of SHARDS_ALL, which part of the contents have their weight asked for
 * @entry, @state, @put: by content
 * @past:      what contents had reached when they were stored again, as if none
 *             were followed
 * @apart:     by groups of contents, what the sample corrects; for its variance
 * @doubt, @seen: the variance of depths, by depth, and of how many
 */
struct shards {
	struct shards_options options;
	struct shards_source source;
	uint32_t threshold, asked;
	uint64_t nr_contents;
	struct slots *slots;
	uint32_t *entry, *state;
	struct stack_weight *put;
	struct past *past;
	GArray *contents, *pages;
	uint32_t free_content, free_page;
	uint64_t live_sampled, sampled_contents;
	uint64_t now, stores, loads, sampled_loads, live, live_contents, peak;
	double sum_live, sum_contents;
	struct guesses guesses;
	struct curve *curve;
	struct stack *stack;
	struct tally *tally[NR_WHAT], *apart[NR_WHAT][GROUPS];
	struct tally *doubt, *seen;
};

static struct content *content_at(const struct shards *shards, uint32_t i)
{
	return &g_array_index(shards->contents, struct content, i);
}

static struct page *page_at(const struct shards *shards, uint32_t i)
{
	return &g_array_index(shards->pages, struct page, i);
}

static void make_tallies(struct shards *shards)
{
	const struct shards_options *o = &shards->options;

	for (unsigned int i = 0; i < NR_WHAT; i++) {
		/* an interval asks for the neighbours of a size as well */
		shards->tally[i] = tally_new(o->sizes, o->sample ? 0 : o->nr,
					     BINS);
		for (unsigned int g = 0; o->sample && g < GROUPS; g++)
			shards->apart[i][g] = tally_new(NULL, 0, BINS_FEW);
	}
	if (!o->sample)
		return;
	shards->doubt = tally_new(NULL, 0, BINS_FEW);
	shards->seen = tally_new(NULL, 0, BINS_FEW);
}

/*
 * Where weights cost something, those of the root of the rate are asked for: enough to
 * judge the guesses by, and still few.
 */
static uint32_t asked_for(const struct shards_options *o)
{
	if (o->known || !o->sample || o->sample_size)
		return SHARDS_ALL;
	return (uint32_t)(sqrt((double)o->threshold / SHARDS_ALL) * SHARDS_ALL);
}

struct shards *shards_new(const struct trace_summary *summary,
			  uint64_t nr_contents,
			  const struct shards_options *options,
			  const struct shards_source *source)
{
	struct shards *shards = g_new0(struct shards, 1);

	shards->options = *options;
	shards->source = *source;
	shards->threshold = options->threshold;
	shards->asked = asked_for(options);
	shards->nr_contents = nr_contents;
	shards->contents = g_array_new(FALSE, FALSE, sizeof(struct content));
	shards->pages = g_array_new(FALSE, FALSE, sizeof(struct page));
	shards->free_content = shards->free_page = CURVE_NONE;
	shards->curve = curve_new();
	shards->stack = curve_stack(shards->curve);
	make_tallies(shards);
	shards->slots = slots_new(summary);
	shards->entry = calloc(nr_contents + 1, sizeof(*shards->entry));
	shards->state = calloc(nr_contents + 1, sizeof(*shards->state));
	shards->put = calloc(nr_contents + 1, sizeof(*shards->put));
	shards->past = past_new(options->sample && options->dedup ?
				nr_contents : 0);
	if (shards->slots && shards->entry && shards->state && shards->put &&
	    shards->past)
		return shards;
	shards_free(shards);
	return NULL;
}

void shards_free(struct shards *shards)
{
	if (!shards)
		return;
	slots_free(shards->slots);
	free(shards->entry);
	free(shards->state);
	free(shards->put);
	past_free(shards->past);
	g_array_free(shards->contents, TRUE);
	g_array_free(shards->pages, TRUE);
	curve_free(shards->curve);
	for (unsigned int i = 0; i < NR_WHAT; i++) {
		tally_free(shards->tally[i]);
		for (unsigned int g = 0; g < GROUPS; g++)
			tally_free(shards->apart[i][g]);
	}
	tally_free(shards->doubt);
	tally_free(shards->seen);
	g_free(shards);
}

/*
 * What is kept of a page beside its content. With dedup the number of its store, which
 * tells it from later ones; else it is an object, and this is where it lies.
 */
static uint32_t when(const struct shards *shards)
{
	if (shards->options.dedup)
		return (uint32_t)shards->stores & ~MARK;
	return stack_mark(shards->stack);
}

static uint32_t nr_pages(const struct shards *shards, uint32_t number)
{
	return shards->state[number] & PAGES_MAX;
}

/*---------------------------------------------------------------- weights */

static double guess_weight(const struct guesses *g, double x)
{
	double spread = g->nr * g->xx - g->x * g->x, slope;

	if (g->nr < GUESSES_MIN || spread <= 0)
		slope = 0;
	else
		slope = (g->nr * g->xy - g->x * g->y) / spread;
	if (g->nr < GUESSES_MIN)
		x *= GUESS_UNIT;
	else
		x = (g->y - slope * g->x) / g->nr + slope * x;
	return fmin(fmax(x, 1), TRACE_PAGE_SIZE);
}

static void learn(struct guesses *g, double x, double y)
{
	g->nr++;
	g->x += x;
	g->y += y;
	g->xx += x * x;
	g->xy += x * y;
}

/*
 * A weight that is not asked for is guessed; one that is stands for those that are
 * not, too: by how much the guess was wrong. So the sum is right on average,
 * however bad the guesses; its variance is that of their errors (Horvitz-Thompson,
 * for independent draws).
 */
static void weigh(struct shards *shards, uint32_t number, uint32_t place)
{
	struct stack_weight *put = &shards->put[number];
	double rate = (double)shards->asked / SHARDS_ALL, guess, error;
	bool guessed = shards->asked < SHARDS_ALL;
	uint32_t x = 0, weight;

	shards->state[number] |= WEIGHED;
	if (guessed)
		x = shards->source.guess(shards->source.data, number);
	guess = guessed ? rint(guess_weight(&shards->guesses, x)) : 0;
	if (guessed && place >= shards->asked) {
		*put = (struct stack_weight){ .bytes = (int32_t)guess };
		return;
	}
	weight = shards->source.weight(shards->source.data, number);
	if (weight == SHARDS_REFUSED)
		shards->state[number] |= REFUSED;
	if (!guessed) {
		*put = (struct stack_weight){ .bytes = (int32_t)weight };
		return;
	}
	learn(&shards->guesses, x, weight);
	error = weight - guess;
	put->bytes = (int32_t)lrint(guess + error / rate);
	put->doubt = (float)(error * error * (1 - rate) / (rate * rate));
}

/*--------------------------------------------------------------- counting */

/* How many contents a sampled one stands for. */
static double scale_now(const struct shards *shards)
{
	return (double)SHARDS_ALL / shards->threshold;
}

/* Any assignment does that does not depend on what is counted. */
static unsigned int group_of(uint32_t number)
{
	return (number * 2654435761u) >> 28;
}

static void correct(struct shards *shards, enum what what, uint32_t number,
		    uint64_t depth, double many)
{
	tally_add(shards->tally[what], depth, many);
	tally_add(shards->apart[what][group_of(number)], depth, many);
}

/* Of a sampled one: as any other, and what that was wrong by, for all. */
static void count_sampled(struct shards *shards, enum what what,
			  uint32_t number, uint64_t as_others, uint64_t depth)
{
	double scale = scale_now(shards);

	tally_add(shards->tally[what], as_others, 1);
	correct(shards, what, number, as_others, -scale);
	correct(shards, what, number, depth, scale);
}

/* One that is not followed; if refused, it is none, but those not asked for count as one. */
static void count_other(struct shards *shards, enum what what, uint32_t number,
			uint64_t depth)
{
	tally_add(shards->tally[what], depth, 1);
	if (shards->state[number] & REFUSED)
		correct(shards, what, number, depth,
			-(double)SHARDS_ALL / shards->asked);
}

/* Not because of a draw: it is counted at no depth. */
static bool refused_for_sure(const struct shards *shards, uint32_t number)
{
	return shards->state[number] & REFUSED &&
	       (shards->state[number] & SURE || shards->asked == SHARDS_ALL);
}

static void note_doubt(struct shards *shards, uint32_t object, uint64_t depth)
{
	if (shards->asked == SHARDS_ALL)
		return;
	tally_add(shards->seen, depth, 1);
	tally_add(shards->doubt, depth, stack_doubt(shards->stack, object));
}

/*
 * What is taken for the depth of a content's place, since it was stored last, where
 * it is not followed; with dedup. Of those of the sample the same must be asked.
 */
static uint64_t place_reached(struct shards *shards, uint32_t number)
{
	uint32_t entry = shards->entry[number];
	const struct content *content;

	if (entry & MARK)
		return stack_above_mark(shards->stack, entry & ~MARK);
	content = content_at(shards, entry - FIRST);
	if (content->early != CURVE_NONE)
		return curve_reached(shards->curve, content->early);
	return stack_above_next(shards->stack,
				curve_object(shards->curve, content->name));
}

/* And of a page of it, stored at @mark. */
static uint64_t page_reached(struct shards *shards, uint32_t number,
			     uint32_t mark)
{
	return MAX(place_reached(shards, number),
		   past_reached(shards->past, number, mark));
}

/* What a content has reached since it was stored last; with dedup. */
static void count_stay(struct shards *shards, uint32_t number)
{
	const struct content *content;
	uint64_t reached;

	if (shards->entry[number] & MARK) {
		if (shards->options.sample && !refused_for_sure(shards, number))
			count_other(shards, CONTENTS, number,
				    place_reached(shards, number));
		return;
	}
	content = content_at(shards, shards->entry[number] - FIRST);
	reached = curve_content_reached(shards->curve, content->name);
	if (!shards->options.sample || shards->state[number] & HEAVY)
		tally_add(shards->tally[CONTENTS], reached, 1);
	else
		count_sampled(shards, CONTENTS, number,
			      place_reached(shards, number), reached);
}

static void count_page(struct shards *shards, enum what what, uint32_t number,
		       uint32_t i)
{
	const struct page *page = page_at(shards, i);
	uint64_t reached = curve_reached(shards->curve, page->name);
	bool dedup = shards->options.dedup;
	uint32_t name = dedup ? content_at(shards, page->content)->name :
				page->own;
	uint32_t object = curve_object(shards->curve, name);

	if (shards->options.sample)
		note_doubt(shards, object, reached);
	if (!shards->options.sample || page->sure)
		tally_add(shards->tally[what], reached, 1);
	else
		count_sampled(shards, what, number, dedup ?
			      page_reached(shards, number, page->mark) :
			      stack_above_next(shards->stack, object), reached);
}

static uint32_t mark_of(uint32_t held)
{
	return held & ~(MARK | MARK_SURE);
}

static void count_held(struct shards *shards, enum what what, uint32_t number,
		       uint32_t held)
{
	if (!(held & MARK))
		count_page(shards, what, number, held - 1);
	else if (shards->options.sample && !refused_for_sure(shards, number))
		count_other(shards, what, number, shards->options.dedup ?
			    page_reached(shards, number, held & ~MARK) :
			    stack_above_mark(shards->stack, mark_of(held)));
}

void shards_tick(struct shards *shards)
{
	shards->now++;
	shards->sum_live += (double)shards->live;
	shards->sum_contents += (double)shards->live_contents;
}

/*----------------------------------------------------------------- sample */

/* Of one that was weighed. */
static uint32_t weight_of(struct shards *shards, uint32_t number)
{
	if (shards->asked == SHARDS_ALL)
		return (uint32_t)shards->put[number].bytes;
	return shards->source.weight(shards->source.data, number);
}

static uint32_t follow(struct shards *shards, uint32_t number, uint32_t place,
		       bool sampled)
{
	uint32_t i = shards->free_content;

	if (i == CURVE_NONE) {
		i = shards->contents->len;
		g_array_set_size(shards->contents, i + 1);
	} else {
		shards->free_content = content_at(shards, i)->number;
	}
	*content_at(shards, i) = (struct content){
		.place = place, .number = number,
		.name = CURVE_NONE, .early = CURVE_NONE,
		.weight = weight_of(shards, number), .sampled = sampled, .used = true,
	};
	shards->entry[number] = i + FIRST;
	shards->live_sampled += sampled;
	return i;
}

static void unfollow(struct shards *shards, uint32_t i)
{
	struct content *content = content_at(shards, i);

	shards->live_sampled -= content->sampled;
	content->used = false;
	content->number = shards->free_content;
	shards->free_content = i;
}

/* The first page of a content: is it followed? */
static void meet(struct shards *shards, uint32_t number)
{
	uint64_t hash;
	uint32_t place;

	if (shards->entry[number] != UNKNOWN)
		return;
	hash = shards->source.hash(shards->source.data, number);
	place = (uint32_t)(hash >> 37);
	if (!(shards->state[number] & WEIGHED))
		weigh(shards, number, place);
	shards->entry[number] = LEFT_OUT;
	if (place >= shards->threshold || shards->state[number] & REFUSED)
		return;
	shards->sampled_contents++;
	follow(shards, number, place, true);
}

static bool is_followed(const struct shards *shards, uint32_t number)
{
	uint32_t entry = shards->entry[number];

	return entry >= FIRST && !(entry & MARK);
}

static struct stack_weight sure_weight(struct shards *shards, uint32_t number)
{
	return (struct stack_weight){
		.bytes = (int32_t)weight_of(shards, number),
	};
}

static void make_sure(struct shards *shards, uint32_t number)
{
	shards->state[number] |= SURE;
	if (weight_of(shards, number) == SHARDS_REFUSED)
		shards->state[number] |= REFUSED;
}

/*
 * From now on it is followed: a few contents may have most of the pages, and a sample has
 * them or has them not. Pages that it has already stay with the others.
 */
static void make_heavy(struct shards *shards, uint32_t number)
{
	make_sure(shards, number);
	shards->state[number] |= HEAVY;
	shards->put[number] = sure_weight(shards, number);
	if (!(shards->state[number] & REFUSED) && !is_followed(shards, number))
		follow(shards, number, 0, false);
}

/*
 * Without dedup its pages weigh the same, so that one wrong guess is many wrong
 * guesses: from the second page on it is none. A page's own is not changed while
 * it is there.
 */
static struct stack_weight weight_now(struct shards *shards, uint32_t number)
{
	return shards->state[number] & SURE ? sure_weight(shards, number) :
	       shards->put[number];
}

/* Where the content was, what it has reached there is counted. */
static void leave_place(struct shards *shards, uint32_t number)
{
	uint32_t entry = shards->entry[number];

	count_stay(shards, number);
	/* once it is HEAVY, its early page remembers */
	if (shards->options.sample && !(shards->state[number] & HEAVY))
		past_add(shards->past, number, when(shards),
			 place_reached(shards, number));
	if (entry & MARK && shards->options.sample)
		stack_take(shards->stack, entry & ~MARK, shards->put[number]);
}

static void enter_place(struct shards *shards, uint32_t number)
{
	struct stack_weight put = shards->put[number];
	struct content *content;

	if (!is_followed(shards, number)) {
		uint32_t mark = stack_mark(shards->stack);

		if (shards->options.sample)
			stack_put(shards->stack, mark, put);
		shards->entry[number] = MARK | mark;
		return;
	}
	content = content_at(shards, shards->entry[number] - FIRST);
	if (content->name == CURVE_NONE)
		content->name = curve_push(shards->curve, content->weight, put);
	else
		curve_again(shards->curve, content->name, content->weight, put);
	if (shards->state[number] & HEAVY && content->early == CURVE_NONE)
		content->early = curve_page(shards->curve, content->name);
}

static uint32_t new_page(struct shards *shards)
{
	uint32_t i = shards->free_page;

	if (i == CURVE_NONE) {
		i = shards->pages->len;
		g_array_set_size(shards->pages, i + 1);
	} else {
		shards->free_page = page_at(shards, i)->name;
	}
	return i;
}

static void follow_page(struct shards *shards, unsigned int type,
			uint64_t slot, uint32_t at)
{
	struct content *content = content_at(shards, at);
	uint32_t number = content->number, i = new_page(shards);
	struct page *page = page_at(shards, i);

	*page = (struct page){
		.slot = slot, .type = (uint8_t)type, .content = at,
		.mark = when(shards),
		.sure = shards->state[number] & HEAVY, .own = CURVE_NONE,
	};
	content->pages++;
	if (!shards->options.dedup)
		page->own = curve_push(shards->curve, content->weight,
				       weight_now(shards, number));
	page->name = curve_page(shards->curve, shards->options.dedup ?
				content->name : page->own);
	slots_put(shards->slots, type, slot, i + 1);
}

static void leave_out_page(struct shards *shards, unsigned int type,
			   uint64_t slot, uint32_t number)
{
	uint32_t mark = when(shards);

	if (shards->options.sample && !shards->options.dedup) {
		stack_put(shards->stack, mark, weight_now(shards, number));
		if (shards->state[number] & SURE)
			mark |= MARK_SURE;
	}
	slots_put(shards->slots, type, slot, MARK | mark);
}

/* The page is no longer looked at. */
static void unfollow_page(struct shards *shards, uint32_t i)
{
	struct page *page = page_at(shards, i);

	curve_leave(shards->curve, page->name);
	content_at(shards, page->content)->pages--;
	page->content = CURVE_NONE;
	page->name = shards->free_page;
	shards->free_page = i;
}

/*
 * What is beyond the threshold stays where it is, but is one of the others now: its
 * weight is there, and its depth that of its neighbours.
 */
static void forget_pages(struct shards *shards)
{
	for (uint32_t i = 0; i < shards->pages->len; i++) {
		const struct page *page = page_at(shards, i);
		uint32_t own = page->own, mark = page->mark;

		if (page->content == CURVE_NONE || page->sure ||
		    content_at(shards, page->content)->place <
		    shards->threshold)
			continue;
		if (own != CURVE_NONE)
			mark = curve_unname(shards->curve, own);
		slots_put(shards->slots, page->type, page->slot, MARK | mark);
		unfollow_page(shards, i);
	}
}

static void lower_threshold(struct shards *shards)
{
	/* by an eighth, where SHARDS takes out one content: O(log n) walks in all */
	shards->threshold -= shards->threshold / 8;
	forget_pages(shards);
	for (uint32_t i = 0; i < shards->contents->len; i++) {
		struct content *content = content_at(shards, i);
		uint32_t number = content->number;

		if (!content->used || !content->sampled ||
		    content->place < shards->threshold)
			continue;
		if (shards->state[number] & HEAVY) {
			content->sampled = false;
			shards->live_sampled--;
			continue;
		}
		shards->entry[number] = LEFT_OUT;
		if (content->name != CURVE_NONE)
			shards->entry[number] = MARK |
				curve_unname(shards->curve, content->name);
		unfollow(shards, i);
	}
}

/*----------------------------------------------------------------- events */

void shards_store(struct shards *shards, unsigned int type, uint64_t slot,
		  uint32_t number)
{
	const struct shards_options *o = &shards->options;

	shards->stores++;
	meet(shards, number);
	if (o->dedup && nr_pages(shards, number))
		leave_place(shards, number);
	shards->live++;
	shards->live_contents += !nr_pages(shards, number);
	shards->state[number]++;
	if (o->dedup && o->sample && nr_pages(shards, number) == MANY &&
	    !(shards->state[number] & HEAVY))
		make_heavy(shards, number);
	if (!o->dedup && o->sample && nr_pages(shards, number) == 2)
		make_sure(shards, number);
	if (o->dedup)
		enter_place(shards, number);
	if (is_followed(shards, number))
		follow_page(shards, type, slot, shards->entry[number] - FIRST);
	else
		leave_out_page(shards, type, slot, number);
	shards->peak = (uint64_t)MAX((int64_t)shards->peak,
				     stack_total(shards->stack));
	while (o->sample_size && shards->live_sampled > o->sample_size &&
	       shards->threshold > THRESHOLD_MIN)
		lower_threshold(shards);
}

void shards_load(struct shards *shards, unsigned int type, uint64_t slot,
		 uint32_t number)
{
	uint32_t held = slots_get(shards->slots, type, slot);

	shards->loads++;
	shards->sampled_loads += !(held & MARK);
	count_held(shards, LOADS, number, held);
}

/* With its last page a content goes, and is met anew should it come again. */
static void end_content(struct shards *shards, uint32_t number)
{
	uint32_t at = shards->entry[number] - FIRST;
	bool followed = is_followed(shards, number);

	if (shards->options.dedup)
		leave_place(shards, number);
	if (shards->options.dedup && shards->options.sample)
		past_forget(shards->past, number);
	if (followed && content_at(shards, at)->early != CURVE_NONE)
		curve_leave(shards->curve, content_at(shards, at)->early);
	if (followed && shards->options.dedup)
		curve_end(shards->curve, content_at(shards, at)->name);
	shards->entry[number] = followed && content_at(shards, at)->sampled ?
				UNKNOWN : LEFT_OUT;
	if (followed)
		unfollow(shards, at);
	shards->state[number] &= REFUSED | WEIGHED | SURE;
	if (shards->state[number] & SURE)
		shards->put[number] = sure_weight(shards, number);
}

void shards_drop(struct shards *shards, unsigned int type, uint64_t slot,
		 uint32_t number)
{
	uint32_t held = slots_get(shards->slots, type, slot);

	count_held(shards, PAGES, number, held);
	if (held & MARK) {
		if (shards->options.sample && !shards->options.dedup)
			stack_take(shards->stack, mark_of(held),
				   held & MARK_SURE ?
				   sure_weight(shards, number) :
				   shards->put[number]);
	} else {
		uint32_t own = page_at(shards, held - 1)->own;

		unfollow_page(shards, held - 1);
		if (own != CURVE_NONE)
			curve_end(shards->curve, own);
	}
	slots_put(shards->slots, type, slot, SLOT_EMPTY);
	shards->live--;
	if (!(--shards->state[number] & PAGES_MAX)) {
		shards->live_contents--;
		end_content(shards, number);
	}
}

void shards_stays(struct shards *shards, unsigned int type, uint64_t slot,
		  uint32_t number)
{
	count_held(shards, PAGES, number,
		   slots_get(shards->slots, type, slot));
}

void shards_finish(struct shards *shards)
{
	for (uint64_t i = 0; shards->options.dedup && i < shards->nr_contents;
	     i++)
		if (nr_pages(shards, (uint32_t)i))
			count_stay(shards, (uint32_t)i);
	for (unsigned int i = 0; i < NR_WHAT; i++) {
		tally_settle(shards->tally[i]);
		if (!shards->options.sample)
			continue;
		tally_straighten(shards->tally[i]);
		for (unsigned int g = 0; g < GROUPS; g++)
			tally_settle(shards->apart[i][g]);
	}
	if (!shards->options.sample)
		return;
	tally_settle(shards->doubt);
	tally_settle(shards->seen);
}

/*-------------------------------------------------------------- estimates */

uint32_t shards_threshold(const struct shards *shards)
{
	return shards->threshold;
}

uint64_t shards_sampled_contents(const struct shards *shards)
{
	return shards->sampled_contents;
}

uint64_t shards_loads(const struct shards *shards)
{
	return shards->loads;
}

uint64_t shards_peak(const struct shards *shards)
{
	return shards->peak;
}

uint64_t shards_step(const struct shards *shards)
{
	uint64_t step = 0;

	for (unsigned int i = 0; i < NR_WHAT; i++)
		step = MAX(step, tally_step(shards->tally[i]));
	return step;
}

/* The standard error of a depth of @size: by those seen near it. */
static double depth_error(const struct shards *shards, double size)
{
	double near = NEAR, seen, doubt;

	if (shards->asked == SHARDS_ALL || !tally_all(shards->seen))
		return 0;
	for (;;) {
		seen = tally_within(shards->seen, size * near) -
		       tally_within(shards->seen, size / near);
		if (seen >= GROUPS)
			break;
		if (near > 1e9)
			return 0;
		near *= near;
	}
	doubt = tally_within(shards->doubt, size * near) -
		tally_within(shards->doubt, size / near);
	return sqrt(fmax(doubt, 0) / seen);
}

/* Of what the groups correct, beyond @size or all up to it. */
static double group_error(const struct shards *shards, enum what what,
			  double size, bool beyond)
{
	double mean = 0, square = 0;

	for (int pass = 0; pass < 2; pass++)
		for (unsigned int g = 0; g < GROUPS; g++) {
			const struct tally *t = shards->apart[what][g];
			double x = tally_within(t, size);

			if (beyond)
				x = tally_all(t) - x;
			if (pass)
				square += (x - mean) * (x - mean);
			else
				mean += x / GROUPS;
		}
	/* of the sum of the groups */
	return sqrt(square * GROUPS / (GROUPS - 1));
}

/*
 * Two errors that have nothing to do with each other: how many had reached a depth,
 * and which depth that was. The second one moves the curve sideways.
 */
static void set_interval(const struct shards *shards, enum what what,
			 double size, bool beyond, double few, double top,
			 struct shards_estimate *e)
{
	const struct tally *tally = shards->tally[what];
	double aside = NORMAL * depth_error(shards, size);
	double here = tally_within(tally, size);
	double down = here - tally_within(tally, size - aside);
	double up = tally_within(tally, size + aside) - here;
	double half = T_GROUPS * group_error(shards, what, size, beyond) + few;

	if (beyond) {
		double swap = down;

		down = up;
		up = swap;
	}
	e->low = fmax(0, e->value - sqrt(half * half + down * down));
	e->high = fmin(top, e->value + sqrt(half * half + up * up));
}

static void set_rate(const struct shards *shards, double size, double hits,
		     struct shards_estimate *e)
{
	double all = (double)shards->loads, top = all + hits;
	double seen = (double)shards->sampled_loads;

	e->value = -1;
	if (top <= 0)
		return;
	e->value = fmin(fmax(tally_within(shards->tally[LOADS], size), 0), all);
	if (shards->options.sample)
		set_interval(shards, LOADS, size, false,
			     seen > 0 ? FEW * all / seen : all, all, e);
	e->value = (e->value + hits) / top;
	e->low = (e->low + hits) / top;
	e->high = (e->high + hits) / top;
}

static void set_count(const struct shards *shards, enum what what, double size,
		      struct shards_estimate *e)
{
	const struct tally *tally = shards->tally[what];

	e->value = fmax(tally_all(tally) - tally_within(tally, size), 0);
	if (shards->options.sample)
		set_interval(shards, what, size, true,
			     FEW * scale_now(shards),
			     fmax((double)shards->stores, e->value), e);
}

void shards_at(const struct shards *shards, uint64_t size, uint64_t hits,
	       struct shards_point *point)
{
	memset(point, 0, sizeof(*point));
	set_rate(shards, (double)size, (double)hits, &point->hit_rate);
	set_count(shards, PAGES, (double)size, &point->writebacks);
	/* without dedup a page is a content */
	set_count(shards, shards->options.dedup ? CONTENTS : PAGES,
		  (double)size, &point->content_writebacks);
}

void shards_mean(const struct shards *shards, struct shards_sharing *sharing)
{
	double events = shards->now ? (double)shards->now : 1;

	sharing->pages = shards->sum_live / events;
	sharing->contents = shards->sum_contents / events;
}

void shards_last(const struct shards *shards, struct shards_sharing *sharing)
{
	sharing->pages = (double)shards->live;
	sharing->contents = (double)shards->live_contents;
}
