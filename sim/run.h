/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * run.h - one configuration: a model, what it is compared with, and its result
 */
#ifndef SIM_RUN_H
#define SIM_RUN_H

#include <stdbool.h>
#include <stdint.h>

#include <glib.h>

#include "../traces/trace.h"
#include "batch.h"
#include "census.h"
#include "facts.h"
#include "over-time.h"
#include "partition.h"
#include "replay-options.h"
#include "timing.h"
#include "zdedup.h"

/**
 * struct replay_hits - where loads were answered from
 * Invariant: loads == from_pool + from_device + from_zero + kept + the loads in absent
 * @absent: loads and invalidates of an empty slot
 * @kept:   loads of a slot whose store was refused and whose page never left memory
 */
struct replay_hits {
	uint64_t loads, from_pool, from_device, from_zero, kept, absent;
};

struct replay_checkpoint {
	uint64_t event;		/* events done */
	struct zdedup_stats stats;
};

/**
 * struct replay_result - all that a report says
 * @has_baseline: the run without dedup was carried along (dedup is not "none")
 * @put_in:       stores that a swap disk could not see, and were put in
 * @limited:      a limit makes the two runs diverge: no savings can be told
 * @verified:     loads were checked against the trace's bytes
 * @stand_in:     digests of another hash were used: what that hash confuses is not known
 */
struct replay_result {
	const char *path, *format, *vantage;	/* the trace's, valid as long as it */
	const char *kernel;
	char *codec_version;
	char *codec_note;		/* how its bytes differ from the kernel's; NULL: not at all */
	struct census_counts counts;
	uint64_t put_in;
	struct zdedup_stats stats;
	struct zdedup_stats baseline;
	bool has_baseline, limited, verified, stand_in;
	struct replay_hits hits;
	struct over_time over_time;
	GArray *checkpoints;		/* of struct replay_checkpoint; NULL: none asked for */
	struct timing timing;
};

/* Frees what the result holds. */
void replay_result_clear(struct replay_result *result);

struct run;

/*
 * A run before it meets a trace. 0 and *out, else a status after one line: the
 * words of @options, which must outlive the run, are checked here. @command is
 * named in that line.
 */
int run_create(const char *command, const struct replay_options *options,
	       struct run **out);
/*
 * The run that @run is to be compared with: the same pool without dedup, no bytes and
 * no report of its own. As run_create.
 */
int run_create_baseline(const struct run *run, struct run **out);
void run_free(struct run *run);

/*
 * Meets @trace: makes its model, and the columns that it needs of @facts. @verify:
 * check loads, if there are bytes and the options do not say. A status.
 */
int run_start(struct run *run, struct trace *trace, struct facts *facts,
	      bool verify);
/* Does the run look at the trace's bytes itself? */
bool run_needs_bytes(const struct run *run);
unsigned int run_loads(const struct run *run);	/* LOADS_EMPTY or LOADS_KEEP */
/*
 * Must @run give what @other gives, which was started before it? Then it takes no
 * batch, and run_finish copies. Both have been started. @across_hashes: they may have
 * two hashes, see run_follows_across.
 */
bool run_follow(struct run *run, const struct run *other, bool across_hashes);
/* Does it follow another, and take no batch? */
bool run_follows(const struct run *run);
/*
 * Does it follow one of another hash? Then the digests of that and its own, as the
 * models see them, are to be compared (partition.h), and to be told their number.
 */
bool run_follows_across(const struct run *run, struct partition_view digests[2]);
void run_set_pair(struct run *run, unsigned int pair);
/*
 * At the end: does it give what the one of another hash gives that it follows? True of
 * all others.
 */
bool run_settled(const struct run *run, const struct partitions *partitions);
/* Is @run to be compared with one without dedup? */
bool run_needs_baseline(const struct run *run);
/*
 * Compares @run with @other from now on, if that is one without dedup over the same
 * pool; both have been started. Such a run tells the size of its pool after each event
 * in batch.pool, of which it takes the next of *nr_baselines when it is the first time.
 */
bool run_take_baseline(struct run *run, struct run *other,
		       unsigned int *nr_baselines);
/* Others are compared with it, and take a batch after it. */
bool run_is_baseline(const struct run *run);
/*
 * Takes @batch in, on any thread; @bytes are those of each content, if the run
 * needs them. Does nothing once the run has failed.
 */
void run_batch(struct run *run, const struct batch *batch,
	       const void *const *bytes);
/*
 * Behind the last batch, on any thread: takes the state, and frees the model unless it
 * is to be @left to run_free. What a run is compared with comes to it before that run.
 */
void run_end(struct run *run, bool left);
/* The event at which it failed; UINT64_MAX: it did not. */
uint64_t run_failed_at(const struct run *run);
/* Prints why it failed, one line; its status. */
int run_complain(const struct run *run);
/* The state after the last event: all runs have come to it. Valid until run_free. */
const struct replay_result *run_finish(struct run *run,
				       const struct census_counts *counts,
				       uint64_t put_in);
const struct replay_options *run_options(const struct run *run);

#endif /* SIM_RUN_H */
