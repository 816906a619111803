/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * bench-replay - the program beside its floor
 *
 * Runs three children in turns, floor (floor.c), zdedup without dedup and zdedup
 * with it, so that whatever the machine does meanwhile meets all three, and
 * prints their CPU time and the ratios within each round. One more run of each
 * zdedup is watched for its anonymous memory.
 */
#include <errno.h>
#include <fcntl.h>
#include <json-glib/json-glib.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "bench.h"

/* What memory a replay may take beside its pool, see docs/BENCH.md. */
#define SLOT_BYTES 256u
#define FIXED_BYTES (64u << 20)

enum { FLOOR, NONE, ALWAYS, NR_CHILDREN };

static const char *const policy[NR_CHILDREN] = {
	[NONE] = "none",
	[ALWAYS] = "always",
};

struct bench {
	const char *zdedup, *dir;
	unsigned int rounds;
	int json;
	struct floor_counts counts;
	struct bench_series cpu[NR_CHILDREN];
	struct bench_series none_floor, always_floor, always_none;
	/* index NONE and ALWAYS; bytes */
	uint64_t peak_anon[NR_CHILDREN], pool[NR_CHILDREN];
};

struct child {
	const struct bench *b;
	int which;
	const char *report;
};

static void run_child(const void *data)
{
	const struct child *child = data;
	const struct bench *b = child->b;
	struct floor_counts counts;

	if (child->which == FLOOR)
		_exit(floor_run(b->dir, 1, &counts) ? 3 : 0);
	execl(b->zdedup, "zdedup", "replay", b->dir, "--no-verify", "--dedup",
	      policy[child->which], "--hash", "xxh64", "--format", "json", "-o",
	      child->report, (char *)NULL);
	fprintf(stderr, "bench-replay: %s: %s\n", b->zdedup, strerror(errno));
}

/* RssAnon of a process in bytes; 0 when it cannot be read (it ended). */
static uint64_t anon_of(pid_t pid)
{
	char path[64], line[256];
	unsigned long long kib = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	f = fopen(path, "re");
	if (!f)
		return 0;
	while (fgets(line, sizeof(line), f))
		if (sscanf(line, "RssAnon: %llu kB", &kib) == 1)
			break;
	fclose(f);
	return kib * 1024;
}

/* The pool's bytes at the event with the most live entries, from the report. */
static int pool_at_peak(const char *report, uint64_t *bytes)
{
	JsonParser *parser = json_parser_new();
	JsonReader *reader = NULL;
	int err = -1;

	if (json_parser_load_from_file(parser, report, NULL)) {
		reader = json_reader_new(json_parser_get_root(parser));
		if (json_reader_read_member(reader, "over_time") &&
		    json_reader_read_member(reader, "at_peak") &&
		    json_reader_read_member(reader, "density") &&
		    json_reader_read_member(reader, "pool_bytes")) {
			*bytes = (uint64_t)json_reader_get_int_value(reader);
			err = 0;
		}
		g_object_unref(reader);
	}
	g_object_unref(parser);
	if (err)
		fprintf(stderr, "bench-replay: the report has no over_time.at_peak.density.pool_bytes\n");
	return err;
}

/* One run whose memory is polled every millisecond: not one of the timed ones. */
static int measure_memory(struct bench *b, int child)
{
	const struct timespec pause = { .tv_nsec = 1000000 };
	char report[] = "/tmp/bench-replay-XXXXXX";
	const struct child which = { b, child, report };
	int fd, status, err;
	pid_t pid, done;

	fd = mkstemp(report);
	if (fd < 0) {
		perror("bench-replay: mkstemp");
		return -1;
	}
	close(fd);
	fflush(NULL);
	pid = fork();
	if (!pid) {
		run_child(&which);
		_exit(127);
	}
	while (pid > 0 && !(done = waitpid(pid, &status, WNOHANG))) {
		uint64_t anon = anon_of(pid);

		if (anon > b->peak_anon[child])
			b->peak_anon[child] = anon;
		nanosleep(&pause, NULL);
	}
	err = pid < 0 || done != pid || status;
	if (err)
		fprintf(stderr, "bench-replay: zdedup did not end well while its memory was watched\n");
	err = err || pool_at_peak(report, &b->pool[child]);
	unlink(report);
	return err ? -1 : 0;
}

static uint64_t allowed(const struct bench *b, int child)
{
	return b->pool[child] + SLOT_BYTES * b->counts.slots + FIXED_BYTES;
}

