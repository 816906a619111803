/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * timing.c - CPU time per store, per load and per stage
 */
#include "timing.h"

#include <string.h>
#include <time.h>

#define CALIBRATION_ROUNDS 1000

static uint64_t clock_ns(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

/* The least that two readings in a row are apart: interruptions only add. */
static uint64_t reading_cost(clockid_t clock)
{
	uint64_t least = UINT64_MAX;

	for (int i = 0; i < CALIBRATION_ROUNDS; i++) {
		uint64_t begun = clock_ns(clock);
		uint64_t cost = clock_ns(clock) - begun;

		if (cost < least)
			least = cost;
	}
	return least;
}

static uint64_t less(uint64_t a, uint64_t b)
{
	return a > b ? a - b : 0;
}

static void enter_stage(struct timing *timing, enum zdedup_stage stage)
{
	uint64_t now = clock_ns(CLOCK_MONOTONIC);

	timing->stages_ns[timing->verb][timing->stage] +=
		less(now - timing->stage_ns, timing->stage_cost_ns);
	if (timing->stage == ZDEDUP_STAGE_SCAN)
		timing->scan_ns[timing->verb] +=
			less(clock_ns(CLOCK_THREAD_CPUTIME_ID) -
			     timing->scan_begun_ns, timing->call_cost_ns);
	if (stage == ZDEDUP_STAGE_SCAN)
		timing->scan_begun_ns = clock_ns(CLOCK_THREAD_CPUTIME_ID);
	timing->stage = stage;
	timing->stage_ns = now;
	timing->hooks++;
}

static void on_stage(void *data, enum zdedup_stage stage)
{
	struct timing *timing = data;

	if (timing->inside)
		enter_stage(timing, stage);
}

void timing_start(struct timing *timing, struct zdedup *zd)
{
	memset(timing, 0, sizeof(*timing));
	timing->stage_cost_ns = reading_cost(CLOCK_MONOTONIC);
	timing->call_cost_ns = reading_cost(CLOCK_THREAD_CPUTIME_ID);
	timing->begun_ns = clock_ns(CLOCK_MONOTONIC);
	zdedup_set_stage_hook(zd, on_stage, timing);
}

void timing_begin(struct timing *timing, enum timing_verb verb)
{
	timing->inside = true;
	timing->verb = verb;
	timing->stage = ZDEDUP_STAGE_OTHER;
	timing->hooks = 1;
	timing->call_ns = clock_ns(CLOCK_THREAD_CPUTIME_ID);
	timing->stage_ns = clock_ns(CLOCK_MONOTONIC);
}

void timing_end(struct timing *timing, unsigned int pages)
{
	uint64_t ns;

	enter_stage(timing, ZDEDUP_STAGE_OTHER);
	timing->inside = false;
	ns = clock_ns(CLOCK_THREAD_CPUTIME_ID) - timing->call_ns;
	timing->total_ns[timing->verb] +=
		less(ns, timing->call_cost_ns +
			 timing->hooks * timing->stage_cost_ns);
	timing->calls[timing->verb] += pages;
}

void timing_finish(struct timing *timing)
{
	timing->seconds_ns = clock_ns(CLOCK_MONOTONIC) - timing->begun_ns;
}

uint64_t timing_scan_ns(const struct timing *timing)
{
	uint64_t ns = 0;

	for (int verb = 0; verb < TIMING_NR_VERBS; verb++)
		ns += timing->scan_ns[verb];
	return ns;
}

uint64_t timing_verb_ns(const struct timing *timing, enum timing_verb verb)
{
	uint64_t ns = less(timing->total_ns[verb], timing->scan_ns[verb]);

	return verb == TIMING_STORE ? ns + timing_scan_ns(timing) : ns;
}
