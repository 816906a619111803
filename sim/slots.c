/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * slots.c - which content each swap slot holds
 *
 * A flat array of 4 bytes a slot, as the kernel's swap_map is. A device whose
 * highest slot lies beyond SLOTS_FLAT_MAX is taken for sparse: a hash table of
 * the slots in use.
 */
#include "slots.h"

#include <stdbool.h>
#include <stdlib.h>

#include <glib.h>

#include "../traces/large.h"
#include "ask.h"

#define SLOTS_FLAT_MAX (64ull << 20)

G_STATIC_ASSERT(sizeof(gpointer) >= sizeof(uint64_t));

struct slots {
	uint32_t *flat[TRACE_TYPES_MAX];
	uint64_t nr[TRACE_TYPES_MAX];	/* of the flat ones */
	GHashTable *sparse[TRACE_TYPES_MAX];
};

struct slots *slots_new(const struct trace_summary *summary)
{
	struct slots *slots = g_new0(struct slots, 1);

	for (unsigned int t = 0; t < TRACE_TYPES_MAX; t++) {
		if (!summary->slots[t])
			continue;
		if (summary->slots[t] > SLOTS_FLAT_MAX) {
			slots->sparse[t] = g_hash_table_new(NULL, NULL);
			continue;
		}
		slots->nr[t] = summary->slots[t];
		slots->flat[t] = calloc(summary->slots[t],
					sizeof(*slots->flat[t]));
		large_array(slots->flat[t],
			    summary->slots[t] * sizeof(*slots->flat[t]));
		if (!slots->flat[t]) {
			slots_free(slots);
			return NULL;
		}
	}
	return slots;
}

void slots_free(struct slots *slots)
{
	if (!slots)
		return;
	for (unsigned int t = 0; t < TRACE_TYPES_MAX; t++) {
		free(slots->flat[t]);
		if (slots->sparse[t])
			g_hash_table_destroy(slots->sparse[t]);
	}
	g_free(slots);
}

void slots_prefetch(const struct slots *slots, unsigned int type,
		    uint64_t offset)
{
	if (slots->flat[type])
		ask_for(&slots->flat[type][offset]);
}

uint32_t slots_peek(const struct slots *slots, unsigned int type,
		    uint64_t offset)
{
	return slots->flat[type] ? slots->flat[type][offset] : SLOT_EMPTY;
}

uint32_t slots_get(const struct slots *slots, unsigned int type,
		   uint64_t offset)
{
	if (slots->flat[type])
		return slots->flat[type][offset];
	return (uint32_t)(uintptr_t)g_hash_table_lookup(slots->sparse[type],
					(gpointer)(uintptr_t)offset);
}

void slots_put(struct slots *slots, unsigned int type, uint64_t offset,
	       uint32_t value)
{
	if (slots->flat[type])
		slots->flat[type][offset] = value;
	else if (value == SLOT_EMPTY)
		g_hash_table_remove(slots->sparse[type],
				    (gpointer)(uintptr_t)offset);
	else
		g_hash_table_insert(slots->sparse[type],
				    (gpointer)(uintptr_t)offset,
				    (gpointer)(uintptr_t)value);
}

struct walk {
	void (*each)(void *data, unsigned int type, uint64_t offset,
		     uint32_t value);
	void *data;
	unsigned int type;
};

static void visit(gpointer offset, gpointer value, gpointer data)
{
	const struct walk *walk = data;

	walk->each(walk->data, walk->type, (uintptr_t)offset,
		   (uint32_t)(uintptr_t)value);
}

void slots_each(const struct slots *slots,
		void (*each)(void *data, unsigned int type, uint64_t offset,
			     uint32_t value), void *data)
{
	for (unsigned int t = 0; t < TRACE_TYPES_MAX; t++) {
		struct walk walk = { each, data, t };

		for (uint64_t i = 0; i < slots->nr[t]; i++)
			if (slots->flat[t][i] != SLOT_EMPTY)
				each(data, t, i, slots->flat[t][i]);
		if (slots->sparse[t])
			g_hash_table_foreach(slots->sparse[t], visit, &walk);
	}
}
