/* SPDX-License-Identifier: GPL-2.0-or-later */
/* doubts.c - what a run of another hash would have met */
#include "doubts.h"

#include <string.h>

#include <glib.h>

G_STATIC_ASSERT(PARTITION_PAIRS_MAX <=
		8 * sizeof(((struct doubts *)NULL)->unlike));

/*
 * The doubts of one store and pair: how many more contents would it have met and
 * compared with the other hash? That is told where it meets one alone, and nothing by
 * this run's own hash; else it is not known how the two go on.
 */
static unsigned int look_into(struct doubts *doubts, struct zdedup *zd,
			      const struct batch *batch, unsigned int first,
			      unsigned int end)
{
	uint32_t memcg = batch->steps[batch->doubts[first].step].memcg;
	uint64_t bit = 1ull << batch->doubts[first].pair;
	unsigned int met = 0;

	for (unsigned int i = first; i < end; i++) {
		const struct doubt *doubt = &batch->doubts[i];
		enum zdedup_meets meets = zdedup_meets(zd, memcg, doubt->other);

		if (meets == ZDEDUP_MEETS_NONE)
			continue;
		if (met++ || meets == ZDEDUP_MEETS_OTHERS ||
		    zdedup_meets(zd, memcg, doubt->own) != ZDEDUP_MEETS_NONE)
			doubts->unlike |= bit;
	}
	return met;
}

static uint64_t nr_lookups(struct zdedup *zd)
{
	struct zdedup_stats stats;

	zdedup_get_stats(zd, &stats);
	return stats.lookups;
}

unsigned int doubts_before(struct doubts *doubts, struct zdedup *zd,
			   const struct batch *batch, unsigned int first,
			   struct doubts_store *store)
{
	unsigned int step = batch->doubts[first].step, end = first;

	memset(store->met, 0, sizeof(store->met));
	store->lookups = nr_lookups(zd);
	while (first < batch->nr_doubts && batch->doubts[first].step == step) {
		unsigned int pair = batch->doubts[first].pair;

		while (end < batch->nr_doubts &&
		       batch->doubts[end].step == step &&
		       batch->doubts[end].pair == pair)
			end++;
		store->met[pair] = look_into(doubts, zd, batch, first, end);
		first = end;
	}
	return first;
}

void doubts_after(struct doubts *doubts, struct zdedup *zd,
		  const struct doubts_store *store)
{
	/* a policy may have let it pass */
	if (nr_lookups(zd) == store->lookups)
		return;
	for (unsigned int i = 0; i < PARTITION_PAIRS_MAX; i++)
		doubts->more[i] += store->met[i];
}
