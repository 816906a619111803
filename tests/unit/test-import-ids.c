/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test-import-ids.c - the readers of text that names contents and carries no
 * bytes: FIU, XMU, SwapReplay, libCacheSim
 *
 * Inputs are written here from the formats' layouts; each malformed line has to be
 * named by its number, in one line.
 */
#define _GNU_SOURCE	/* nftw() */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <zstd.h>

#include "trace-helpers.h"
#include "traces/trace.h"

#define A "56f11b711d91a065a2b6458eca924523"
#define B "00000000000000000000000000000001"
#define ZERO "620f0b67a91f7f74151bc5be745b7110"

/* @text as @format (NULL: by content) is refused with @expected. */
static void refuses_bytes(const char *format, const char *text, size_t len,
			  const char *expected)
{
	const char *path = at("in");
	struct trace *trace = NULL;
	char why[1024] = "";
	int ret;

	put("in", text, len);
	ret = trace_open(path, format, &trace, why, sizeof(why));
	if (!ret || !strstr(why, expected))
		print_error("%s: %d %s\nwanted: %s\n", text, ret, why,
			    expected);
	assert_int_equal(ret, -EINVAL);
	assert_non_null(strstr(why, expected));
	assert_memory_equal(why, path, strlen(path));
	assert_null(strchr(why, '\n'));
}

static void refuses(const char *format, const char *text, const char *expected)
{
	refuses_bytes(format, text, strlen(text), expected);
}

/**
 * struct expect - one event
 * @page: -1: none; @digest: the first byte of it; @class, @length: of the page
 */
struct expect {
	enum trace_op op;
	unsigned int type;
	uint64_t slot, time;
	int page, digest, class, length;
};

#define LOAD(type, slot, time) { TRACE_LOAD, type, slot, time, -1, 0, 0, 0 }

static void events_are(struct trace *trace, const struct expect *e, size_t nr)
{
	struct trace_facts facts;
	struct trace_event ev;
	char why[512];

	for (size_t i = 0; i < nr; i++) {
		assert_int_equal(trace_next(trace, &ev, why, sizeof(why)), 1);
		assert_int_equal(ev.seq, i);
		assert_int_equal(ev.op, e[i].op);
		assert_int_equal(ev.type, e[i].type);
		assert_int_equal(ev.slot, e[i].slot);
		assert_int_equal(ev.time_us, e[i].time);
		if (e[i].page < 0) {
			assert_true(ev.page == TRACE_NO_PAGE);
			continue;
		}
		assert_int_equal(ev.page, e[i].page);
		facts = trace_facts(trace, ev.page);
		assert_int_equal(facts.digest[0], e[i].digest);
		assert_int_equal(facts.class, e[i].class);
		if (trace_summary(trace)->nr_lengths)
			assert_int_equal(facts.lengths[0], e[i].length);
	}
	assert_int_equal(trace_next(trace, &ev, why, sizeof(why)), 0);
}

static void summary_is(const struct trace *trace, const struct expect *e,
		       size_t nr, uint64_t pages)
{
	const struct trace_summary *sum = trace_summary(trace);
	uint64_t stores = 0, loads = 0;

	for (size_t i = 0; i < nr; i++) {
		stores += e[i].op == TRACE_STORE;
		loads += e[i].op == TRACE_LOAD;
		assert_true(sum->slots[e[i].type] > e[i].slot);
	}
	assert_int_equal(sum->events, nr);
	assert_int_equal(sum->stores, stores);
	assert_int_equal(sum->loads, loads);
	assert_int_equal(sum->invalidates, nr - stores - loads);
	assert_int_equal(sum->nr_pages, pages);
	assert_false(sum->has_pages);
	assert_true(sum->has_facts);
	assert_string_equal(sum->vantage, "device");
}

/* By content and by name, plain and packed, twice over. */
static void is(const char *text, const char *format, bool probed,
	       const char *digest, const char *length, uint64_t pages,
	       const struct expect *e, size_t nr)
{
	struct trace *trace;
	char why[512] = "";

	for (int i = 0; i < 3; i++) {
		if (i == 2)
			put_zst("in", text, strlen(text));
		else
			put("in", text, strlen(text));
		if (trace_open(at("in"), i || !probed ? format : NULL,
			       &trace, why, sizeof(why)))
			fail_msg("%s", why);
		assert_string_equal(trace_format(trace), format);
		if (digest)
			assert_string_equal(trace_summary(trace)->digest,
					    digest);
		else
			assert_null(trace_summary(trace)->digest);
		assert_int_equal(trace_summary(trace)->nr_lengths, !!length);
		if (length)
			assert_string_equal(trace_summary(trace)->lengths[0],
					    length);
		summary_is(trace, e, nr, pages);
		events_are(trace, e, nr);
		assert_int_equal(trace_rewind(trace), 0);
		events_are(trace, e, nr);
		trace_close(trace);
	}
}

