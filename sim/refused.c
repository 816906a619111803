/* SPDX-License-Identifier: GPL-2.0-or-later */
/* refused.c - slots whose last store was refused for good */
#include "refused.h"

#include <glib.h>

struct refused {
	GHashTable *states;	/* by slot; who is not in it is REFUSED_NOT */
};

G_STATIC_ASSERT(sizeof(gpointer) >= sizeof(uint64_t));

static gpointer key(const struct step *step)
{
	return (gpointer)(uintptr_t)((uint64_t)step->type << 40 | step->slot);
}

enum refused_state refused_get(const struct refused *refused,
			       const struct step *step)
{
	if (!refused)
		return REFUSED_NOT;
	return (enum refused_state)GPOINTER_TO_INT(
		g_hash_table_lookup(refused->states, key(step)));
}

void refused_put(struct refused **refused, const struct step *step,
		 enum refused_state state)
{
	if (!*refused && state == REFUSED_NOT)
		return;
	if (!*refused) {
		*refused = g_new(struct refused, 1);
		(*refused)->states = g_hash_table_new(NULL, NULL);
	}
	if (state == REFUSED_NOT)
		g_hash_table_remove((*refused)->states, key(step));
	else
		g_hash_table_insert((*refused)->states, key(step),
				    GINT_TO_POINTER(state));
}

void refused_free(struct refused *refused)
{
	if (!refused)
		return;
	g_hash_table_destroy(refused->states);
	g_free(refused);
}
