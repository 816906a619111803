/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * shards.c - a curve of all contents, or of a sample of them
 *
 * Beside the curve of the whole sample there are GROUPS curves of disjoint parts of
 * it, told apart by other bits of the hash, each with a stack of its own: they are
 * independent of each other, so how far they are apart says how far the whole may be
 * from the truth ("random groups", Wolter, Introduction to Variance Estimation).
 */
#include "shards.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <glib.h>

#include "curve.h"
#include "slots.h"

#define GROUPS 16u
#define T_GROUPS 2.1314		/* Student, 0.975, GROUPS - 1 */
#define SLICES 64u
#define T_SLICES 1.9990		/* Student, 0.975, SLICES - 2 */
#define FEW 3.0			/* what was never seen in n may be 3 / n of all, with 95 % */
#define EXTRA 4.0		/* duplicates of a content that was missed, for want of one seen */
#define MANY 16u		/* pages, from which on a content's are counted */
#define COUNTED (1u << 31)	/* beside the number of pages in count[] */
#define THRESHOLD_MIN 64u
#define ONE 65536.0		/* curve.h counts in 1/ONE */

/* What entry[] holds of a content. */
#define UNKNOWN 0u
#define LEFT_OUT 1u
#define FIRST 2u

/**
 * struct content - one that is in a slot now
 * @place:  its hash, to be compared with the threshold
 * @number: the caller's
 * @pages:  0: free, and @number is the next free one
 * @whole, @part: its name in the curve of the whole, and in its group's
 * @slice:  SLICES: it has many pages, which are counted without the sample
 */
struct content {
	uint32_t place, number, weight, pages;
	uint32_t whole, part;
	uint8_t slice, group;
};

struct page {
	uint64_t slot;
	uint32_t content;	/* CURVE_NONE: free, and @whole is the next free one */
	uint32_t whole, part;
	uint8_t type;
};

/* Of a slice of the hash: what is live, and its integral over the events, scaled up. */
struct slice {
	uint64_t pages, contents, since;
	double sum_pages, sum_contents;
};

struct shards {
	struct shards_options options;
	struct shards_source source;
	uint32_t threshold;
	struct slots *slots;
	uint32_t *entry, *count;
	GArray *contents, *pages;
	uint32_t free_content, free_page;
	uint64_t live_contents, sampled_contents;
	uint64_t now, live, stores, loads;
	double sum_live;
	struct slice slices[SLICES + 1];	/* the last one is known, not sampled */
	struct curve *whole, *groups[GROUPS];
};

static struct content *content_at(const struct shards *shards, uint32_t i)
{
	return &g_array_index(shards->contents, struct content, i);
}

static struct page *page_at(const struct shards *shards, uint32_t i)
{
	return &g_array_index(shards->pages, struct page, i);
}

static void share_curves(struct shards *shards)
{
	curve_share(shards->whole, shards->threshold);
	for (unsigned int i = 0; shards->options.intervals && i < GROUPS; i++)
		curve_share(shards->groups[i], shards->threshold);
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
	shards->contents = g_array_new(FALSE, FALSE, sizeof(struct content));
	shards->pages = g_array_new(FALSE, FALSE, sizeof(struct page));
	shards->free_content = shards->free_page = CURVE_NONE;
	shards->whole = curve_new(options->sizes, options->nr, SHARDS_ALL);
	for (unsigned int i = 0; options->intervals && i < GROUPS; i++)
		shards->groups[i] = curve_new(options->sizes, options->nr,
					      SHARDS_ALL * GROUPS);
	share_curves(shards);
	shards->slots = slots_new(summary);
	shards->entry = calloc(nr_contents + 1, sizeof(*shards->entry));
	shards->count = calloc(nr_contents + 1, sizeof(*shards->count));
	if (shards->slots && shards->entry && shards->count)
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
	free(shards->count);
	g_array_free(shards->contents, TRUE);
	g_array_free(shards->pages, TRUE);
	curve_free(shards->whole);
	for (unsigned int i = 0; i < GROUPS; i++)
		curve_free(shards->groups[i]);
	g_free(shards);
}

