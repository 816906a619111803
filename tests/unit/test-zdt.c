/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test-zdt.c - the native format: what is written comes back, and what was cut,
 * damaged or killed is seen as that
 *
 * ZDEDUP_ZDT_FLIPS=8 flips every bit of each byte of the golden file (the suite
 * one of them), ZDEDUP_ZDT_KILLS=200 kills that many writers (the suite a few).
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <zstd.h>

#include "trace-helpers.h"
#include "traces/trace-writer.h"
#include "traces/trace.h"
#include "zdt-reseal.h"

#define WHY 512

/* ---- a trace that follows from numbers ---- */

static uint64_t mix(uint64_t x)
{
	x ^= x >> 31;
	x *= 0x9e3779b97f4a7c15u;
	x ^= x >> 29;
	x *= 0xbf58476d1ce4e5b9u;
	return x ^ x >> 32;
}

/* Page @id: nothing that zstd could shrink, so that each byte counts */
static void fill(uint8_t *page, uint64_t id)
{
	uint64_t x = mix(id + 1);
	size_t i;

	for (i = 0; i < PAGE; i += 8) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		memcpy(page + i, &x, 8);
	}
}

/* Event @i of the made-up trace, whose pages come back now and then */
static struct trace_event event(uint64_t i)
{
	struct trace_event ev = {
		.seq = i, .time_us = i * 1000 - mix(i) % 900 * (i > 0),
		.slot = mix(i) % 5000, .type = i % 7 == 6,
		.memcg = i / 100, .folio = i % 16 < 4 ? i / 16 + 1 : 0,
		.order = i % 16 < 4 ? 2 : 0,
		.page = i % 5 < 3 ? i - i % 5 : i / 2, /* ids, not numbers */
	};

	if (i % 11 == 7)
		ev.op = TRACE_LOAD;
	if (i % 11 == 9)
		ev.op = TRACE_INVALIDATE;
	if (ev.op == TRACE_INVALIDATE || (ev.op == TRACE_LOAD && i % 2))
		ev.page = TRACE_NO_PAGE;
	return ev;
}

static struct trace_facts facts_of(uint64_t id)
{
	struct trace_facts f = {
		.class = id % 4, .lengths = { id % 4000 + 1, id % 7 },
	};

	if (f.class == TRACE_CLASS_SAME_FILLED)
		f.word = mix(id);
	memcpy(f.digest, &id, sizeof(id));
	return f;
}

static const char *const length_names[] = { "lz4@7.2", "zstd@6.1" };

static struct trace_writer_options options(bool pages, bool facts)
{
	return (struct trace_writer_options) {
		.has_type = true, .has_memcg = true, .has_folio = true,
		.has_order = true, .has_pages = pages, .has_facts = facts,
		.nr_lengths = facts ? 2 : 0, .lengths = length_names,
		.digest = facts ? "md5" : NULL,
		.info = "vantage=test\n", .window_log = 17,
	};
}

static struct trace_writer *writer(const char *path,
				   const struct trace_writer_options *o)
{
	struct trace_writer *w = NULL;
	char why[WHY] = "";

	if (trace_writer_open(path, o, &w, why, sizeof(why)))
		print_error("%s\n", why);
	assert_non_null(w);
	return w;
}

/* Page ids by number: a trace without bytes is numbered by who writes it. */
struct numbers {
	uint64_t ids[65536];
	uint64_t nr;
};

static uint64_t number_of(struct numbers *n, uint64_t id)
{
	uint64_t i = 0;

	while (i < n->nr && n->ids[i] != id)
		i++;
	if (i == n->nr)
		n->ids[n->nr++] = id;
	return i;
}

static void add(struct trace_writer *w, struct numbers *n, uint64_t i,
		const struct trace_writer_options *o)
{
	struct trace_event ev = event(i);
	struct trace_facts facts;
	uint8_t page[PAGE], *bytes = NULL;
	char why[WHY] = "";

	if (ev.page != TRACE_NO_PAGE) {
		facts = facts_of(ev.page);
		fill(page, ev.page);
		bytes = page;
		ev.page = number_of(n, ev.page);
	}
	if (trace_write_event(w, &ev, o->has_pages ? bytes : NULL,
			      o->has_facts ? &facts : NULL, why, sizeof(why))) {
		print_error("%s\n", why);
		fail();
	}
}

static void make(const char *path, const struct trace_writer_options *o,
		 uint64_t events, uint64_t flush_every)
{
	struct trace_writer *w = writer(path, o);
	struct numbers *n = calloc(1, sizeof(*n));
	char why[WHY] = "";
	uint64_t i;

	for (i = 0; i < events; i++) {
		add(w, n, i, o);
		if (flush_every && i % flush_every == flush_every - 1)
			assert_int_equal(trace_writer_flush(w, false, why,
							    sizeof(why)), 0);
	}
	assert_int_equal(trace_writer_pages(w), n->nr);
	assert_int_equal(trace_writer_close(w, why, sizeof(why)), 0);
	free(n);
}

static struct trace *open_ok(const char *path)
{
	struct trace *trace = NULL;
	char why[WHY] = "";

	if (trace_open(path, NULL, &trace, why, sizeof(why)))
		print_error("%s\n", why);
	assert_non_null(trace);
	assert_string_equal(trace_format(trace), "zdt");
	return trace;
}

static void one_line(const char *why)
{
	assert_true(*why);
	assert_null(strchr(why, '\n'));
}

static void open_fails(const char *path, const char *text)
{
	struct trace *trace = NULL;
	char why[WHY] = "";

	assert_int_not_equal(trace_open(path, NULL, &trace, why, sizeof(why)),
			     0);
	assert_null(trace);
	one_line(why);
	if (!strstr(why, text))
		print_error("'%s' is not in '%s'\n", text, why);
	assert_non_null(strstr(why, text));
}

