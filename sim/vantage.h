/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * vantage.h - from what a swap disk sees to what zswap would be asked
 */
#ifndef SIM_VANTAGE_H
#define SIM_VANTAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "../traces/trace.h"

struct slots;

/**
 * struct vantage - one pass over the events of a disk
 * @slots:     what each slot holds, and whether it was read since
 * @re_stores: stores put in
 * @strange:   loads of slots that hold nothing, left out
 * @idle:      frees of slots that hold nothing any more, left out
 */
struct vantage {
	struct slots *slots;
	uint64_t re_stores, strange, idle;
};

enum vantage_step {
	VANTAGE_LEAVE_OUT,
	VANTAGE_TAKE,
	VANTAGE_STORE_FIRST,	/* a store of ev->page to the slot, then the load */
};

/* false: out of memory, or more pages than 2^30. */
bool vantage_begin(struct vantage *vantage, const struct trace_summary *sum);
void vantage_end(struct vantage *vantage);

/* A load without a page gets the one that its slot holds. */
enum vantage_step vantage_step(struct vantage *vantage, struct trace_event *ev);

#endif /* SIM_VANTAGE_H */
