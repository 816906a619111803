/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * curve.c - writebacks and hits of an ideal LRU pool, for all its sizes at once
 *
 * A content is put on top of the stack by each store of it. A page that was there
 * before is on the device for the sizes that the content had outgrown by then,
 * whether or not it was stored again under another slot; so what a page has reached
 * is the greatest depth of its content from the page's own store on. Pages that have
 * reached the same are a group: a union-find forest, whose roots stand in their
 * content's list, the newest first, those that reached more behind it.
 */
#include "curve.h"

#include <stdbool.h>
#include <string.h>

#include <glib.h>

#include "stack.h"

#define BINS 65536u
#define STEP_MIN 64u
#define ONE 65536u	/* a count of one */

/**
 * struct counts - how many had reached which depth
 * @step: without sizes: bin i counts those in (i, i + 1] steps. It is doubled, and the
 *        bins are added in pairs, when a depth lies beyond; so that the sums up
 *        to a multiple of the step are always exact
 * @bins: with sizes: of those that fit into sizes[i], and not into the one before
 */
struct counts {
	uint64_t step;
	uint64_t *bins;
	uint64_t all;
};

/**
 * struct page - a page, or what is left of one that others were grouped under
 * @parent: CURVE_NONE: this is a group's root, and @content and what follows hold
 * @refs:   1 for the page itself, and the nodes grouped under it
 * @reached: before its content was last put on top
 * @pages:  of the group that are still in their slots
 */
struct page {
	uint64_t reached;
	uint32_t parent, refs, rank;
	uint32_t content;
	uint32_t newer, older;
	uint32_t pages;
};

struct content {
	uint32_t object;	/* in the stack */
	uint32_t pages;
	uint32_t newest;	/* group */
};

struct curve {
	struct stack *stack;
	GArray *pages, *contents;
	uint32_t free_page, free_content;
	uint32_t up, down;
	uint64_t weight;	/* what one counts for: the inverse of the share, in 1/ONE */
	uint64_t peak, refused;
	const uint64_t *sizes;
	unsigned int nr;
	struct counts counts[CURVE_NR_COUNTS];
};

static struct page *page_at(struct curve *curve, uint32_t i)
{
	return &g_array_index(curve->pages, struct page, i);
}

static struct content *content_at(struct curve *curve, uint32_t i)
{
	return &g_array_index(curve->contents, struct content, i);
}

struct curve *curve_new(const uint64_t *sizes, unsigned int nr, uint32_t down)
{
	struct curve *curve = g_new0(struct curve, 1);

	curve->stack = stack_new();
	curve->pages = g_array_new(FALSE, FALSE, sizeof(struct page));
	curve->contents = g_array_new(FALSE, FALSE, sizeof(struct content));
	curve->free_page = curve->free_content = CURVE_NONE;
	curve->down = down;
	curve->sizes = sizes;
	curve->nr = nr;
	for (unsigned int i = 0; i < CURVE_NR_COUNTS; i++) {
		curve->counts[i].step = STEP_MIN;
		curve->counts[i].bins = g_new0(uint64_t, nr ? nr : BINS);
	}
	return curve;
}

void curve_free(struct curve *curve)
{
	if (!curve)
		return;
	stack_free(curve->stack);
	g_array_free(curve->pages, TRUE);
	g_array_free(curve->contents, TRUE);
	for (unsigned int i = 0; i < CURVE_NR_COUNTS; i++)
		g_free(curve->counts[i].bins);
	g_free(curve);
}

void curve_share(struct curve *curve, uint32_t up)
{
	if (curve->up)
		stack_scale(curve->stack, up, curve->up);
	curve->up = up;
	curve->weight = (uint64_t)ONE * curve->down / up;
}

/*--------------------------------------------------------------- counting */

/* The share of the others stands for all of them; an object itself is there once. */
static uint64_t scaled(const struct curve *curve, uint64_t depth,
		       uint32_t weight)
{
	return weight + (uint64_t)((unsigned __int128)(depth - weight) *
				   curve->down / curve->up);
}

