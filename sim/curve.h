/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * curve.h - writebacks and hits of an ideal LRU pool, for all its sizes at once
 *
 * docs/CURVE.md says what exactly is computed. A page is what a swap slot holds; a
 * content is what lies in the pool, once for all pages that share it.
 */
#ifndef SIM_CURVE_H
#define SIM_CURVE_H

#include <stdint.h>

#define CURVE_NONE UINT32_MAX

enum curve_count {
	CURVE_LOADS,	/* by the depth that the page had reached */
	CURVE_PAGES,	/* pages that go, or are still there at the end, by the same */
	CURVE_CONTENTS,	/* contents between a store and the next one, or their end */
	CURVE_NR_COUNTS,
};

struct curve;

/*
 * @sizes: ascending, the only ones that will be asked for; @nr 0: any multiple of
 * curve_step. curve_share says which part of @down all contents it will see.
 */
struct curve *curve_new(const uint64_t *sizes, unsigned int nr, uint32_t down);
void curve_free(struct curve *curve);

/*
 * The share of contents that the curve sees is now @up of curve_new's down. Each
 * call after the first lowers it, after the contents beyond it were forgotten.
 */
void curve_share(struct curve *curve, uint32_t up);

/* A page into a slot: shares *@content, or makes it of @weight when it is CURVE_NONE. */
uint32_t curve_store(struct curve *curve, uint32_t *content, uint32_t weight);
/* Counts a load of @page, which stays. */
void curve_load(struct curve *curve, uint32_t page);
/* Counts a store, and a load, of a page that no pool keeps. */
void curve_refuse(struct curve *curve);
void curve_miss(struct curve *curve);
/* The page goes; with its last one the content does. */
void curve_drop(struct curve *curve, uint32_t page);
/* As curve_drop, but nothing is counted: the page is no longer looked at. */
void curve_forget(struct curve *curve, uint32_t page);
/* The end of the trace: counts what is still there. */
void curve_finish(struct curve *curve);

/* The most bytes that the pool of unlimited size held, scaled up. */
uint64_t curve_peak(const struct curve *curve);
uint64_t curve_step(const struct curve *curve);
/* How many fitted into @size, and of how many, in 1/65536. */
uint64_t curve_within(const struct curve *curve, enum curve_count count,
		      uint64_t size);
uint64_t curve_all(const struct curve *curve, enum curve_count count);
uint64_t curve_refused(const struct curve *curve);

#endif /* SIM_CURVE_H */
