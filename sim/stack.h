/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * stack.h - an LRU stack of weighted objects that remembers how deep each one was
 *
 * An object's depth is the weight of those put on top after it, and its own. A pool
 * of S bytes that writes back the least recently stored until the rest fits holds
 * exactly the objects whose depth was never more than S, and this for every S at
 * once: what it has written back does not come back when objects above are removed.
 * So it is the greatest depth ever, not today's, that tells.
 */
#ifndef SIM_STACK_H
#define SIM_STACK_H

#include <stdint.h>

struct stack;

struct stack *stack_new(void);
void stack_free(struct stack *stack);

/* Puts an object on top; the number returned is its name until it is removed. */
uint32_t stack_push(struct stack *stack, uint32_t weight);
/* The greatest depth that @object had since it was put on top. */
uint64_t stack_depth(struct stack *stack, uint32_t object);
/* The same, and takes it out: those below it come up. */
uint64_t stack_remove(struct stack *stack, uint32_t object);
uint32_t stack_weight(const struct stack *stack, uint32_t object);
/* The weight of all objects. */
uint64_t stack_total(const struct stack *stack);
/*
 * Multiplies the greatest depths so far by @up / @down <= 1, after a part of the
 * objects was removed for good: depths are now counted in those that are left.
 */
void stack_scale(struct stack *stack, uint32_t up, uint32_t down);

#endif /* SIM_STACK_H */
