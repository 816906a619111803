/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * slots.h - which content each swap slot holds, as the trace tells it
 */
#ifndef SIM_SLOTS_H
#define SIM_SLOTS_H

#include <stdint.h>

#include "../traces/trace.h"

#define SLOT_EMPTY 0u		/* also what a slot that was never named holds */

struct slots;

/* NULL: out of memory. */
struct slots *slots_new(const struct trace_summary *summary);
void slots_free(struct slots *slots);

/* Asks the memory for the place of a slot, if that is known. */
void slots_prefetch(const struct slots *slots, unsigned int type,
		    uint64_t offset);
/* slots_get, or SLOT_EMPTY where that takes more than a look */
uint32_t slots_peek(const struct slots *slots, unsigned int type,
		    uint64_t offset);
/* What was put: SLOT_EMPTY or a content + 1. */
uint32_t slots_get(const struct slots *slots, unsigned int type,
		   uint64_t offset);
void slots_put(struct slots *slots, unsigned int type, uint64_t offset,
	       uint32_t value);
/* Each slot that does not hold SLOT_EMPTY. */
void slots_each(const struct slots *slots,
		void (*each)(void *data, unsigned int type, uint64_t offset,
			     uint32_t value), void *data);

#endif /* SIM_SLOTS_H */