/*
 * The next events of @trace are those of the made-up one. Returns how many; *ret
 * is what trace_next said last.
 */
static uint64_t check_events(struct trace *trace, struct numbers *n, int *ret)
{
	const struct trace_summary *sum = trace_summary(trace);
	struct trace_event ev, want;
	uint8_t page[PAGE];
	char why[WHY] = "";
	uint64_t i = 0;

	n->nr = 0;
	while ((*ret = trace_next(trace, &ev, why, sizeof(why))) > 0) {
		want = event(i++);
		if (want.page != TRACE_NO_PAGE) {
			uint64_t id = want.page;

			want.page = number_of(n, id);
			fill(page, id);
			if (sum->has_pages)
				assert_memory_equal(trace_page(trace, ev.page),
						    page, PAGE);
			if (sum->has_facts) {
				struct trace_facts f = facts_of(id);
				struct trace_facts found =
					trace_facts(trace, ev.page);

				assert_memory_equal(&found, &f, sizeof(f));
			}
		}
		if (ev.seq != want.seq || ev.time_us != want.time_us ||
		    ev.slot != want.slot || ev.page != want.page ||
		    ev.folio != want.folio || ev.memcg != want.memcg ||
		    ev.type != want.type || ev.op != want.op ||
		    ev.order != want.order)
			fail_msg("event %" PRIu64 " differs", i - 1);
	}
	if (*ret < 0)
		one_line(why);
	else
		assert_int_equal(i, sum->events);
	return i;
}

/* ---- round trips ---- */

static void check_whole(const char *path, bool pages, bool facts,
			uint64_t events)
{
	struct numbers *n = calloc(1, sizeof(*n));
	struct trace *trace = open_ok(path);
	const struct trace_summary *sum = trace_summary(trace);
	unsigned int pass;
	int ret;

	assert_int_equal(sum->events, events);
	assert_int_equal(sum->stores + sum->loads + sum->invalidates, events);
	assert_true(sum->has_type && sum->has_memcg && sum->has_folio &&
		    sum->has_order);
	assert_int_equal(sum->has_pages, pages);
	assert_int_equal(sum->has_facts, facts);
	assert_string_equal(sum->info, "vantage=test\n");
	if (facts) {
		assert_string_equal(sum->digest, "md5");
		assert_int_equal(sum->nr_lengths, 2);
		assert_string_equal(sum->lengths[1], "zstd@6.1");
	} else {
		assert_null(sum->digest);
	}
	for (pass = 0; pass < 2; pass++) {
		assert_int_equal(check_events(trace, n, &ret), events);
		assert_int_equal(ret, 0);
		assert_int_equal(n->nr, sum->nr_pages);
		assert_int_equal(trace_rewind(trace), 0);
	}
	trace_close(trace);
	free(n);
}

static void test_round_trip(void **state)
{
	static const uint64_t sizes[] = { 0, 1, 5, 600, 4000 };
	size_t i;
	int kind;

	(void)state;
	for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		for (kind = 1; kind <= 3; kind++) {
			struct trace_writer_options o = options(kind & 1,
								kind & 2);

			make(at("t.zdt"), &o, sizes[i], i % 2 ? 0 : 301);
			check_whole(at("t.zdt"), kind & 1, kind & 2,
				    sizes[i]);
		}
	}
}

/* More events than one block holds, with pages that come back */
static void test_many_events(void **state)
{
	struct trace_writer_options o = options(true, false);
	struct trace_writer *w = writer(at("many.zdt"), &o);
	uint8_t page[PAGE];
	struct trace_event ev;
	struct trace *trace;
	char why[WHY] = "";
	uint64_t i;

	(void)state;
	for (i = 0; i < 150000; i++) {
		ev = (struct trace_event) {
			.time_us = UINT64_MAX - mix(i) % 3, .slot = i % 2 ?
			TRACE_SLOT_MAX : 0, .folio = i % 3 ? 0 : UINT64_MAX,
			.memcg = i % 5 ? 7 : UINT32_MAX, .type = 31 * (i % 2),
			.page = 12345 /* is not looked at */
		};
		fill(page, i % 300);
		assert_int_equal(trace_write_event(w, &ev, page, NULL, why,
						   sizeof(why)), 0);
	}
	assert_int_equal(trace_writer_close(w, why, sizeof(why)), 0);
	trace = open_ok(at("many.zdt"));
	assert_int_equal(trace_summary(trace)->nr_pages, 300);
	assert_int_equal(trace_summary(trace)->slots[31], TRACE_SLOT_MAX + 1);
	for (i = 0; trace_next(trace, &ev, why, sizeof(why)) > 0; i++) {
		assert_int_equal(ev.time_us, UINT64_MAX - mix(i) % 3);
		assert_int_equal(ev.page, i % 300);
		assert_int_equal(ev.folio, i % 3 ? 0 : UINT64_MAX);
		assert_int_equal(ev.memcg, i % 5 ? 7 : UINT32_MAX);
	}
	assert_int_equal(i, 150000);
	trace_close(trace);
}

/* One bit of difference is a difference, wherever it lies. */
static void test_equal_bytes_only(void **state)
{
	struct trace_writer_options o = options(true, false);
	struct trace_writer *w = writer(at("e.zdt"), &o);
	struct trace_event ev = { .op = TRACE_STORE };
	uint8_t page[PAGE];
	char why[WHY] = "";
	unsigned int pass, i;

	(void)state;
	for (pass = 0; pass < 2; pass++) {
		for (i = 0; i < PAGE; i++) {
			memset(page, 0, PAGE);
			page[i] = 1;
			assert_int_equal(trace_write_event(w, &ev, page, NULL,
							   why, sizeof(why)),
					 0);
		}
		assert_int_equal(trace_writer_pages(w), PAGE);
	}
	assert_int_equal(trace_writer_close(w, why, sizeof(why)), 0);
}

