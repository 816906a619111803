/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * curve.c - how deep pages and contents of an ideal LRU pool have been
 *
 * A content is put on top of the stack by each store of it. A page that was there
 * before is on the device for the sizes that the content had outgrown by then,
 * whether or not it was stored again under another slot; so what a page has reached
 * is the greatest depth of its content from the page's own store on. Pages that have
 * reached the same are a group: a union-find forest, whose roots stand in their
 * content's list, the newest first, those that reached more behind it.
 */
#include "curve.h"

#include <glib.h>

/**
 * struct page - a page, or what is left of one that others were grouped under
 * @parent: CURVE_NONE: this is a group's root, and @content and what follows hold
 * @refs:   1 for the page itself, and the nodes grouped under it
 * @reached: before its content was last put on top
 */
struct page {
	uint64_t reached;
	uint32_t parent, refs, rank;
	uint32_t content;
	uint32_t newer, older;
};

/**
 * struct content
 * @weight: its own
 * @newest: group; free: the next free content
 */
struct content {
	uint32_t object;	/* in the stack */
	uint32_t weight;
	uint32_t newest;
};

struct curve {
	struct stack *stack;
	GArray *pages, *contents;
	uint32_t free_page, free_content;
};

static struct page *page_at(struct curve *curve, uint32_t i)
{
	return &g_array_index(curve->pages, struct page, i);
}

static struct content *content_at(struct curve *curve, uint32_t i)
{
	return &g_array_index(curve->contents, struct content, i);
}

struct curve *curve_new(void)
{
	struct curve *curve = g_new0(struct curve, 1);

	curve->stack = stack_new();
	curve->pages = g_array_new(FALSE, FALSE, sizeof(struct page));
	curve->contents = g_array_new(FALSE, FALSE, sizeof(struct content));
	curve->free_page = curve->free_content = CURVE_NONE;
	return curve;
}

void curve_free(struct curve *curve)
{
	if (!curve)
		return;
	stack_free(curve->stack);
	g_array_free(curve->pages, TRUE);
	g_array_free(curve->contents, TRUE);
	g_free(curve);
}

struct stack *curve_stack(const struct curve *curve)
{
	return curve->stack;
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
		.newer = CURVE_NONE, .older = CURVE_NONE,
	};
	return i;
}

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

/*--------------------------------------------------------------- contents */

static uint32_t new_content(struct curve *curve)
{
	uint32_t i = curve->free_content;

	if (i == CURVE_NONE) {
		i = curve->contents->len;
		g_array_set_size(curve->contents, i + 1);
	} else {
		curve->free_content = content_at(curve, i)->newest;
	}
	return i;
}

static void free_content(struct curve *curve, uint32_t i)
{
	content_at(curve, i)->newest = curve->free_content;
	curve->free_content = i;
}

uint32_t curve_push(struct curve *curve, uint32_t weight,
		    struct stack_weight put)
{
	uint32_t i = new_content(curve);

	*content_at(curve, i) = (struct content){
		.object = stack_push(curve->stack, put),
		.weight = weight, .newest = CURVE_NONE,
	};
	return i;
}

uint32_t curve_object(struct curve *curve, uint32_t content)
{
	return content_at(curve, content)->object;
}

uint64_t curve_content_reached(struct curve *curve, uint32_t i)
{
	const struct content *content = content_at(curve, i);

	return stack_above(curve->stack, content->object) + content->weight;
}

void curve_again(struct curve *curve, uint32_t i, uint32_t weight,
		 struct stack_weight put)
{
	struct content *content = content_at(curve, i);

	raise_groups(curve, i, curve_content_reached(curve, i));
	stack_remove(curve->stack, content->object);
	content->object = stack_push(curve->stack, put);
	content->weight = weight;
}

void curve_end(struct curve *curve, uint32_t content)
{
	stack_remove(curve->stack, content_at(curve, content)->object);
	free_content(curve, content);
}

uint32_t curve_unname(struct curve *curve, uint32_t content)
{
	uint32_t object = content_at(curve, content)->object;

	free_content(curve, content);
	return stack_unname(curve->stack, object);
}

/*------------------------------------------------------------------ pages */

uint32_t curve_page(struct curve *curve, uint32_t content)
{
	uint32_t page = new_page(curve, content);

	link_newest(curve, page);
	return page;
}

uint64_t curve_reached(struct curve *curve, uint32_t page)
{
	const struct page *root = page_at(curve, find_root(curve, page));
	uint64_t depth = curve_content_reached(curve, root->content);

	return MAX(depth, root->reached);
}

void curve_leave(struct curve *curve, uint32_t page)
{
	while (!--page_at(curve, page)->refs) {
		uint32_t parent = page_at(curve, page)->parent;

		if (parent == CURVE_NONE)
			unlink_group(curve, page);
		free_page(curve, page);
		if (parent == CURVE_NONE)
			break;
		page = parent;
	}
}