/*---------------------------------------------------------------- sharing */

static double scale_now(const struct shards *shards)
{
	return (double)SHARDS_ALL / shards->threshold;
}

static void integrate(struct shards *shards, struct slice *slice)
{
	double scale = slice == &shards->slices[SLICES] ? 1 :
		       scale_now(shards);
	double span = (double)(shards->now - slice->since) * scale;

	slice->sum_pages += (double)slice->pages * span;
	slice->sum_contents += (double)slice->contents * span;
	slice->since = shards->now;
}

static void live_changes(struct shards *shards, unsigned int i, int64_t pages,
			 int64_t contents)
{
	struct slice *slice = &shards->slices[i];

	integrate(shards, slice);
	slice->pages += (uint64_t)pages;
	slice->contents += (uint64_t)contents;
}

/*
 * A few contents may have most of the duplicates, and a sample has them or has them
 * not. So those that have MANY pages at a time are counted until their last page
 * goes; the sample stands for the others.
 */
static void count_store(struct shards *shards, uint32_t number)
{
	uint32_t *count = &shards->count[number];
	uint32_t at = shards->entry[number];

	shards->live++;
	++*count;
	if (*count & COUNTED) {
		live_changes(shards, SLICES, 1, 0);
	} else if (*count == MANY && shards->options.intervals) {
		live_changes(shards, SLICES, MANY, 1);
		*count |= COUNTED;
		if (at < FIRST)
			return;
		live_changes(shards, content_at(shards, at - FIRST)->slice,
			     -(int64_t)MANY, -1);
		content_at(shards, at - FIRST)->slice = SLICES;
	}
}

static void count_drop(struct shards *shards, uint32_t number)
{
	uint32_t *count = &shards->count[number];

	shards->live--;
	--*count;
	if (*count & COUNTED)
		live_changes(shards, SLICES, -1, *count == COUNTED ? -1 : 0);
	if (*count == COUNTED)
		*count = 0;
}

void shards_tick(struct shards *shards)
{
	shards->now++;
	shards->sum_live += (double)shards->live;
}

/*----------------------------------------------------------------- sample */

static struct curve *group_of(const struct shards *shards,
			      const struct content *content)
{
	return shards->groups[content->group];
}

/* The content's place in the sample, or CURVE_NONE. */
static uint32_t find_content(struct shards *shards, uint32_t number)
{
	uint32_t i = shards->free_content, place;
	struct content *content;
	uint64_t hash;

	if (shards->entry[number] != UNKNOWN)
		return shards->entry[number] == LEFT_OUT ? CURVE_NONE :
		       shards->entry[number] - FIRST;
	hash = shards->source.hash(shards->source.data, number);
	place = (uint32_t)(hash >> 37);
	if (place >= shards->threshold) {
		shards->entry[number] = LEFT_OUT;
		return CURVE_NONE;
	}
	if (i == CURVE_NONE) {
		i = shards->contents->len;
		g_array_set_size(shards->contents, i + 1);
	} else {
		shards->free_content = content_at(shards, i)->number;
	}
	content = content_at(shards, i);
	*content = (struct content){
		.place = place, .number = number,
		.weight = shards->source.weight(shards->source.data, number),
		.whole = CURVE_NONE, .part = CURVE_NONE,
		.slice = (uint8_t)(hash % SLICES),
		.group = (uint8_t)(hash % GROUPS),
	};
	shards->entry[number] = i + FIRST;
	shards->sampled_contents++;
	return i;
}

static uint32_t new_page(struct shards *shards)
{
	uint32_t i = shards->free_page;

	if (i == CURVE_NONE) {
		i = shards->pages->len;
		g_array_set_size(shards->pages, i + 1);
	} else {
		shards->free_page = page_at(shards, i)->whole;
	}
	return i;
}

