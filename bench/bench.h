/* SPDX-License-Identifier: GPL-2.0-or-later */
/* bench.h - what the benches share: series of figures, children, and the floor */
#ifndef ZDEDUP_BENCH_H
#define ZDEDUP_BENCH_H

#include <stdint.h>
#include <stdio.h>

#define BENCH_ROUNDS_MAX 1000

/* One figure per round. */
struct bench_series {
	const char *name;
	double value[BENCH_ROUNDS_MAX];
	unsigned int nr;
};

void bench_add(struct bench_series *series, double value);
/* Sorts a copy: the k-th smallest of nr > 0 values; the median of an even number is the lower of the two. */
double bench_min(const struct bench_series *series);
double bench_median(const struct bench_series *series);
double bench_max(const struct bench_series *series);
/* "name min median max" as a line of a table, or as a member of a JSON object. */
void bench_print_text(FILE *out, const struct bench_series *series);
void bench_print_json(FILE *out, const struct bench_series *series);
/* A whole number from @first to @last, or -1. */
long bench_number(const char *word, long first, long last);

/* Seconds that a child took; @cpu is user and system time. */
struct bench_cost {
	double cpu, wall;
};

/*
 * Runs @child(@data), which ends it by exec or _exit, in a process of its own; if that
 * returns, exec has failed, and the status is 127. 0, or -1 with a line on stderr that
 * names @name: it did not end with status 0.
 *
 * Before, memory is touched and given back, so that the child has what this machine
 * has. A guest gives free memory back to its host (free page reporting), and whoever
 * touches it next waits for the host: up to 10 us a page, which is not the child's cost.
 */
int bench_child(const char *name, void (*child)(const void *data),
		const void *data, struct bench_cost *cost);

/* What the floor saw of a trace. */
struct floor_counts {
	uint64_t events, stores, loads, invalidates;
	uint64_t slots;	/* highest slot + 1 */
};

/*
 * Replays the uncompressed ops directory @dir by the bare loop. 0, or -1 with a
 * line on stderr. With @work false the events are only parsed and counted.
 */
int floor_run(const char *dir, int work, struct floor_counts *counts);

#endif /* ZDEDUP_BENCH_H */