/* The same events are the same file, although the table's seed is random. */
static void test_repeats(void **state)
{
	struct trace_writer_options o = options(true, true);
	static uint8_t one[1 << 20], two[1 << 20];
	size_t n, m;
	FILE *f;

	(void)state;
	make(at("1.zdt"), &o, 150, 40);
	make(at("2.zdt"), &o, 150, 40);
	f = fopen(at("1.zdt"), "r");
	n = fread(one, 1, sizeof(one), f);
	fclose(f);
	f = fopen(at("2.zdt"), "r");
	m = fread(two, 1, sizeof(two), f);
	fclose(f);
	assert_true(n == m && n > 0 && n < sizeof(one));
	assert_memory_equal(one, two, n);
}

/* ---- what the writer refuses ---- */

static void refuses(const struct trace_writer_options *o,
		    const struct trace_event *ev, const void *bytes,
		    const struct trace_facts *facts, const char *text)
{
	struct trace_writer *w = writer(at("no.zdt"), o);
	char why[WHY] = "";

	assert_int_equal(trace_write_event(w, ev, bytes, facts, why,
					   sizeof(why)), -EINVAL);
	one_line(why);
	assert_non_null(strstr(why, text));
	/* and nothing after that, and no file */
	assert_int_not_equal(trace_writer_flush(w, true, why, sizeof(why)), 0);
	assert_int_not_equal(trace_writer_close(w, why, sizeof(why)), 0);
	assert_int_not_equal(access(at("no.zdt"), F_OK), 0);
}

static void test_refusals(void **state)
{
	struct trace_writer_options o = options(true, false);
	struct trace_writer_options f = options(false, true);
	struct trace_event ev = { .op = TRACE_STORE, .page = TRACE_NO_PAGE };
	struct trace_facts facts = { .class = TRACE_CLASS_DATA };
	struct trace_writer *w = NULL;
	uint8_t page[PAGE] = { 0 };
	char why[WHY] = "";

	(void)state;
	refuses(&o, &ev, NULL, NULL, "a store has no page");
	ev.op = TRACE_INVALIDATE;
	refuses(&o, &ev, page, NULL, "an invalidate has a page");
	ev.op = TRACE_STORE;
	ev.type = TRACE_TYPES_MAX;
	refuses(&o, &ev, page, NULL, "out of range");
	ev.type = 1;
	o.has_type = false;
	refuses(&o, &ev, page, NULL, "a column that the file has not");
	ev.page = 1;
	refuses(&f, &ev, NULL, &facts, "not numbered by first use");
	ev.page = 0;
	refuses(&f, &ev, NULL, NULL, "a new page has no facts");

	f.has_facts = false;
	assert_int_not_equal(trace_writer_open(at("no.zdt"), &f, &w, why,
					       sizeof(why)), 0);
	one_line(why);
	o.in_place = true;
	w = writer(at("place.zdt"), &o);
	trace_writer_abandon(w);
	assert_int_equal(access(at("place.zdt"), F_OK), 0);
	assert_int_equal(trace_writer_open(at("place.zdt"), &o, &w, why,
					   sizeof(why)), -EEXIST);
	o.in_place = false;
	assert_int_equal(trace_writer_open(tmp, &o, &w, why, sizeof(why)),
			 -EISDIR);
	assert_int_equal(trace_writer_open(at("no/where"), &o, &w, why,
					   sizeof(why)), -ENOENT);
	one_line(why);
}

/* A file that may not grow stands for a disk that is full. */
static void test_full_disk(void **state)
{
	struct trace_writer_options o = options(true, false);
	struct rlimit was, limit;
	struct trace_writer *w;
	struct numbers *n = calloc(1, sizeof(*n));
	char why[WHY] = "";
	uint64_t i;
	int ret = 0;

	(void)state;
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &was), 0);
	w = writer(at("full.zdt"), &o);
	limit = was;
	limit.rlim_cur = 3 << 20;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
	for (i = 0; i < 4000 && !ret; i++) {
		struct trace_event ev = event(0);
		uint8_t page[PAGE];

		fill(page, i);
		ret = trace_write_event(w, &ev, page, NULL, why, sizeof(why));
	}
	setrlimit(RLIMIT_FSIZE, &was);
	assert_int_equal(ret, -EFBIG);
	one_line(why);
	assert_int_equal(trace_writer_close(w, why, sizeof(why)), -EFBIG);
	assert_int_not_equal(access(at("full.zdt"), F_OK), 0);
	free(n);
}

/* ---- damage ---- */

struct golden {
	uint8_t *bytes;
	size_t size;
	int fd;
	char path[40];
};

/* The file in memory, so that half a million of it can be opened */
static struct golden golden(const char *path)
{
	struct golden g = { .fd = memfd_create("golden", MFD_CLOEXEC) };
	struct stat st;
	FILE *f = fopen(path, "r");

	assert_non_null(f);
	assert_int_equal(fstat(fileno(f), &st), 0);
	g.size = st.st_size;
	g.bytes = malloc(g.size);
	assert_int_equal(fread(g.bytes, 1, g.size, f), g.size);
	fclose(f);
	assert_int_equal(pwrite(g.fd, g.bytes, g.size, 0), g.size);
	snprintf(g.path, sizeof(g.path), "/proc/self/fd/%d", g.fd);
	return g;
}

static void golden_free(struct golden *g)
{
	close(g->fd);
	free(g->bytes);
}

static struct golden make_golden(void)
{
	struct trace_writer_options o = options(true, true);

	make(at("golden.zdt"), &o, 33, 6);
	return golden(at("golden.zdt"));
}

