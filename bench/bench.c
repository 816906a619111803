/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"

void bench_add(struct bench_series *series, double value)
{
	if (series->nr < BENCH_ROUNDS_MAX)
		series->value[series->nr++] = value;
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double kth(const struct bench_series *series, unsigned int k)
{
	double sorted[BENCH_ROUNDS_MAX];

	if (!series->nr)
		return 0;
	memcpy(sorted, series->value, series->nr * sizeof(*sorted));
	qsort(sorted, series->nr, sizeof(*sorted), compare);
	return sorted[k];
}

double bench_min(const struct bench_series *series)
{
	return kth(series, 0);
}

double bench_median(const struct bench_series *series)
{
	return kth(series, series->nr ? (series->nr - 1) / 2 : 0);
}

double bench_max(const struct bench_series *series)
{
	return kth(series, series->nr ? series->nr - 1 : 0);
}

void bench_print_text(FILE *out, const struct bench_series *series)
{
	fprintf(out, "%-20s %10.3f %10.3f %10.3f\n", series->name,
		bench_min(series), bench_median(series), bench_max(series));
}

void bench_print_json(FILE *out, const struct bench_series *series)
{
	unsigned int i;

	fprintf(out, "\"%s\": { \"min\": %.6f, \"median\": %.6f, \"max\": %.6f, \"rounds\": [",
		series->name, bench_min(series), bench_median(series),
		bench_max(series));
	for (i = 0; i < series->nr; i++)
		fprintf(out, "%s%.6f", i ? ", " : "", series->value[i]);
	fprintf(out, "] }");
}

long bench_number(const char *word, long first, long last)
{
	char *end;
	long n;

	errno = 0;
	n = strtol(word, &end, 10);
	if (errno || end == word || *end || n < first || n > last)
		return -1;
	return n;
}