/* The page's last look at its content; @mark is what is known of it without pages. */
static void put_page(struct shards *shards, uint32_t i, uint32_t mark)
{
	struct page *page = page_at(shards, i);
	struct content *content = content_at(shards, page->content);

	slots_put(shards->slots, page->type, page->slot, SLOT_EMPTY);
	content->pages--;
	if (content->slice < SLICES)
		live_changes(shards, content->slice, -1,
			     content->pages ? 0 : -1);
	if (!content->pages) {
		shards->live_contents--;
		shards->entry[content->number] = mark;
		content->number = shards->free_content;
		shards->free_content = page->content;
	}
	page->content = CURVE_NONE;
	page->whole = shards->free_page;
	shards->free_page = i;
}

static void forget_beyond(struct shards *shards)
{
	for (uint32_t i = 0; i < shards->pages->len; i++) {
		const struct page *page = page_at(shards, i);
		const struct content *content;

		if (page->content == CURVE_NONE)
			continue;
		content = content_at(shards, page->content);
		if (content->place < shards->threshold)
			continue;
		if (content->weight != SHARDS_REFUSED) {
			curve_forget(shards->whole, page->whole);
			if (shards->options.intervals)
				curve_forget(group_of(shards, content),
					     page->part);
		}
		put_page(shards, i, LEFT_OUT);
	}
}

/* By an eighth at a time, where SHARDS takes out one content: O(log n) walks in all. */
static void lower_threshold(struct shards *shards)
{
	for (unsigned int i = 0; i <= SLICES; i++)
		integrate(shards, &shards->slices[i]);
	shards->threshold -= shards->threshold / 8;
	forget_beyond(shards);
	share_curves(shards);
}

void shards_store(struct shards *shards, unsigned int type, uint64_t slot,
		  uint32_t number)
{
	uint32_t at = find_content(shards, number), i;
	struct content *content;
	struct page *page;

	shards->stores++;
	if (at == CURVE_NONE) {
		count_store(shards, number);
		return;
	}
	content = content_at(shards, at);
	i = new_page(shards);
	page = page_at(shards, i);
	*page = (struct page){
		.slot = slot, .type = (uint8_t)type, .content = at,
	};
	slots_put(shards->slots, type, slot, i + 1);
	if (content->slice < SLICES)
		live_changes(shards, content->slice, 1,
			     content->pages ? 0 : 1);
	shards->live_contents += !content->pages;
	count_store(shards, number);
	if (!content->pages++ || !shards->options.dedup)
		content->whole = content->part = CURVE_NONE;
	if (content->weight == SHARDS_REFUSED) {
		curve_refuse(shards->whole);
		if (shards->options.intervals)
			curve_refuse(group_of(shards, content));
	} else {
		page->whole = curve_store(shards->whole, &content->whole,
					  content->weight);
		if (shards->options.intervals)
			page->part = curve_store(group_of(shards, content),
						 &content->part,
						 content->weight);
	}
	while (shards->options.sample_size &&
	       shards->live_contents > shards->options.sample_size &&
	       shards->threshold > THRESHOLD_MIN)
		lower_threshold(shards);
}

void shards_load(struct shards *shards, unsigned int type, uint64_t slot)
{
	uint32_t held = slots_get(shards->slots, type, slot);
	const struct content *content;
	const struct page *page;

	shards->loads++;
	if (held == SLOT_EMPTY)
		return;
	page = page_at(shards, held - 1);
	content = content_at(shards, page->content);
	if (content->weight == SHARDS_REFUSED)
		curve_miss(shards->whole);
	else
		curve_load(shards->whole, page->whole);
	if (!shards->options.intervals)
		return;
	if (content->weight == SHARDS_REFUSED)
		curve_miss(group_of(shards, content));
	else
		curve_load(group_of(shards, content), page->part);
}