/* What salvage gives is a prefix; how many events */
static uint64_t salvage(const struct golden *g, struct numbers *n)
{
	struct trace *trace = NULL;
	char why[WHY] = "";
	uint64_t lost, events;
	int ret = trace_open_salvage(g->path, &trace, &lost, why, sizeof(why));

	if (ret) {
		one_line(why);
		return 0;
	}
	assert_true(lost <= g->size);
	events = check_events(trace, n, &ret);
	assert_int_equal(ret, 0);
	trace_close(trace);
	return events;
}

static void test_truncated(void **state)
{
	struct golden g = make_golden();
	struct numbers *n = calloc(1, sizeof(*n));
	uint64_t most = 0, got;
	struct trace *trace;
	char why[WHY];
	size_t len;

	(void)state;
	assert_in_range(g.size, 60000, 75000);
	for (len = 0; len < g.size; len++) {
		assert_int_equal(ftruncate(g.fd, 0), 0);
		assert_int_equal(pwrite(g.fd, g.bytes, len, 0), len);
		why[0] = '\0';
		assert_int_not_equal(trace_open(g.path, NULL, &trace, why,
						sizeof(why)), 0);
		one_line(why);
		if (len >= ZDT_HEADER_SIZE) {
			assert_non_null(strstr(why, "incomplete"));
			assert_non_null(strstr(why, "--salvage"));
		}
		if (len % 5 && len + 200 < g.size && !getenv("ZDEDUP_ZDT_FLIPS"))
			continue;
		got = salvage(&g, n);
		assert_true(got >= most);
		most = got;
	}
	assert_int_equal(most, 33);
	free(n);
	golden_free(&g);
}

static void test_bits_flipped(void **state)
{
	const char *env = getenv("ZDEDUP_ZDT_FLIPS");
	unsigned int bits = env ? atoi(env) : 1, k;
	struct golden g = make_golden();
	struct numbers *n = calloc(1, sizeof(*n));
	struct trace *trace;
	char why[WHY];
	size_t i;
	int ret;

	(void)state;
	for (i = 0; i < g.size; i++) {
		for (k = 0; k < bits; k++) {
			uint8_t byte = g.bytes[i] ^ 1 << ((i + k) % 8);

			assert_int_equal(pwrite(g.fd, &byte, 1, i), 1);
			why[0] = '\0';
			ret = trace_open(g.path, NULL, &trace, why,
					 sizeof(why));
			if (ret) {
				one_line(why);
			} else {
				/* what comes before the damage is right */
				check_events(trace, n, &ret);
				trace_close(trace);
			}
			if (ret >= 0)
				fail_msg("byte %zu bit %zu is not noticed", i,
					 (i + k) % 8);
			if (i % 16 == 0 || i + 400 > g.size)
				salvage(&g, n);
		}
		assert_int_equal(pwrite(g.fd, g.bytes + i, 1, i), 1);
	}
	assert_int_equal(salvage(&g, n), 33);
	free(n);
	golden_free(&g);
}

/* ---- versions ---- */

static void put_golden(const struct golden *g)
{
	assert_int_equal(pwrite(g->fd, g->bytes, g->size, 0), g->size);
}

static void test_versions(void **state)
{
	struct golden g = make_golden();
	struct numbers *n = calloc(1, sizeof(*n));
	struct trace *trace;
	int ret;

	(void)state;
	g.bytes[8] = 2;
	put_golden(&g);
	open_fails(g.path, "is of format version 2.1, this build reads 1.x: a newer zdedup is needed");
	g.bytes[8] = 1;

	/* other formats may be packed so; this one has its own way */
	put_zst("again.zdt.zst", g.bytes, g.size);
	open_fails(at("again.zdt.zst"), "unpack it first, with zstd -d");

	g.bytes[10] = 7;	/* a minor version: all that must be known is */
	zdt_reseal(g.bytes, g.size);
	put_golden(&g);
	trace = open_ok(g.path);
	assert_int_equal(check_events(trace, n, &ret), 33);
	trace_close(trace);

	g.bytes[16] |= 1 << 5;	/* a column that nobody knows */
	zdt_reseal(g.bytes, g.size);
	put_golden(&g);
	open_fails(g.path, "asks for what this build does not know");
	g.bytes[16] &= ~(1 << 5);

	/* the info block becomes one of a new kind: optional, then required */
	zdt_put16(g.bytes + ZDT_HEADER_SIZE + 4, 77);
	zdt_reseal(g.bytes, g.size);
	put_golden(&g);
	open_fails(g.path, "of a kind that this build does not know but must");
	free(n);
	golden_free(&g);
}

/* Without its names there are no facts, so this one has only pages. */
static void test_optional_block(void **state)
{
	struct trace_writer_options o = options(true, false);
	struct numbers *n = calloc(1, sizeof(*n));
	struct trace *trace;
	struct golden g;
	int ret;

	(void)state;
	make(at("opt.zdt"), &o, 33, 6);
	g = golden(at("opt.zdt"));
	zdt_put16(g.bytes + ZDT_HEADER_SIZE + 4, 77);
	zdt_put16(g.bytes + ZDT_HEADER_SIZE + 6, 0);
	zdt_reseal(g.bytes, g.size);
	put_golden(&g);
	trace = open_ok(g.path);
	assert_string_equal(trace_summary(trace)->info, "");
	assert_int_equal(check_events(trace, n, &ret), 33);
	assert_int_equal(ret, 0);
	trace_close(trace);
	free(n);
	golden_free(&g);
}

/* ---- the worked example ---- */

