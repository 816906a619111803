/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * guest-events.c - the lines that record-guest.sh writes in a guest
 *
 *	TASK-PID [CPU] FLAGS SECONDS.MICROS: NAME: (FUNCTION+OFFSET) e=ENTRY
 *
 * NAME is wp (a page is written out), zs (... and offered to zswap, which a zero
 * page is not), rf (a page is read in), iv (a slot is freed). ENTRY is the kernel's
 * swp_entry_t: the type in the bits from 58 on, the slot below.
 */
#define _GNU_SOURCE
#include "guest-events.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../traces/trace.h"

#define TYPE_SHIFT 58

/**
 * struct reader - one file being read
 * @pending: slot -> 1 + number of its store that zswap was not asked to take yet
 * @type:    the swap device, -1 before the first event
 */
struct reader {
	struct guest_events *events;
	GHashTable *pending;
	int type;
};

/* " SECONDS.MICROS: NAME: (...) e=ENTRY" from the colon behind the time on */
static const char *parse(const char *line, char name[3], uint64_t *time_us,
			 uint64_t *entry)
{
	const char *colon, *at;
	unsigned long long seconds;
	unsigned int micros;
	int base, end;

	for (colon = strchr(line, ':'); colon; colon = strchr(colon + 1, ':')) {
		at = colon;
		while (at > line && (g_ascii_isdigit(at[-1]) || at[-1] == '.'))
			at--;
		end = 0;
		if (sscanf(at, "%llu.%6u: %2[a-z]:%n", &seconds, &micros,
			   name, &end) == 3 && end)
			break;
	}
	at = colon ? strstr(colon, " e=") : NULL;
	if (!at)
		return NULL;
	*time_us = seconds * 1000000 + micros;
	base = strncmp(at + 3, "0x", 2) ? 10 : 16;
	*entry = g_ascii_strtoull(at + 3, NULL, base);
	return at;
}

static void take(struct reader *r, const char *name, uint64_t time_us,
		 uint64_t slot)
{
	gpointer key = (gpointer)(uintptr_t)slot;
	struct guest_event ev = { .time_us = time_us, .slot = slot };
	uintptr_t store;

	if (!strcmp(name, "zs")) {
		store = (uintptr_t)g_hash_table_lookup(r->pending, key);
		if (store)
			g_array_index(r->events->list, struct guest_event,
				      store - 1).zero = false;
		g_hash_table_remove(r->pending, key);
		return;
	}
	if (!strcmp(name, "wp")) {
		ev.op = TRACE_STORE;
		ev.zero = true;
		store = r->events->list->len + 1;
		g_hash_table_insert(r->pending, key, (gpointer)store);
	} else {
		ev.op = !strcmp(name, "rf") ? TRACE_LOAD : TRACE_INVALIDATE;
	}
	g_array_append_val(r->events->list, ev);
	if (slot >= r->events->slots)
		r->events->slots = slot + 1;
}

static const char *take_line(struct reader *r, const char *line)
{
	static const char *const names[] = { "wp", "zs", "rf", "iv" };
	uint64_t time_us, entry, slot, lost;
	char name[3];
	bool known = false;

	if (sscanf(line, "# lost: %" SCNu64, &lost) == 1)
		r->events->lost += lost;
	/* comments, and what the kernel says about events it had to leave out */
	if (*line == '#' || !*line || !strncmp(line, "CPU:", 4))
		return NULL;
	if (!parse(line, name, &time_us, &entry))
		return "no event of record-guest.sh";
	for (size_t i = 0; i < G_N_ELEMENTS(names); i++)
		known |= !strcmp(name, names[i]);
	slot = entry & ((1ull << TYPE_SHIFT) - 1);
	if (!known || !slot || slot > TRACE_SLOT_MAX)
		return "no event of a swap slot";
	if (r->type < 0)
		r->type = (int)(entry >> TYPE_SHIFT);
	if (r->type != (int)(entry >> TYPE_SHIFT))
		return "a second swap device; only the recorded one may be on";
	take(r, name, time_us, slot);
	return NULL;
}

/* A line without its end was being written when the guest ended. */
static const char *take_lines(struct reader *r, FILE *f, unsigned int *nr)
{
	const char *wrong = NULL;
	char *line = NULL;
	size_t room = 0;
	ssize_t len;

	while (!wrong && (len = getline(&line, &room, f)) > 0 &&
	       line[len - 1] == '\n') {
		line[len - 1] = '\0';
		(*nr)++;
		wrong = take_line(r, line);
	}
	free(line);
	return wrong;
}

int guest_events_read(const char *path, struct guest_events *events, char *why,
		      size_t size)
{
	struct reader r = { .events = events, .type = -1 };
	const char *wrong;
	unsigned int nr = 0;
	FILE *f = fopen(path, "re");

	*events = (struct guest_events) { 0 };
	events->list = g_array_new(FALSE, FALSE, sizeof(struct guest_event));
	if (!f) {
		int error = errno;

		snprintf(why, size, "%s: cannot open: %s", path,
			 strerror(error));
		return -error;
	}
	r.pending = g_hash_table_new(NULL, NULL);
	wrong = take_lines(&r, f, &nr);
	if (ferror(f))
		wrong = "cannot be read on";
	g_hash_table_destroy(r.pending);
	fclose(f);
	if (!wrong && !events->list->len)
		wrong = "no events in it";
	if (!wrong)
		return 0;
	snprintf(why, size, "%s: %s (line %u)", path, wrong, nr);
	return -EINVAL;
}

void guest_events_free(struct guest_events *events)
{
	if (events->list)
		g_array_free(events->list, TRUE);
	events->list = NULL;
}
