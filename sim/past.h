/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * past.h - what contents had reached when they were stored again
 *
 * A page has reached at least what its content had when it was next stored, by
 * another page. For each content a few such depths are kept that are greater than
 * all later ones: where there are more, some pages are told too little.
 */
#ifndef SIM_PAST_H
#define SIM_PAST_H

#include <stdint.h>

struct past;

/* NULL: out of memory. Contents are numbered below @nr_contents. */
struct past *past_new(uint64_t nr_contents);
void past_free(struct past *past);

/* @content is stored again at @mark, and has reached @depth so far. Marks do not decrease. */
void past_add(struct past *past, uint32_t content, uint32_t mark,
	      uint64_t depth);
/* The most that it had reached at a store later than one at @mark, or 0. */
uint64_t past_reached(const struct past *past, uint32_t content, uint32_t mark);
void past_forget(struct past *past, uint32_t content);

#endif /* SIM_PAST_H */