/* The file of FORMAT.md: a zero page stored, a page of "A" stored and loaded */
static void make_example(const char *path)
{
	static const char *const names[] = { "lz4@7.2" };
	struct trace_writer_options o = {
		.has_memcg = true, .has_pages = true, .has_facts = true,
		.lengths = names, .nr_lengths = 1,
	};
	struct trace_event ev = { .time_us = 10, .slot = 1 };
	struct trace_facts zero = { .class = TRACE_CLASS_ZERO };
	struct trace_facts same = {
		.class = TRACE_CLASS_SAME_FILLED,
		.word = 0x4141414141414141, .lengths = { 26 },
	};
	struct trace_writer *w = writer(path, &o);
	uint8_t page[PAGE] = { 0 };
	char why[WHY];

	trace_write_event(w, &ev, page, &zero, why, sizeof(why));
	memset(page, 'A', PAGE);
	ev = (struct trace_event) { .time_us = 25, .slot = 2, .memcg = 7 };
	trace_write_event(w, &ev, page, &same, why, sizeof(why));
	ev.op = TRACE_LOAD;
	ev.time_us = 300;
	trace_write_event(w, &ev, page, &same, why, sizeof(why));
	assert_int_equal(trace_writer_close(w, why, sizeof(why)), 0);
}

/* ---- the summary, and files without it ---- */

/* The worked example as version 1.0 had it */
static const uint8_t version_1_0[] = {
	0x89, 0x5a, 0x44, 0x54, 0x0d, 0x0a, 0x1a, 0x0a, 0x01, 0x00, 0x00, 0x00,
	0x40, 0x00, 0x00, 0x00, 0x02, 0x00, 0x00, 0x00, 0x03, 0x00, 0x00, 0x00,
	0x00, 0x10, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
	0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
	0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x49, 0x0f, 0x76, 0x01,
	0x0c, 0x09, 0xca, 0x06, 0x5a, 0x42, 0x4c, 0x4b, 0x01, 0x00, 0x01, 0x00,
	0x0f, 0x00, 0x00, 0x00, 0x0f, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
	0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
	0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0xc0, 0x60, 0x24, 0x62,
	0xa1, 0x9e, 0xdc, 0xea, 0x6c, 0x65, 0x6e, 0x67, 0x74, 0x68, 0x3d, 0x6c,
	0x7a, 0x34, 0x40, 0x37, 0x2e, 0x32, 0x0a, 0x5a, 0x42, 0x4c, 0x4b, 0x02,
	0x00, 0x07, 0x00, 0x19, 0x00, 0x00, 0x00, 0x00, 0x20, 0x00, 0x00, 0x00,
	0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x02, 0x00, 0x00, 0x00, 0x00,
	0x00, 0x00, 0x00, 0x01, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x28,
	0x0c, 0x79, 0x51, 0x7a, 0xe8, 0xf7, 0xcb, 0x28, 0xb5, 0x2f, 0xfd, 0x00,
	0x88, 0x84, 0x00, 0x00, 0x18, 0x00, 0x00, 0x41, 0x03, 0x00, 0xfc, 0xc7,
	0xf9, 0x92, 0xfe, 0x9b, 0x3e, 0xf0, 0x00, 0x16, 0x5a, 0x42, 0x4c, 0x4b,
	0x03, 0x00, 0x01, 0x00, 0x0e, 0x00, 0x00, 0x00, 0x0e, 0x00, 0x00, 0x00,
	0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x02, 0x00, 0x00, 0x00,
	0x00, 0x00, 0x00, 0x00, 0x02, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
	0xa9, 0xbb, 0x9f, 0xbf, 0x92, 0x29, 0x46, 0x14, 0x01, 0x02, 0x41, 0x41,
	0x41, 0x41, 0x41, 0x41, 0x41, 0x41, 0x00, 0x00, 0x1a, 0x00, 0x5a, 0x42,
	0x4c, 0x4b, 0x04, 0x00, 0x01, 0x00, 0x2a, 0x00, 0x00, 0x00, 0x2a, 0x00,
	0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x03, 0x00,
	0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x03, 0x00, 0x00, 0x00, 0x00, 0x00,
	0x00, 0x00, 0x59, 0xc4, 0x6e, 0xa0, 0x73, 0x21, 0xdb, 0x52, 0x00, 0x00,
	0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x04, 0x00, 0x00, 0x00, 0x03, 0x00,
	0x00, 0x00, 0x01, 0x00, 0x00, 0x00, 0x03, 0x00, 0x00, 0x00, 0x00, 0x00,
	0x00, 0x00, 0x34, 0x24, 0x39, 0x14, 0x1e, 0xa6, 0x04, 0x02, 0x02, 0x00,
	0x00, 0x00, 0x00, 0x07, 0x5a, 0x42, 0x4c, 0x4b, 0x05, 0x00, 0x01, 0x00,
	0x80, 0x00, 0x00, 0x00, 0x80, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
	0x00, 0x00, 0x00, 0x00, 0x04, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
	0x04, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x4b, 0xea, 0x3c, 0xc0,
	0xf0, 0x0e, 0xcc, 0x47, 0x40, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
	0xc0, 0x60, 0x24, 0x62, 0xa1, 0x9e, 0xdc, 0xea, 0x00, 0x00, 0x00, 0x00,
	0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x01, 0x00, 0x01, 0x00,
	0x7f, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x28, 0x0c, 0x79, 0x51,
	0x7a, 0xe8, 0xf7, 0xcb, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
	0x02, 0x00, 0x00, 0x00, 0x02, 0x00, 0x07, 0x00, 0xc8, 0x00, 0x00, 0x00,
	0x00, 0x00, 0x00, 0x00, 0xa9, 0xbb, 0x9f, 0xbf, 0x92, 0x29, 0x46, 0x14,
	0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x02, 0x00, 0x00, 0x00,
	0x03, 0x00, 0x01, 0x00, 0x06, 0x01, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
	0x59, 0xc4, 0x6e, 0xa0, 0x73, 0x21, 0xdb, 0x52, 0x00, 0x00, 0x00, 0x00,
	0x00, 0x00, 0x00, 0x00, 0x03, 0x00, 0x00, 0x00, 0x04, 0x00, 0x01, 0x00,
	0x5a, 0x44, 0x54, 0x45, 0x4e, 0x44, 0x0d, 0x0a, 0x60, 0x01, 0x00, 0x00,
	0x00, 0x00, 0x00, 0x00, 0x03, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
	0x02, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x01, 0x00, 0x00, 0x00,
	0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
	0x02, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x60, 0x02, 0x00, 0x00,
	0x00, 0x00, 0x00, 0x00, 0x05, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
	0x7d, 0x9a, 0xf0, 0xa9, 0x71, 0xee, 0xa6, 0x0b,
};

