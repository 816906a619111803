/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * doubts.h - what a run of another hash would have met
 *
 * Runs that differ in the hash alone are one, of the first (partition.h). A store that
 * the other hash may look up differently is a doubt of its batch, and is looked into in
 * the first one's model.
 */
#ifndef SIM_DOUBTS_H
#define SIM_DOUBTS_H

#include <stdbool.h>
#include <stdint.h>

#include "batch.h"
#include "partition.h"
#include "zdedup.h"

/**
 * struct doubts - of one run, by pair of hashes (partition.h)
 * @unlike: a bit for each: by the other hash the run would go on differently
 * @more:   false positives that the other hash has beyond this one's
 */
struct doubts {
	uint64_t unlike;
	uint64_t more[PARTITION_PAIRS_MAX];
};

/**
 * struct doubts_store - a store that is looked into
 * @met:     by pair: contents that the other hash compares beside this one's
 * @lookups: of the model, before
 */
struct doubts_store {
	unsigned int met[PARTITION_PAIRS_MAX];
	uint64_t lookups;
};

/*
 * Before the store of @batch's doubt @first, whose memcg @zd knows: what would it meet?
 * Returns the first doubt of a later store.
 */
unsigned int doubts_before(struct doubts *doubts, struct zdedup *zd,
			   const struct batch *batch, unsigned int first,
			   struct doubts_store *store);
/* After it: counts what was met, if the policy looked the store up. */
void doubts_after(struct doubts *doubts, struct zdedup *zd,
		  const struct doubts_store *store);

static inline bool doubts_unlike(const struct doubts *doubts, unsigned int pair)
{
	return doubts->unlike >> pair & 1;
}

#endif /* SIM_DOUBTS_H */
