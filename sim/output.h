/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * output.h - where a report goes: stdout, or a file that appears when it is whole
 */
#ifndef SIM_OUTPUT_H
#define SIM_OUTPUT_H

#include <stdio.h>

struct output;

/*
 * @path NULL: stdout. Else a temporary file is opened beside @path, so that a
 * wrong directory is known before the work starts. NULL: one line was printed.
 */
struct output *output_open(const char *path);
FILE *output_file(struct output *out);
/* Flushes, checks, renames. 0, or CMD_INPUT after one line. Frees @out. */
int output_commit(struct output *out);
/* fsync; only EINTR, which says that nothing was tried, is tried again. */
int output_sync(FILE *file);
#define OUTPUT_FILES_MAX 3	/* open at a time */
/* Removes the temporary file. Frees @out; NULL is allowed. */
void output_abandon(struct output *out);

/*
 * For what is written by other means than an output: files, and then the
 * directory that held them, for the signals below to remove. NULL: nothing any more.
 */
#define OUTPUT_PATHS_MAX 3
void output_guard(const char *const *paths, unsigned int nr);

/* SIGINT, SIGTERM and SIGHUP: remove the temporary file, one line, exit 128 + signal. */
void output_catch_signals(void);

#endif /* SIM_OUTPUT_H */
