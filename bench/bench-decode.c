/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * bench-decode.c - how fast a .zdt gives its pages back, and how small it is
 *
 * bench-decode TRACE [-n ROUNDS] [--json]
 *
 * TRACE becomes a .zdt in $TMPDIR. In each round it is opened and read from the
 * first event to the last, with all its pages unpacked, on one processor: nothing is
 * done with them. Beside its size stands that of what zstd -3 --long=27 makes of the
 * same pages in the same order.
 */
#define _GNU_SOURCE	/* sched_setaffinity */
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <zstd.h>

#include "../traces/trace.h"
#include "../traces/trace-writer.h"
#include "bench.h"

#define WHY_MAX 1024

struct bench {
	const char *trace;
	char path[64];
	unsigned int rounds;
	bool json;
	uint64_t pages, events, bytes, zstd_bytes;
	struct bench_series cpu, wall;
};

static int complain(const char *why)
{
	fprintf(stderr, "bench-decode: %s\n", why);
	return -1;
}

static int copy(struct trace *trace, struct trace_writer *w)
{
	char why[WHY_MAX] = "";
	struct trace_event ev;
	int got, err = 0;

	while (!err && (got = trace_next(trace, &ev, why, sizeof(why))) > 0)
		err = trace_write_event(w, &ev, ev.page == TRACE_NO_PAGE ?
					NULL : trace_page(trace, ev.page),
					NULL, why, sizeof(why));
	return err || got < 0 ? complain(why) : 0;
}

static int make_zdt(struct bench *b)
{
	struct trace_writer_options options = { .has_pages = true };
	const struct trace_summary *sum;
	char why[WHY_MAX] = "";
	struct trace_writer *w;
	struct trace *trace;
	struct stat st;
	int err;

	if (trace_open(b->trace, NULL, &trace, why, sizeof(why)))
		return complain(why);
	sum = trace_summary(trace);
	options.has_type = sum->has_type;
	options.has_memcg = sum->has_memcg;
	options.has_folio = sum->has_folio;
	options.has_order = sum->has_order;
	err = sum->has_pages ? 0 : complain("a trace without bytes");
	if (!err && trace_writer_open(b->path, &options, &w, why, sizeof(why)))
		err = complain(why);
	if (!err) {
		err = copy(trace, w);
		if (trace_writer_close(w, why, sizeof(why)) && !err)
			err = complain(why);
	}
	trace_close(trace);
	if (!err && stat(b->path, &st))
		err = complain("the .zdt is gone");
	b->bytes = err ? 0 : (uint64_t)st.st_size;
	return err;
}

/* What one stream of zstd is for the pages; its bytes are counted only. */
static int compress_pages(struct bench *b, const struct trace *trace,
			  ZSTD_CCtx *ctx)
{
	static uint8_t buf[1 << 17];
	size_t left = 0;

	ZSTD_CCtx_setParameter(ctx, ZSTD_c_compressionLevel, 3);
	ZSTD_CCtx_setParameter(ctx, ZSTD_c_windowLog, 27);
	ZSTD_CCtx_setParameter(ctx, ZSTD_c_enableLongDistanceMatching, 1);
	ZSTD_CCtx_setPledgedSrcSize(ctx, b->pages * TRACE_PAGE_SIZE);
	for (uint64_t i = 0; i < b->pages; i++) {
		ZSTD_inBuffer in = { trace_page(trace, i), TRACE_PAGE_SIZE, 0 };
		ZSTD_EndDirective end = i + 1 < b->pages ? ZSTD_e_continue :
					ZSTD_e_end;

		do {
			ZSTD_outBuffer out = { buf, sizeof(buf), 0 };

			left = ZSTD_compressStream2(ctx, &out, &in, end);
			if (ZSTD_isError(left))
				return complain(ZSTD_getErrorName(left));
			b->zstd_bytes += out.pos;
		} while (in.pos < in.size || (end == ZSTD_e_end && left));
	}
	return 0;
}

