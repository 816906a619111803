/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test-trace.c - the readers of raw page images and ops directories
 *
 * Each test makes its input in a directory of its own run, so that it shows what
 * the reader is given.
 */
#define _GNU_SOURCE	/* unshare(), nftw() */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
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
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <zstd.h>

#include "trace-helpers.h"
#include "traces/trace.h"

#define HEADER "seq,time_us,op,slot,page\n"
#define MAGIC "\x28\xb5\x2f\xfd"

/* ---- making inputs ---- */

/* page i is filled with i + 1 */
static char *make_pages(size_t n)
{
	char *pages = malloc(n * PAGE);
	size_t i;

	for (i = 0; i < n; i++)
		memset(pages + i * PAGE, i + 1, PAGE);
	return pages;
}

static void put_pages(const char *name, size_t n)
{
	char *pages = make_pages(n);

	put(name, pages, n * PAGE);
	free(pages);
}

/* The ops directory "t" of three pages and this list */
static void put_list(const void *list, size_t len)
{
	mkdir(at("t"), 0700);
	put("t/ops.csv", list, len);
	put_pages("t/pages.raw", 3);
}

/* ---- what is expected ---- */

static struct trace *open_ok(const char *path, const char *format)
{
	struct trace *trace = NULL;
	char why[512] = "";
	int ret = trace_open(path, format, &trace, why, sizeof(why));

	if (ret)
		print_error("%s\n", why);
	assert_int_equal(ret, 0);
	assert_string_equal(trace_path(trace), path);
	return trace;
}

/* trace_open fails with @error and says "@path: @text". */
static void open_fails(const char *path, const char *format, int error,
		       const char *text)
{
	struct trace *trace = NULL;
	char why[512] = "", expected[512];

	assert_int_equal(trace_open(path, format, &trace, why, sizeof(why)),
			 error);
	assert_null(trace);
	snprintf(expected, sizeof(expected), "%s: %s", path, text);
	assert_string_equal(why, expected);
}

/* As above, with @text found somewhere in the line */
static void open_fails_with(const char *path, int error, const char *text)
{
	struct trace *trace = NULL;
	char why[512] = "";

	assert_int_equal(trace_open(path, NULL, &trace, why, sizeof(why)),
			 error);
	if (!strstr(why, text))
		print_error("'%s' is not in '%s'\n", text, why);
	assert_non_null(strstr(why, text));
	assert_memory_equal(why, path, strlen(path));
	assert_null(strchr(why, '\n'));
}

static void next_is(struct trace *trace, const struct trace_event *expected)
{
	struct trace_event ev;
	char why[512];

	assert_int_equal(trace_next(trace, &ev, why, sizeof(why)), 1);
	assert_int_equal(ev.seq, expected->seq);
	assert_int_equal(ev.time_us, expected->time_us);
	assert_int_equal(ev.op, expected->op);
	assert_int_equal(ev.slot, expected->slot);
	assert_int_equal(ev.page, expected->page);
	assert_int_equal(ev.type, expected->type);
	assert_int_equal(ev.memcg, expected->memcg);
	assert_int_equal(ev.folio, expected->folio);
}

static void next_is_end(struct trace *trace)
{
	struct trace_event ev;
	char why[512];

	assert_int_equal(trace_next(trace, &ev, why, sizeof(why)), 0);
	assert_int_equal(trace_next(trace, &ev, why, sizeof(why)), 0);
}

static void page_is(struct trace *trace, uint64_t page, int byte)
{
	const uint8_t *p = trace_page(trace, page);

	assert_int_equal(p[0], byte);
	assert_int_equal(p[PAGE - 1], byte);
}

/* ---- raw ---- */

static void check_raw(const char *path, const char *format)
{
	struct trace *trace = open_ok(path, format);
	const struct trace_summary *sum = trace_summary(trace);
	unsigned int i, pass;

	assert_string_equal(trace_format(trace), "raw");
	assert_int_equal(sum->events, 3);
	assert_int_equal(sum->stores, 3);
	assert_int_equal(sum->loads, 0);
	assert_int_equal(sum->invalidates, 0);
	assert_int_equal(sum->nr_pages, 3);
	assert_int_equal(sum->slots[0], 4);
	for (i = 1; i < TRACE_TYPES_MAX; i++)
		assert_int_equal(sum->slots[i], 0);
	assert_false(sum->has_type || sum->has_memcg || sum->has_folio);

	for (pass = 0; pass < 2; pass++) {
		for (i = 0; i < 3; i++) {
			struct trace_event ev = {
				.seq = i, .time_us = i, .slot = i + 1,
				.page = i, .op = TRACE_STORE,
			};

			next_is(trace, &ev);
			page_is(trace, i, i + 1);
		}
		next_is_end(trace);
		assert_int_equal(trace_rewind(trace), 0);
	}
	trace_close(trace);
}

static void test_raw(void **state)
{
	char *pages = make_pages(3);

	(void)state;
	put("raw", pages, 3 * PAGE);
	check_raw(at("raw"), NULL);
	check_raw(at("raw"), "raw");
	/* the content decides, neither the name nor the option */
	put_zst("raw", pages, 3 * PAGE);
	check_raw(at("raw"), NULL);
	check_raw(at("raw"), "raw");
	put("raw.zst", pages, 3 * PAGE);
	check_raw(at("raw.zst"), NULL);
	free(pages);
}

