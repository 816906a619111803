/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * bench-threads - what a second thread brings
 *
 * The same stores to one model, by one thread and by two that share no slot. With
 * no lock in common the wall time halves; the ratio printed is the one thread's
 * time by the two threads' (2 is all that two cores can give, 1 is a global lock).
 * Beside it stands what the machine gives at that moment: the same pages through
 * liblz4, by threads that share nothing.
 */
#include <lz4.h>
#include <malloc.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bench.h"
#include "zdedup.h"

#define THREADS_MAX 2
#define PASSES 12

struct job {
	struct zdedup *zd;
	const unsigned char *pages;
	uint64_t first, last;
	pthread_barrier_t *barrier;
	double wall;
	int err;
	char image[2 * ZDEDUP_PAGE_SIZE];
};

/*
 * A page that compresses to about half, as the mean of real ones does: words of
 * a small set and words that occur once. @seed makes it unlike any other.
 */
static void fill_page(unsigned char *page, uint64_t seed)
{
	uint64_t x = seed * 0x9e3779b97f4a7c15ull + 1;
	unsigned int i;

	for (i = 0; i < ZDEDUP_PAGE_SIZE; i += 8) {
		uint64_t word;

		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		word = i / 8 % 2 ? x : (x & 7) * 0x0101010101010101ull;
		memcpy(page + i, &word, 8);
	}
}

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

/*
 * Stores and frees its slots again and again. The stores alone are timed, from the
 * second pass on: malloc has the memory by then, and the kernel's page faults, in
 * which threads of a process wait for each other, are not what is measured.
 */
static void *store_all(void *arg)
{
	struct job *job = arg;
	unsigned int pass;
	double begin;
	uint64_t i;

	for (pass = 0; pass < PASSES; pass++) {
		pthread_barrier_wait(job->barrier);
		begin = now();
		for (i = job->first; i < job->last && !job->err; i++) {
			const struct zdedup_slot slot = { .offset = i };

			job->err = zdedup_store(job->zd, slot, 0,
						job->pages +
							i * ZDEDUP_PAGE_SIZE,
						NULL);
		}
		pthread_barrier_wait(job->barrier);
		if (pass)
			job->wall += now() - begin;
		for (i = job->first; i < job->last; i++) {
			const struct zdedup_slot slot = { .offset = i };

			zdedup_invalidate(job->zd, slot);
		}
	}
	return NULL;
}

/* The same number of passes over the pages of the job, and nothing but liblz4. */
static void *compress_all(void *arg)
{
	struct job *job = arg;
	unsigned int pass;
	double begin;
	uint64_t i;

	for (pass = 0; pass < PASSES; pass++) {
		pthread_barrier_wait(job->barrier);
		begin = now();
		for (i = job->first; i < job->last && !job->err; i++)
			job->err = !LZ4_compress_default(
				(const char *)job->pages + i * ZDEDUP_PAGE_SIZE,
				job->image, ZDEDUP_PAGE_SIZE,
				sizeof(job->image));
		pthread_barrier_wait(job->barrier);
		if (pass)
			job->wall += now() - begin;
	}
	return NULL;
}

/*
 * Wall seconds for @nr pages by @threads threads, on a fresh model or, with @dedup
 * NULL, on none; negative: failed.
 */
static double run(const char *dedup, const unsigned char *pages, uint64_t nr,
		  unsigned int threads)
{
	struct job job[THREADS_MAX];
	pthread_t thread[THREADS_MAX];
	struct zdedup_config config;
	struct zdedup *zd;
	char why[ZDEDUP_WHY_MAX] = "out of memory";
	unsigned int i, started = 0;
	pthread_barrier_t barrier;
	double wall = 0;
	int err;

	zdedup_config_init(&config);
	config.dedup = dedup ? dedup : "none";
	if (zdedup_create(&config, &zd, why)) {
		fprintf(stderr, "bench-threads: %s\n", why);
		return -1;
	}
	err = zdedup_swapon(zd, 0, nr);
	pthread_barrier_init(&barrier, NULL, threads);
	for (i = 0; !err && i < threads; i++) {
		job[i] = (struct job){ .zd = zd, .pages = pages,
				       .barrier = &barrier,
				       .first = nr * i / threads,
				       .last = nr * (i + 1) / threads };
		/* without it, the others would wait at the barrier for ever */
		if (pthread_create(&thread[i], NULL,
				   dedup ? store_all : compress_all, &job[i])) {
			fprintf(stderr, "bench-threads: no thread\n");
			exit(3);
		}
		started++;
	}
	for (i = 0; i < started; i++) {
		pthread_join(thread[i], NULL);
		if (job[i].err)
			err = job[i].err;
		wall = job[i].wall;
	}
	pthread_barrier_destroy(&barrier);
	zdedup_destroy(zd);
	if (err) {
		fprintf(stderr, "bench-threads: a store failed: %d\n", err);
		return -1;
	}
	return wall;
}

