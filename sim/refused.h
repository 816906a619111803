/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * refused.h - slots whose last store was refused for good: their pages never left
 * memory. Only a memcg that forbids writeback does that.
 */
#ifndef SIM_REFUSED_H
#define SIM_REFUSED_H

#include "batch.h"

enum refused_state {
	REFUSED_NOT,
	REFUSED_KEPT,	/* its page is in memory */
	REFUSED_GONE,	/* it was since freed there */
};

/* NULL: none was, yet. */
struct refused;

/* The state of the slot of @step. */
enum refused_state refused_get(const struct refused *refused,
			       const struct step *step);
/* *@refused is made when it is needed, and to be freed. */
void refused_put(struct refused **refused, const struct step *step,
		 enum refused_state state);
void refused_free(struct refused *refused);

#endif /* SIM_REFUSED_H */
