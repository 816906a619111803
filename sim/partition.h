/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * partition.h - do two hashes tell the contents of a trace apart alike?
 *
 * Digests part the contents met so far: those of equal digest are together. Two hashes
 * that part them alike give one result wherever digests are only compared. So do those
 * that do not, until a content is looked up while another is in the index that one of
 * them confuses it with.
 */
#ifndef SIM_PARTITION_H
#define SIM_PARTITION_H

#include <stdbool.h>
#include <stdint.h>

#include "batch.h"
#include "facts.h"

/* Pairs that are compared at most: the others count as not alike. */
#define PARTITION_PAIRS_MAX 64u

/**
 * struct partition_view - digests as a model sees them
 * @column: of the facts
 * @bits:   the lowest, that it looks at
 */
struct partition_view {
	unsigned int column, bits;
};

struct partitions;

/* For the contents of @facts, whose numbers are below @nr_contents. NULL: out of memory. */
struct partitions *partitions_new(const struct facts *facts,
				  uint64_t nr_contents);
void partitions_free(struct partitions *partitions);
/*
 * Compares the two views, before the first content is met. The number of the pair, or
 * -ENOMEM.
 */
int partitions_compare(struct partitions *partitions,
		       const struct partition_view view[2]);
/*
 * The next batch, whose facts have been found: meets its new contents, and sets its
 * doubts: no other store can tell a model of the first view of a pair from one of the
 * second.
 */
void partitions_take(struct partitions *partitions, struct batch *batch);
/* false: the pair was given up, there would have been too many doubts. */
bool partitions_alike(const struct partitions *partitions, unsigned int pair);

#endif /* SIM_PARTITION_H */