static void test_raw_rewind_midway(void **state)
{
	struct trace_event ev = { .slot = 1, .op = TRACE_STORE };
	struct trace *trace;

	(void)state;
	put_pages("raw", 3);
	trace = open_ok(at("raw"), NULL);
	next_is(trace, &ev);
	assert_int_equal(trace_rewind(trace), 0);
	next_is(trace, &ev);
	trace_close(trace);
}

static void test_raw_bad(void **state)
{
	char *pages = make_pages(2);

	(void)state;
	put("raw", "", 0);
	open_fails(at("raw"), NULL, -EINVAL, "holds no page (0 bytes)");
	put_zst("raw", "", 0);
	open_fails(at("raw"), NULL, -EINVAL, "holds no page (0 bytes)");
	put("raw", pages, 5000);
	open_fails(at("raw"), NULL, -EINVAL,
		   "is not made of 4096-byte pages (5000 bytes: 1 pages and 904 bytes)");
	put_zst("raw", pages, 4095);
	open_fails(at("raw"), NULL, -EINVAL,
		   "is not made of 4096-byte pages (4095 bytes: 0 pages and 4095 bytes)");
	free(pages);
}

/* ---- what is no trace ---- */

static void test_not_a_trace(void **state)
{
	(void)state;
	open_fails(at("missing"), NULL, -ENOENT,
		   "cannot open: No such file or directory");
	open_fails("", NULL, -ENOENT, "cannot open: No such file or directory");
	open_fails("/dev/zero", NULL, -EINVAL,
		   "is a character device, not a regular file or a directory");
	assert_int_equal(mkfifo(at("pipe"), 0600), 0);
	open_fails(at("pipe"), NULL, -EINVAL,
		   "is a pipe, not a regular file or a directory");
	mkdir(at("empty"), 0700);
	open_fails(at("empty"), NULL, -EINVAL,
		   "is no ops directory: it holds neither ops.csv nor ops.csv.zst");
	put("empty/ops.csv", HEADER, strlen(HEADER));
	open_fails(at("empty"), NULL, -EINVAL,
		   "is no ops directory: it holds neither pages.raw nor pages.raw.zst");
	/* the list alone, and just as long as a page */
	put("list", HEADER, strlen(HEADER));
	assert_int_equal(truncate(at("list"), PAGE), 0);
	open_fails(at("list"), NULL, -EINVAL,
		   "a list of events, not pages; give the directory that holds it");
}

static void test_format_names(void **state)
{
	char known[256] = "", text[300];
	unsigned int i;

	(void)state;
	put_pages("raw", 1);
	put_list(HEADER, strlen(HEADER));
	for (i = 0; trace_format_name(i); i++) {
		strcat(known, i ? ", " : "");
		strcat(known, trace_format_name(i));
	}
	snprintf(text, sizeof(text), "unknown format 'row' (known: %s)", known);
	open_fails(at("raw"), "row", -EINVAL, text);
	snprintf(text, sizeof(text), "unknown format '' (known: %s)", known);
	open_fails(at("missing"), "", -EINVAL, text);
	open_fails(at("t"), "raw", -EINVAL,
		   "is a directory, format 'raw' is a file");
	open_fails(at("raw"), "ops", -EINVAL,
		   "is no directory, format 'ops' is one");
	assert_string_equal(trace_format_name(0), "raw");
	assert_string_equal(trace_format_name(1), "ops");
	assert_null(trace_format_name(i));
	assert_null(trace_format_name(UINT32_MAX));
}

/* A name with a newline or an escape sequence in it is still one plain line. */
static void test_one_line(void **state)
{
	struct trace *trace;
	char why[512], small[8];

	(void)state;
	trace_open("a\nb\033c", NULL, &trace, why, sizeof(why));
	assert_string_equal(why,
			    "a?b?c: cannot open: No such file or directory");
	trace_open("abcdefghij", NULL, &trace, small, sizeof(small));
	assert_string_equal(small, "abcdefg");
	assert_int_equal(trace_open("missing", NULL, &trace, NULL, 0), -ENOENT);
}

/* ---- zstd ---- */

static void test_zst_frames(void **state)
{
	char *pages = make_pages(3), z[PAGE];
	const char skippable[] = "\x5a\x2a\x4d\x18\x03\0\0\0abc";
	size_t i, len = 0;

	(void)state;
	memcpy(z, skippable, 11);
	len = 11;
	for (i = 0; i < 3; i++) {
		len += ZSTD_compress(z + len, sizeof(z) - len,
				     pages + i * PAGE, PAGE, 3);
		memcpy(z + len, skippable, 11);
		len += 11;
	}
	put("raw", z, len);
	check_raw(at("raw"), NULL);
	free(pages);

	/* skippable frames alone are nothing of zstd's */
	put("raw", skippable, 11);
	open_fails_with(at("raw"), -EINVAL, "is not made of 4096-byte pages");
}

/* A frame by hand: a window of 2^28 (zstd's own limit is 2^27), one raw block */
static void test_zst_window(void **state)
{
	char *pages = make_pages(3), frame[9 + 3 * PAGE] = MAGIC;
	unsigned int block = 3 * PAGE << 3 | 1;

	(void)state;
	frame[5] = (char)((28 - 10) << 3);
	frame[6] = block;
	frame[7] = block >> 8;
	frame[8] = block >> 16;
	memcpy(frame + 9, pages, 3 * PAGE);
	put("raw", frame, sizeof(frame));
	check_raw(at("raw"), NULL);
	free(pages);
}

