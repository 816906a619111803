/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * stack.h - an LRU stack of weighted objects that remembers how deep each one was
 *
 * What lies above an object is the weight of those put on top after it. A pool of
 * S bytes that writes back the least recently stored until the rest fits holds
 * exactly the objects above which, and with their own, there were never more
 * than S bytes, and this for every S at once: what it has written back does not
 * come back when objects above are removed. So it is the most that there ever
 * was, not what there is today, that tells.
 *
 * Weight can be there without an object: it deepens those below it, and nobody asks
 * how deep it is itself. It costs no memory here; whoever put it there keeps its mark.
 */
#ifndef SIM_STACK_H
#define SIM_STACK_H

#include <stdint.h>

struct stack;

/*
 * What an object or a piece of weight adds to those below. Where weights are
 * guesses, @doubt is the variance of this one, and @bytes may be negative.
 */
struct stack_weight {
	int32_t bytes;
	float doubt;
};

struct stack *stack_new(void);
void stack_free(struct stack *stack);

/* Puts an object on top; the number returned is its name until it is removed. */
uint32_t stack_push(struct stack *stack, struct stack_weight weight);
/* The most that there was above @object since it was put on top. */
uint64_t stack_above(struct stack *stack, uint32_t object);
/* Takes it out: those below it come up. */
void stack_remove(struct stack *stack, uint32_t object);
/* The weight of all. */
int64_t stack_total(const struct stack *stack);
/* The variance of what lies above @object. */
double stack_doubt(const struct stack *stack, uint32_t object);

/* The top of the stack as it is now. */
uint32_t stack_mark(const struct stack *stack);
/* Puts weight where the top was at @mark. */
void stack_put(struct stack *stack, uint32_t mark, struct stack_weight weight);
/* And takes it away. */
void stack_take(struct stack *stack, uint32_t mark, struct stack_weight weight);
/* Its weight stays, at the mark returned; its name goes. */
uint32_t stack_unname(struct stack *stack, uint32_t object);
/*
 * The most that there was above the place of the first object known below: of @mark, or of
 * an @object.
 */
uint64_t stack_above_mark(struct stack *stack, uint32_t mark);
uint64_t stack_above_next(struct stack *stack, uint32_t object);

#endif /* SIM_STACK_H */
