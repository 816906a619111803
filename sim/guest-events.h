/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * guest-events.h - the lines that record-guest.sh writes in a guest
 */
#ifndef SIM_GUEST_EVENTS_H
#define SIM_GUEST_EVENTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <glib.h>

/* @zero: a store of a page that the kernel found to be zero; it goes nowhere. */
struct guest_event {
	uint64_t time_us, slot;
	uint8_t op;
	bool zero;
};

/**
 * struct guest_events - all of them, in their order
 * @list:  of struct guest_event
 * @slots: the highest slot + 1
 * @lost:  lines that the guest had no room for
 */
struct guest_events {
	GArray *list;
	uint64_t slots, lost;
};

/* 0, or a negative errno and one line in @why; to be freed in any case. */
int guest_events_read(const char *path, struct guest_events *events, char *why,
		      size_t size);
void guest_events_free(struct guest_events *events);

#endif /* SIM_GUEST_EVENTS_H */