/* More than one of zstd's buffers in and out, and bytes that do not compress */
static void test_zst_large(void **state)
{
	size_t n = 300, i, len = n * PAGE;
	char *pages = malloc(len);
	struct trace *trace;
	uint32_t x = 1;

	(void)state;
	for (i = 0; i < len; i++) {
		x = x * 1664525 + 1013904223;
		pages[i] = x >> 24;
	}
	put_zst("raw", pages, len);
	trace = open_ok(at("raw"), NULL);
	assert_int_equal(trace_summary(trace)->nr_pages, n);
	assert_memory_equal(trace_page(trace, 0), pages, len);
	trace_close(trace);

	/* exactly zstd's output buffer, 128 KiB */
	put_zst("raw", pages, 1 << 17);
	trace = open_ok(at("raw"), NULL);
	assert_int_equal(trace_summary(trace)->nr_pages, 32);
	trace_close(trace);
	free(pages);
}

static void test_zst_bad(void **state)
{
	char *pages = make_pages(2), z[3 * PAGE];
	struct trace *trace;
	char why[512], text[128];
	size_t len, i;

	(void)state;
	for (i = 0; i < 2 * PAGE; i++)
		pages[i] = i % 61 * (i >> 6);
	len = ZSTD_compress(z, sizeof(z), pages, 2 * PAGE, 3);
	assert_false(ZSTD_isError(len));
	for (i = 4; i < len; i++) {
		put("raw", z, i);
		snprintf(text, sizeof(text),
			 "truncated: the zstd data ends within a frame (at byte %zu)",
			 i);
		open_fails(at("raw"), NULL, -EINVAL, text);
	}
	for (i = 0; i < 4; i++) {
		put("raw", z, i);
		assert_int_equal(trace_open(at("raw"), NULL, &trace, why,
					    sizeof(why)), -EINVAL);
	}
	memcpy(z + len, "tail", 4);
	put("raw", z, len + 4);
	open_fails_with(at("raw"), -EINVAL,
			"cannot unpack: Unknown frame descriptor (near byte ");
	/* a page that begins as zstd does and is none: the magic decides */
	memcpy(pages, MAGIC, 4);
	pages[4] = 0x08;
	put("raw", pages, PAGE);
	open_fails_with(at("raw"), -EINVAL, "cannot unpack: ");
	free(pages);
}

static int count_entries(void)
{
	char cmd[128];
	int n = -1;
	FILE *f;

	snprintf(cmd, sizeof(cmd), "ls -A %s | wc -l", tmp);
	f = popen(cmd, "r");
	assert_non_null(f);
	assert_int_equal(fscanf(f, "%d", &n), 1);
	pclose(f);
	return n;
}

static void test_tmpdir(void **state)
{
	char *pages = make_pages(3);
	char text[256];
	int before;

	(void)state;
	put_zst("raw", pages, 3 * PAGE);
	free(pages);

	setenv("TMPDIR", at("nowhere"), 1);
	snprintf(text, sizeof(text),
		 "no temporary file to unpack to: No such file or directory (in %s/nowhere)",
		 tmp);
	open_fails(at("raw"), NULL, -ENOENT, text);

	/* the file has no name that could be left over */
	setenv("TMPDIR", tmp, 1);
	before = count_entries();
	check_raw(at("raw"), NULL);
	assert_int_equal(count_entries(), before);
	unsetenv("TMPDIR");
}

static bool write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY);
	bool ok = write(fd, text, strlen(text)) == (ssize_t)strlen(text);

	close(fd);
	return ok;
}

/* 0: as it should be; 77: no name space or no tmpfs to be had here */
static int full_disk(const char *path)
{
	struct trace *trace;
	char why[512], expected[512];
	const char *dir = at("small");
	char uid_map[32], gid_map[32];

	mkdir(dir, 0700);
	/* files in a tmpfs have to belong to somebody there */
	snprintf(uid_map, sizeof(uid_map), "0 %u 1", (unsigned int)getuid());
	snprintf(gid_map, sizeof(gid_map), "0 %u 1", (unsigned int)getgid());
	if (unshare(CLONE_NEWUSER | CLONE_NEWNS) ||
	    !write_file("/proc/self/setgroups", "deny") ||
	    !write_file("/proc/self/uid_map", uid_map) ||
	    !write_file("/proc/self/gid_map", gid_map) ||
	    mount("none", dir, "tmpfs", 0, "size=8k"))
		return 77;
	setenv("TMPDIR", dir, 1);
	if (trace_open(path, NULL, &trace, why, sizeof(why)) != -ENOSPC)
		return 1;
	snprintf(expected, sizeof(expected),
		 "%s: cannot unpack: No space left on device (in %s, after 0 bytes)",
		 path, dir);
	return strcmp(why, expected) ? 2 : 0;
}

