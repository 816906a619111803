/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * record-pages.h - the pages of one process, at one moment
 */
#ifndef SIM_RECORD_PAGES_H
#define SIM_RECORD_PAGES_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "record-slots.h"

struct record_reader;

struct record_page_counts {
	uint64_t swapped, skipped, unreadable;
	bool frames_seen;	/* page frame numbers can be read here */
};

/**
 * struct record_subject - whose pages
 * @space: of its own pages
 * @clean: bit 55 of its pagemap tells what was written since the last snapshot
 */
struct record_subject {
	pid_t pid;
	uint32_t space, memcg;
	bool clean;
};

/*
 * @skip_swapped: leave pages in the kernel's swap alone. @interrupted is asked
 * now and then; when it says true, reading ends.
 */
struct record_reader *record_reader_new(struct record_slots *slots,
					bool skip_swapped,
					bool (*interrupted)(void));
void record_reader_free(struct record_reader *reader);

/*
 * Hands all pages of @subject to the slots, with the times @start_us is the zero
 * of. 0; a positive enum cmd_status after one line; or a negative errno when the
 * process cannot be read (-ESRCH: it is gone).
 */
int record_read(struct record_reader *reader,
		const struct record_subject *subject, uint64_t start_us);

struct record_page_counts
record_reader_counts(const struct record_reader *reader);

/* The clock of @start_us. */
uint64_t record_clock_us(void);

/* Does bit 55 of pagemap work here? Tried on a page of ours. */
bool record_soft_dirty_works(void);
/* From now on bit 55 means: written since now. 0 or a negative errno. */
int record_soft_dirty_clear(pid_t pid);

#endif /* SIM_RECORD_PAGES_H */