static int measure(struct bench *b)
{
	unsigned int round;
	int child;

	/* one round unrecorded: it brings the files into the page cache */
	for (round = 0; round <= b->rounds; round++) {
		struct bench_cost cost[NR_CHILDREN];

		for (child = 0; child < NR_CHILDREN; child++) {
			const struct child which = { b, child, "/dev/null" };

			if (bench_child(child == FLOOR ?
						"bench-replay: the floor" :
						"bench-replay: zdedup",
					run_child, &which, &cost[child]))
				return -1;
			if (round)
				bench_add(&b->cpu[child], cost[child].cpu);
		}
		if (!round || cost[FLOOR].cpu <= 0 || cost[NONE].cpu <= 0)
			continue;
		bench_add(&b->none_floor, cost[NONE].cpu / cost[FLOOR].cpu);
		bench_add(&b->always_floor, cost[ALWAYS].cpu / cost[FLOOR].cpu);
		bench_add(&b->always_none, cost[ALWAYS].cpu / cost[NONE].cpu);
	}
	return measure_memory(b, NONE) || measure_memory(b, ALWAYS) ? -1 : 0;
}

static void print_text(const struct bench *b)
{
	int child;

	printf("%s: %llu events, %llu stores, %llu loads, %llu invalidates; %u rounds\n",
	       b->dir, (unsigned long long)b->counts.events,
	       (unsigned long long)b->counts.stores,
	       (unsigned long long)b->counts.loads,
	       (unsigned long long)b->counts.invalidates, b->rounds);
	printf("%-20s %10s %10s %10s\n", "CPU seconds", "min", "median", "max");
	for (child = 0; child < NR_CHILDREN; child++)
		bench_print_text(stdout, &b->cpu[child]);
	printf("%-20s %10s %10s %10s\n", "ratio in a round", "min", "median",
	       "max");
	bench_print_text(stdout, &b->none_floor);
	bench_print_text(stdout, &b->always_floor);
	bench_print_text(stdout, &b->always_none);
	printf("%-20s %10s %10s %10s\n", "anonymous MiB", "peak", "pool",
	       "allowed");
	for (child = NONE; child < NR_CHILDREN; child++)
		printf("%-20s %10.1f %10.1f %10.1f\n", b->cpu[child].name,
		       (double)b->peak_anon[child] / (1 << 20),
		       (double)b->pool[child] / (1 << 20),
		       (double)allowed(b, child) / (1 << 20));
}

static void print_json(const struct bench *b)
{
	const struct bench_series *ratio[] = { &b->none_floor,
					       &b->always_floor,
					       &b->always_none };
	unsigned int i;
	int child;

	printf("{ \"schema\": \"zdedup.bench-replay/1\", \"events\": %llu, \"stores\": %llu, \"slots\": %llu,\n  \"cpu_seconds\": {",
	       (unsigned long long)b->counts.events,
	       (unsigned long long)b->counts.stores,
	       (unsigned long long)b->counts.slots);
	for (child = 0; child < NR_CHILDREN; child++) {
		printf("%s\n    ", child ? "," : "");
		bench_print_json(stdout, &b->cpu[child]);
	}
	printf(" },\n  \"ratios\": {");
	for (i = 0; i < 3; i++) {
		printf("%s\n    ", i ? "," : "");
		bench_print_json(stdout, ratio[i]);
	}
	printf(" },\n  \"memory\": {");
	for (child = NONE; child < NR_CHILDREN; child++)
		printf("%s\n    \"%s\": { \"peak_anon_bytes\": %llu, \"pool_bytes\": %llu, \"allowed_bytes\": %llu }",
		       child > NONE ? "," : "", policy[child],
		       (unsigned long long)b->peak_anon[child],
		       (unsigned long long)b->pool[child],
		       (unsigned long long)allowed(b, child));
	printf(" } }\n");
}

static int usage(void)
{
	fprintf(stderr, "usage: bench-replay ZDEDUP DIR [-n ROUNDS] [--json]\n"
			"DIR holds an uncompressed ops.csv and pages.raw\n");
	return 2;
}

int main(int argc, char **argv)
{
	static struct bench b = {
		.rounds = 5,
		.cpu = { [FLOOR] = { .name = "floor" },
			 [NONE] = { .name = "none" },
			 [ALWAYS] = { .name = "always" } },
		.none_floor = { .name = "none/floor" },
		.always_floor = { .name = "always/floor" },
		.always_none = { .name = "always/none" },
	};
	long n;
	int i;

	for (i = 1; i < argc; i++) {
		if (!strcmp(argv[i], "--json")) {
			b.json = 1;
		} else if (!strcmp(argv[i], "-n") && i + 1 < argc) {
			n = bench_number(argv[++i], 1, BENCH_ROUNDS_MAX);
			if (n < 0)
				return usage();
			b.rounds = (unsigned int)n;
		} else if (argv[i][0] == '-') {
			return usage();
		} else if (!b.zdedup) {
			b.zdedup = argv[i];
		} else if (!b.dir) {
			b.dir = argv[i];
		} else {
			return usage();
		}
	}
	if (!b.dir)
		return usage();
	if (floor_run(b.dir, 0, &b.counts) || measure(&b))
		return 3;
	if (b.json)
		print_json(&b);
	else
		print_text(&b);
	return 0;
}
