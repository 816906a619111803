/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * timing.h - CPU time per store, per load and per stage
 *
 * A whole call is measured by the thread's CPU clock, which others on the
 * machine do not disturb; its stages, tens of nanoseconds long, by the monotonic
 * clock, which costs no system call. What reading the clocks costs is measured
 * at the start and taken off.
 *
 * A policy that scans does so inside of whatever call makes a scan due. Its time is
 * shared out over the stores, whose contents it looks at, so that the cost of a store
 * can be compared with a policy that looks for them at once.
 */
#ifndef SIM_TIMING_H
#define SIM_TIMING_H

#include <stdbool.h>
#include <stdint.h>

#include "zdedup.h"

enum timing_verb { TIMING_STORE, TIMING_LOAD, TIMING_INVALIDATE, TIMING_NR_VERBS };

struct timing {
	uint64_t begun_ns;	/* the run, by the monotonic clock */
	uint64_t seconds_ns;	/* set by timing_finish */
	uint64_t call_ns;	/* the call under way, by the CPU clock */
	uint64_t stage_ns;	/* when the stage under way began */
	uint64_t scan_begun_ns;	/* a scan, by the CPU clock: it is long enough for that */
	bool inside;		/* a call is under way: other calls' stages are not ours */
	enum timing_verb verb;
	enum zdedup_stage stage;
	uint64_t hooks;		/* stage changes in this call */
	uint64_t stage_cost_ns, call_cost_ns;	/* of reading the clocks */
	uint64_t calls[TIMING_NR_VERBS];	/* pages, for folios */
	uint64_t total_ns[TIMING_NR_VERBS];
	uint64_t scan_ns[TIMING_NR_VERBS];
	uint64_t stages_ns[TIMING_NR_VERBS][ZDEDUP_NR_STAGES];
};

/* Measures the clocks and hooks into @zd. @timing must outlive the hook. */
void timing_start(struct timing *timing, struct zdedup *zd);
void timing_begin(struct timing *timing, enum timing_verb verb);
void timing_end(struct timing *timing, unsigned int pages);
void timing_finish(struct timing *timing);
/* All scans, and what the calls of a verb took: stores with all scans, the others without. */
uint64_t timing_scan_ns(const struct timing *timing);
uint64_t timing_verb_ns(const struct timing *timing, enum timing_verb verb);

#endif /* SIM_TIMING_H */