static int run_child(int (*fn)(const char *path), const char *path)
{
	int status;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (!pid)
		_exit(fn(path));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void test_full_disk(void **state)
{
	char *pages = make_pages(100);
	int ret;

	(void)state;
	put_zst("raw", pages, 100 * PAGE);
	free(pages);
	ret = run_child(full_disk, at("raw"));
	if (ret == 77)
		skip();
	assert_int_equal(ret, 0);
}

static int file_size_limit(const char *path)
{
	struct rlimit limit = { 8192, 8192 };
	struct trace *trace;
	char why[512];

	signal(SIGXFSZ, SIG_IGN);
	setenv("TMPDIR", "", 1);	/* set but empty is not set */
	if (setrlimit(RLIMIT_FSIZE, &limit) ||
	    trace_open(path, NULL, &trace, why, sizeof(why)) != -EFBIG)
		return 1;
	return !strstr(why, "cannot unpack: File too large (in /tmp, after ");
}

static void test_write_error(void **state)
{
	char *pages = make_pages(100);

	(void)state;
	put_zst("raw", pages, 100 * PAGE);
	free(pages);
	assert_int_equal(run_child(file_size_limit, at("raw")), 0);
}

/* ---- ops ---- */

static const char small_list[] =
	HEADER
	"0,10,store,1,0\n"
	"1,10,store,7,2\n"
	"2,35,load,1,0\n"
	"3,40,load,9,\n"
	"4,18446744073709551615,invalidate,1099511627775,\n";

static const struct trace_event small_events[] = {
	{ 0, 10, 1, 0, 0, 0, 0, TRACE_STORE, 0 },
	{ 1, 10, 7, 2, 0, 0, 0, TRACE_STORE, 0 },
	{ 2, 35, 1, 0, 0, 0, 0, TRACE_LOAD, 0 },
	{ 3, 40, 9, TRACE_NO_PAGE, 0, 0, 0, TRACE_LOAD, 0 },
	{ 4, UINT64_MAX, TRACE_SLOT_MAX, TRACE_NO_PAGE, 0, 0, 0,
	  TRACE_INVALIDATE, 0 },
};

static void check_small(const char *path, const char *format)
{
	struct trace *trace = open_ok(path, format);
	const struct trace_summary *sum = trace_summary(trace);
	unsigned int i, pass;

	assert_string_equal(trace_format(trace), "ops");
	assert_int_equal(sum->events, 5);
	assert_int_equal(sum->stores, 2);
	assert_int_equal(sum->loads, 2);
	assert_int_equal(sum->invalidates, 1);
	assert_int_equal(sum->nr_pages, 3);
	assert_int_equal(sum->slots[0], TRACE_SLOT_MAX + 1);
	assert_int_equal(sum->slots[1], 0);
	assert_false(sum->has_type || sum->has_memcg || sum->has_folio);
	for (pass = 0; pass < 2; pass++) {
		for (i = 0; i < 5; i++)
			next_is(trace, &small_events[i]);
		next_is_end(trace);
		trace_rewind(trace);
	}
	for (i = 0; i < 3; i++)
		page_is(trace, i, i + 1);
	trace_close(trace);
}

static void test_ops(void **state)
{
	char path[300];

	(void)state;
	put_list(small_list, strlen(small_list));
	check_small(at("t"), NULL);
	check_small(at("t"), "ops");
	snprintf(path, sizeof(path), "%s/", at("t"));
	check_small(path, NULL);
	/* without the last newline */
	put_list(small_list, strlen(small_list) - 1);
	check_small(at("t"), NULL);
}

static void test_ops_zst(void **state)
{
	char *pages = make_pages(3);

	(void)state;
	mkdir(at("z"), 0700);
	put_zst("z/ops.csv.zst", small_list, strlen(small_list));
	put_zst("z/pages.raw.zst", pages, 3 * PAGE);
	check_small(at("z"), NULL);
	/* the content decides here, too */
	put_zst("z/ops.csv", small_list, strlen(small_list));
	put("z/pages.raw.zst", pages, 3 * PAGE);
	check_small(at("z"), NULL);
	/* and the plain name comes first */
	put("z/ops.csv.zst", "", 0);
	check_small(at("z"), NULL);
	free(pages);
}

static void test_ops_crlf(void **state)
{
	char list[2 * sizeof(small_list)];
	size_t i, n = 0;

	(void)state;
	for (i = 0; small_list[i]; i++) {
		if (small_list[i] == '\n')
			list[n++] = '\r';
		list[n++] = small_list[i];
	}
	put_list(list, n);
	check_small(at("t"), NULL);
	put_list(list, n - 2);
	check_small(at("t"), NULL);
	put_list(list, n - 1);
	check_small(at("t"), NULL);
}

static void test_ops_no_events(void **state)
{
	struct trace *trace;
	unsigned int i;

	(void)state;
	/* with and without a newline, with and without pages */
	for (i = 0; i < 4; i++) {
		put_list(HEADER, strlen(HEADER) - i % 2);
		if (i >= 2)
			put("t/pages.raw", "", 0);
		trace = open_ok(at("t"), NULL);
		assert_int_equal(trace_summary(trace)->events, 0);
		assert_int_equal(trace_summary(trace)->slots[0], 0);
		assert_int_equal(trace_summary(trace)->nr_pages, i < 2 ? 3 : 0);
		next_is_end(trace);
		trace_close(trace);
	}
}

static void test_ops_extra_columns(void **state)
{
	static const char list[] =
		"seq,time_us,op,slot,page,folio,type,memcg\n"
		"0,1,store,5,0,18446744073709551615,31,4294967295\n"
		"1,1,load,5,,,0,0\n"
		"2,1,invalidate,6,,7,0,1";
	static const char memcg_list[] =
		"seq,time_us,op,slot,page,memcg\n0,0,store,0,2,3\n";
	static const struct trace_event events[] = {
		{ 0, 1, 5, 0, UINT64_MAX, UINT32_MAX, 31, TRACE_STORE, 0 },
		{ 1, 1, 5, TRACE_NO_PAGE, 0, 0, 0, TRACE_LOAD, 0 },
		{ 2, 1, 6, TRACE_NO_PAGE, 7, 1, 0, TRACE_INVALIDATE, 0 },
	};
	const struct trace_summary *sum;
	struct trace *trace;
	unsigned int i;

	(void)state;
	put_list(list, strlen(list));
	trace = open_ok(at("t"), NULL);
	sum = trace_summary(trace);
	assert_true(sum->has_type && sum->has_memcg && sum->has_folio);
	assert_int_equal(sum->slots[0], 7);
	assert_int_equal(sum->slots[31], 6);
	assert_int_equal(sum->slots[30], 0);
	for (i = 0; i < 3; i++)
		next_is(trace, &events[i]);
	next_is_end(trace);
	trace_close(trace);

	put_list(memcg_list, strlen(memcg_list));
	trace = open_ok(at("t"), NULL);
	sum = trace_summary(trace);
	assert_true(sum->has_memcg && !sum->has_type && !sum->has_folio);
	next_is(trace, &(struct trace_event) { .page = 2, .memcg = 3 });
	trace_close(trace);
}

struct bad_list {
	const char *list;
	const char *text;	/* what follows "DIR/ops.csv: " */
};

static void check_bad_lists(const struct bad_list *bad, size_t n)
{
	char text[512], *path = strdup(at("t"));
	size_t i;

	for (i = 0; i < n; i++) {
		char list_path[300];
		struct trace *trace;

		put_list(bad[i].list, strlen(bad[i].list));
		snprintf(list_path, sizeof(list_path), "%s/ops.csv", path);
		assert_int_equal(trace_open(path, NULL, &trace, text,
					    sizeof(text)), -EINVAL);
		assert_memory_equal(text, list_path, strlen(list_path));
		assert_string_equal(text + strlen(list_path) + 2, bad[i].text);
	}
	free(path);
}

static void test_ops_bad_header(void **state)
{
	static const struct bad_list bad[] = {
		{ "", "is empty, without even a header (line 1)" },
		{ "\n", "empty line (line 1)" },
		{ "0,1,store,1,0\n",
		  "column 1 is '0', must be 'seq' (line 1)" },
		{ "seq,op,time_us,slot,page\n",
		  "column 2 is 'op', must be 'time_us' (line 1)" },
		{ "seq,time_us,op,slot\n",
		  "column 'page' is missing (line 1)" },
		{ "seq,time_us,op,slot,page,\n", "unknown column '' (line 1)" },
		{ "seq,time_us,op,slot,page,type,colour\n",
		  "unknown column 'colour' (line 1)" },
		{ "seq,time_us,op,slot,page,types\n",
		  "unknown column 'types' (line 1)" },
		{ "seq,time_us,op,slot,page,memcg,type,memcg\n",
		  "column 'memcg' is there twice (line 1)" },
		{ "seq,time_us,op,slot,page,page\n",
		  "unknown column 'page' (line 1)" },
		{ "seq,time_us,op,slot,page,\033[31m\n",
		  "unknown column '?[31m' (line 1)" },
	};

	(void)state;
	check_bad_lists(bad, sizeof(bad) / sizeof(bad[0]));
}

#define OK0 HEADER "0,5,store,1,0\n"

static void test_ops_bad_line(void **state)
{
	static const struct bad_list bad[] = {
		{ OK0 "\n", "empty line (line 3)" },
		{ OK0 "\r\n1,5,load,1,0\n", "empty line (line 3)" },
		{ OK0 "2,5,load,1,0\n", "seq is 2, expected 1 (line 3)" },
		{ OK0 "0,5,load,1,0\n", "seq is 0, expected 1 (line 3)" },
		{ HEADER "1,5,load,1,0\n", "seq is 1, expected 0 (line 2)" },
		{ OK0 "1,5,drop,1,0\n",
		  "op 'drop' is none of store, load, invalidate (line 3)" },
		{ OK0 "1,5,,1,0\n",
		  "op '' is none of store, load, invalidate (line 3)" },
		{ OK0 "1,5,Store,1,0\n",
		  "op 'Store' is none of store, load, invalidate (line 3)" },
		{ OK0 "1,5,stores,1,0\n",
		  "op 'stores' is none of store, load, invalidate (line 3)" },
		{ OK0 "1,5,load,1099511627776,\n",
		  "slot '1099511627776' is above the highest slot, 1099511627775 (line 3)" },
		{ OK0 "1,5,load,,0\n",
		  "slot '' is not a plain decimal number (line 3)" },
		{ OK0 "1,5,store,1,3\n",
		  "page 3 is past the end of pages.raw (3 pages) (line 3)" },
		{ OK0 "1,5,load,1,18446744073709551615\n",
		  "page 18446744073709551615 is past the end of pages.raw (3 pages) (line 3)" },
		{ OK0 "1,5,store,1,\n", "page '' is empty in a store (line 3)" },
		{ OK0 "1,5,store,1,",
		  "page '' is empty in a store (line 3)" },
		{ OK0 "1,5,invalidate,1,0\n",
		  "page '0' is given in an invalidate (line 3)" },
		{ OK0 "1,5,load,1\n", "4 columns, the header names 5 (line 3)" },
		{ OK0 "1,5,load,1,0,0\n",
		  "6 columns, the header names 5 (line 3)" },
		{ OK0 "1,5,load,1,0\r1,6,load,1,0\n",
		  "9 columns, the header names 5 (line 3)" },
		{ OK0 "1,5,load,1,0\r",
		  "" },
	};
	size_t n = sizeof(bad) / sizeof(bad[0]);

	(void)state;
	check_bad_lists(bad, n - 1);
	/* the last one: a CR that lost its LF to the end of the file */
	put_list(bad[n - 1].list, strlen(bad[n - 1].list));
	trace_close(open_ok(at("t"), NULL));
}

static void test_ops_bad_number(void **state)
{
	static const struct bad_list bad[] = {
		{ OK0 "-1,5,load,1,0\n",
		  "seq '-1' is not a plain decimal number (line 3)" },
		{ OK0 "+1,5,load,1,0\n",
		  "seq '+1' is not a plain decimal number (line 3)" },
		{ OK0 "1 ,5,load,1,0\n",
		  "seq '1 ' is not a plain decimal number (line 3)" },
		{ OK0 "1, 5,load,1,0\n",
		  "time_us ' 5' is not a plain decimal number (line 3)" },
		{ OK0 "1,5.0,load,1,0\n",
		  "time_us '5.0' is not a plain decimal number (line 3)" },
		{ OK0 "1,5,load,0x1,0\n",
		  "slot '0x1' is not a plain decimal number (line 3)" },
		{ OK0 "1,5,load,1,0 \n",
		  "page '0 ' is not a plain decimal number (line 3)" },
		{ OK0 "1,5,load,1,x\n",
		  "page 'x' is not a plain decimal number (line 3)" },
		{ OK0 "1,5,load,1,\t\n",
		  "page '?' is not a plain decimal number (line 3)" },
		{ OK0 "1,18446744073709551616,load,1,0\n",
		  "time_us '18446744073709551616' does not fit 64 bits (line 3)" },
		{ OK0 "1,99999999999999999999,load,1,0\n",
		  "time_us '99999999999999999999' does not fit 64 bits (line 3)" },
		/* 2^64 + 6, that would come round to 6 */
		{ OK0 "1,18446744073709551622,load,1,0\n",
		  "time_us '18446744073709551622' does not fit 64 bits (line 3)" },
		{ OK0 "1,000000000000000000006,load,1,0\n",
		  "time_us '000000000000000000006' has more than 20 digits (line 3)" },
		{ OK0 "1,6,load,18446744073709551617,0\n",
		  "slot '18446744073709551617' does not fit 64 bits (line 3)" },
	};

	(void)state;
	check_bad_lists(bad, sizeof(bad) / sizeof(bad[0]));
}

#define EXTRA "seq,time_us,op,slot,page,type,folio,memcg\n"

static void test_ops_bad_extra(void **state)
{
	static const struct bad_list bad[] = {
		{ EXTRA "0,5,load,1,0,32,0,0\n",
		  "type '32' is above the highest type, 31 (line 2)" },
		{ EXTRA "0,5,load,1,0,,0,0\n",
		  "type '' is not a plain decimal number (line 2)" },
		{ EXTRA "0,5,load,1,0,0,0,4294967296\n",
		  "memcg '4294967296' does not fit 32 bits (line 2)" },
		{ EXTRA "0,5,load,1,0,0,0,\n",
		  "memcg '' is not a plain decimal number (line 2)" },
		{ EXTRA "0,5,load,1,0,0,x,0\n",
		  "folio 'x' is not a plain decimal number (line 2)" },
		{ EXTRA "0,5,load,1,0,0,0\n",
		  "7 columns, the header names 8 (line 2)" },
		{ EXTRA "0,5,load,1,0,0,0,1x\n",
		  "memcg '1x' is not a plain decimal number (line 2)" },
	};

	(void)state;
	check_bad_lists(bad, sizeof(bad) / sizeof(bad[0]));
}

static void test_ops_nul_and_length(void **state)
{
	char list[1024], text[256];
	size_t n = strlen(OK0);

	(void)state;
	memcpy(list, OK0, n);
	memcpy(list + n, "1,5,load\0,1,0\n", 14);
	put_list(list, n + 14);
	open_fails_with(at("t"), -EINVAL, "ops.csv: NUL byte (line 3)");
	put_list(OK0, n + 1);
	open_fails_with(at("t"), -EINVAL, "ops.csv: NUL byte (line 3)");
	put_list("\0", 1);
	open_fails_with(at("t"), -EINVAL, "ops.csv: NUL byte (line 1)");

	memset(list + n, '1', sizeof(list) - n);
	put_list(list, sizeof(list));
	snprintf(text, sizeof(text),
		 "ops.csv: line of 256 bytes or more (line 3)");
	open_fails_with(at("t"), -EINVAL, text);
	memset(list, 's', sizeof(list));
	put_list(list, sizeof(list));
	open_fails_with(at("t"), -EINVAL,
			"ops.csv: line of 256 bytes or more (line 1)");
}

/* The order is that of seq; recorded clocks go back a little now and then. */
static void test_ops_time_as_recorded(void **state)
{
	static const char list[] = HEADER "0,9,store,1,0\n1,8,store,2,0\n";
	static const struct trace_event events[] = {
		{ .time_us = 9, .slot = 1 },
		{ .seq = 1, .time_us = 8, .slot = 2 },
	};
	struct trace *trace;

	(void)state;
	put_list(list, strlen(list));
	trace = open_ok(at("t"), NULL);
	next_is(trace, &events[0]);
	next_is(trace, &events[1]);
	next_is_end(trace);
	trace_close(trace);
}

/* Leading zeros are decimals, too; 20 digits are the most. */
static void test_ops_leading_zeros(void **state)
{
	static const char list[] =
		HEADER "00,00000000000000000007,store,010,001\n";
	static const struct trace_event ev = {
		.time_us = 7, .slot = 10, .page = 1, .op = TRACE_STORE,
	};
	struct trace *trace;

	(void)state;
	put_list(list, strlen(list));
	trace = open_ok(at("t"), NULL);
	next_is(trace, &ev);
	trace_close(trace);
}

static void test_ops_bad_pages(void **state)
{
	(void)state;
	put_list(small_list, strlen(small_list));
	put("t/pages.raw", small_list, 100);
	open_fails_with(at("t"), -EINVAL,
			"t/pages.raw: is not made of 4096-byte pages (100 bytes: 0 pages and 100 bytes)");
	put("t/pages.raw", MAGIC, 4);
	open_fails_with(at("t"), -EINVAL, "t/pages.raw: truncated: ");
	unlink(at("t/pages.raw"));
	mkdir(at("t/pages.raw"), 0700);
	open_fails_with(at("t"), -EINVAL,
			"t/pages.raw: is a directory, not a regular file");
	rmdir(at("t/pages.raw"));
}

/* The whole of @list's first @n bytes: an error, or a shorter valid trace */
static void check_cut(const char *list, size_t n, uint64_t most)
{
	struct trace *trace = NULL;
	struct trace_event ev;
	uint64_t count = 0;
	char why[512] = "";
	int ret;

	put("t/ops.csv", list, n);
	ret = trace_open(at("t"), NULL, &trace, why, sizeof(why));
	if (ret) {
		assert_int_equal(ret, -EINVAL);
		assert_non_null(strstr(why, "ops.csv: "));
		return;
	}
	while ((ret = trace_next(trace, &ev, why, sizeof(why))) == 1) {
		assert_int_equal(ev.seq, count++);
		assert_true(ev.page < 3 || ev.page == TRACE_NO_PAGE);
	}
	assert_int_equal(ret, 0);
	assert_int_equal(count, trace_summary(trace)->events);
	assert_true(count <= most);
	trace_close(trace);
}

static void test_ops_every_truncation(void **state)
{
	static const char extra[] =
		"seq,time_us,op,slot,page,folio,type,memcg\r\n"
		"0,1,store,5,0,12,31,3\r\n"
		"1,1,load,5,,,0,0\r\n";
	size_t i;

	(void)state;
	put_list("", 0);
	for (i = 0; i <= strlen(small_list); i++)
		check_cut(small_list, i, 5);
	for (i = 0; i <= strlen(extra); i++)
		check_cut(extra, i, 2);
}

/*
 * The next mapping of one page gets an unreadable neighbour above. Single pages
 * fill what holes there are, from the top down; then the last but one of them
 * becomes the highest hole.
 */
static void make_guarded_hole(void)
{
	char *page[256];
	unsigned int i;

	for (i = 0; i < 256; i++) {
		page[i] = mmap(NULL, PAGE, PROT_NONE,
			       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		assert_ptr_not_equal(page[i], MAP_FAILED);
	}
	assert_int_equal(munmap(page[254], PAGE), 0);
}

/* As above, with the cut where the mapping ends: one byte too many is a fault. */
static void test_ops_end_of_mapping(void **state)
{
	static const char *const ops[] = {
		"store,12,1", "load,12,1", "load,12,", "invalidate,12,"
	};
	char list[2 * PAGE];
	unsigned int zeros, op, i;

	(void)state;
	put_list("", 0);
	make_guarded_hole();
	for (op = 0; op < 4; op++)
		for (zeros = 1; zeros <= 20; zeros++) {
			size_t n = sprintf(list, HEADER "%0*d,0,store,1,0\n",
					   zeros, 0);

			for (i = 1; n < PAGE + 64; i++)
				n += sprintf(list + n, "%u,0,%s\n", i,
					     ops[op]);
			check_cut(list, PAGE, i);
		}
}

/* Bytes changed at random: never a crash, never a page that is not there */
static void test_ops_mutations(void **state)
{
	static const char bytes[] = ",,\n\r09a-\0storeload";
	char list[sizeof(small_list)];
	uint32_t x = 1;
	int i, k;

	(void)state;
	put_list("", 0);
	for (i = 0; i < 3000; i++) {
		memcpy(list, small_list, sizeof(list));
		for (k = 0; k <= i % 3; k++) {
			x = x * 1664525 + 1013904223;
			list[(x >> 8) % (sizeof(list) - 1)] =
				bytes[(x >> 24) % (sizeof(bytes) - 1)];
		}
		check_cut(list, sizeof(list) - 1, UINT64_MAX);
	}
}

/* A list that is written to while it is read stays within its summary. */
static void test_ops_changed(void **state)
{
	static const struct {
		const char *line, *text;
	} changes[] = {
		{ "0,5,store,1,9\n", "page 9 is past the end of pages.raw" },
		{ "0,5,store,2,0\n", "has changed since it was opened (line 2)" },
		{ "garbage, you ", "2 columns, the header names 5 (line 2)" },
		{ "0,5,load,1,\n\n\n", "empty line (line 3)" },
		{ "\n0,5,store,1,0", "empty line (line 2)" },
	};
	struct trace_event ev;
	struct trace *trace;
	char why[512];
	size_t i;
	int fd, ret;

	(void)state;
	for (i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
		put_list(OK0, strlen(OK0));
		trace = open_ok(at("t"), NULL);
		fd = open(at("t/ops.csv"), O_WRONLY);
		assert_true(pwrite(fd, changes[i].line, strlen(changes[i].line),
				   strlen(HEADER)) > 0);
		close(fd);
		do
			ret = trace_next(trace, &ev, why, sizeof(why));
		while (ret == 1);
		assert_int_equal(ret, -EINVAL);
		if (!strstr(why, changes[i].text))
			print_error("%s\n", why);
		assert_non_null(strstr(why, changes[i].text));
		/* and it does not go on behind the error */
		assert_int_equal(trace_next(trace, &ev, why, sizeof(why)),
				 -EINVAL);
		trace_close(trace);
	}
}

static long resident_kib(void)
{
	long size, resident;
	FILE *f = fopen("/proc/self/statm", "r");

	assert_non_null(f);
	assert_int_equal(fscanf(f, "%ld %ld", &size, &resident), 2);
	fclose(f);
	return resident * (sysconf(_SC_PAGESIZE) / 1024);
}

/* Reading 1 GiB of pages must not make a process of 1 GiB. */
static void test_bounded_memory(void **state)
{
	long before = resident_kib(), most = 0, now;
	volatile uint8_t sum = 0;
	struct trace_event ev;
	struct trace *trace;
	char why[512];

	(void)state;
	put("raw", "", 0);
	assert_int_equal(truncate(at("raw"), 1 << 30), 0);
	trace = open_ok(at("raw"), NULL);
	while (trace_next(trace, &ev, why, sizeof(why)) == 1) {
		sum += *(const uint8_t *)trace_page(trace, ev.page);
		if (ev.seq % 1024 == 0) {
			now = resident_kib() - before;
			most = now > most ? now : most;
		}
	}
	assert_int_equal(ev.seq, 262143);
	assert_int_equal(sum, 0);
	trace_close(trace);
	assert_in_range(most, 0, 288 << 10);
}

/* The figures of traces/samples/README.md; run from the source directory */
static void test_samples(void **state)
{
	static const struct {
		const char *path;
		uint64_t stores, loads, invalidates, pages;
	} samples[] = {
		{ "traces/samples/py", 17032, 968, 0, 16738 },
		{ "traces/samples/gcc", 12230, 2472, 298, 9847 },
		{ "traces/samples/vmfarm-a.raw.zst", 4800, 0, 0, 4800 },
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(samples) / sizeof(samples[0]); i++) {
		struct trace *trace = open_ok(samples[i].path, NULL);
		const struct trace_summary *sum = trace_summary(trace);

		assert_int_equal(sum->stores, samples[i].stores);
		assert_int_equal(sum->loads, samples[i].loads);
		assert_int_equal(sum->invalidates, samples[i].invalidates);
		assert_int_equal(sum->nr_pages, samples[i].pages);
		trace_close(trace);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_raw),
		cmocka_unit_test(test_raw_rewind_midway),
		cmocka_unit_test(test_raw_bad),
		cmocka_unit_test(test_not_a_trace),
		cmocka_unit_test(test_format_names),
		cmocka_unit_test(test_one_line),
		cmocka_unit_test(test_zst_frames),
		cmocka_unit_test(test_zst_window),
		cmocka_unit_test(test_zst_large),
		cmocka_unit_test(test_zst_bad),
		cmocka_unit_test(test_tmpdir),
		cmocka_unit_test(test_full_disk),
		cmocka_unit_test(test_write_error),
		cmocka_unit_test(test_ops),
		cmocka_unit_test(test_ops_zst),
		cmocka_unit_test(test_ops_crlf),
		cmocka_unit_test(test_ops_no_events),
		cmocka_unit_test(test_ops_extra_columns),
		cmocka_unit_test(test_ops_bad_header),
		cmocka_unit_test(test_ops_bad_line),
		cmocka_unit_test(test_ops_bad_number),
		cmocka_unit_test(test_ops_bad_extra),
		cmocka_unit_test(test_ops_nul_and_length),
		cmocka_unit_test(test_ops_time_as_recorded),
		cmocka_unit_test(test_ops_leading_zeros),
		cmocka_unit_test(test_ops_bad_pages),
		cmocka_unit_test(test_ops_every_truncation),
		cmocka_unit_test(test_ops_end_of_mapping),
		cmocka_unit_test(test_ops_mutations),
		cmocka_unit_test(test_ops_changed),
		cmocka_unit_test(test_bounded_memory),
		cmocka_unit_test(test_samples),
	};

	return cmocka_run_group_tests(tests, make_tmp, remove_tmp);
}