static void test_fiu(void **state)
{
	/* the first line is the README's example; a name of two words; LF and CRLF */
	static const char text[] =
		"89968195792462 20782 gzip 283193184 8 R 6 0 " A "\n"
		"89968195793999 20782 gzip 283193184 8 W 6 0 " A "\n"
		"89968195794000 1 a b 16 8 W 6 0 " B "\r\n"
		"89968195795000 1 sh 16 8 W 8 1 " A "\n"
		"89968195796000 1 sh 24 8 W 6 0 " ZERO;
	static const struct expect e[] = {
		LOAD(0, 35399148, 89968195792),
		{ TRACE_STORE, 0, 35399148, 89968195793, 0, 0x56, 0, 0 },
		{ TRACE_STORE, 0, 2, 89968195794, 1, 0, 0, 0 },
		{ TRACE_STORE, 1, 2, 89968195795, 0, 0x56, 0, 0 },
		{ TRACE_STORE, 0, 3, 89968195796, 2, 0x62, TRACE_CLASS_ZERO, 0 },
	};

	(void)state;
	is(text, "fiu", true, "md5", NULL, 3, e, COUNT(e));
}

static void test_fiu_malformed(void **state)
{
	static const char good[] = "1 1 p 8 8 W 6 0 " A "\n";
	static const struct {
		const char *line, *expected;
	} bad[] = {
		{ "x 1 p 8 8 W 6 0 " A, "time 'x' is not a number of nanoseconds (line 2)" },
		{ "1 1 p 9 8 W 6 0 " A, "block address '9' is not that of a page: a multiple of 8 sectors (line 2)" },
		{ "1 1 p 18446744073709551616 8 W 6 0 " A, "block address '18446744073709551616'" },
		{ "1 1 p 8 1 W 6 0 " A, "'1' sectors are no page, which has 8 (of one MD5 for each sector" },
		{ "1 1 p 8 16 W 6 0 " A, "'16' sectors are no page" },
		{ "1 1 p 8 8 D 6 0 " A, "'D' is neither W nor R (line 2)" },
		{ "1 1 p 8 8 W six 0 " A, "device 'six 0' is not two numbers (line 2)" },
		{ "1 1 p 8 8 W 6 0 56f1", "'56f1' is not an MD5 of 32 hexadecimal digits (line 2)" },
		{ "1 1 p 8 8 W 6 0 " A "0", "is not an MD5" },
		{ "1 1 p 8 8 W 6 0 " "g6f11b711d91a065a2b6458eca924523", "is not an MD5" },
		{ "1 1 p 8 8 W 6 0", "8 columns, must be 9 (line 2)" },
		{ "", "empty line (line 2)" },
	};
	char text[512];

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++) {
		snprintf(text, sizeof(text), "%s%s\n%s", good, bad[i].line,
			 good);
		refuses(NULL, text, bad[i].expected);
	}
	refuses("fiu", "", "is empty (line 1)");
	snprintf(text, sizeof(text), "%s1 1 p%c 8 8 W 6 0 " A "\n", good, 0);
	refuses_bytes(NULL, text, strlen(good) + 20, "NUL byte (line 2)");
}

static void test_fiu_many_devices(void **state)
{
	char text[8192] = "";
	size_t len = 0;

	(void)state;
	for (unsigned int i = 0; i <= TRACE_TYPES_MAX; i++)
		len += (size_t)snprintf(text + len, sizeof(text) - len,
					"1 1 p 8 8 W 6 %u " A "\n", i);
	refuses(NULL, text, "more than 32 devices (line 33)");
}

static void test_long_line(void **state)
{
	size_t len = 70000;
	char *text = malloc(len + 1);

	(void)state;
	memset(text, 'x', len);
	text[len] = '\0';
	refuses("fiu", text, "line of more than 65536 bytes (line 1)");
	free(text);
}

static void test_xmu(void **state)
{
	static const char text[] =
		"0.000001\tW\t8\t16\t77\tcom.app one\t" A "-" B "\n"
		"12.5\tR\t8\t8\t77\tcom.app one\t" A "\n"
		"13\tW\t16\t8\t77\tx\t" A "\n"
		"14.1234569\tW\t16\t8\t77\tx\t" ZERO "\n";
	static const struct expect e[] = {
		{ TRACE_STORE, 0, 1, 1, 0, 0x56, 0, 0 },
		{ TRACE_STORE, 0, 2, 1, 1, 0, 0, 0 },
		LOAD(0, 1, 12500000),
		{ TRACE_STORE, 0, 2, 13000000, 0, 0x56, 0, 0 },
		{ TRACE_STORE, 0, 2, 14123456, 2, 0x62, TRACE_CLASS_ZERO, 0 },
	};

	(void)state;
	is(text, "xmu", true, "md5", NULL, 3, e, COUNT(e));
}

