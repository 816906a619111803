/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * tally.c - how many had reached which depth
 */
#include "tally.h"

#include <math.h>

#include <glib.h>

#define STEP_MIN 64u

/**
 * struct tally - without sizes, bin i is of those in (i, i + 1] steps
 * @step: is doubled, and the bins are added in pairs, when a depth lies beyond; so
 *        that the sums up to a multiple of the step are always exact
 * @bins: with sizes: of those that fit into sizes[i], and not into the one before;
 *        once settled: and all before
 */
struct tally {
	const uint64_t *sizes;
	unsigned int nr;
	uint64_t step;
	double *bins;
	double all;
};

struct tally *tally_new(const uint64_t *sizes, unsigned int nr,
			unsigned int bins)
{
	struct tally *tally = g_new0(struct tally, 1);

	tally->step = STEP_MIN;
	tally->sizes = nr ? sizes : NULL;
	tally->nr = nr ? nr : bins;
	tally->bins = g_new0(double, tally->nr);
	return tally;
}

void tally_free(struct tally *tally)
{
	if (!tally)
		return;
	g_free(tally->bins);
	g_free(tally);
}

static unsigned int first_size(const struct tally *tally, double depth)
{
	unsigned int low = 0, high = tally->nr;

	while (low < high) {
		unsigned int middle = (low + high) / 2;

		if ((double)tally->sizes[middle] < depth)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static void double_step(struct tally *tally)
{
	for (unsigned int i = 0; i < tally->nr; i++) {
		double bin = tally->bins[i];

		tally->bins[i] = 0;
		tally->bins[i / 2] += bin;
	}
	tally->step *= 2;
}

void tally_add(struct tally *tally, uint64_t depth, double many)
{
	uint64_t i;

	tally->all += many;
	if (tally->sizes) {
		i = first_size(tally, (double)depth);
		if (i < tally->nr)
			tally->bins[i] += many;
		return;
	}
	while (depth > tally->step * tally->nr)
		double_step(tally);
	tally->bins[depth ? (depth - 1) / tally->step : 0] += many;
}

void tally_settle(struct tally *tally)
{
	for (unsigned int i = 1; i < tally->nr; i++)
		tally->bins[i] += tally->bins[i - 1];
}

void tally_straighten(struct tally *tally)
{
	g_autofree double *level = g_new(double, tally->nr);
	g_autofree unsigned int *end = g_new(unsigned int, tally->nr);
	unsigned int nr = 0, at = 0;

	for (unsigned int i = 0; i < tally->nr; i++) {
		unsigned int from = i;

		level[nr] = tally->bins[i];
		while (nr && level[nr - 1] > level[nr]) {
			unsigned int start = nr > 1 ? end[nr - 2] : 0;

			level[nr - 1] = (level[nr - 1] * (from - start) +
					 level[nr] * (i + 1 - from)) /
					(i + 1 - start);
			from = start;
			nr--;
		}
		end[nr++] = i + 1;
	}
	for (unsigned int i = 0; i < tally->nr; i++) {
		at += i == end[at];
		tally->bins[i] = level[at];
	}
}

double tally_all(const struct tally *tally)
{
	return tally->all;
}

double tally_within(const struct tally *tally, double size)
{
	double bins = size / (double)tally->step, before, whole;
	uint64_t i;

	if (tally->sizes) {
		i = first_size(tally, nextafter(size, INFINITY));
		return i ? tally->bins[i - 1] : 0;
	}
	if (bins <= 0)
		return 0;
	if (bins >= tally->nr)
		return tally->bins[tally->nr - 1];
	/* the part of a bin by the size's place in it */
	i = (uint64_t)bins;
	whole = (double)i;
	before = i ? tally->bins[i - 1] : 0;
	return before + (tally->bins[i] - before) * (bins - whole);
}

uint64_t tally_step(const struct tally *tally)
{
	return tally->step;
}