static void test_version_1_0(void **state)
{
	const struct trace_summary *sum;
	struct trace_event ev;
	struct trace *trace;
	char why[WHY] = "";
	FILE *f = fopen(at("1.0.zdt"), "w");

	(void)state;
	assert_non_null(f);
	assert_int_equal(fwrite(version_1_0, 1, sizeof(version_1_0), f),
			 sizeof(version_1_0));
	fclose(f);
	trace = open_ok(at("1.0.zdt"));
	sum = trace_summary(trace);
	assert_int_equal(sum->events, 3);
	assert_int_equal(sum->stores, 2);
	assert_int_equal(sum->loads, 1);
	assert_int_equal(sum->nr_pages, 2);
	assert_int_equal(sum->slots[0], 3);
	assert_int_equal(sum->slots[1], 0);
	assert_int_equal(trace_facts(trace, 1).lengths[0], 26);
	assert_int_equal(trace_next(trace, &ev, why, sizeof(why)), 1);
	assert_int_equal(ev.slot, 1);
	assert_int_equal(trace_next(trace, &ev, why, sizeof(why)), 1);
	assert_int_equal(ev.memcg, 7);
	assert_int_equal(*(const char *)trace_page(trace, 1), 'A');
	assert_int_equal(trace_next(trace, &ev, why, sizeof(why)), 1);
	assert_int_equal(ev.op, TRACE_LOAD);
	assert_int_equal(ev.page, 1);
	assert_int_equal(trace_next(trace, &ev, why, sizeof(why)), 0);
	trace_close(trace);
}

static uint8_t *block_of(const struct golden *g, enum zdt_type type)
{
	uint8_t *b = g->bytes + ZDT_HEADER_SIZE;

	while (zdt_get16(b + 4) != type) {
		assert_int_equal(zdt_get32(b), ZDT_BLOCK_MAGIC);
		b += ZDT_BLOCK_SIZE + zdt_get32(b + 8);
	}
	return b;
}

/* Who does not know the summary, or has none, sees the same trace. */
static void test_without_summary(void **state)
{
	struct trace_writer_options o = options(true, true);
	struct numbers *n = calloc(1, sizeof(*n));
	struct trace_summary with;
	struct trace *trace;
	struct golden g;
	int ret;

	(void)state;
	make(at("sum.zdt"), &o, 4000, 0);
	g = golden(at("sum.zdt"));
	trace = open_ok(g.path);
	with = *trace_summary(trace);
	trace_close(trace);
	zdt_put16(block_of(&g, ZDT_SUMMARY) + 4, 77);
	zdt_reseal(g.bytes, g.size);
	put_golden(&g);
	trace = open_ok(g.path);
	assert_memory_equal(&trace_summary(trace)->events, &with.events,
			    offsetof(struct trace_summary, has_type));
	assert_int_equal(check_events(trace, n, &ret), 4000);
	assert_int_equal(ret, 0);
	trace_close(trace);
	free(n);
	golden_free(&g);
}

/**
 * struct lie - one byte that is changed
 * @block: what is changed, @at of its payload, or of its header when @at < 0; the
 *         trailer when @block is 0
 * @got:   events read before it shows; -1: opening says it
 * @line:  what it says; @scan: what opening says when there is no summary; "": the
 *         same, NULL: nothing is wrong then
 */
struct lie {
	const char *name;
	enum zdt_type block;
	int at;
	uint8_t value;
	int got;
	const char *line, *scan;
};

/* Of the worked example; FORMAT.md says what is where */
static const struct lie lies[] = {
	{ "operation 3", ZDT_EVENTS, 28, 0x37, 0, "an impossible event", "" },
	{ "unknown bit", ZDT_EVENTS, 28, 0x74, 0, "an impossible event", "" },
	{ "page 3", ZDT_EVENTS, 28, 0x3c, 0, "an impossible event", "" },
	{ "store without page", ZDT_EVENTS, 28, 0x30, 0, "an impossible event", "" },
	{ "invalidate with page", ZDT_EVENTS, 30, 0x3a, 0, "an impossible event", "" },
	{ "third of two pages", ZDT_EVENTS, 30, 0x35, 0,
	  "a page that has not come yet", "" },
	{ "pages before", ZDT_EVENTS, 0, 1, 0, "it counts other pages", "" },
	{ "older than the first", ZDT_EVENTS, 38, 2, 2, "an impossible event", "" },
	{ "number cut", ZDT_EVENTS, 37, 0x80, 2, "an impossible event", "" },
	{ "device 32", ZDT_EVENTS, 39, 32, 1, "an impossible event", "" },
	{ "column device", ZDT_EVENTS, 39, 1, 1,
	  "a column that the header does not name", "" },
	{ "column order", ZDT_EVENTS, 40, 1, 1,
	  "a column that the header does not name", "" },
	{ "place not read", ZDT_EVENTS, 29, 0x34, 3, "bytes are left over", "" },
	{ "longer column", ZDT_EVENTS, 12, 9, 0, "a column is too long", "" },
	{ "negative slot", ZDT_EVENTS, 35, 0x05, 0, "an impossible event", "" },
	{ "load for store", ZDT_EVENTS, 29, 0x25, 0,
	  "the trailer counts otherwise", "" },
	{ "invalidate for load", ZDT_EVENTS, 30, 0x32, 0,
	  "the trailer counts otherwise", "bytes are left over" },
	{ "other stores", 0, 24, 3, -1, "the trailer counts otherwise", "" },
	{ "other events", 0, 16, 4, -1, "the trailer counts otherwise", "" },
	{ "other pages", 0, 48, 1, -1, "the trailer counts otherwise", "" },
	{ "higher slot", ZDT_EVENTS, 36, 4, 1,
	  "a slot beyond those that the summary counts", NULL },
	{ "lower slot", ZDT_EVENTS, 36, 1, 3,
	  "its events are not those that its summary and trailer count", NULL },
	{ "few slots", ZDT_SUMMARY, 0, 2, 1,
	  "a slot beyond those that the summary counts", NULL },
	{ "no slots", ZDT_SUMMARY, 0, 0, 0,
	  "a slot beyond those that the summary counts", NULL },
	{ "many slots", ZDT_SUMMARY, 1, 1, 3,
	  "its events are not those that its summary and trailer count", NULL },
	{ "too many slots", ZDT_SUMMARY, 6, 1, -1, "an impossible slot", NULL },
	{ "two devices", ZDT_SUMMARY, -24, 2, -1, "wrong size", NULL },
	{ "packed", ZDT_SUMMARY, -42, 2, -1, "wrong size", NULL },
};