void shards_drop(struct shards *shards, unsigned int type, uint64_t slot,
		 uint32_t number)
{
	uint32_t held = slots_get(shards->slots, type, slot);
	const struct content *content;
	const struct page *page;

	count_drop(shards, number);
	if (held == SLOT_EMPTY)
		return;
	page = page_at(shards, held - 1);
	content = content_at(shards, page->content);
	if (content->weight != SHARDS_REFUSED) {
		curve_drop(shards->whole, page->whole);
		if (shards->options.intervals)
			curve_drop(group_of(shards, content), page->part);
	}
	put_page(shards, held - 1, UNKNOWN);
}

void shards_finish(struct shards *shards)
{
	for (unsigned int i = 0; i <= SLICES; i++)
		integrate(shards, &shards->slices[i]);
	curve_finish(shards->whole);
	for (unsigned int i = 0; shards->options.intervals && i < GROUPS; i++)
		curve_finish(shards->groups[i]);
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
	return curve_peak(shards->whole);
}

uint64_t shards_step(const struct shards *shards)
{
	uint64_t step = curve_step(shards->whole);

	for (unsigned int i = 0; shards->options.intervals && i < GROUPS; i++)
		step = MAX(step, curve_step(shards->groups[i]));
	return step;
}

static double hit_rate(const struct curve *curve, uint64_t size, double hits)
{
	double all = hits + (double)curve_all(curve, CURVE_LOADS) / ONE;

	if (all <= 0)
		return -1;
	return (hits + (double)curve_within(curve, CURVE_LOADS, size) / ONE) /
	       all;
}

/*
 * A part of the stores, whose number is known: the sample may have more or fewer of
 * them than its share of the contents.
 */
static double beyond(const struct shards *shards, const struct curve *curve,
		     uint64_t size, enum curve_count what)
{
	double seen = (double)(curve_all(curve, CURVE_PAGES) +
			       curve_refused(curve));
	double part = (double)(curve_all(curve, what) -
			       curve_within(curve, what, size));

	return seen > 0 ? part / (seen / (double)shards->stores) : 0;
}

/* By the spread of the groups; @least: what no spread shows. */
static void set_interval(struct shards_estimate *e, const double *group,
			 double least, double top)
{
	double mean = 0, square = 0, half;

	for (unsigned int i = 0; i < GROUPS; i++)
		mean += group[i] / GROUPS;
	for (unsigned int i = 0; i < GROUPS; i++)
		square += (group[i] - mean) * (group[i] - mean);
	half = T_GROUPS * sqrt(square / (GROUPS - 1) / GROUPS) + least;
	e->low = fmax(0, e->value - half);
	e->high = fmin(top, e->value + half);
}

static void rate_interval(const struct shards *shards, uint64_t size,
			  double hits, struct shards_estimate *e)
{
	double group[GROUPS];
	double seen = (double)curve_all(shards->whole, CURVE_LOADS) / ONE /
		      scale_now(shards);

	for (unsigned int i = 0; i < GROUPS; i++) {
		group[i] = hit_rate(shards->groups[i], size, hits);
		if (group[i] < 0) {
			/* too small a sample to tell anything */
			e->low = 0;
			e->high = 1;
			return;
		}
	}
	set_interval(e, group, FEW / seen, 1);
}

static void count_interval(const struct shards *shards, uint64_t size,
			   enum curve_count what, struct shards_estimate *e)
{
	double group[GROUPS];

	for (unsigned int i = 0; i < GROUPS; i++)
		group[i] = beyond(shards, shards->groups[i], size, what);
	set_interval(e, group, FEW * scale_now(shards),
		     (double)shards->stores);
}

void shards_at(const struct shards *shards, uint64_t size, uint64_t hits,
	       struct shards_point *point)
{
	const struct curve *whole = shards->whole;

