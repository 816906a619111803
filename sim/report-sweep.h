/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * report-sweep.h - many runs beside each other
 */
#ifndef SIM_REPORT_SWEEP_H
#define SIM_REPORT_SWEEP_H

#include <stdio.h>

#include "value.h"

/**
 * struct sweep_report - the runs, in order
 * @runs: of struct value *: the replay objects, without checkpoints
 */
struct sweep_report {
	GPtrArray *runs;
};

/* The object "zdedup.sweep/1"; takes the runs over. */
struct value *report_sweep(struct sweep_report *report);
/* One line per run: what differs between them, and what came of it. */
void report_sweep_text(FILE *file, const struct sweep_report *report);
/* One page with all in it: a table and bars; nothing is loaded from anywhere. */
void report_sweep_html(FILE *file, const struct sweep_report *report);

#endif /* SIM_REPORT_SWEEP_H */
