/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * bench-events - a trace of ten million events whose facts are known
 *
 * Makes the trace, and replays it without dedup. With --cachesim, libCacheSim's LRU over
 * the same slots runs in turns with it, so that whatever the machine does meanwhile
 * meets both. Prints CPU time, events and requests a second, and their ratio within
 * each round.
 */
#include <errno.h>
#include <json-glib/json-glib.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench.h"

#define EVENTS 10000000
#define SLOTS 1000000

enum { REPLAY, CACHESIM, NR_CHILDREN };

/* A trace, the same for libCacheSim, and a report, in a folder of their own. */
enum { TRACE, REQUESTS, REPORT, NR_FILES };

static const char *const names[NR_FILES] = {
	[TRACE] = "events.zdt",
	[REQUESTS] = "events.oracleGeneral",
	[REPORT] = "report.json",
};

struct bench {
	char *zdedup, *cachesim;	/* absolute; cachesim NULL: none */
	unsigned int rounds;
	int json;
	long events, slots;
	uint64_t requests;	/* events that are no invalidates: libCacheSim sees them */
	struct bench_series cpu[NR_CHILDREN], rate[NR_CHILDREN], ratio;
};

struct child {
	const char *program;
	const char *const *argv;
};

static void run_child(const void *data)
{
	const struct child *child = data;

	if (freopen("/dev/null", "w", stdout))
		execv(child->program, (char *const *)child->argv);
	fprintf(stderr, "bench-events: %s: %s\n", child->program,
		strerror(errno));
}

/* cachesim says there what it is about to do. */
static void run_silent(const void *data)
{
	if (freopen("/dev/null", "w", stderr))
		run_child(data);
}

static int run(const char *program, const char *const *argv,
	       struct bench_cost *cost)
{
	const struct child child = { program, argv };
	char name[4096];

	snprintf(name, sizeof(name), "bench-events: %s", program);
	return bench_child(name, strcmp(argv[0], "cachesim") ? run_child :
							       run_silent,
			   &child, cost);
}

/* In the present folder, which is the bench's own. */
static int make_traces(const struct bench *b)
{
	char events[32], slots[32];
	const char *const gen[] = {
		"zdedup", "gen", "--facts", "--events", events, "--slots",
		slots, "--seed", "1", "--dedupe-percentage", "20",
		"--dedupe-mode", "working_set", "-o", names[TRACE], NULL
	};
	const char *const requests[] = { "zdedup", "export", "--to",
					 "oracle-general", names[TRACE], "-o",
					 names[REQUESTS], NULL };
	struct bench_cost cost;

	snprintf(events, sizeof(events), "%ld", b->events);
	snprintf(slots, sizeof(slots), "%ld", b->slots);
	if (run(b->zdedup, gen, &cost))
		return -1;
	return b->cachesim ? run(b->zdedup, requests, &cost) : 0;
}

static int64_t count(JsonReader *reader, const char *name)
{
	int64_t n = 0;

	if (json_reader_read_member(reader, name))
		n = json_reader_get_int_value(reader);
	json_reader_end_member(reader);
	return n;
}

static int read_requests(struct bench *b)
{
	JsonParser *parser = json_parser_new();
	JsonReader *reader;

	if (json_parser_load_from_file(parser, names[REPORT], NULL)) {
		reader = json_reader_new(json_parser_get_root(parser));
		if (json_reader_read_member(reader, "trace"))
			b->requests = (uint64_t)(count(reader, "stores") +
						 count(reader, "loads"));
		g_object_unref(reader);
	}
	g_object_unref(parser);
	if (!b->requests)
		fprintf(stderr, "bench-events: the report has no trace.stores\n");
	return b->requests ? 0 : -1;
}

static int run_round(const struct bench *b, struct bench_cost *cost)
{
	char slots[32];
	const char *const replay[] = { "zdedup", "replay", "--no-verify",
				       "--dedup", "none", "--format", "json",
				       "-o", names[REPORT], names[TRACE],
				       NULL };
	const char *const lru[] = { "cachesim", names[REQUESTS],
				    "oracleGeneral", "lru", slots,
				    "--ignore-obj-size", "1", "--num-thread",
				    "1", NULL };

	snprintf(slots, sizeof(slots), "%ld", b->slots);
	if (run(b->zdedup, replay, &cost[REPLAY]))
		return -1;
	return b->cachesim ? run(b->cachesim, lru, &cost[CACHESIM]) : 0;
}

static int measure(struct bench *b)
{
	struct bench_cost cost[NR_CHILDREN];
	double rate[NR_CHILDREN];

	/* one round unrecorded: it fills the page cache */
	for (unsigned int round = 0; round <= b->rounds; round++) {
		if (run_round(b, cost) || (!round && read_requests(b)))
			return -1;
		if (!round)
			continue;
		rate[REPLAY] = (double)b->events / cost[REPLAY].cpu / 1e6;
		bench_add(&b->cpu[REPLAY], cost[REPLAY].cpu);
		bench_add(&b->rate[REPLAY], rate[REPLAY]);
		if (!b->cachesim)
			continue;
		rate[CACHESIM] =
			(double)b->requests / cost[CACHESIM].cpu / 1e6;
		bench_add(&b->cpu[CACHESIM], cost[CACHESIM].cpu);
		bench_add(&b->rate[CACHESIM], rate[CACHESIM]);
		bench_add(&b->ratio, rate[REPLAY] / rate[CACHESIM]);
	}
	return 0;
}