static void test_xmu_malformed(void **state)
{
	static const char good[] = "1\tW\t8\t8\t7\tp\t" A "\n";
	static const struct {
		const char *line, *expected;
	} bad[] = {
		{ "1,5\tW\t8\t8\t7\tp\t" A, "time '1,5' is not a number of seconds (line 2)" },
		{ "1.5x\tW\t8\t8\t7\tp\t" A, "time '1.5x'" },
		{ "1\tw\t8\t8\t7\tp\t" A, "'w' is neither W nor R (line 2)" },
		{ "1\tW\t12\t8\t7\tp\t" A, "block address '12' is not that of a page" },
		{ "1\tW\t8\t12\t7\tp\t" A, "'12' sectors are no pages" },
		{ "1\tW\t8\t0\t7\tp\t" A, "'0' sectors are no pages" },
		{ "1\tW\t8\t16\t7\tp\t" A, "32 characters of MD5s are not the MD5s of 2 pages (line 2)" },
		{ "1\tW\t8\t8796093022192\t7\tp\t" A, "are not the MD5s of" },
		{ "1\tW\t8\t16\t7\tp\t" A "+" B, "is not an MD5 of 32 hexadecimal digits (line 2)" },
		{ "1\tW\t8\t8\t7\tp\tz6f11b711d91a065a2b6458eca924523", "is not an MD5" },
		{ "1\tW\t8\t8\t7\tp", "too few columns, must be 7" },
		{ "1\tW\t8\t8\t7\tp\t" A "\t", "too many columns, must be 7" },
	};
	char text[512];

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++) {
		snprintf(text, sizeof(text), "%s%s\n%s", good, bad[i].line,
			 good);
		refuses(NULL, text, bad[i].expected);
	}
}

static void test_swapreplay(void **state)
{
	/* no contents: two stores of one length are two pages */
	static const char text[] = "9 W 1200\n9 R 1200\n1099511627775  W\t1200\n0 R 0\n0 W 4096\n";
	static const struct expect e[] = {
		{ TRACE_STORE, 0, 9, 0, 0, 0, 0, 1200 },
		LOAD(0, 9, 1),
		{ TRACE_STORE, 0, TRACE_SLOT_MAX, 2, 1, 0, 0, 1200 },
		LOAD(0, 0, 3),
		{ TRACE_STORE, 0, 0, 4, 2, 0, 0, 4096 },
	};

	(void)state;
	is(text, "swapreplay", true, NULL, "clen", 3, e, COUNT(e));
}

static void test_swapreplay_malformed(void **state)
{
	(void)state;
	refuses(NULL, "1 W 2\n1 W 0\n", "'0' is not the length of a compressed page, 1 to 4096 (line 2)");
	refuses(NULL, "1 W 2\n1 W 4097\n", "'4097' is not the length");
	refuses(NULL, "1 W 2\n1 X 1\n", "'X' is neither W nor R (line 2)");
	refuses(NULL, "1 W 2\n1099511627776 W 1\n", "'1099511627776' is not the number of a slot (line 2)");
	refuses(NULL, "1 W 2\n-1 W 1\n", "'-1' is not the number of a slot");
	refuses(NULL, "1 W 2\n1 W\n", "must be SLOT, R or W, and LENGTH (line 2)");
	refuses(NULL, "1 W 2\n1 W 1 1\n", "must be SLOT, R or W, and LENGTH (line 2)");
}

/* A cache's requests: a load and a store, but the first time */
static void test_csv_requests(void **state)
{
	static const char text[] =
		"version,clock_time,object_id,size\n"
		"1,5,700,100\n1,5.5,3,4096\n1,6,700,100\n1,7,700,101\n";
	static const struct expect e[] = {
		{ TRACE_STORE, 0, 0, 5000000, 0, 700 % 256, 0, 100 },
		{ TRACE_STORE, 0, 1, 5500000, 1, 3, 0, 4096 },
		LOAD(0, 0, 6000000),
		{ TRACE_STORE, 0, 0, 6000000, 0, 700 % 256, 0, 100 },
		LOAD(0, 0, 7000000),
		{ TRACE_STORE, 0, 0, 7000000, 2, 700 % 256, 0, 101 },
	};
	static const char bare[] = "5,700,100\n5.5,3,4096\n";

	(void)state;
	is(text, "libcachesim-csv", false, "obj-id", "clen", 3, e, COUNT(e));
	is(bare, "libcachesim-csv", false, "obj-id", "clen", 2, e, 2);
}