static int measure(const char *dedup, const unsigned char *pages, uint64_t nr,
		   unsigned int rounds, int json)
{
	struct bench_series one = { .name = "one" }, two = { .name = "two" };
	struct bench_series ratio = { .name = "one/two" };
	unsigned int round;

	/* one round unrecorded: it touches the memory that malloc then reuses */
	for (round = 0; round <= rounds; round++) {
		double t1 = run(dedup, pages, nr, 1);
		double t2 = run(dedup, pages, nr, 2);

		if (t1 <= 0 || t2 <= 0)
			return -1;
		if (!round)
			continue;
		bench_add(&one, t1);
		bench_add(&two, t2);
		bench_add(&ratio, t1 / t2);
	}
	if (json) {
		printf("  \"%s\": { ", dedup ? dedup : "bare");
		bench_print_json(stdout, &one);
		printf(",\n    ");
		bench_print_json(stdout, &two);
		printf(",\n    ");
		bench_print_json(stdout, &ratio);
		printf(",\n    \"fastest_one_two\": %.3f",
		       bench_min(&one) / bench_min(&two));
		printf(" }");
		return 0;
	}
	printf("%-20s %10s %10s %10s\n",
	       !dedup ? "bare liblz4" : !strcmp(dedup, "none") ?
	       "stores, no dedup" : "stores, dedup always", "min", "median",
	       "max");
	bench_print_text(stdout, &one);
	bench_print_text(stdout, &two);
	bench_print_text(stdout, &ratio);
	/* What else runs can only add time, and to two threads sooner than to one. */
	printf("%-20s %10.3f\n", "fastest one/two",
	       bench_min(&one) / bench_min(&two));
	return 0;
}

static int usage(void)
{
	fprintf(stderr, "usage: bench-threads [-n ROUNDS] [-p PAGES] [--json]\n");
	return 2;
}

int main(int argc, char **argv)
{
	static const char *const what[] = { NULL, "none", "always" };
	long n, rounds = 5, nr = 8192;
	unsigned char *pages;
	int i, json = 0, err;

	for (i = 1; i < argc; i++) {
		if (!strcmp(argv[i], "--json")) {
			json = 1;
			continue;
		}
		if (i + 1 >= argc ||
		    (strcmp(argv[i], "-n") && strcmp(argv[i], "-p")))
			return usage();
		n = bench_number(argv[i + 1], 1,
				 argv[i][1] == 'n' ? BENCH_ROUNDS_MAX :
						     1l << 22);
		if (n < 0)
			return usage();
		if (argv[i++][1] == 'n')
			rounds = n;
		else
			nr = n;
	}
	/* what is freed stays, for the next pass, whichever thread that is in */
	mallopt(M_TRIM_THRESHOLD, 1 << 30);
	mallopt(M_ARENA_MAX, 1);
	pages = malloc((size_t)nr * ZDEDUP_PAGE_SIZE);
	if (!pages) {
		perror("bench-threads");
		return 3;
	}
	for (n = 0; n < nr; n++)
		fill_page(pages + n * ZDEDUP_PAGE_SIZE, (uint64_t)n + 1);
	if (json)
		printf("{ \"schema\": \"zdedup.bench-threads/1\", \"pages\": %ld,\n",
		       nr);
	else
		printf("%ld pages, wall seconds, %ld rounds\n", nr, rounds);
	for (i = 0, err = 0; i < 3 && !err; i++) {
		if (json && i)
			printf(",\n");
		err = measure(what[i], pages, (uint64_t)nr,
			      (unsigned int)rounds, json);
	}
	if (json)
		printf(" }\n");
	free(pages);
	return err ? 3 : 0;
}
