/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ops.h - what the parts of bench-ops share: the pages, and figures by name */
#ifndef ZDEDUP_BENCH_OPS_H
#define ZDEDUP_BENCH_OPS_H

#include <stdint.h>

#include "bench.h"

#define OPS_PAGE 4096u
#define OPS_NAME_MAX 64

struct ops_figure {
	char name[OPS_NAME_MAX];
	struct bench_series series;
};

/**
 * struct ops - a run of bench-ops
 * @pages:  @nr pages back to back, all different, none zero or same-filled
 * @length: of each page, compressed by lz4 (OPS_PAGE: not smaller); set by the first
 *          round of ops_families
 * @figure: @nr_figures of them, in the order in which they were first noted
 */
struct ops {
	uint8_t *pages;
	unsigned int *length;
	unsigned int nr;
	struct ops_figure **figure;
	unsigned int nr_figures;
	int warming;	/* a round that is not noted */
};

static inline const uint8_t *ops_page(const struct ops *ops, unsigned int i)
{
	return ops->pages + (size_t)i * OPS_PAGE;
}

/* CPU nanoseconds of this thread so far: what others do to the machine is not in it. */
double ops_clock(void);
/* One value of the figure "@group @name". Ends the program when out of memory. */
void ops_note(struct ops *ops, const char *group, const char *name,
	      double value);

/* A round of every hash, compressor and allocator of the registry. 0, or -1 after a line. */
int ops_families(struct ops *ops);
/* A round of the index, the slot trees and the LRU, without bytes. */
int ops_index(struct ops *ops);
/* A round of whole stores: misses and hits by each way to compare. */
int ops_stores(struct ops *ops);

#endif /* ZDEDUP_BENCH_OPS_H */
