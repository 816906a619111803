/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * bench-sweep - what more runs, a second thread and kept facts bring
 *
 * Runs children in turns, so that whatever the machine does meanwhile meets all of
 * them: a sweep of 2 runs that differ in the compressor, one of 32, the same with
 * two threads, two of it at once, which is all that the machine has for two threads,
 * and a replay whose facts are kept already. Prints CPU and wall time and the ratios
 * within each round.
 */
#include <errno.h>
#include <json-glib/json-glib.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench.h"

enum { TWO, MANY, MANY_JOBS, MANY_TWICE, KNOWN, NR_CHILDREN };

#define MANY_LISTS "--compressor", "lz4,zstd", "--hash", "xxh64,crc32c", \
	"--dedup", "none,always,second-sight,adaptive", \
	"--zpool", "zsmalloc,zbud"
#define ARGUMENTS_MAX 16

/* What follows the trace; facts and output are added. */
static const char *const arguments[NR_CHILDREN][ARGUMENTS_MAX] = {
	[TWO] = { "sweep", "--jobs", "1", "--compressor", "lz4,zstd",
		  "--dedup", "always" },
	[MANY] = { "sweep", "--jobs", "1", MANY_LISTS },
	[MANY_JOBS] = { "sweep", "--jobs", "2", MANY_LISTS },
	[MANY_TWICE] = { "sweep", "--jobs", "1", MANY_LISTS },
	[KNOWN] = { "replay", "--no-verify", "--dedup", "always", "--facts" },
};

enum { MANY_TWO, ONE_TWO_JOBS, MACHINE, EVENTS, NR_RATIOS };

struct bench {
	const char *zdedup, *trace;
	unsigned int rounds;
	int json;
	uint64_t events;
	char facts[64], report[64];
	struct bench_series cpu[NR_CHILDREN], wall[NR_CHILDREN];
	struct bench_series ratio[NR_RATIOS];
};

struct child {
	const struct bench *b;
	int which;
};

static void run_zdedup(const struct bench *b, const struct child *child)
{
	const char *argv[ARGUMENTS_MAX + 8] = { "zdedup" };
	int n = 1;

	for (int i = 0; arguments[child->which][i]; i++)
		argv[n++] = arguments[child->which][i];
	if (child->which == KNOWN)
		argv[n++] = b->facts;
	argv[n++] = "--format";
	argv[n++] = "json";
	argv[n++] = "-o";
	argv[n++] = b->report;
	argv[n++] = b->trace;
	execv(b->zdedup, (char *const *)argv);
	fprintf(stderr, "bench-sweep: %s: %s\n", b->zdedup, strerror(errno));
}

/* Two processes that share nothing; each writes its report to the same place. */
static void run_twice(const struct bench *b, const struct child *child)
{
	int status, failed = 0;
	pid_t pid[2];

	for (int i = 0; i < 2; i++) {
		pid[i] = fork();
		if (!pid[i]) {
			run_zdedup(b, child);
			_exit(127);
		}
	}
	for (int i = 0; i < 2; i++)
		failed |= pid[i] < 0 || waitpid(pid[i], &status, 0) < 0 ||
			  status;
	_exit(failed);
}

static void run_child(const void *data)
{
	const struct child *child = data;

	if (child->which == MANY_TWICE)
		run_twice(child->b, child);
	else
		run_zdedup(child->b, child);
}

/* From the last report, a replay's. */
static int read_events(struct bench *b)
{
	JsonParser *parser = json_parser_new();
	JsonReader *reader;

	if (json_parser_load_from_file(parser, b->report, NULL)) {
		reader = json_reader_new(json_parser_get_root(parser));
		if (json_reader_read_member(reader, "trace") &&
		    json_reader_read_member(reader, "events"))
			b->events = (uint64_t)json_reader_get_int_value(reader);
		g_object_unref(reader);
	}
	g_object_unref(parser);
	if (!b->events)
		fprintf(stderr, "bench-sweep: the report has no trace.events\n");
	return b->events ? 0 : -1;
}

