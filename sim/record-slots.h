/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * record-slots.h - from pages seen at one moment to events of swap slots
 */
#ifndef SIM_RECORD_SLOTS_H
#define SIM_RECORD_SLOTS_H

#include <stdbool.h>
#include <stdint.h>

struct trace_writer;
struct record_slots;

/* Which page: of a process (its page number) or of a shared object (its offset). */
struct record_key {
	uint32_t space;
	uint64_t number;
};

struct record_slot_counts {
	uint64_t events, shared;
};

/*
 * @idle: store what did not change since the snapshot before, else everything.
 * The writer stays the caller's.
 */
struct record_slots *record_slots_new(struct trace_writer *writer, bool idle);
void record_slots_free(struct record_slots *slots);

/* A snapshot begins. */
void record_slots_begin(struct record_slots *slots);
/* What follows happened at @time_us. */
void record_slots_time(struct record_slots *slots, uint64_t time_us);

/*
 * The page is there. Are its bytes needed? Not when it was seen in this snapshot
 * already, or when it is @clean (cannot have changed) and lies in its slot.
 */
bool record_slots_need(struct record_slots *slots, const struct record_key *key,
		       bool clean);
/* The page is in the kernel's swap and not to be read: as it was. */
void record_slots_keep(struct record_slots *slots, const struct record_key *key);

/*
 * These are its bytes. @pfn: of a page that others map, too, when known, else 0. All
 * of the following return CMD_OK, or CMD_INPUT after one line.
 */
int record_slots_page(struct record_slots *slots, const struct record_key *key,
		      uint32_t memcg, uint64_t pfn, const void *bytes);
/* The snapshot is complete: what was not seen in it is gone. */
int record_slots_end(struct record_slots *slots);

struct record_slot_counts record_slots_counts(const struct record_slots *slots);

#endif /* SIM_RECORD_SLOTS_H */
