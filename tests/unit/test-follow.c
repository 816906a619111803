/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test-follow.c - which runs of a pass take the result of one of another hash, and
 * whether that stands at the end. Reports cannot tell: they are the same in any case.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <glib.h>
#include <glib/gstdio.h>

#include "sim/cmd.h"
#include "sim/pass.h"
#include "traces/trace.h"

#define PAGE ZDEDUP_PAGE_SIZE
#define PAGES 1300u
#define CONFUSED 5u	/* the first pages: they have one crc32c */

static char dir[] = "/tmp/test-follow-XXXXXX";

/* of the command, which is not here: nothing is to go wrong */
void cmd_error(const char *format, ...)
{
	fail_msg("cmd_error: %s", format);
}

int cmd_usage(const char *command, const char *format, ...)
{
	fail_msg("%s: %s", command, format);
	return CMD_USAGE;
}

static void make_pages(void)
{
	g_autofree uint8_t *pages = g_malloc0(PAGES * PAGE);
	g_autofree char *path = g_build_filename(dir, "pages.raw", NULL);
	/* the polynomial of CRC-32C, which may be added anywhere */
	static const uint8_t nothing[] = { 0xf1, 0x76, 0xec, 0x05, 0x01 };

	for (unsigned int i = 0; i < PAGES; i++) {
		uint8_t *page = pages + (size_t)i * PAGE;

		for (unsigned int k = 0; k < PAGE; k++)
			page[k] = "abcdefgh"[k % 8];
		for (unsigned int k = 0; i < CONFUSED && k < 5; k++)
			page[64 * (i + 1) + k] ^= nothing[k];
		if (i >= CONFUSED)
			memcpy(page, &i, sizeof(i));
	}
	assert_true(g_file_set_contents(path, (char *)pages, PAGES * PAGE, NULL));
}

/* @events: "s SLOT PAGE MEMCG FOLIO" or "i SLOT"; "*": 1200 stores of other pages. */
static void make_events(const char *events)
{
	g_autofree char *path = g_build_filename(dir, "ops.csv", NULL);
	g_auto(GStrv) words = g_strsplit(events, ",", -1);
	FILE *file = fopen(path, "w");
	unsigned int seq = 0, slot, page, memcg, folio;

	assert_non_null(file);
	fputs("seq,time_us,op,slot,page,memcg,folio\n", file);
	for (char **word = words; *word; word++) {
		memcg = folio = 0;
		if (**word == '*') {
			for (unsigned int i = 0; i < 1200; i++, seq++)
				fprintf(file, "%u,0,store,%u,%u,0,0\n", seq,
					100 + i, 50 + i);
		} else if (sscanf(*word, "s %u %u %u %u", &slot, &page, &memcg,
				  &folio) >= 2) {
			fprintf(file, "%u,0,store,%u,%u,%u,%u\n", seq++, slot,
				page, memcg, folio);
		} else {
			assert_int_equal(sscanf(*word, "i %u", &slot), 1);
			fprintf(file, "%u,0,invalidate,%u,,0,0\n", seq++, slot);
		}
	}
	assert_int_equal(fclose(file), 0);
}

/**
 * struct outcome - of a pass for two runs
 * @follows, @settled: the second run
 * @stats: of both, as far as they have come to a result
 */
struct outcome {
	bool follows, settled;
	struct zdedup_stats stats[2];
};

static struct outcome pass_of(const char *dedup, const char *first,
			      const char *second, bool across)
{
	const struct pass_options how = {
		.what = "test", .jobs = 2, .across_hashes = across,
	};
	const char *hash[2] = { first, second };
	struct replay_options options[2];
	struct outcome outcome;
	struct run *runs[2];
	struct trace *trace;
	struct pass *pass;
	char why[1024];

	assert_int_equal(trace_open(dir, NULL, &trace, why, sizeof(why)), 0);
	for (unsigned int i = 0; i < 2; i++) {
		replay_options_init(&options[i]);
		options[i].dedup = dedup;
		options[i].hash = hash[i];
		assert_int_equal(replay_options_check("test", &options[i]), 0);
		assert_int_equal(run_create("test", &options[i], &runs[i]), 0);
	}
	assert_int_equal(pass_run(trace, runs, 2, &how, &pass), 0);
	assert_false(run_follows(runs[0]));
	assert_true(pass_settles(pass, runs[0]));
	outcome.follows = run_follows(runs[1]);
	outcome.settled = pass_settles(pass, runs[1]);
	for (unsigned int i = 0; i < 1u + outcome.settled; i++)
		outcome.stats[i] = pass_finish(pass, runs[i])->stats;
	pass_free(pass);
	run_free(runs[0]);
	run_free(runs[1]);
	trace_close(trace);
	return outcome;
}