static int measure(struct bench *b)
{
	/* one round unrecorded: it fills the page cache and the file of facts */
	for (unsigned int round = 0; round <= b->rounds; round++) {
		struct bench_cost cost[NR_CHILDREN];

		for (int child = 0; child < NR_CHILDREN; child++) {
			const struct child which = { b, child };

			if (bench_child("bench-sweep: zdedup", run_child,
					&which, &cost[child]))
				return -1;
			if (!round)
				continue;
			bench_add(&b->cpu[child], cost[child].cpu);
			bench_add(&b->wall[child], cost[child].wall);
		}
		if (!round && read_events(b))
			return -1;
		if (!round)
			continue;
		bench_add(&b->ratio[MANY_TWO], cost[MANY].cpu / cost[TWO].cpu);
		bench_add(&b->ratio[ONE_TWO_JOBS],
			  cost[MANY].wall / cost[MANY_JOBS].wall);
		bench_add(&b->ratio[MACHINE],
			  2 * cost[MANY].wall / cost[MANY_TWICE].wall);
		bench_add(&b->ratio[EVENTS],
			  (double)b->events / cost[KNOWN].cpu / 1e6);
	}
	return 0;
}

static void print_text(const struct bench *b)
{
	printf("%s: %llu events; %u rounds\n", b->trace,
	       (unsigned long long)b->events, b->rounds);
	printf("%-20s %10s %10s %10s\n", "CPU seconds", "min", "median", "max");
	for (int child = 0; child < NR_CHILDREN; child++)
		bench_print_text(stdout, &b->cpu[child]);
	printf("%-20s %10s %10s %10s\n", "wall seconds", "min", "median",
	       "max");
	for (int child = 0; child < NR_CHILDREN; child++)
		bench_print_text(stdout, &b->wall[child]);
	printf("%-20s %10s %10s %10s\n", "in a round", "min", "median", "max");
	for (int i = 0; i < NR_RATIOS; i++)
		bench_print_text(stdout, &b->ratio[i]);
}

static void print_series(const char *name, const struct bench_series *series,
			 int nr, const char *end)
{
	printf("  \"%s\": {", name);
	for (int i = 0; i < nr; i++) {
		printf("%s\n    ", i ? "," : "");
		bench_print_json(stdout, &series[i]);
	}
	printf(" }%s\n", end);
}

static void print_json(const struct bench *b)
{
	printf("{ \"schema\": \"zdedup.bench-sweep/1\", \"events\": %llu,\n",
	       (unsigned long long)b->events);
	print_series("cpu_seconds", b->cpu, NR_CHILDREN, ",");
	print_series("wall_seconds", b->wall, NR_CHILDREN, ",");
	print_series("ratios", b->ratio, NR_RATIOS, " }");
}

static int usage(void)
{
	fprintf(stderr, "usage: bench-sweep ZDEDUP TRACE [-n ROUNDS] [--json]\n");
	return 2;
}

static int parse(struct bench *b, int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		if (!strcmp(argv[i], "--json")) {
			b->json = 1;
		} else if (!strcmp(argv[i], "-n") && i + 1 < argc) {
			long n = bench_number(argv[++i], 1, BENCH_ROUNDS_MAX);

			if (n < 0)
				return -1;
			b->rounds = (unsigned int)n;
		} else if (argv[i][0] == '-') {
			return -1;
		} else if (!b->zdedup) {
			b->zdedup = argv[i];
		} else if (!b->trace) {
			b->trace = argv[i];
		} else {
			return -1;
		}
	}
	return b->trace ? 0 : -1;
}

int main(int argc, char **argv)
{
	static struct bench b = {
		.rounds = 3,
		.cpu = { { .name = "2 runs" }, { .name = "32 runs" },
			 { .name = "32 runs, 2 jobs" },
			 { .name = "32 runs, twice" },
			 { .name = "replay, facts kept" } },
		.ratio = { { .name = "32/2 runs, CPU" },
			   { .name = "1/2 jobs, wall" },
			   { .name = "1/2 by the machine" },
			   { .name = "M events/s, kept" } },
	};
	char dir[] = "/tmp/bench-sweep-XXXXXX";
	int err;

	for (int i = 0; i < NR_CHILDREN; i++)
		b.wall[i].name = b.cpu[i].name;
	if (parse(&b, argc, argv))
		return usage();
	if (!mkdtemp(dir)) {
		perror("bench-sweep: mkdtemp");
		return 3;
	}
	snprintf(b.facts, sizeof(b.facts), "%s/facts", dir);
	snprintf(b.report, sizeof(b.report), "%s/report.json", dir);
	err = measure(&b);
	unlink(b.facts);
	unlink(b.report);
	rmdir(dir);
	if (err)
		return 3;
	if (b.json)
		print_json(&b);
	else
		print_text(&b);
	return 0;
}
