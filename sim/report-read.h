/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * report-read.h - reports of earlier calls, from their JSON
 */
#ifndef SIM_REPORT_READ_H
#define SIM_REPORT_READ_H

#include "value.h"

/**
 * struct report_read - the runs of a report of replay or sweep
 * @path:  as given
 * @runs:  of const struct value *, replay objects; one or more
 * @sweep: it is of a sweep
 */
struct report_read {
	const char *path;
	GPtrArray *runs;
	bool sweep;
	struct value *tree;
	void *parser;	/* has the names */
};

/* 0, or CMD_INPUT after one line. To be cleared in either case. */
int report_read(const char *path, struct report_read *report);
void report_read_clear(struct report_read *report);

#endif /* SIM_REPORT_READ_H */
