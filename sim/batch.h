/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * batch.h - some thousand events as runs see them, with the facts of their pages
 *
 * All that the runs of a pass have in common is worked out once, and laid in the
 * order in which a run needs it: a run reads nothing else but its own model.
 */
#ifndef SIM_BATCH_H
#define SIM_BATCH_H

#include <stdbool.h>
#include <stdint.h>

#include "../traces/trace.h"
#include "zdedup.h"

/* Kernels whose loads empty the slot, and those whose loads leave it. */
enum { LOADS_EMPTY, LOADS_KEEP, NR_LOADS };

/**
 * struct step - one event; two of them are a cache line
 * @content: stores: what is stored
 * @folio:   stores: how many steps from this one on are one folio
 * @kind:    stores: an enum zdedup_page_kind
 * @held:    loads and invalidates: what the slot held before, by the census of each
 *           kind of kernel: SLOT_EMPTY or a content + 1
 */
struct step {
	uint64_t seq, slot;
	union {
		struct {
			uint32_t content;
			uint16_t folio;
			uint8_t kind;
		};
		uint32_t held[NR_LOADS];
	};
	uint32_t memcg;
	uint8_t type, op;
};

/* A content that is met for the first time, and its bytes (NULL: there are none). */
struct fresh {
	uint32_t content;
	const void *page;
};

/**
 * struct doubt - a store that two hashes may look up differently
 * @step:  the store
 * @pair:  number of the two hashes, see partition.h
 * @own:   digest of what is stored, by the first hash
 * @other: and of another content, that one of the two hashes confuses with it
 */
struct doubt {
	unsigned int step, pair;
	uint64_t own, other;
};

#define DOUBTS_MAX 256u

/**
 * struct batch - the events between two numbers
 * @last: the trace ends with it
 * @doubts: in the order of steps
 * @length, @digest: by column of the facts, then by step; of stores only
 * @pool: by run without dedup that others are compared with, then by step: the size
 *        of its pool then (of a folio, at its first step)
 */
struct batch {
	unsigned int nr, nr_fresh;
	bool last;
	struct step *steps;
	struct fresh *fresh;
	unsigned int nr_doubts;
	struct doubt doubts[DOUBTS_MAX];
	uint16_t **length;
	uint64_t (**digest)[2];
	uint64_t **pool;
};

#endif /* SIM_BATCH_H */
