/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * vantage.c - from what a swap disk sees to what zswap would be asked
 *
 * A disk keeps a page that was read. So the kernel does not write it again when it
 * takes the memory of the page, unchanged, a second time; it is only seen that the
 * slot is read again. zswap gives its copy up at the load (since 6.7; folio and
 * slot then belong to the swap cache, marked dirty), and is asked to store the page
 * a second time. When that was is not known: the store is put in front of the load,
 * where it is known to have happened already.
 */
#include "vantage.h"

#include "slots.h"

#define PAGES_MAX (1ull << 30)

bool vantage_begin(struct vantage *v, const struct trace_summary *sum)
{
	*v = (struct vantage) { 0 };
	if (sum->nr_pages < PAGES_MAX)
		v->slots = slots_new(sum);
	return v->slots;
}

void vantage_end(struct vantage *v)
{
	slots_free(v->slots);
	v->slots = NULL;
}

enum vantage_step vantage_step(struct vantage *v, struct trace_event *ev)
{
	uint32_t now = slots_get(v->slots, ev->type, ev->slot);

	switch (ev->op) {
	case TRACE_STORE:
		/* the page + 1, and below it whether it was loaded */
		slots_put(v->slots, ev->type, ev->slot,
			  (uint32_t)(ev->page + 1) << 1);
		return VANTAGE_TAKE;
	case TRACE_LOAD:
		if (now == SLOT_EMPTY) {
			v->strange++;
			return VANTAGE_LEAVE_OUT;
		}
		slots_put(v->slots, ev->type, ev->slot, now | 1);
		if (ev->page == TRACE_NO_PAGE)
			ev->page = (now >> 1) - 1;
		if (!(now & 1))
			return VANTAGE_TAKE;
		v->re_stores++;
		return VANTAGE_STORE_FIRST;
	default:
		slots_put(v->slots, ev->type, ev->slot, SLOT_EMPTY);
		if (now != SLOT_EMPTY && !(now & 1))
			return VANTAGE_TAKE;
		v->idle++;
		return VANTAGE_LEAVE_OUT;
	}
}
