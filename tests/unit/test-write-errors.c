/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test-write-errors.c - what is recorded when the disk fails
 *
 * Each call that writes is made to fail in turn, in each way. Whoever asked is told,
 * what was acknowledged comes back from a salvage, and a file that is not whole is
 * known not to be.
 */
#define _GNU_SOURCE	/* nftw(), RTLD_NEXT */
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "faulty-io.h"
#include "trace-helpers.h"
#include "sim/swap-disk.h"
#include "traces/trace-writer.h"

#define PAGES 24u
#define EVENTS_MAX 128u
#define CALLS_MAX 1000u

static const struct way {
	const char *name;
	enum faulty_how how;
	bool survived;	/* nobody need notice */
} ways[] = {
	{ "EIO once", FAULTY_EIO, false },
	{ "ENOSPC from then on", FAULTY_FULL, false },
	{ "a short write, then ENOSPC", FAULTY_SHORT, false },
	{ "a short write", FAULTY_HALF, true },
	{ "EINTR", FAULTY_INTR, true },
	{ "writes of nothing", FAULTY_NOTHING, false },
};

/* ---- what should be in the trace ---- */

struct expected {
	enum trace_op op;
	uint64_t slot;
	bool known;	/* its bytes */
	uint8_t bytes[PAGE];
};

/*
 * @safe: so many events were acknowledged; @told: somebody heard of a failure
 */
static struct model {
	struct expected events[EVENTS_MAX];
	unsigned int nr, safe;
	bool told;
	unsigned int lost;
	uint8_t disk[PAGES][PAGE];
	bool used[PAGES], known[PAGES];
} m;

static void expect(enum trace_op op, uint64_t slot)
{
	struct expected *e = &m.events[m.nr++];

	assert_true(m.nr <= EVENTS_MAX);
	*e = (struct expected) { op, slot, m.known[slot], { 0 } };
	memcpy(e->bytes, m.disk[slot], PAGE);
}

static void one_line(const char *why)
{
	assert_true(*why && !strchr(why, '\n'));
}

static void count_loss(const char *why)
{
	one_line(why);
	m.lost++;
	m.told = true;
}

/* Pages that zstd cannot make small; @nr = 0: zeros */
static void make_page(uint8_t *page, unsigned int nr)
{
	uint64_t x = nr * 0x9e3779b97f4a7c15ull;

	for (unsigned int i = 0; i < PAGE; i += 8, x *= 0xd1342543de82ef95ull) {
		uint64_t word = nr ? x >> 5 ^ x : 0;

		memcpy(page + i, &word, 8);
		x += nr;
	}
}

static void check_events(struct trace *trace, bool whole)
{
	struct trace_event ev;
	char why[512] = "";
	unsigned int n = 0;
	int got;

	while ((got = trace_next(trace, &ev, why, sizeof(why))) > 0) {
		const struct expected *e = &m.events[n++];

		assert_true(n <= m.nr);
		assert_int_equal(ev.op, e->op);
		assert_int_equal(ev.slot, e->slot);
		if (ev.page != TRACE_NO_PAGE && e->known)
			assert_memory_equal(trace_page(trace, ev.page),
					    e->bytes, PAGE);
	}
	assert_int_equal(got, 0);
	assert_in_range(n, whole ? m.nr : m.safe, m.nr);
	trace_close(trace);
}

static void check_file(const char *path, bool whole)
{
	struct trace *trace;
	char why[512] = "";
	uint64_t lost;
	int ret = trace_open(path, NULL, &trace, why, sizeof(why));

	if (whole) {
		assert_int_equal(ret, 0);
		check_events(trace, true);
		return;
	}
	assert_int_not_equal(ret, 0);
	one_line(why);
	assert_int_equal(trace_open_salvage(path, &trace, &lost, why,
					    sizeof(why)), 0);
	check_events(trace, false);
}

/* ---- the swap disk ---- */

enum step_op { STORE, PART, LOAD, LOAD_PART, DISCARD, ZERO, FLUSH, HEADER };

static const struct step {
	enum step_op op;
	unsigned int page, nr;	/* content, or how many pages */
} steps[] = {
	{ STORE, 1, 1 }, { STORE, 2, 2 }, { PART, 2, 3 }, { FLUSH, 0, 0 },
	{ LOAD, 1, 1 }, { STORE, 3, 1 }, { STORE, 4, 4 }, { STORE, 1, 5 },
	{ DISCARD, 2, 2 }, { FLUSH, 0, 0 }, { STORE, 2, 4 }, { LOAD_PART, 4, 1 },
	{ STORE, 9, 0 }, { STORE, 10, 6 }, { ZERO, 9, 2 }, { PART, 9, 7 },
	{ LOAD, 9, 1 }, { FLUSH, 0, 0 }, { STORE, 11, 8 }, { HEADER, 0, 0 },
	{ STORE, 12, 9 }, { LOAD, 12, 1 },
};

