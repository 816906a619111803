/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * bench-ops - nanoseconds a call, beside the bare calls below them
 *
 * Every round runs everything once, over the same pages, so that whatever the
 * machine does meanwhile meets all of it; the ratios are taken within a round.
 */
#include <lz4.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "ops.h"

#define PAGES_MAX 16384L
#define FIGURES_MAX 128

double ops_clock(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
	return (double)ts.tv_sec * 1e9 + (double)ts.tv_nsec;
}

static void *allocated(void *mem)
{
	if (mem)
		return mem;
	perror("bench-ops");
	exit(3);
}

void ops_note(struct ops *ops, const char *group, const char *name,
	      double value)
{
	struct ops_figure *figure;
	char full[OPS_NAME_MAX];
	unsigned int i;

	if (ops->warming)
		return;
	snprintf(full, sizeof(full), "%s %s", group, name);
	for (i = 0; i < ops->nr_figures; i++)
		if (!strcmp(ops->figure[i]->name, full))
			break;
	if (i == FIGURES_MAX) {
		fprintf(stderr, "bench-ops: too many figures\n");
		exit(3);
	}
	if (i == ops->nr_figures) {
		figure = allocated(calloc(1, sizeof(*figure)));
		strcpy(figure->name, full);
		figure->series.name = figure->name;
		ops->figure[ops->nr_figures++] = figure;
	}
	bench_add(&ops->figure[i]->series, value);
}

/*------------------------------------------------------------------ floor */

/* What no model can be below: the bare calls of libraries, a copy, a compare. */
static void floor_round(struct ops *ops)
{
	char *out = allocated(malloc((size_t)ops->nr * OPS_PAGE));
	void **object = allocated(calloc(ops->nr, sizeof(*object)));
	int *length = allocated(calloc(ops->nr, sizeof(*length)));
	void *state = allocated(malloc((size_t)LZ4_sizeofState()));
	static uint8_t page[OPS_PAGE];
	volatile uint64_t sink = 0;
	double begun;
	unsigned int i;

	begun = ops_clock();
	for (i = 0; i < ops->nr; i++) {
		memcpy(page, ops_page(ops, i), OPS_PAGE);
		sink += page[i % OPS_PAGE];
	}
	ops_note(ops, "floor", "memcpy", (ops_clock() - begun) / ops->nr);
	memcpy(out, ops->pages, (size_t)ops->nr * OPS_PAGE);
	begun = ops_clock();
	for (i = 0; i < ops->nr; i++)
		sink += (uint64_t)!memcmp(out + (size_t)i * OPS_PAGE,
					  ops_page(ops, i), OPS_PAGE);
	ops_note(ops, "floor", "memcmp", (ops_clock() - begun) / ops->nr);
	begun = ops_clock();
	for (i = 0; i < ops->nr; i++)
		sink += XXH64(ops_page(ops, i), OPS_PAGE, 0);
	ops_note(ops, "floor", "XXH64", (ops_clock() - begun) / ops->nr);
	begun = ops_clock();
	for (i = 0; i < ops->nr; i++)
		length[i] = LZ4_compress_fast_extState(
			state, (const char *)ops_page(ops, i),
			out + (size_t)i * OPS_PAGE, OPS_PAGE, OPS_PAGE, 1);
	ops_note(ops, "floor", "liblz4 compress",
		 (ops_clock() - begun) / ops->nr);
	begun = ops_clock();
	for (i = 0; i < ops->nr; i++)
		sink += (uint64_t)LZ4_decompress_safe(
			out + (size_t)i * OPS_PAGE, (char *)page, length[i],
			OPS_PAGE);
	ops_note(ops, "floor", "liblz4 decompress",
		 (ops_clock() - begun) / ops->nr);
	begun = ops_clock();
	for (i = 0; i < ops->nr; i++)
		object[i] = malloc(length[i] ? (size_t)length[i] : OPS_PAGE);
	ops_note(ops, "floor", "malloc", (ops_clock() - begun) / ops->nr);
	begun = ops_clock();
	for (i = 0; i < ops->nr; i++)
		free(object[i]);
	ops_note(ops, "floor", "free", (ops_clock() - begun) / ops->nr);
	free(state);
	free(length);
	free(object);
	free(out);
}

/*------------------------------------------------------------------ pages */

/* Is it a page that a pool would see, and none of those taken already? */
static int is_wanted(const struct ops *ops, const uint8_t *page)
{
	unsigned int i;

	if (!memcmp(page, page + 8, OPS_PAGE - 8))
		return 0;
	for (i = 0; i < ops->nr; i++)
		if (!memcmp(ops_page(ops, i), page, OPS_PAGE))
			return 0;
	return 1;
}

