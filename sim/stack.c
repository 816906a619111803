/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * stack.c - an LRU stack of weighted objects that remembers how deep each one was
 *
 * Places are handed out in the order of time; to put something on top adds its
 * weight to what is above all places before it, to remove it takes its weight off
 * those. Both are additions to a prefix, and the greatest value that each element
 * had under such additions is kept by a segment tree whose nodes hold an
 * addition not yet handed down together with the greatest of its partial sums
 * (a "historic maximum"). O(log n) per call, n the objects, not what is put
 * between them; when the places are used up, the live ones are moved together, O(1) per
 * call on average. At most 160 bytes per live object after that, and twice as
 * much while it is done.
 *
 * A mark is the number of objects pushed so far: what is put there lies above
 * those that were pushed before. A removed object's place still tells what is above
 * it until places are moved.
 */
#include "stack.h"

#include <string.h>

#include <glib.h>

#define PLACES_MIN 64u
#define NO_OBJECT UINT32_MAX

/**
 * struct node - of the tree: an addition to all leaves below
 * @sum:  what is to be added to what they have above
 * @peak: the greatest that @sum has been since it was last handed down, at least 0;
 *        a leaf's own @sum and @peak are what is above it and the most that was
 */
struct node {
	int64_t sum, peak;
};

/**
 * struct stack - the tree and who is where
 * @tree:   root at 1, leaves from @places on
 * @next:   the first place that was not handed out
 * @object: by place
 * @born:   by place: the mark at which it was handed out
 * @kept:   places below it were moved together, those from it on have consecutive marks
 * @place, @weight: by object; a free object's place is the next free one
 * @doubts: a Fenwick tree by place: of what was put between the place and the one
 *          before; NULL until some weight is in doubt
 */
struct stack {
	struct node *tree;
	uint32_t places, next, live, kept;
	uint32_t *object, *born;
	uint32_t *place;
	struct stack_weight *weight;
	uint32_t nr_objects, free;
	uint32_t pushed;
	int64_t total;
	double *doubts, all_doubts;
};