static void freed(unsigned int page)
{
	if (m.used[page])
		expect(TRACE_INVALIDATE, page);
	m.used[page] = false;
}

/* The disk has answered @step with @ret. */
static void written(const struct step *step, const uint8_t *bytes, int ret)
{
	unsigned int from = step->op == PART ? 512 : 0;
	unsigned int len = step->op == PART ? 1024 : PAGE;

	memcpy(m.disk[step->page] + from, bytes, len);
	m.known[step->page] = !ret && (m.known[step->page] || len == PAGE);
	if (ret) {
		freed(step->page);
	} else if (step->page) {
		m.used[step->page] = true;
		expect(TRACE_STORE, step->page);
	} else {
		for (unsigned int page = 1; page < PAGES; page++)
			freed(page);
	}
}

static void discarded(const struct step *step, int ret)
{
	for (unsigned int i = step->page; i < step->page + step->nr; i++) {
		memset(m.disk[i], 0, PAGE);
		m.known[i] = !ret;
		freed(i);
	}
}

static int ask(struct swap_disk *disk, const struct step *step)
{
	uint64_t at = (uint64_t)step->page * PAGE;
	uint32_t count = step->op == LOAD_PART ? 1024 : PAGE;
	uint8_t bytes[PAGE];
	unsigned long syncs;
	int ret;

	make_page(bytes, step->nr);
	switch (step->op) {
	case HEADER:
		memcpy(bytes + PAGE - 10, "SWAPSPACE2", 10);
		/* fall through */
	case STORE:
		ret = swap_disk_write(disk, bytes, PAGE, at);
		written(step, bytes, ret);
		return ret;
	case PART:
		ret = swap_disk_write(disk, bytes, 1024, at + 512);
		written(step, bytes, ret);
		return ret;
	case LOAD:
	case LOAD_PART:
		ret = swap_disk_read(disk, bytes, count, at);
		if (!ret && m.known[step->page])
			assert_memory_equal(bytes, m.disk[step->page], count);
		if (!ret && m.used[step->page])
			expect(TRACE_LOAD, step->page);
		return ret;
	case FLUSH:
		syncs = faulty_io.syncs;
		ret = swap_disk_flush(disk);
		if (!ret)
			m.safe = m.nr;
		assert_int_equal(!ret, faulty_io.syncs > syncs);
		/* the recording's failure is known, if not reported just now */
		assert_int_equal(!ret, !m.lost);
		return ret;
	default:
		ret = swap_disk_discard(disk, step->nr * PAGE, at,
					step->op == ZERO);
		discarded(step, ret);
		return ret;
	}
}

static void record_disk(bool in_file)
{
	const struct swap_disk_options options = {
		.trace = at("swap.zdt"), .info = "vantage=device\n",
		.size = PAGES * PAGE, .every = 5, .window_log = 12,
		.in_file = in_file,
		.lost = count_loss,
	};
	struct swap_disk *disk;
	char why[512] = "";

	memset(m.known, true, sizeof(m.known));
	if (swap_disk_open(&options, &disk, why, sizeof(why))) {
		one_line(why);
		m.told = true;
		faulty_io.how = FAULTY_NONE;
		assert_int_not_equal(access(options.trace, F_OK), 0);
		return;
	}
	for (unsigned int i = 0; i < COUNT(steps); i++) {
		int ret = ask(disk, &steps[i]);

		/* no room for the trace is no reason to fail a guest's pages */
		if (!in_file && steps[i].op != FLUSH)
			assert_int_equal(ret, 0);
		m.told |= ret != 0;
	}
	swap_disk_close(disk);
	faulty_io.how = FAULTY_NONE;
	assert_int_equal(faulty_io.dir_syncs, 1);
	assert_true(m.lost <= 1);
	check_file(options.trace, !m.lost);
	assert_int_equal(unlink(options.trace), 0);
}

static void record_to_memory(void)
{
	record_disk(false);
}

static void record_to_file(void)
{
	record_disk(true);
}

/* ---- the writer, as recorders of processes and importers use it ---- */

static int write_one(struct trace_writer *w, unsigned int nr, char *why,
		     size_t size)
{
	const struct trace_facts facts = { .class = TRACE_CLASS_DATA };
	const struct trace_event ev = { .slot = nr, .time_us = nr };
	int ret;

	make_page(m.disk[nr], 1 + nr % 7);
	m.known[nr] = true;
	ret = trace_write_event(w, &ev, m.disk[nr], &facts, why, size);
	if (!ret)
		expect(TRACE_STORE, nr);
	return ret;
}