static double seconds(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* Opens, and reads all events; the last one's page comes behind all the others. */
static struct trace *read_all(struct bench *b)
{
	char why[WHY_MAX] = "";
	struct trace_event ev;
	struct trace *trace;
	int got;

	if (trace_open(b->path, "zdt", &trace, why, sizeof(why))) {
		complain(why);
		return NULL;
	}
	while ((got = trace_next(trace, &ev, why, sizeof(why))) > 0)
		;
	if (got < 0) {
		complain(why);
		trace_close(trace);
		return NULL;
	}
	b->pages = trace_summary(trace)->nr_pages;
	b->events = trace_summary(trace)->events;
	return trace;
}

static int measure_size(struct bench *b)
{
	struct trace *trace = read_all(b);
	ZSTD_CCtx *ctx = ZSTD_createCCtx();
	int err = -1;

	if (trace && ctx)
		err = b->pages ? compress_pages(b, trace, ctx) :
		      complain("no page");
	ZSTD_freeCCtx(ctx);
	if (trace)
		trace_close(trace);
	return err;
}

/* The thread that unpacks and the one that reads share a processor. */
static int stay_on_one_processor(void)
{
	cpu_set_t set;
	int cpu = sched_getcpu();

	CPU_ZERO(&set);
	CPU_SET(cpu < 0 ? 0 : cpu, &set);
	return sched_setaffinity(0, sizeof(set), &set);
}

static int measure(struct bench *b)
{
	if (make_zdt(b) || measure_size(b))
		return -1;
	if (stay_on_one_processor())
		return complain("cannot stay on one processor");
	for (unsigned int i = 0; i <= b->rounds; i++) {
		double cpu = seconds(CLOCK_PROCESS_CPUTIME_ID);
		double wall = seconds(CLOCK_MONOTONIC);
		struct trace *trace = read_all(b);

		cpu = seconds(CLOCK_PROCESS_CPUTIME_ID) - cpu;
		wall = seconds(CLOCK_MONOTONIC) - wall;
		if (!trace)
			return -1;
		trace_close(trace);
		if (!i)		/* it fills the page cache */
			continue;
		bench_add(&b->cpu, (double)b->pages / cpu / 1000);
		bench_add(&b->wall, (double)b->pages / wall / 1000);
	}
	return 0;
}

static void print(const struct bench *b)
{
	double ratio = (double)b->bytes / (double)b->zstd_bytes;

	if (b->json) {
		printf("{ \"schema\": \"zdedup.bench-decode/1\", \"events\": %llu, \"pages\": %llu, \"bytes\": %llu, \"zstd_bytes\": %llu,\n  \"size_ratio\": %.4f,\n  ",
		       (unsigned long long)b->events,
		       (unsigned long long)b->pages,
		       (unsigned long long)b->bytes,
		       (unsigned long long)b->zstd_bytes, ratio);
		bench_print_json(stdout, &b->cpu);
		printf(",\n  ");
		bench_print_json(stdout, &b->wall);
		printf(" }\n");
		return;
	}
	printf("%s: %llu events, %llu pages; %u rounds\n", b->trace,
	       (unsigned long long)b->events, (unsigned long long)b->pages,
	       b->rounds);
	printf("%-20s %10s %10s %10s\n", "1000 pages/s of", "min", "median",
	       "max");
	bench_print_text(stdout, &b->cpu);
	bench_print_text(stdout, &b->wall);
	printf("%llu bytes, zstd -3 --long=27 of the pages %llu: %.4f\n",
	       (unsigned long long)b->bytes,
	       (unsigned long long)b->zstd_bytes, ratio);
}

static int parse(struct bench *b, int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		if (!strcmp(argv[i], "--json")) {
			b->json = true;
		} else if (!strcmp(argv[i], "-n") && i + 1 < argc) {
			long n = bench_number(argv[++i], 1, BENCH_ROUNDS_MAX);

			if (n < 0)
				return -1;
			b->rounds = (unsigned int)n;
		} else if (argv[i][0] == '-' || b->trace) {
			return -1;
		} else {
			b->trace = argv[i];
		}
	}
	return b->trace ? 0 : -1;
}

int main(int argc, char **argv)
{
	static struct bench b = {
		.rounds = 5,
		.cpu = { .name = "CPU" }, .wall = { .name = "wall" },
	};
	const char *tmpdir = getenv("TMPDIR");
	char dir[sizeof(b.path) - 8];
	int err;

	if (parse(&b, argc, argv)) {
		fprintf(stderr, "usage: bench-decode TRACE [-n ROUNDS] [--json]\n");
		return 2;
	}
	if (snprintf(dir, sizeof(dir), "%s/bench-decode-XXXXXX",
		     tmpdir && *tmpdir ? tmpdir : "/tmp") >= (int)sizeof(dir) ||
	    !mkdtemp(dir)) {
		perror("bench-decode: no temporary folder");
		return 3;
	}
	snprintf(b.path, sizeof(b.path), "%s/t.zdt", dir);
	err = measure(&b);
	unlink(b.path);
	rmdir(dir);
	if (err)
		return 3;
	print(&b);
	return 0;
}