static void tell(const struct golden *g, const struct lie *lie, bool scan)
{
	const char *line = scan ? lie->scan : lie->line;
	struct trace *trace = NULL;
	struct trace_event ev;
	char why[WHY] = "";
	int got = -1, ret;

	put_golden(g);
	ret = trace_open(g->path, NULL, &trace, why, sizeof(why));
	for (got = ret ? -1 : 0; trace; got += ret > 0) {
		ret = trace_next(trace, &ev, why, sizeof(why));
		if (ret <= 0)
			break;
	}
	trace_close(trace);
	if (got != (scan ? line ? -1 : 3 : lie->got) ||
	    ret != (line ? -EINVAL : 0) || (line && !strstr(why, line)) ||
	    (line && !strstr(why, "damaged")))
		fail_msg("%s (%s summary): %d after %d events: %s", lie->name,
			 scan ? "no" : "with", ret, got, why);
	if (line)
		one_line(why);
}

static void test_lies(void **state)
{
	struct golden good, g;
	uint8_t *b;
	size_t i;

	(void)state;
	make_example(at("lies.zdt"));
	good = golden(at("lies.zdt"));
	g = golden(at("lies.zdt"));
	assert_int_equal(zdt_get16(block_of(&g, ZDT_EVENTS) + 6), ZDT_REQUIRED);
	for (i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
		struct lie lie = lies[i];

		if (lie.scan && !*lie.scan)
			lie.scan = lie.line;
		memcpy(g.bytes, good.bytes, g.size);
		b = lie.block ? block_of(&g, lie.block) + ZDT_BLOCK_SIZE :
				g.bytes + g.size - ZDT_TRAILER_SIZE;
		b[lie.at] = lie.value;
		zdt_reseal(g.bytes, g.size);
		tell(&g, &lie, false);
		zdt_put16(block_of(&g, ZDT_SUMMARY) + 4, 77);
		zdt_put16(block_of(&g, 77) + 6, 0);
		zdt_reseal(g.bytes, g.size);
		tell(&g, &lie, true);
	}
	golden_free(&good);
	golden_free(&g);
}

/* ---- pages unpacked by a thread ---- */

static void test_thread(void **state)
{
	struct trace_writer_options o = options(true, false);
	struct numbers *n = calloc(1, sizeof(*n));
	struct trace_event ev;
	struct trace *trace;
	char why[WHY] = "";
	struct golden g;
	uint8_t page[PAGE];
	size_t middle;
	uint64_t got;
	int ret, i;

	(void)state;
	make(at("big.zdt"), &o, 6000, 0);
	for (i = 0; i < 20; i++) {	/* close while it runs */
		trace = open_ok(at("big.zdt"));
		assert_int_equal(trace_next(trace, &ev, why, sizeof(why)), 1);
		if (i == 1) {		/* out of order: waits */
			uint64_t last = trace_summary(trace)->nr_pages - 1;

			assert_non_null(trace_page(trace, last));
			fill(page, 0);
			assert_memory_equal(trace_page(trace, 0), page, PAGE);
		}
		trace_close(trace);
	}
	g = golden(at("big.zdt"));
	middle = g.size / 2;
	trace = open_ok(g.path);
	g.bytes[middle] ^= 4;
	put_golden(&g);
	/* damaged after it was opened: what was read before is right */
	got = check_events(trace, n, &ret);
	assert_int_equal(ret, -EINVAL);
	assert_in_range(got, 100, 5999);
	assert_null(trace_page(trace, trace_summary(trace)->nr_pages - 1));
	trace_close(trace);
	golden_free(&g);
	free(n);
}

/* ---- kill -9 ---- */

static void child(const char *path, bool in_place, volatile uint64_t *done)
{
	struct trace_writer_options o = options(true, true);
	struct numbers *n = calloc(1, sizeof(*n));
	struct trace_writer *w = NULL;
	char why[WHY];
	uint64_t i;

	o.in_place = in_place;
	if (trace_writer_open(path, &o, &w, why, sizeof(why)))
		_exit(1);
	for (i = 0; i < 30000; i++) {
		add(w, n, i, &o);
		if (mix(i) % 50 == 0) {
			if (trace_writer_flush(w, false, why, sizeof(why)))
				_exit(1);
			*done = i + 1;
		}
	}
	pause();
}