	memset(point, 0, sizeof(*point));
	point->hit_rate.value = hit_rate(whole, size, (double)hits);
	point->writebacks.value = beyond(shards, whole, size, CURVE_PAGES);
	point->content_writebacks.value =
		beyond(shards, whole, size, CURVE_CONTENTS);
	if (!shards->options.intervals)
		return;
	if (point->hit_rate.value >= 0)
		rate_interval(shards, size, (double)hits, &point->hit_rate);
	count_interval(shards, size, CURVE_PAGES, &point->writebacks);
	count_interval(shards, size, CURVE_CONTENTS,
		       &point->content_writebacks);
}

/* The sampled contents by regression on their @pages, without slice @but (SLICES: with all). */
static double regress(double pages, const double *p, const double *c,
		      unsigned int but)
{
	unsigned int nr = but < SLICES ? SLICES - 1 : SLICES;
	double sum_p = 0, sum_c = 0, pp = 0, pc = 0;

	for (unsigned int i = 0; i < SLICES; i++) {
		sum_p += i == but ? 0 : p[i];
		sum_c += i == but ? 0 : c[i];
	}
	for (unsigned int i = 0; i < SLICES; i++) {
		double dp = p[i] - sum_p / nr;

		if (i == but)
			continue;
		pp += dp * dp;
		pc += dp * (c[i] - sum_c / nr);
	}
	sum_p *= (double)SLICES / nr;
	sum_c *= (double)SLICES / nr;
	return pp > 0 ? sum_c + pc / pp * (pages - sum_p) : sum_c;
}

/*
 * The pages are known; the sample's are not the same share of them as its contents
 * are of all contents when a few contents have many pages. So the contents are
 * estimated by regression on the pages over the slices (Cochran, Sampling
 * Techniques, 7): where no content is shared this is exact. The interval is the
 * jackknife's, as one content with many pages may decide the slope; and where a few
 * contents have nearly all duplicates, the sample may have missed one that has as many
 * as the slice that has most of them, or FEW contents that have EXTRA each.
 */
static void estimate_sharing(const struct shards *shards, double pages,
			     const double *p, const double *c,
			     struct shards_sharing *sharing)
{
	struct shards_estimate *e = &sharing->contents;
	double without[SLICES], mean = 0, square = 0, half;
	double missed = FEW * EXTRA * scale_now(shards);

	memset(sharing, 0, sizeof(*sharing));
	sharing->pages = pages;
	for (unsigned int i = 0; i <= SLICES; i++)
		e->value += c[i];
	if (!shards->options.intervals)
		return;
	pages -= p[SLICES];
	for (unsigned int i = 0; i < SLICES; i++) {
		without[i] = regress(pages, p, c, i);
		mean += without[i] / SLICES;
		missed = fmax(missed, p[i] - c[i]);
	}
	for (unsigned int i = 0; i < SLICES; i++)
		square += (without[i] - mean) * (without[i] - mean);
	half = T_SLICES * sqrt(square * (SLICES - 1) / SLICES);
	e->value = fmin(pages, regress(pages, p, c, SLICES)) + c[SLICES];
	e->low = fmax(0, e->value - half - missed);
	e->high = fmin(pages + c[SLICES], e->value + half);
}

void shards_mean(const struct shards *shards, struct shards_sharing *sharing)
{
	double p[SLICES + 1], c[SLICES + 1];
	double events = shards->now ? (double)shards->now : 1;

	for (unsigned int i = 0; i <= SLICES; i++) {
		p[i] = shards->slices[i].sum_pages / events;
		c[i] = shards->slices[i].sum_contents / events;
	}
	estimate_sharing(shards, shards->sum_live / events, p, c, sharing);
}

void shards_last(const struct shards *shards, struct shards_sharing *sharing)
{
	double p[SLICES + 1], c[SLICES + 1];

	for (unsigned int i = 0; i <= SLICES; i++) {
		double scale = i < SLICES ? scale_now(shards) : 1;

		p[i] = (double)shards->slices[i].pages * scale;
		c[i] = (double)shards->slices[i].contents * scale;
	}
	estimate_sharing(shards, (double)shards->live, p, c, sharing);
}
