/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * curve.h - how deep pages and contents of an ideal LRU pool have been
 *
 * docs/CURVE.md says what exactly is computed. A page is what a swap slot holds; a
 * content is what lies in the pool, once for all pages that share it.
 */
#ifndef SIM_CURVE_H
#define SIM_CURVE_H

#include <stdint.h>

#include "stack.h"

#define CURVE_NONE UINT32_MAX

struct curve;

struct curve *curve_new(void);
void curve_free(struct curve *curve);
/* Where the contents lie; others may put weight between them. */
struct stack *curve_stack(const struct curve *curve);

/*
 * A new content on top. @weight is its own, @put what it adds to the depth of
 * those below, which differs when it stands for others as well.
 */
uint32_t curve_push(struct curve *curve, uint32_t weight,
		    struct stack_weight put);
/* Stored once more: on top again. */
void curve_again(struct curve *curve, uint32_t content, uint32_t weight,
		 struct stack_weight put);
/* The greatest depth since it was last on top. */
uint64_t curve_content_reached(struct curve *curve, uint32_t content);
uint32_t curve_object(struct curve *curve, uint32_t content);
/* It goes, when all its pages did. */
void curve_end(struct curve *curve, uint32_t content);
/* The same, but its weight stays, at the mark returned. */
uint32_t curve_unname(struct curve *curve, uint32_t content);

/* A page that shares a content, stored just now. */
uint32_t curve_page(struct curve *curve, uint32_t content);
/* The greatest depth of its content since then. */
uint64_t curve_reached(struct curve *curve, uint32_t page);
void curve_leave(struct curve *curve, uint32_t page);

#endif /* SIM_CURVE_H */
