/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * curve-run.h - what zdedup curve finds out, and how it is written down
 */
#ifndef SIM_CURVE_RUN_H
#define SIM_CURVE_RUN_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "shards.h"

#define CURVE_COMPARE_MAX 5u

/* What the command line asks for. */
struct curve_options {
	const char *input_format, *kernel, *compressor, *dedup, *zpool, *hash;
	const char *sample, *sizes, *grid, *format, *output, *facts;
	uint64_t sample_size, seed, points, accept_threshold_percent;
	bool compare, keep_facts;
	uint32_t threshold;	/* of SHARDS_ALL */
};

/* A model with a limit of @size, and what the curve says of that size. */
struct curve_compared {
	uint64_t size;
	struct shards_point point;
	uint64_t from_pool, from_device, written_back, refused;
};

/**
 * struct curve_result
 * @stores: without those of zero pages, which no pool sees; @loads likewise
 */
struct curve_result {
	const char *path, *trace_format;
	char *codec_version;
	uint64_t events, stores, loads;
	bool sampled;
	uint32_t threshold;
	uint64_t sampled_contents, peak;
	struct shards_sharing mean, last;
	uint64_t *sizes;
	struct shards_point *points;
	unsigned int nr;
	struct curve_compared compared[CURVE_COMPARE_MAX];
	unsigned int nr_compared;
};

/* What the command does unless it is told otherwise. */
void curve_options_init(struct curve_options *options);
/* Opens the trace at @path and finds the curve. A status; @result is to be cleared in either case. */
int curve_run(const struct curve_options *options, const char *path,
	      struct curve_result *result);
void curve_result_clear(struct curve_result *result);

void curve_report_json(FILE *file, const struct curve_options *options,
		       const struct curve_result *result);
void curve_report_csv(FILE *file, const struct curve_result *result);
void curve_report_text(FILE *file, const struct curve_options *options,
		       const struct curve_result *result);

#endif /* SIM_CURVE_RUN_H */
