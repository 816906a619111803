/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * stack.c - an LRU stack of weighted objects that remembers how deep each one was
 *
 * Places are handed out in the order of time; to put an object on top adds its
 * weight to the depth of all places before it, to remove one takes its weight off
 * those before it. Both are additions to a prefix, and the greatest value that each
 * element had under such additions is kept by a segment tree whose nodes hold an
 * addition not yet handed down together with the greatest of its partial sums
 * (a "historic maximum"). O(log n) per call; when the places are used up, the live
 * ones are moved together, O(1) per call on average. At most 150 bytes per live
 * object after that, and twice as much while it is done.
 */
#include "stack.h"

#include <string.h>

#include <glib.h>

#define PLACES_MIN 64u
#define NO_OBJECT UINT32_MAX

/**
 * struct node - of the tree: an addition to all leaves below
 * @sum:  what is to be added to their depth
 * @peak: the greatest that @sum has been since it was last handed down, at least 0;
 *        a leaf's own @sum and @peak are its depth and its greatest depth
 */
struct node {
	int64_t sum, peak;
};

/**
 * struct stack - the tree and who is where
 * @tree:   root at 1, leaves from @places on
 * @next:   the first place that was not handed out
 * @object: by place
 * @place, @weight: by object; a free object's place is the next free one
 */
struct stack {
	struct node *tree;
	uint32_t places, next, live;
	uint32_t *object;
	uint32_t *place, *weight;
	uint32_t nr_objects, free;
	uint64_t total;
};

static void make_places(struct stack *stack, uint32_t live)
{
	stack->places = PLACES_MIN;
	while (stack->places / 2 < live)
		stack->places *= 2;
	stack->tree = g_new0(struct node, 2 * (gsize)stack->places);
	stack->object = g_new(uint32_t, stack->places);
	memset(stack->object, 0xff, stack->places * sizeof(*stack->object));
	stack->next = 0;
}

struct stack *stack_new(void)
{
	struct stack *stack = g_new0(struct stack, 1);

	stack->free = NO_OBJECT;
	make_places(stack, 0);
	return stack;
}

void stack_free(struct stack *stack)
{
	if (!stack)
		return;
	g_free(stack->tree);
	g_free(stack->object);
	g_free(stack->place);
	g_free(stack->weight);
	g_free(stack);
}

static void apply(struct node *node, int64_t sum, int64_t peak)
{
	if (node->sum + peak > node->peak)
		node->peak = node->sum + peak;
	node->sum += sum;
}

static void hand_down(struct stack *stack, uint32_t i)
{
	struct node *node = &stack->tree[i];

	if (!node->sum && !node->peak)
		return;
	apply(&stack->tree[2 * i], node->sum, node->peak);
	apply(&stack->tree[2 * i + 1], node->sum, node->peak);
	node->sum = 0;
	node->peak = 0;
}

/* Adds @delta to the depth of all places before @place; the leaf of @place is up to date then. */
static struct node *add_below(struct stack *stack, uint32_t place,
			      int64_t delta)
{
	uint32_t leaf = stack->places + place;
	unsigned int shift = g_bit_storage(stack->places) - 1;

	while (shift--) {
		uint32_t child = leaf >> shift;

		hand_down(stack, child / 2);
		if (child % 2)
			apply(&stack->tree[child - 1], delta, MAX(delta, 0));
	}
	return &stack->tree[leaf];
}

/* The live places close together, in their order, with room for as many again. */
static void compact(struct stack *stack)
{
	struct node *tree = stack->tree;
	uint32_t *object = stack->object;
	uint32_t places = stack->places;

	for (uint32_t i = 1; i < places; i++)
		hand_down(stack, i);
	make_places(stack, stack->live + 1);
	for (uint32_t i = 0; i < places; i++) {
		if (object[i] == NO_OBJECT)
			continue;
		stack->tree[stack->places + stack->next] = tree[places + i];
		stack->object[stack->next] = object[i];
		stack->place[object[i]] = stack->next++;
	}
	g_free(tree);
	g_free(object);
}

static uint32_t new_object(struct stack *stack)
{
	uint32_t object = stack->free, nr = stack->nr_objects;

	if (object == NO_OBJECT) {
		stack->nr_objects = MAX(2 * nr, PLACES_MIN);
		stack->place = g_renew(uint32_t, stack->place,
				       stack->nr_objects);
		stack->weight = g_renew(uint32_t, stack->weight,
					stack->nr_objects);
		for (uint32_t i = nr; i < stack->nr_objects; i++)
			stack->place[i] = i + 1 < stack->nr_objects ?
					  i + 1 : NO_OBJECT;
		object = nr;
	}
	stack->free = stack->place[object];
	return object;
}

uint32_t stack_push(struct stack *stack, uint32_t weight)
{
	uint32_t object;
	struct node *leaf;

	if (stack->next == stack->places)
		compact(stack);
	object = new_object(stack);
	stack->place[object] = stack->next;
	stack->weight[object] = weight;
	stack->object[stack->next] = object;
	leaf = add_below(stack, stack->next++, weight);
	/* what was handed down to the leaf came from before its time */
	leaf->sum = weight;
	leaf->peak = weight;
	stack->live++;
	stack->total += weight;
	return object;
}

uint64_t stack_depth(struct stack *stack, uint32_t object)
{
	return (uint64_t)add_below(stack, stack->place[object], 0)->peak;
}

uint64_t stack_remove(struct stack *stack, uint32_t object)
{
	uint32_t place = stack->place[object];
	struct node *leaf = add_below(stack, place,
				      -(int64_t)stack->weight[object]);

	stack->object[place] = NO_OBJECT;
	stack->place[object] = stack->free;
	stack->free = object;
	stack->live--;
	stack->total -= stack->weight[object];
	return (uint64_t)leaf->peak;
}

uint32_t stack_weight(const struct stack *stack, uint32_t object)
{
	return stack->weight[object];
}

uint64_t stack_total(const struct stack *stack)
{
	return stack->total;
}

void stack_scale(struct stack *stack, uint32_t up, uint32_t down)
{
	compact(stack);
	for (uint32_t i = 0; i < stack->next; i++) {
		struct node *leaf = &stack->tree[stack->places + i];
		int64_t peak = (int64_t)((unsigned __int128)leaf->peak * up /
					 down);

		/* today's depth is known in the new measure already */
		leaf->peak = MAX(peak, leaf->sum);
	}
}