/* Takes up to @most pages, evenly from the whole of the file. */
static int read_pages(struct ops *ops, const char *dir, long most)
{
	char path[4096];
	long size, every, i;
	FILE *file;

	snprintf(path, sizeof(path), "%s/pages.raw", dir);
	file = fopen(path, "re");
	if (!file || fseek(file, 0, SEEK_END) || (size = ftell(file)) < 0) {
		perror(path);
		return -1;
	}
	ops->pages = allocated(malloc((size_t)most * OPS_PAGE));
	ops->length = allocated(calloc((size_t)most, sizeof(*ops->length)));
	every = size / OPS_PAGE / most;
	if (!every)
		every = 1;
	for (i = 0; i < size / OPS_PAGE && ops->nr < most; i += every) {
		uint8_t *page = ops->pages + (size_t)ops->nr * OPS_PAGE;

		if (fseek(file, i * (long)OPS_PAGE, SEEK_SET) ||
		    fread(page, OPS_PAGE, 1, file) != 1) {
			perror(path);
			fclose(file);
			return -1;
		}
		ops->nr += (unsigned int)is_wanted(ops, page);
	}
	fclose(file);
	if (ops->nr)
		return 0;
	fprintf(stderr, "bench-ops: %s: no page to work on\n", path);
	return -1;
}

/*----------------------------------------------------------------- report */

/*
 * What ratios are held to. A hit that is confirmed by compressing cannot be cheaper
 * than that, nor one that is trusted for SipHash's sake than that; they have no bound.
 */
static const struct {
	const char *name;
	double most;
} bound[] = {
	{ "hit/miss bytes", 0.45 },
	{ "hit/miss trust", 0.12 },
};

static void print_text(const struct ops *ops, long rounds)
{
	unsigned int i, b;

	printf("%u pages, %ld rounds; CPU nanoseconds a call\n", ops->nr,
	       rounds);
	printf("%-20s %10s %10s %10s\n", "", "min", "median", "max");
	for (i = 0; i < ops->nr_figures; i++)
		bench_print_text(stdout, &ops->figure[i]->series);
	for (b = 0; b < sizeof(bound) / sizeof(bound[0]); b++)
		for (i = 0; i < ops->nr_figures; i++)
			if (!strcmp(ops->figure[i]->name, bound[b].name))
				printf("%s: %.3f, to be at most %.2f\n",
				       bound[b].name,
				       bench_median(&ops->figure[i]->series),
				       bound[b].most);
}

static void print_json(const struct ops *ops)
{
	unsigned int i;

	printf("{ \"schema\": \"zdedup.bench-ops/1\", \"pages\": %u,\n  \"figures\": {",
	       ops->nr);
	for (i = 0; i < ops->nr_figures; i++) {
		printf("%s\n    ", i ? "," : "");
		bench_print_json(stdout, &ops->figure[i]->series);
	}
	printf(" },\n  \"bounds\": {");
	for (i = 0; i < sizeof(bound) / sizeof(bound[0]); i++)
		printf("%s \"%s\": %.2f", i ? "," : "", bound[i].name,
		       bound[i].most);
	printf(" } }\n");
}

static int usage(void)
{
	fprintf(stderr, "usage: bench-ops DIR [-n ROUNDS] [-p PAGES] [--json]\n"
			"DIR holds an uncompressed pages.raw\n");
	return 2;
}

int main(int argc, char **argv)
{
	static struct ops_figure *figures[FIGURES_MAX];
	struct ops ops = { .figure = figures };
	long n, round, rounds = 5, most = 2048;
	const char *dir = NULL;
	int i, json = 0;

	for (i = 1; i < argc; i++) {
		if (!strcmp(argv[i], "--json")) {
			json = 1;
		} else if (i + 1 < argc && (!strcmp(argv[i], "-n") ||
					    !strcmp(argv[i], "-p"))) {
			int pages = argv[i][1] == 'p';

			n = bench_number(argv[++i], 1,
					 pages ? PAGES_MAX : BENCH_ROUNDS_MAX);
			if (n < 0)
				return usage();
			*(pages ? &most : &rounds) = n;
		} else if (argv[i][0] == '-' || dir) {
			return usage();
		} else {
			dir = argv[i];
		}
	}
	if (!dir)
		return usage();
	/* what is freed stays, or every round would pay for page faults */
	mallopt(M_TRIM_THRESHOLD, 1 << 30);
	mallopt(M_MMAP_THRESHOLD, 1 << 25);
	if (read_pages(&ops, dir, most))
		return 3;
	for (round = 0; round <= rounds; round++) {
		ops.warming = !round;
		floor_round(&ops);
		if (ops_families(&ops) || ops_index(&ops) || ops_stores(&ops))
			return 3;
	}
	if (json)
		print_json(&ops);
	else
		print_text(&ops, rounds);
	return 0;
}