/* Runs in a folder of its own: cachesim leaves a file of results where it runs. */
static int measure_in_folder(struct bench *b)
{
	g_autoptr(GError) error = NULL;
	g_autofree char *dir = g_dir_make_tmp("bench-events-XXXXXX", &error);
	const char *name;
	GDir *files;
	int err;

	if (!dir || chdir(dir)) {
		fprintf(stderr, "bench-events: a temporary folder: %s\n",
			error ? error->message : strerror(errno));
		return -1;
	}
	err = make_traces(b) || measure(b) ? -1 : 0;
	files = g_dir_open(".", 0, NULL);
	while (files && (name = g_dir_read_name(files)))
		unlink(name);
	if (files)
		g_dir_close(files);
	rmdir(dir);
	return err;
}

static void print_text(const struct bench *b)
{
	int children = b->cachesim ? NR_CHILDREN : 1;

	printf("%ld events, %llu of them requests, %ld slots; %u rounds\n",
	       b->events, (unsigned long long)b->requests, b->slots, b->rounds);
	printf("%-20s %10s %10s %10s\n", "CPU seconds", "min", "median", "max");
	for (int i = 0; i < children; i++)
		bench_print_text(stdout, &b->cpu[i]);
	printf("%-20s %10s %10s %10s\n", "million a second", "min", "median",
	       "max");
	for (int i = 0; i < children; i++)
		bench_print_text(stdout, &b->rate[i]);
	if (b->cachesim)
		bench_print_text(stdout, &b->ratio);
}

static void print_json(const struct bench *b)
{
	int children = b->cachesim ? NR_CHILDREN : 1;

	printf("{ \"schema\": \"zdedup.bench-events/1\", \"events\": %ld, \"requests\": %llu, \"slots\": %ld,\n  \"cpu_seconds\": {",
	       b->events, (unsigned long long)b->requests, b->slots);
	for (int i = 0; i < children; i++) {
		printf("%s\n    ", i ? "," : "");
		bench_print_json(stdout, &b->cpu[i]);
	}
	printf(" },\n  \"million_per_second\": {");
	for (int i = 0; i < children; i++) {
		printf("%s\n    ", i ? "," : "");
		bench_print_json(stdout, &b->rate[i]);
	}
	printf(" }");
	if (b->cachesim) {
		printf(",\n  \"ratios\": { ");
		bench_print_json(stdout, &b->ratio);
		printf(" }");
	}
	printf(" }\n");
}

static int usage(void)
{
	fprintf(stderr,
		"usage: bench-events ZDEDUP [--cachesim PROGRAM] [--events N] [--slots N]\n"
		"                    [-n ROUNDS] [--json]\n"
		"PROGRAM is libCacheSim's cachesim\n");
	return 2;
}

/* 0, or -1: @word is no number, or none that is allowed. */
static int parse_number(const char *word, long last, long *number)
{
	*number = bench_number(word, 1, last);
	return *number < 0 ? -1 : 0;
}

static int parse(struct bench *b, int argc, char **argv)
{
	long rounds = b->rounds;

	for (int i = 1; i < argc; i++) {
		const char *next = i + 1 < argc ? argv[i + 1] : NULL;
		int err = 0;

		if (!strcmp(argv[i], "--json")) {
			b->json = 1;
			continue;
		}
		if (argv[i][0] != '-' && !b->zdedup) {
			b->zdedup = realpath(argv[i], NULL);
			continue;
		}
		if (!next)
			return -1;
		if (!strcmp(argv[i], "-n"))
			err = parse_number(next, BENCH_ROUNDS_MAX, &rounds);
		else if (!strcmp(argv[i], "--events"))
			err = parse_number(next, 1000000000, &b->events);
		else if (!strcmp(argv[i], "--slots"))
			err = parse_number(next, 100000000, &b->slots);
		else if (!strcmp(argv[i], "--cachesim"))
			b->cachesim = realpath(next, NULL);
		else
			return -1;
		if (err || (!strcmp(argv[i], "--cachesim") && !b->cachesim))
			return -1;
		i++;
	}
	b->rounds = (unsigned int)rounds;
	return b->zdedup ? 0 : -1;
}

int main(int argc, char **argv)
{
	static struct bench b = {
		.rounds = 5,
		.events = EVENTS,
		.slots = SLOTS,
		.cpu = { [REPLAY] = { .name = "replay" },
			 [CACHESIM] = { .name = "cachesim" } },
		.rate = { [REPLAY] = { .name = "events" },
			  [CACHESIM] = { .name = "requests" } },
		.ratio = { .name = "events/requests" },
	};
	int err = 0;

	if (parse(&b, argc, argv))
		err = usage();
	else if (measure_in_folder(&b))
		err = 3;
	else if (b.json)
		print_json(&b);
	else
		print_text(&b);
	free(b.zdedup);
	free(b.cachesim);
	return err;
}