/* Does the second settle, with this many false positives more? -1: it does not. */
static void expect(const char *events, const char *dedup, const char *first,
		   const char *second, int more)
{
	struct outcome together, alone;

	print_message("# %s: %s, %s: %s\n", dedup, first, second, events);
	make_events(events);
	together = pass_of(dedup, first, second, true);
	assert_true(together.follows);
	assert_int_equal(together.settled, more >= 0);
	alone = pass_of(dedup, first, second, false);
	assert_false(alone.follows);
	assert_true(alone.settled);
	if (more < 0)
		return;
	assert_int_equal(together.stats[1].false_positives,
			 together.stats[0].false_positives + (unsigned int)more);
	assert_memory_equal(&together.stats, &alone.stats, sizeof(alone.stats));
}

static void alike(void **unused)
{
	(void)unused;
	expect("s 0 9,s 1 10,s 2 9,i 0,s 3 10", "always", "xxh64", "crc32c", 0);
	expect("s 0 9,s 1 10,s 2 9,i 0,s 3 10", "memcg", "crc32c", "xxh64", 0);
	expect("s 0 9,s 1 10,s 2 9", "adaptive", "siphash-1-3", "xxh3-128", 0);
	/* a digest that all have: both confuse what each confuses */
	expect("s 0 9,s 1 10,s 2 9", "always", "xxh64:bits=0",
	       "jhash2:bits=0", 0);
}

/* By the second hash, and by the first. */
static void confused_and_apart(void **unused)
{
	static const char events[] = "s 0 0,s 1 9,i 0,s 2 1,s 3 1,i 2,i 3,s 4 0";

	(void)unused;
	expect(events, "always", "xxh64", "crc32c", 0);
	expect("s 0 0,s 1 9,i 0,s 2 1,i 2,s 4 0", "always", "crc32c", "xxh64",
	       0);
	/* two memcgs that share nothing */
	expect("s 0 0 1,s 1 9 2,s 2 1 2", "memcg", "xxh64", "crc32c", 0);
}

static void one_meets_another(void **unused)
{
	static const char events[] = "s 0 0,s 1 9,s 2 1,i 0,s 3 1";

	(void)unused;
	expect(events, "always", "xxh64", "crc32c", 1);
	expect(events, "zram-dedup", "xxh64", "crc32c", 1);
	/* what the first run met is not told from what it shall not have met */
	expect(events, "always", "crc32c", "xxh64", -1);
	/* its second content would stay outside of the index */
	expect(events, "same-page-sharing", "xxh64", "crc32c", -1);
	/* one place to share, and taken */
	expect("s 0 0,s 5 0,s 1 1", "always:sharers=2", "xxh64", "crc32c", -1);
	/* which of the two is newer? */
	expect("s 0 0,s 1 1,s 2 0", "always", "xxh64", "crc32c", -1);
	expect("s 0 0,s 1 1,s 2 2", "always", "xxh64", "crc32c", -1);
	/* no policy looks up what rests */
	expect("s 0 0,*,s 1 1", "adaptive", "xxh64", "crc32c", 0);
	expect("s 0 0,*,s 1 1", "always", "xxh64", "crc32c", 1);
	/* nobody can look between the pages of a folio */
	expect("s 0 0,s 1 1 0 7,s 2 9 0 7", "always", "xxh64", "crc32c", -1);
}

/* Representatives of others in both views, whom nobody has listed. */
static void crowded(void **unused)
{
	(void)unused;
	expect("s 0 9,i 0,s 0 10,i 0,s 0 11,i 0,s 0 12,i 0,s 0 13,i 0,s 0 14",
	       "always", "xxh64:bits=0", "xxh64:bits=1", -1);
	expect("*", "always", "xxh64", "xxh64:bits=9", -1);
	expect("*", "always", "xxh64:bits=9", "xxh64", -1);
}

static void not_eligible(void **unused)
{
	static const char *const policies[] = { "second-sight", "ksm", "fold" };

	(void)unused;
	make_events("s 0 9,s 1 10,s 2 9");
	for (unsigned int i = 0; i < G_N_ELEMENTS(policies); i++)
		assert_false(pass_of(policies[i], "xxh64", "crc32c", true)
				     .follows);
	/* the same hash does */
	assert_true(pass_of("second-sight", "xxh64", "xxh64", false).follows);
	assert_true(pass_of("none", "xxh64", "crc32c", false).follows);
}

static int begin(void **unused)
{
	(void)unused;
	if (!mkdtemp(dir))
		return -1;
	make_pages();
	return 0;
}

static int end(void **unused)
{
	static const char *const names[] = { "pages.raw", "ops.csv" };

	(void)unused;
	for (unsigned int i = 0; i < G_N_ELEMENTS(names); i++) {
		g_autofree char *path = g_build_filename(dir, names[i], NULL);

		unlink(path);
	}
	return rmdir(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(alike),
		cmocka_unit_test(confused_and_apart),
		cmocka_unit_test(one_meets_another),
		cmocka_unit_test(crowded),
		cmocka_unit_test(not_eligible),
	};

	return cmocka_run_group_tests(tests, begin, end);
}