static void test_csv_swap(void **state)
{
	static const char text[] =
		"time,obj_id,obj_size,op,slot,type\n"
		"0,1,1222,store,1,0\n0,1,1222,load,1,0\n"
		"2,2,7,store,1,31\n3,2,7,invalidate,1,31\n";
	static const struct expect e[] = {
		{ TRACE_STORE, 0, 1, 0, 0, 1, 0, 1222 },
		{ TRACE_LOAD, 0, 1, 0, 0, 1, 0, 1222 },
		{ TRACE_STORE, 31, 1, 2000000, 1, 2, 0, 7 },
		{ TRACE_INVALIDATE, 31, 1, 3000000, -1, 0, 0, 0 },
	};

	(void)state;
	is(text, "libcachesim-csv", true, "obj-id", "clen", 2, e, COUNT(e));
}

static void test_csv_malformed(void **state)
{
	static const char names[] = "time,obj_id,obj_size,op,slot,type";
	static const struct {
		const char *line, *expected;
	} bad[] = {
		{ "x,1,1,store,1,0", "time 'x' is not a number of seconds (line 2)" },
		{ "1,a,1,store,1,0", "obj_id 'a' is not a number of 64 bits (line 2)" },
		{ "1,1,0,store,1,0", "obj_size '0' is not the length of a compressed page" },
		{ "1,1,4097,store,1,0", "obj_size '4097'" },
		{ "1,1,1,get,1,0", "op 'get' is none of store, load, invalidate (line 2)" },
		{ "1,1,1,store,,0", "'' is not the number of a slot (line 2)" },
		{ "1,1,1,store,1,32", "type '32' is not below 32 (line 2)" },
		{ "1,1,1,store,1", "5 columns, the first line has 6 (line 2)" },
		{ "1,1,1,store,1,0,1", "7 columns, the first line has 6 (line 2)" },
	};
	char text[512];

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++) {
		snprintf(text, sizeof(text), "%s\n%s\n", names, bad[i].line);
		refuses(NULL, text, bad[i].expected);
	}
	refuses("libcachesim-csv", "one,two,three\n", "names no columns time, obj_id and obj_size, and does not begin with three numbers (line 1)");
	refuses("libcachesim-csv", "1,2\n", "names no columns");
}

/* What is one of them is not taken for another, nor for pages. */
static void test_recognised(void **state)
{
	char *page = calloc(1, PAGE);
	struct trace *trace;
	char why[512];

	(void)state;
	memcpy(page, "1 W 2 ", 6);
	put("in", page, PAGE);
	assert_int_equal(trace_open(at("in"), NULL, &trace, why, sizeof(why)),
			 0);
	assert_string_equal(trace_format(trace), "raw");
	trace_close(trace);
	free(page);
	refuses("xmu", "1 W 2\n", "too few columns");
	refuses("fiu", "1 W 2\n", "3 columns, must be 9 (line 1)");
}

/* Contents are numbered by first use, however many there are. */
static void test_many(void **state)
{
	const uint64_t nr = 20000;
	struct trace_event ev;
	struct trace *trace;
	char why[512];
	FILE *f = fopen(at("in"), "w");

	(void)state;
	for (uint64_t i = 0; i < 2 * nr; i++)
		fprintf(f, "%u 1 p %u 8 W 6 0 %032x\n", (unsigned int)i,
			(unsigned int)i * 8, (unsigned int)(i % nr + 1));
	assert_int_equal(fclose(f), 0);
	assert_int_equal(trace_open(at("in"), NULL, &trace, why, sizeof(why)),
			 0);
	assert_int_equal(trace_summary(trace)->nr_pages, nr);
	for (uint64_t i = 0; i < 2 * nr; i++) {
		assert_int_equal(trace_next(trace, &ev, why, sizeof(why)), 1);
		assert_int_equal(ev.page, i % nr);
	}
	trace_close(trace);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fiu),
		cmocka_unit_test(test_fiu_malformed),
		cmocka_unit_test(test_fiu_many_devices),
		cmocka_unit_test(test_long_line),
		cmocka_unit_test(test_xmu),
		cmocka_unit_test(test_xmu_malformed),
		cmocka_unit_test(test_swapreplay),
		cmocka_unit_test(test_swapreplay_malformed),
		cmocka_unit_test(test_csv_requests),
		cmocka_unit_test(test_csv_swap),
		cmocka_unit_test(test_csv_malformed),
		cmocka_unit_test(test_recognised),
		cmocka_unit_test(test_many),
	};

	return cmocka_run_group_tests(tests, make_tmp, remove_tmp);
}