static void make_places(struct stack *stack, uint32_t live)
{
	stack->places = PLACES_MIN;
	while (stack->places / 2 < live)
		stack->places *= 2;
	stack->tree = g_new0(struct node, 2 * (gsize)stack->places);
	stack->object = g_new(uint32_t, stack->places);
	memset(stack->object, 0xff, stack->places * sizeof(*stack->object));
	stack->born = g_new(uint32_t, stack->places);
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
	g_free(stack->born);
	g_free(stack->place);
	g_free(stack->weight);
	g_free(stack->doubts);
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

/* Hands down to a place what waits above it, and adds @delta to all places before it. */
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

/*------------------------------------------------------------------ doubts */

/* What is put before place @at is in the Fenwick tree at @at + 1. */
static void add_doubt(struct stack *stack, uint32_t at, double doubt)
{
	if (doubt == 0)
		return;
	if (!stack->doubts)
		stack->doubts = g_new0(double, stack->places + 2);
	stack->all_doubts += doubt;
	for (uint32_t i = at + 1; i <= stack->places + 1; i += i & -i)
		stack->doubts[i] += doubt;
}

/* Of what was put above a place. */
static double doubt_above(const struct stack *stack, uint32_t place)
{
	double below = 0;

	if (!stack->doubts)
		return 0;
	for (uint32_t i = place + 1; i; i &= i - 1)
		below += stack->doubts[i];
	return MAX(stack->all_doubts - below, 0);
}

/* The sums apart again, each now before the place that the next live one got. */
static void move_doubts(struct stack *stack, const uint32_t *object,
			uint32_t places)
{
	double *old = stack->doubts;
	uint32_t live = 0;

	if (!old)
		return;
	for (uint32_t i = places + 1; i; i--)
		if (i + (i & -i) <= places + 1)
			old[i + (i & -i)] -= old[i];
	stack->doubts = g_new0(double, stack->places + 2);
	for (uint32_t i = 0; i <= places; i++) {
		stack->doubts[live + 1] += old[i + 1];
		live += i < places && object[i] != NO_OBJECT;
	}
	for (uint32_t i = 1; i <= stack->places + 1; i++)
		if (i + (i & -i) <= stack->places + 1)
			stack->doubts[i + (i & -i)] += stack->doubts[i];
	g_free(old);
}

/*----------------------------------------------------------------- objects */

/* The live places close together, in their order, with room for as many again. */
static void compact(struct stack *stack)
{
	struct node *tree = stack->tree;
	uint32_t *object = stack->object, *born = stack->born;
	uint32_t places = stack->places;

	for (uint32_t i = 1; i < places; i++)
		hand_down(stack, i);
	make_places(stack, stack->live + 1);
	for (uint32_t i = 0; i < places; i++) {
		if (object[i] == NO_OBJECT)
			continue;
		stack->tree[stack->places + stack->next] = tree[places + i];
		stack->object[stack->next] = object[i];
		stack->born[stack->next] = born[i];
		stack->place[object[i]] = stack->next++;
	}
	stack->kept = stack->next;
	move_doubts(stack, object, places);
	g_free(tree);
	g_free(object);
	g_free(born);
}

static uint32_t new_object(struct stack *stack)
{
	uint32_t object = stack->free, nr = stack->nr_objects;

	if (object == NO_OBJECT) {
		stack->nr_objects = MAX(2 * nr, PLACES_MIN);
		stack->place = g_renew(uint32_t, stack->place,
				       stack->nr_objects);
		stack->weight = g_renew(struct stack_weight, stack->weight,
					stack->nr_objects);
		for (uint32_t i = nr; i < stack->nr_objects; i++)
			stack->place[i] = i + 1 < stack->nr_objects ?
					  i + 1 : NO_OBJECT;
		object = nr;
	}
	stack->free = stack->place[object];
	return object;
}

static void add(struct stack *stack, uint32_t place, int64_t bytes,
		double doubt)
{
	add_below(stack, place, bytes);
	add_doubt(stack, place, doubt);
	stack->total += bytes;
}

uint32_t stack_push(struct stack *stack, struct stack_weight weight)
{
	uint32_t object;
	struct node *leaf;

	if (stack->next == stack->places)
		compact(stack);
	object = new_object(stack);
	stack->place[object] = stack->next;
	stack->weight[object] = weight;
	stack->object[stack->next] = object;
	stack->born[stack->next] = stack->pushed++;
	add(stack, stack->next, weight.bytes, weight.doubt);
	/* what was handed down to the leaf came from before its time */
	leaf = &stack->tree[stack->places + stack->next++];
	leaf->sum = 0;
	leaf->peak = 0;
	stack->live++;
	return object;
}

uint64_t stack_above(struct stack *stack, uint32_t object)
{
	return (uint64_t)add_below(stack, stack->place[object], 0)->peak;
}

static void forget(struct stack *stack, uint32_t object)
{
	stack->object[stack->place[object]] = NO_OBJECT;
	stack->place[object] = stack->free;
	stack->free = object;
	stack->live--;
}

void stack_remove(struct stack *stack, uint32_t object)
{
	struct stack_weight weight = stack->weight[object];

	add(stack, stack->place[object], -(int64_t)weight.bytes,
	    -(double)weight.doubt);
	forget(stack, object);
}

int64_t stack_total(const struct stack *stack)
{
	return stack->total;
}

double stack_doubt(const struct stack *stack, uint32_t object)
{
	return doubt_above(stack, stack->place[object]);
}

/*------------------------------------------------------------------- marks */

/* The first place that lies above what is put at @mark. */
static uint32_t place_of(const struct stack *stack, uint32_t mark)
{
	uint32_t recent = stack->next - stack->kept;
	uint32_t low = 0, high = stack->kept;

	if (stack->pushed - mark <= recent)
		return stack->next - (stack->pushed - mark);
	while (low < high) {
		uint32_t middle = (low + high) / 2;

		if (stack->born[middle] < mark)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

uint32_t stack_mark(const struct stack *stack)
{
	return stack->pushed;
}

static void add_at(struct stack *stack, uint32_t mark, int64_t bytes,
		   double doubt)
{
	/* there is a leaf for each place, none after the last */
	if (stack->next == stack->places)
		compact(stack);
	add(stack, place_of(stack, mark), bytes, doubt);
}

void stack_put(struct stack *stack, uint32_t mark, struct stack_weight weight)
{
	add_at(stack, mark, weight.bytes, weight.doubt);
}

void stack_take(struct stack *stack, uint32_t mark, struct stack_weight weight)
{
	add_at(stack, mark, -(int64_t)weight.bytes, -(double)weight.doubt);
}

uint32_t stack_unname(struct stack *stack, uint32_t object)
{
	uint32_t mark = stack->born[stack->place[object]];

	forget(stack, object);
	return mark;
}

/* Above all that has a place there was at most what @place has, or all that there is. */
static uint64_t above_place(struct stack *stack, uint32_t place)
{
	if (!place)
		return (uint64_t)MAX(stack->total, 0);
	return (uint64_t)add_below(stack, place - 1, 0)->peak;
}

uint64_t stack_above_mark(struct stack *stack, uint32_t mark)
{
	return above_place(stack, place_of(stack, mark));
}

uint64_t stack_above_next(struct stack *stack, uint32_t object)
{
	return above_place(stack, stack->place[object]);
}