/* 0, or the first error; later calls say the same, and the end is as it should be */
static int write_trace(struct trace_writer *w, bool acknowledges)
{
	char why[512] = "";
	int ret = 0, again;

	for (unsigned int i = 0; i < PAGES && !ret; i++) {
		ret = write_one(w, i, why, sizeof(why));
		if (ret || i % 6 != 5)
			continue;
		ret = trace_writer_flush(w, i > 12, why, sizeof(why));
		if (!ret && acknowledges)
			m.safe = m.nr;
	}
	if (ret) {
		one_line(why);
		assert_int_equal(trace_writer_flush(w, true, why, sizeof(why)),
				 ret);
	}
	again = trace_writer_close(w, why, sizeof(why));
	if (ret)
		assert_int_equal(again, ret);
	if (again)
		one_line(why);
	return again;
}

static unsigned int files_in(const char *path)
{
	DIR *dir = opendir(path);
	unsigned int n = 0;
	struct dirent *e;

	assert_non_null(dir);
	while ((e = readdir(dir)))
		n += e->d_name[0] != '.';
	closedir(dir);
	return n;
}

static struct trace_writer *open_writer(const char *path, bool in_place)
{
	const struct trace_writer_options options = {
		.has_pages = true, .has_facts = true, .in_place = in_place,
		.window_log = 12,
	};
	struct trace_writer *w = NULL;
	char why[512] = "";

	if (trace_writer_open(path, &options, &w, why, sizeof(why))) {
		one_line(why);
		m.told = true;
	}
	return w;
}

static void write_in_place(void)
{
	const char *path = at("new.zdt");
	struct trace_writer *w = open_writer(path, true);

	m.told |= w && write_trace(w, true);
	faulty_io.how = FAULTY_NONE;
	assert_int_equal(files_in(tmp), w ? 1 : 0);
	if (!w)
		return;
	check_file(path, !m.told);
	assert_int_equal(unlink(path), 0);
}

/* What was there before is there still, or the new trace is, and nothing else. */
static void write_and_rename(void)
{
	struct trace_writer *w;
	char old[8] = "";
	FILE *f;

	f = fopen(at("new.zdt"), "w");
	assert_non_null(f);
	assert_true(fputs("before", f) >= 0 && !fclose(f));
	w = open_writer(at("new.zdt"), false);
	m.told |= w && write_trace(w, false);
	faulty_io.how = FAULTY_NONE;
	if (!m.told)
		assert_true(faulty_io.syncs && faulty_io.dir_syncs == 1);
	assert_int_equal(files_in(tmp), 1);
	f = fopen(at("new.zdt"), "r");
	assert_non_null(fgets(old, sizeof(old), f));
	fclose(f);
	if (strcmp(old, "before"))
		check_file(at("new.zdt"), true);
	else
		assert_true(m.told);
}

/* ---- every call, every way ---- */

static void fail_each_call(void (*record)(void))
{
	for (unsigned int i = 0; i < COUNT(ways); i++) {
		unsigned long at = 0, calls;

		do {
			memset(&m, 0, sizeof(m));
			faulty_io = (struct faulty_io) {
				.how = ways[i].how, .at = ++at,
			};
			record();
			calls = faulty_io.calls;
			/* a way that is only a write's may have met none */
			if (m.told ? ways[i].survived : at <= calls &&
			    (ways[i].how == FAULTY_EIO ||
			     ways[i].how == FAULTY_FULL))
				fail_msg("%s, call %lu: %s", ways[i].name, at,
					 m.told ? "was not survived" :
					 "nobody was told");
		} while (at <= calls && at < CALLS_MAX);
		assert_in_range(at, 10, CALLS_MAX - 1);
	}
}

static void test_disk_in_memory(void **state)
{
	(void)state;
	fail_each_call(record_to_memory);
}

static void test_disk_in_a_file(void **state)
{
	(void)state;
	fail_each_call(record_to_file);
}

static void test_writer_in_place(void **state)
{
	(void)state;
	fail_each_call(write_in_place);
}

static void test_writer_renames(void **state)
{
	(void)state;
	fail_each_call(write_and_rename);
	assert_int_equal(unlink(at("new.zdt")), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_disk_in_memory),
		cmocka_unit_test(test_disk_in_a_file),
		cmocka_unit_test(test_writer_in_place),
		cmocka_unit_test(test_writer_renames),
	};

	return cmocka_run_group_tests(tests, make_tmp, remove_tmp);
}