static unsigned int first_size(const struct curve *curve, uint64_t depth)
{
	unsigned int low = 0, high = curve->nr;

	while (low < high) {
		unsigned int middle = (low + high) / 2;

		if (curve->sizes[middle] < depth)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static void count_many(struct curve *curve, enum curve_count what,
		       uint64_t depth, uint32_t many)
{
	struct counts *counts = &curve->counts[what];
	uint64_t weight = curve->weight * many;

	counts->all += weight;
	if (curve->nr) {
		unsigned int i = first_size(curve, depth);

		if (i < curve->nr)
			counts->bins[i] += weight;
		return;
	}
	while (depth > counts->step * BINS) {
		for (unsigned int i = 0; i < BINS; i++) {
			uint64_t bin = counts->bins[i];

			counts->bins[i] = 0;
			counts->bins[i / 2] += bin;
		}
		counts->step *= 2;
	}
	counts->bins[depth ? (depth - 1) / counts->step : 0] += weight;
}

static void count(struct curve *curve, enum curve_count what, uint64_t depth)
{
	count_many(curve, what, depth, 1);
}

uint64_t curve_peak(const struct curve *curve)
{
	return curve->peak;
}

uint64_t curve_step(const struct curve *curve)
{
	uint64_t step = 0;

	for (unsigned int i = 0; i < CURVE_NR_COUNTS; i++)
		step = MAX(step, curve->counts[i].step);
	return step;
}

uint64_t curve_within(const struct curve *curve, enum curve_count what,
		      uint64_t size)
{
	const struct counts *counts = &curve->counts[what];
	uint64_t nr = curve->nr ? first_size(curve, size + 1) :
		      MIN(size / counts->step, BINS), sum = 0;

	for (uint64_t i = 0; i < nr; i++)
		sum += counts->bins[i];
	return sum;
}

uint64_t curve_all(const struct curve *curve, enum curve_count what)
{
	return curve->counts[what].all;
}

/*----------------------------------------------------------------- groups */

static uint32_t new_page(struct curve *curve, uint32_t content)
{
	uint32_t i = curve->free_page;
	struct page *page;

	if (i == CURVE_NONE) {
		i = curve->pages->len;
		g_array_set_size(curve->pages, i + 1);
	} else {
		curve->free_page = page_at(curve, i)->parent;
	}
	page = page_at(curve, i);
	*page = (struct page){
		.parent = CURVE_NONE, .refs = 1, .content = content,
		.newer = CURVE_NONE, .older = CURVE_NONE, .pages = 1,
	};
	return i;
}

/* Refs of 0 are what tells a free page from one in use. */
static void free_page(struct curve *curve, uint32_t i)
{
	page_at(curve, i)->parent = curve->free_page;
	curve->free_page = i;
}

static uint32_t find_root(struct curve *curve, uint32_t i)
{
	/* by rank, so that the way is short */
	while (page_at(curve, i)->parent != CURVE_NONE)
		i = page_at(curve, i)->parent;
	return i;
}

static void unlink_group(struct curve *curve, uint32_t root)
{
	struct page *group = page_at(curve, root);

	if (group->older != CURVE_NONE)
		page_at(curve, group->older)->newer = group->newer;
	if (group->newer != CURVE_NONE)
		page_at(curve, group->newer)->older = group->older;
	else
		content_at(curve, group->content)->newest = group->older;
}

static void link_newest(struct curve *curve, uint32_t root)
{
	struct page *group = page_at(curve, root);
	struct content *content = content_at(curve, group->content);

	group->newer = CURVE_NONE;
	group->older = content->newest;
	if (content->newest != CURVE_NONE)
		page_at(curve, content->newest)->newer = root;
	content->newest = root;
}

static uint32_t unite(struct curve *curve, uint32_t a, uint32_t b)
{
	if (page_at(curve, a)->rank < page_at(curve, b)->rank) {
		uint32_t swap = a;

		a = b;
		b = swap;
	}
	page_at(curve, a)->rank += page_at(curve, a)->rank ==
				   page_at(curve, b)->rank;
	page_at(curve, a)->pages += page_at(curve, b)->pages;
	page_at(curve, b)->parent = a;
	page_at(curve, a)->refs++;
	return a;
}

/* All pages of the content have now reached @depth at least. */
static void raise_groups(struct curve *curve, uint32_t content, uint64_t depth)
{
	uint32_t raised = CURVE_NONE, group;

	while ((group = content_at(curve, content)->newest) != CURVE_NONE &&
	       page_at(curve, group)->reached <= depth) {
		unlink_group(curve, group);
		raised = raised == CURVE_NONE ? group :
			 unite(curve, raised, group);
	}
	if (raised == CURVE_NONE)
		return;
	page_at(curve, raised)->reached = depth;
	link_newest(curve, raised);
}

static uint64_t reached(struct curve *curve, uint32_t page)
{
	const struct page *root = page_at(curve, find_root(curve, page));
	uint32_t object = content_at(curve, root->content)->object;
	uint64_t depth = stack_depth(curve->stack, object);

	return scaled(curve, MAX(depth, root->reached),
		      stack_weight(curve->stack, object));
}

/*----------------------------------------------------------------- events */

static uint32_t new_content(struct curve *curve)
{
	uint32_t i = curve->free_content;

	if (i == CURVE_NONE) {
		i = curve->contents->len;
		g_array_set_size(curve->contents, i + 1);
	} else {
		curve->free_content = content_at(curve, i)->newest;
	}
	*content_at(curve, i) = (struct content){ .newest = CURVE_NONE };
	return i;
}

uint32_t curve_store(struct curve *curve, uint32_t *content, uint32_t weight)
{
	uint32_t page;

	if (*content == CURVE_NONE) {
		*content = new_content(curve);
	} else {
		uint64_t depth = stack_remove(curve->stack,
				content_at(curve, *content)->object);

		count(curve, CURVE_CONTENTS, scaled(curve, depth, weight));
		raise_groups(curve, *content, depth);
	}
	content_at(curve, *content)->object = stack_push(curve->stack, weight);
	content_at(curve, *content)->pages++;
	page = new_page(curve, *content);
	link_newest(curve, page);
	curve->peak = MAX(curve->peak,
			  scaled(curve, stack_total(curve->stack), 0));
	return page;
}

void curve_load(struct curve *curve, uint32_t page)
{
	count(curve, CURVE_LOADS, reached(curve, page));
}

static void remove_page(struct curve *curve, uint32_t page, bool counted)
{
	struct page *root = page_at(curve, find_root(curve, page));
	uint32_t number = root->content;
	struct content *content = content_at(curve, number);
	uint64_t depth;
	uint32_t weight;

	root->pages--;
	while (!--page_at(curve, page)->refs) {
		uint32_t parent = page_at(curve, page)->parent;

		if (parent == CURVE_NONE)
			unlink_group(curve, page);
		free_page(curve, page);
		if (parent == CURVE_NONE)
			break;
		page = parent;
	}
	if (--content->pages)
		return;
	weight = stack_weight(curve->stack, content->object);
	depth = stack_remove(curve->stack, content->object);
	if (counted)
		count(curve, CURVE_CONTENTS, scaled(curve, depth, weight));
	content->newest = curve->free_content;
	curve->free_content = number;
}

void curve_drop(struct curve *curve, uint32_t page)
{
	count(curve, CURVE_PAGES, reached(curve, page));
	remove_page(curve, page, true);
}

void curve_forget(struct curve *curve, uint32_t page)
{
	remove_page(curve, page, false);
}

void curve_miss(struct curve *curve)
{
	curve->counts[CURVE_LOADS].all += curve->weight;
}

void curve_refuse(struct curve *curve)
{
	curve->refused += curve->weight;
}

uint64_t curve_refused(const struct curve *curve)
{
	return curve->refused;
}

void curve_finish(struct curve *curve)
{
	for (uint32_t i = 0; i < curve->pages->len; i++) {
		const struct page *page = page_at(curve, i);

		if (page->refs && page->parent == CURVE_NONE && page->pages)
			count_many(curve, CURVE_PAGES, reached(curve, i),
				   page->pages);
	}
	for (uint32_t i = 0; i < curve->contents->len; i++) {
		const struct content *content = content_at(curve, i);

		if (!content->pages)
			continue;
		count(curve, CURVE_CONTENTS,
		      scaled(curve, stack_depth(curve->stack, content->object),
			     stack_weight(curve->stack, content->object)));
	}
}
