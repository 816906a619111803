/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * hashlab.h - what a hash does to a dedup index: how often it finds equal what is
 * not, and what that costs
 *
 * A lab is one hash and a model that dedups by it. The model counts what its index
 * did; the lab counts beside it what an index without bounds would have met.
 */
#ifndef SIM_HASHLAB_H
#define SIM_HASHLAB_H

#include <stdbool.h>
#include <stdint.h>

#include "../traces/trace.h"
#include "zdedup.h"

/**
 * struct hashlab_counts - over all stores so far
 * Invariants: pairs >= candidates >= compares >= hits + false_candidates;
 * pairs >= false_pairs; longest_walk <= ZDEDUP_WALK_MAX;
 * most_candidates <= ZDEDUP_CANDIDATES_MAX
 *
 * @digests:       stores that were digested and looked up: all but zero pages
 * @pairs:         (store, live content) of equal digest, however many there are
 * @false_pairs:   of these, those of other bytes
 * @candidates:    live contents of equal digest that the model's lookups took up
 * @false_candidates: of these, compared and found different
 * @longest_equal: most live contents that had one digest at once
 * @longest_chain: most contents in a bucket, as looked at now and then and at the end
 * @longest_walk:  most contents of its digest that one lookup walked over
 * @most_candidates: most that one store took up
 */
struct hashlab_counts {
	uint64_t stores, digests, pairs, false_pairs;
	uint64_t candidates, false_candidates, compares, hits;
	uint64_t longest_equal, longest_chain, longest_walk, most_candidates;
};

struct hashlab;

/*
 * @word: of a hash, kept by the caller. For contents below @nr_contents. 0, or a
 * status after one line.
 */
int hashlab_open(const char *word, uint64_t seed, uint64_t nr_contents,
		 struct hashlab **out);
void hashlab_close(struct hashlab *lab);
const char *hashlab_word(const struct hashlab *lab);
/* Does the seed change the digest? Then nobody without it can choose pages by it. */
bool hashlab_keyed(const struct hashlab *lab);

/* The first @nr_slots slots of @type. 0 or a negative errno. */
int hashlab_swapon(struct hashlab *lab, unsigned int type, uint64_t nr_slots);
/*
 * A store of @content, whose bytes are @page, not zero. @live: some slot holds it
 * already. Then the caller says by hashlab_live what that changed.
 */
int hashlab_store(struct hashlab *lab, struct zdedup_slot slot,
		  uint32_t content, const void *page, bool live);
/* @content, which has been stored, is now live in a first slot, or in none any more. */
void hashlab_live(struct hashlab *lab, uint32_t content, bool live);
/* The slot becomes empty, if it is not. */
void hashlab_drop(struct hashlab *lab, struct zdedup_slot slot);
void hashlab_get(struct hashlab *lab, struct hashlab_counts *counts);

/* All of @trace through @nr labs in one pass. A status, after one line. */
int hashlab_trace(struct trace *trace, struct hashlab **labs, unsigned int nr);

/*
 * CPU nanoseconds that digesting one of the @nr pages takes: the least of some
 * rounds, what the model does beside taken off. Negative: no memory.
 */
double hashlab_ns(const char *word, const void *const *pages, unsigned int nr);

#endif /* SIM_HASHLAB_H */
