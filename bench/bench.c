/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "bench.h"

/* More than any child takes, but for those of traces larger than the samples */
#define WARM_BYTES (512ul << 20)

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

/* @advice: how large the pages are that the memory is taken in */
static void touch(int advice)
{
	char *p = mmap(NULL, WARM_BYTES, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	/* without it, figures are only less steady */
	if (p == MAP_FAILED)
		return;
	madvise(p, WARM_BYTES, advice);
	for (size_t i = 0; i < WARM_BYTES; i += 4096)
		p[i] = 1;
	munmap(p, WARM_BYTES);
}

/* Children take small pages and huge ones, which the kernel's allocator has apart. */
static void warm(void)
{
	touch(MADV_HUGEPAGE);
	touch(MADV_NOHUGEPAGE);
}

static double seconds(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

int bench_child(const char *name, void (*child)(const void *data),
		const void *data, struct bench_cost *cost)
{
	struct rusage ru;
	double begun;
	int status;
	pid_t pid;

	warm();
	fflush(NULL);
	begun = seconds();
	pid = fork();
	if (!pid) {
		child(data);
		_exit(127);
	}
	if (pid < 0 || wait4(pid, &status, 0, &ru) != pid) {
		fprintf(stderr, "%s: %s\n", name, strerror(errno));
		return -1;
	}
	if (!WIFEXITED(status) || WEXITSTATUS(status)) {
		fprintf(stderr, "%s ended with status %#x\n", name,
			(unsigned int)status);
		return -1;
	}
	cost->wall = seconds() - begun;
	cost->cpu = (double)(ru.ru_utime.tv_sec + ru.ru_stime.tv_sec) +
		    (double)(ru.ru_utime.tv_usec + ru.ru_stime.tv_usec) / 1e6;
	return 0;
}
