/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * report.h - the three ways a result is written
 */
#ifndef SIM_REPORT_H
#define SIM_REPORT_H

#include <stdio.h>

#include "run.h"
#include "value.h"

/* The replay object of docs and contract, "zdedup.replay/1". The result must outlive it. */
struct value *report_replay(const struct replay_options *options,
			    const struct replay_result *result);
/* The members of a "trace" object that the trace alone gives. */
struct value *report_trace(const char *path, const char *format,
			   const char *vantage,
			   const struct census_counts *counts);

/* What a trace of this vantage cannot tell, a sentence; NULL when it is all there. */
const char *report_vantage(const char *vantage);

/* The member of over_time that is the verdict: a stream's "mean", a page set's "last". */
const char *report_moment(const char *format);
/* Is a saving of so many percent of the pool (as a VALUE_DECIMAL) worth it? */
const char *report_judgement(int64_t percent);

void report_json(FILE *file, const struct value *value);
/* A header line of dotted names and a line of values; arrays are left out. */
void report_csv(FILE *file, const struct value *value);
/* The same with a line for each; a name that a report lacks is an empty cell. */
void report_csv_rows(FILE *file, const struct value *const *values, guint nr);
void report_text(FILE *file, const struct replay_options *options,
		 const struct replay_result *result);

/* "12.3 MiB" into @buf, which it returns. */
#define REPORT_BYTES_MAX 32
const char *report_bytes(char buf[REPORT_BYTES_MAX], int64_t bytes);
/* "31.2 %": @part of @whole with one decimal, "-" when there is no whole. */
const char *report_percent(char buf[REPORT_BYTES_MAX], __int128 part,
			   __int128 whole);

#endif /* SIM_REPORT_H */
