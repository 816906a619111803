/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * tally.h - how many had reached which depth
 */
#ifndef SIM_TALLY_H
#define SIM_TALLY_H

#include <stdint.h>

struct tally;

/* @sizes: ascending, the only ones that will be asked for; or @nr 0, and so many @bins. */
struct tally *tally_new(const uint64_t *sizes, unsigned int nr,
			unsigned int bins);
void tally_free(struct tally *tally);

/* @many may be a part of one, and negative. */
void tally_add(struct tally *tally, uint64_t depth, double many);
/* No more is added: what follows may be asked. */
void tally_settle(struct tally *tally);
/*
 * Makes it what counts of something are, never fewer within a greater depth: by
 * pooling neighbours (isotonic regression), which nowhere takes it farther from the
 * truth than it was at its worst place.
 */
void tally_straighten(struct tally *tally);

double tally_all(const struct tally *tally);
/* How many had reached @size at most: exact at sizes asked for, or multiples of the step. */
double tally_within(const struct tally *tally, double size);
uint64_t tally_step(const struct tally *tally);

#endif /* SIM_TALLY_H */
