/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * engine.h - one pass over a trace: events, page facts, model, results
 */
#ifndef SIM_ENGINE_H
#define SIM_ENGINE_H

#include <stdbool.h>
#include <stdint.h>

#include <glib.h>

#include "../traces/trace.h"
#include "census.h"
#include "over-time.h"
#include "timing.h"
#include "zdedup.h"

/* What the command line of replay asks for; sizes as given. */
struct replay_options {
	const char *input_format;	/* NULL: by content */
	const char *kernel, *compressor, *zpool, *hash, *dedup;
	const char *compare, *charge, *domain, *writeback;
	const char *memcg_config;	/* NULL: no file */
	uint64_t seed;
	uint64_t totalram;		/* bytes, 0: no limit */
	uint64_t max_pool_percent, accept_threshold_percent;
	uint64_t checkpoint_every;	/* 0: none */
	bool verify;
	bool timing;
	const char *format;
	const char *output;		/* NULL: stdout */
	GPtrArray *asserts;		/* of const char * */
};

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
	bool has_baseline, limited;
	struct replay_hits hits;
	struct over_time over_time;
	GArray *checkpoints;		/* of struct replay_checkpoint; NULL: none asked for */
	struct timing timing;
};

uint64_t replay_totalram_pages(const struct replay_options *options);

/* An engine is a model (and its run without dedup) before it meets a trace. */
struct engine;

/* 0 and *out, else a status after one line: the words of the options are checked here. */
int engine_create(const struct replay_options *options, struct engine **out);
/* Runs @trace to its end. A status; *result is complete only with CMD_OK. */
int engine_run(struct engine *engine, struct trace *trace,
	       struct replay_result *result);
void engine_destroy(struct engine *engine);
/* Frees what the result holds. */
void replay_result_clear(struct replay_result *result);

#endif /* SIM_ENGINE_H */