static void kill_one(bool in_place, unsigned int us, volatile uint64_t *done,
		     struct numbers *n)
{
	const char *path = at("killed.zdt");
	struct trace *trace;
	char why[WHY] = "";
	uint64_t lost, got;
	pid_t pid;
	int ret, waits = 0;

	unlink(path);
	*done = 0;
	pid = fork();
	assert_true(pid >= 0);
	if (!pid)
		child(path, in_place, done);
	while (!*done && waits++ < 100000)
		usleep(100);
	usleep(us);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	if (!in_place) {
		assert_int_not_equal(access(path, F_OK), 0);
		return;
	}
	open_fails(path, "incomplete");
	assert_int_equal(trace_open_salvage(path, &trace, &lost, why,
					    sizeof(why)), 0);
	got = check_events(trace, n, &ret);
	assert_int_equal(ret, 0);
	assert_true(got >= *done && got > 0);
	trace_close(trace);
}

static void test_killed(void **state)
{
	const char *env = getenv("ZDEDUP_ZDT_KILLS");
	unsigned int kills = env ? atoi(env) : 8, i;
	struct numbers *n = calloc(1, sizeof(*n));
	volatile uint64_t *done = mmap(NULL, sizeof(*done),
				       PROT_READ | PROT_WRITE,
				       MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	(void)state;
	assert_true(done != MAP_FAILED);
	for (i = 0; i < kills; i++)
		kill_one(i % 8 != 7, mix(i + 100) % 60000, done, n);
	munmap((void *)done, sizeof(*done));
	free(n);
}

/* ---- memory ---- */

/* Without what is mapped from files, which the kernel can take back at any time */
static long resident_kib(void)
{
	long size, resident, shared;
	FILE *f = fopen("/proc/self/statm", "r");

	assert_non_null(f);
	assert_int_equal(fscanf(f, "%ld %ld %ld", &size, &resident, &shared),
			 3);
	fclose(f);
	return (resident - shared) * (sysconf(_SC_PAGESIZE) / 1024);
}

#define MEMORY_PAGES 65536u	/* 256 MiB */

static void test_bounded_memory(void **state)
{
	struct trace_writer_options o = options(true, false);
	long before = resident_kib(), most = 0, now;
	volatile uint64_t sum = 0;
	struct trace_writer *w;
	struct trace_event ev;
	struct trace *trace;
	uint8_t page[PAGE];
	char why[WHY] = "";
	uint64_t i;

	(void)state;
	o.window_log = 20;
	w = writer(at("mem.zdt"), &o);
	for (i = 0; i < MEMORY_PAGES; i++) {
		ev = (struct trace_event) { .time_us = i, .slot = i };
		fill(page, i);
		assert_int_equal(trace_write_event(w, &ev, page, NULL, why,
						   sizeof(why)), 0);
		if (i % 4096 == 0) {
			now = resident_kib() - before;
			most = now > most ? now : most;
		}
	}
	assert_int_equal(trace_writer_close(w, why, sizeof(why)), 0);
	assert_true(most <= 64 << 10);

	before = resident_kib();
	trace = open_ok(at("mem.zdt"));
	for (most = 0; trace_next(trace, &ev, why, sizeof(why)) > 0;) {
		sum += *(const uint64_t *)trace_page(trace, ev.page);
		if (ev.seq == MEMORY_PAGES - 2)
			most = resident_kib() - before;
	}
	trace_close(trace);
	unlink(at("mem.zdt"));
	assert_true(most <= 16 << 10);
}

/* As hexdump -C, all lines */
static char *dump(const struct golden *g)
{
	char *text = NULL;
	size_t len, i, k;
	FILE *f = open_memstream(&text, &len);

	assert_non_null(f);
	for (i = 0; i < g->size; i += 16) {
		fprintf(f, "%08zx ", i);
		for (k = i; k < i + 16; k++) {
			fputs(k % 16 == 8 ? " " : "", f);
			if (k < g->size)
				fprintf(f, " %02x", g->bytes[k]);
			else
				fputs("   ", f);
		}
		fputs("  |", f);
		for (k = i; k < i + 16 && k < g->size; k++)
			fputc(g->bytes[k] >= ' ' && g->bytes[k] < 0x7f ?
			      g->bytes[k] : '.', f);
		fputs("|\n", f);
	}
	assert_int_equal(fclose(f), 0);
	return text;
}

static void test_format_md(void **state)
{
	static char manual[1 << 20];
	FILE *f = fopen("traces/FORMAT.md", "r");
	struct golden g;
	char *text;
	size_t len;

	(void)state;
	assert_non_null(f);
	len = fread(manual, 1, sizeof(manual) - 1, f);
	assert_true(len > 0);
	fclose(f);
	make_example(at("example.zdt"));
	g = golden(at("example.zdt"));
	text = dump(&g);
	if (!strstr(manual, text)) {
		print_message("# zstd %s; the example is:\n",
			      ZSTD_versionString());
		puts(text);
		/* another zstd may choose other bytes for the same pages */
		if (ZSTD_versionNumber() / 100 != 105)
			skip();
	}
	assert_non_null(strstr(manual, text));
	free(text);
	golden_free(&g);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_many_events),
		cmocka_unit_test(test_equal_bytes_only),
		cmocka_unit_test(test_repeats),
		cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_full_disk),
		cmocka_unit_test(test_truncated),
		cmocka_unit_test(test_bits_flipped),
		cmocka_unit_test(test_versions),
		cmocka_unit_test(test_optional_block),
		cmocka_unit_test(test_version_1_0),
		cmocka_unit_test(test_without_summary),
		cmocka_unit_test(test_lies),
		cmocka_unit_test(test_thread),
		cmocka_unit_test(test_killed),
		cmocka_unit_test(test_bounded_memory),
		cmocka_unit_test(test_format_md),
	};

	return cmocka_run_group_tests(tests, make_tmp, remove_tmp);
}
