/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test-import.c - the readers of what other tools write: swap areas, logs of
 * writes, memory dumps, CRIU images
 *
 * Inputs are put together here from the formats' written layouts, byte by byte;
 * the last tests have real tools write some, where they are installed.
 */
#define _GNU_SOURCE	/* nftw(), memmem() */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <zstd.h>

#include "trace-helpers.h"
#include "traces/trace.h"

#define SECTOR 512
#define BUF (64 * PAGE)

static uint8_t buf[BUF];	/* the input that is being made */

/* ---- making inputs ---- */

/* A little-endian number of @size bytes at byte @where of buf */
static void le(size_t where, unsigned int size, uint64_t value)
{
	for (; size--; value >>= 8)
		buf[where++] = (uint8_t)value;
}

static void fill(size_t where, size_t len, int byte)
{
	assert_true(where + len <= BUF);
	memset(buf + where, byte, len);
}

/* ---- what is expected ---- */

static struct trace *open_as(const char *path, const char *format)
{
	struct trace *trace = NULL;
	char why[512] = "";
	int ret = trace_open(path, NULL, &trace, why, sizeof(why));

	if (ret)
		print_error("%s\n", why);
	assert_int_equal(ret, 0);
	assert_string_equal(trace_format(trace), format);
	return trace;
}

static void fails_as(const char *path, const char *format, const char *text)
{
	struct trace *trace = NULL;
	char why[512] = "";
	int ret = trace_open(path, format, &trace, why, sizeof(why));

	assert_int_equal(ret, -EINVAL);
	/* shows both */
	if (!strstr(why, text))
		assert_string_equal(why, text);
	assert_memory_equal(why, tmp, strlen(tmp));
	assert_null(strchr(why, '\n'));
}

/* The first @len bytes of buf, as a file, are refused with @text. */
static void buf_fails(size_t len, const char *text)
{
	put("in", buf, len);
	fails_as(at("in"), NULL, text);
}

/**
 * struct expect - one event
 * @byte: what the page is filled with, between its first and its last eighth
 * @head, @tail: what these are filled with
 */
struct expect {
	enum trace_op op;
	uint64_t slot;
	int head, byte, tail;
};

#define STORE(slot, byte) { TRACE_STORE, slot, byte, byte, byte }
#define MIXED(slot, a, b, c) { TRACE_STORE, slot, a, b, c }
#define INVALIDATE(slot) { TRACE_INVALIDATE, slot, 0, 0, 0 }

static void filled(const uint8_t *p, size_t len, int byte)
{
	for (size_t i = 0; i < len; i++)
		assert_int_equal(p[i], byte);
}

static void events_are(struct trace *trace, const struct expect *e, size_t nr)
{
	const struct trace_summary *sum = trace_summary(trace);
	uint64_t stores = 0, top = 0;
	struct trace_event ev;
	char why[512];

	for (int pass = 0; pass < 2; pass++) {
		stores = 0;
		for (size_t i = 0; i < nr; i++) {
			assert_int_equal(trace_next(trace, &ev, why,
						    sizeof(why)), 1);
			assert_int_equal(ev.seq, i);
			assert_int_equal(ev.op, e[i].op);
			assert_int_equal(ev.slot, e[i].slot);
			if (ev.slot > top)
				top = ev.slot;
			if (ev.op != TRACE_STORE) {
				assert_true(ev.page == TRACE_NO_PAGE);
				continue;
			}
			assert_int_equal(ev.page, stores++);
			const uint8_t *p = trace_page(trace, ev.page);

			filled(p, SECTOR, e[i].head);
			filled(p + SECTOR, PAGE - 2 * SECTOR, e[i].byte);
			filled(p + PAGE - SECTOR, SECTOR, e[i].tail);
		}
		assert_int_equal(trace_next(trace, &ev, why, sizeof(why)), 0);
		assert_int_equal(trace_rewind(trace), 0);
	}
	assert_int_equal(sum->events, nr);
	assert_int_equal(sum->stores, stores);
	assert_int_equal(sum->nr_pages, stores);
	assert_int_equal(sum->invalidates, nr - stores);
	assert_int_equal(sum->loads, 0);
	assert_int_equal(sum->slots[0], top + 1);
}

/* buf is of @format, plain and compressed, and holds these events. */
static void buf_is(size_t len, const char *format, const char *vantage,
		   const struct expect *e, size_t nr)
{
	for (int packed = 0; packed < 2; packed++) {
		struct trace *trace;

		if (packed)
			put_zst("in", buf, len);
		else
			put("in", buf, len);
		trace = open_as(at("in"), format);
		assert_string_equal(trace_summary(trace)->vantage, vantage);
		events_are(trace, e, nr);
		trace_close(trace);
	}
}

/* ---- swap areas ---- */

/* A header and @last pages, page i filled with i */
static size_t make_swap(unsigned int last)
{
	fill(0, PAGE, 0);
	le(1024, 4, 1);
	le(1028, 4, last);
	memcpy(buf + PAGE - 10, "SWAPSPACE2", 10);
	for (unsigned int i = 1; i <= last; i++)
		fill(i * PAGE, PAGE, i);
	return (last + 1) * PAGE;
}

static void test_swap(void **state)
{
	const struct expect all[] = { STORE(1, 1), STORE(2, 2), STORE(3, 3) };
	const struct expect good[] = { STORE(2, 2), STORE(4, 4) };
	size_t len = make_swap(3);

	(void)state;
	/* a page behind the area, and half of one */
	fill(len, PAGE + 100, 9);
	buf_is(len, "swap", "image", all, COUNT(all));
	buf_is(len + PAGE + 100, "swap", "image", all, COUNT(all));

	len = make_swap(5);
	le(1032, 4, 4);
	le(1536, 4, 5);
	le(1540, 4, 1);
	le(1544, 4, 3);
	le(1548, 4, 3);		/* twice */
	buf_is(len, "swap", "image", good, COUNT(good));
}

static void test_swap_other_order(void **state)
{
	const struct expect good[] = { STORE(1, 1), STORE(3, 3) };
	size_t len = make_swap(3);

	(void)state;
	for (size_t w = 1024; w < 1036; w += 4)
		le(w, 4, 0);
	buf[1027] = 1;
	buf[1031] = 3;
	buf[1035] = 1;
	buf[1539] = 2;
	buf_is(len, "swap", "image", good, COUNT(good));
}

static void test_swap_bad(void **state)
{
	size_t len = make_swap(3);

	(void)state;
	buf_fails(len - 1, "truncated: ends within page 3, the last is 3 (at byte 16383)");
	le(1024, 4, 2);
	buf_fails(len, "version 2, must be 1 (at byte 1024)");
	le(1024, 4, 1);
	le(1028, 4, 0);
	buf_fails(len, "its last page is 0");
	le(1028, 4, UINT32_MAX);
	buf_fails(len, "truncated");
	le(1028, 4, 3);
	le(1032, 4, 638);
	buf_fails(len, "638 bad pages, at most 637");
	le(1032, 4, UINT32_MAX);
	buf_fails(len, "4294967295 bad pages");
	le(1032, 4, 1);
	buf_fails(len, "bad page 0 is not one of 1..3 (at byte 1536)");
	le(1536, 4, 4);
	buf_fails(len, "bad page 4 is not one of 1..3");
	le(1032, 4, 3);
	for (unsigned int i = 0; i < 3; i++)
		le(1536 + 4 * i, 4, i + 1);
	buf_fails(len, "all of 1..3 are bad");
	memcpy(buf + PAGE - 10, "SWAP-SPACE", 10);
	buf_fails(len, "version 0");
	memcpy(buf + PAGE - 10, "S1SUSPEND\0", 10);
	buf_fails(len, "hibernation image");
	fill(PAGE - 10, 10, 0);
	memcpy(buf + 2 * PAGE - 10, "SWAPSPACE2", 10);
	buf_fails(len, "a swap area of 8192-byte pages, must be 4096");
	fill(PAGE, PAGE, 0);
	put("in", buf, len);
	fails_as(at("in"), "swap", "is no swap area");
}

/* ---- logs of writes ---- */

static size_t log_len, log_entries, log_sector;

static void log_start(size_t sector)
{
	memset(buf, 0, sizeof(buf));
	log_sector = sector;
	log_len = sector;
	log_entries = 0;
	le(0, 8, 0x6a736677736872);
	le(8, 8, 1);
	le(24, 4, sector);
}

/* @bytes from byte @from of the disk on; @data filled with @byte, or no data */
static void log_add(uint64_t from, uint64_t bytes, unsigned int flags,
		    bool data, int byte)
{
	le(log_len, 8, from / log_sector);
	le(log_len + 8, 8, bytes / log_sector);
	le(log_len + 16, 8, flags);
	le(16, 8, ++log_entries);
	log_len += log_sector;
	if (data) {
		fill(log_len, bytes, byte);
		log_len += bytes;
	}
}

static void log_write(uint64_t from, uint64_t bytes, int byte)
{
	log_add(from, bytes, 0, true, byte);
}

static void log_mark(const char *text)
{
	log_add(0, 0, 8, false, 0);
	le(log_len - log_sector + 24, 8, strlen(text));
	memcpy(buf + log_len - log_sector + 32, text, strlen(text));
}

static void log_is(const struct expect *e, size_t nr)
{
	buf_is(log_len, "log-writes", "device", e, nr);
}

static void test_log(void **state)
{
	const struct expect all[] = {
		STORE(2, 0x21), STORE(3, 0x21), STORE(2, 0x22), STORE(1, 0x23),
		INVALIDATE(1), INVALIDATE(2), INVALIDATE(3),
		STORE(700, 0x24), STORE(9, 0x25),
	};

	(void)state;
	for (size_t sector = SECTOR; sector <= PAGE; sector *= 8) {
		log_start(sector);
		log_write(0, PAGE, 0x20);		/* the header */
		log_write(2 * PAGE, 2 * PAGE, 0x21);
		log_add(0, 0, 1, false, 0);		/* flush */
		log_write(2 * PAGE, PAGE, 0x22);
		log_mark("here");
		log_add(PAGE, PAGE, 2 | 16, true, 0x23);	/* FUA, metadata */
		log_add(0, 600 * PAGE, 4, false, 0);	/* discard */
		log_add(0, 600 * PAGE, 4, false, 0);
		log_write(700ull * PAGE, PAGE, 0x24);
		log_add(9 * PAGE, PAGE, 1, true, 0x25);	/* flush with data */
		log_is(all, COUNT(all));
		/* what lies behind the last entry does not count */
		fill(log_len, 3 * PAGE, 0x99);
		log_len += 3 * PAGE;
		log_is(all, COUNT(all));
	}
}

static void test_log_parts(void **state)
{
	const struct expect all[] = {
		/* in two parts, the second of which begins the next page */
		STORE(1, 0x31),
		MIXED(2, 0x31, 0, 0),
		/* a part within */
		MIXED(1, 0x31, 0x31, 0x32),
		/* one write across pages: end of 2, all of 3, start of 4 */
		MIXED(2, 0x31, 0, 0x33), STORE(3, 0x33), MIXED(4, 0x33, 0, 0),
		/* after a discard the rest is gone */
		INVALIDATE(1), MIXED(1, 0x34, 0, 0),
		/* over the part that was just written, without what waits */
		MIXED(1, 0x35, 0, 0),
		/* the rest that waits at the end */
		MIXED(5, 0x36, 0, 0),
	};

	(void)state;
	log_start(SECTOR);
	log_write(PAGE, SECTOR, 0x31);
	log_add(0, 0, 1, false, 0);
	log_write(PAGE + SECTOR, PAGE, 0x31);
	log_write(2 * PAGE - SECTOR, SECTOR, 0x32);
	log_write(3 * PAGE - SECTOR, PAGE + 2 * SECTOR, 0x33);
	/* half of page 1, none whole; then all of it and half of page 2 */
	log_add(PAGE, PAGE - SECTOR, 4, false, 0);
	log_add(PAGE, PAGE + SECTOR, 4, false, 0);
	log_write(PAGE, SECTOR, 0x34);
	log_write(PAGE, SECTOR, 0x35);
	log_write(5 * PAGE, SECTOR, 0x36);
	log_is(all, COUNT(all));
}

/* Discards of any range, against a disk that is an array */
static void test_log_discards(void **state)
{
	enum { SLOTS = 20000 };
	static bool held[SLOTS];
	uint64_t seed = 88172645463325252u, stores = 0, invalidates = 0;

	(void)state;
	uint8_t *big = calloc(1, 64u << 20);
	size_t len = SECTOR, entries = 0;

	memcpy(big, "\x72\x68\x73\x77\x66\x73\x6a\0\1", 9);
	big[25] = SECTOR >> 8;
	while (len + PAGE + SECTOR <= 64u << 20) {
		uint64_t r, slot, nr;

		seed ^= seed << 13;
		seed ^= seed >> 7;
		seed ^= seed << 17;
		r = seed >> 20;
		slot = 1 + r % (SLOTS - 1);
		nr = r % 97 ? 1 : r / SLOTS % 3000;
		for (int b = 0; b < 8; b++) {
			big[len + b] = (uint8_t)(slot * 8 >> 8 * b);
			big[len + 8 + b] = (uint8_t)(nr * 8 >> 8 * b);
		}
		entries++;
		if (r % 97) {
			stores++;
			held[slot] = true;
			len += SECTOR + PAGE;
			continue;
		}
		big[len + 16] = 4;
		len += SECTOR;
		for (uint64_t s = slot; s < slot + nr && s < SLOTS; s++) {
			invalidates += held[s];
			held[s] = false;
		}
	}
	memcpy(big + 16, &entries, 8);
	put("in", big, len);
	free(big);

	struct trace *trace = open_as(at("in"), "log-writes");

	assert_true(invalidates > 3000);
	assert_int_equal(trace_summary(trace)->stores, stores);
	assert_int_equal(trace_summary(trace)->invalidates, invalidates);
	trace_close(trace);
}

static void test_log_bad(void **state)
{
	(void)state;
	log_start(SECTOR);
	buf_fails(20, "truncated: ends within the super block (at byte 20)");
	buf_fails(SECTOR, "a log without entries");
	log_write(PAGE, PAGE, 1);
	log_write(PAGE, PAGE, 2);
	buf_fails(log_len - 1, "truncated: 4095 bytes of 4096 written are here (entry 1 at byte 5120)");
	buf_fails(SECTOR + 10, "truncated: entry 0 of 2 is cut off (at byte 522)");
	le(16, 8, UINT64_MAX);
	buf_fails(log_len, "truncated: entry 2 of 18446744073709551615");
	le(16, 8, 2);
	le(SECTOR + 16, 8, 32);
	buf_fails(log_len, "flags 0x20 (entry 0 at byte 512)");
	le(SECTOR + 16, 8, 0);
	le(SECTOR + 8, 8, UINT64_MAX / SECTOR + 2);
	buf_fails(log_len, "no disk is so large");
	le(SECTOR + 8, 8, 8);
	le(SECTOR, 8, UINT64_MAX - 3);
	buf_fails(log_len, "no disk is so large");
	le(SECTOR, 8, 8);
	for (int i = 0; i < 4; i++) {
		static const uint32_t wrong[] = { 0, 256, 513, 1u << 25 };

		le(24, 4, wrong[i]);
		buf_fails(log_len, "bytes (at byte 24)");
	}
	le(24, 4, SECTOR);
	le(8, 8, 2);
	buf_fails(log_len, "log version 2, must be 1 (at byte 8)");
	le(0, 8, 1);
	put("in", buf, log_len);
	fails_as(at("in"), "log-writes", "is no log of writes");
}

/* ---- LiME ---- */

/* A range whose first byte is at @first, at @where of the file; returns its end */
static size_t lime_add(size_t where, uint64_t first, uint64_t len, int byte)
{
	le(where, 4, 0x4c694d45);
	le(where + 4, 4, 1);
	le(where + 8, 8, first);
	le(where + 16, 8, first + len - 1);
	le(where + 24, 8, 0);
	fill(where + 32, len, byte);
	return where + 32 + len;
}

static void test_lime(void **state)
{
	const struct expect all[] = {
		STORE(1, 0x41), STORE(2, 0x41), STORE(3, 0x43), STORE(4, 0x42),
	};
	size_t len = lime_add(0, PAGE, 2 * PAGE + 100, 0x41);

	(void)state;
	assert_memory_equal(buf, "EMiL", 4);
	len = lime_add(len, 0x100000000, PAGE, 0x42);
	/* the first page, the last bytes and page 2 once more do not count */
	len = lime_add(len, 3 * PAGE - 7, PAGE + 8 + 6, 0x43);
	len = lime_add(len, 2 * PAGE, PAGE, 0x44);
	buf_is(len, "lime", "image", all, COUNT(all));
}

static void test_lime_bad(void **state)
{
	size_t one, len;

	(void)state;
	one = lime_add(0, 0, PAGE, 1);
	len = lime_add(one, PAGE, PAGE, 2);
	buf_fails(len - 1, "truncated: the range 0x1000-0x1fff has 4095 bytes here (at byte 4160)");
	buf_fails(one + 31, "ends within the header of a range (at byte 4128)");
	buf_fails(one + 1, "ends within the header of a range");
	buf_fails(16, "ends within the header");
	le(one + 4, 4, 2);
	buf_fails(len, "LiME version 2, must be 1 (at byte 4132)");
	le(one, 4, 0x4c694d44);
	buf_fails(len, "no header of a LiME range (at byte 4128)");
	le(16, 8, UINT64_MAX);
	buf_fails(len, "a range from 0x0 to 0xffffffffffffffff");
	le(8, 8, 1);
	buf_fails(len, "truncated");
	le(16, 8, 0);
	buf_fails(len, "a range from 0x1 to 0x0");
	len = lime_add(0, 1, PAGE, 1);
	buf_fails(len, "holds no whole page");
	/* the last page there is */
	len = lime_add(0, -(uint64_t)PAGE, PAGE, 1);
	le(16, 8, UINT64_MAX);
	put("in", buf, len);
	fails_as(at("in"), NULL, "holds no whole page");
	put("in", "a", 1);
	fails_as(at("in"), "lime", "ends within the header");
}

/* ---- ELF cores ---- */

static void elf_start(unsigned int segments)
{
	memset(buf, 0, sizeof(buf));
	memcpy(buf, "\177ELF\2\1\1", 7);
	le(16, 2, 4);		/* e_type: ET_CORE */
	le(32, 8, 64);		/* e_phoff */
	le(54, 2, 56);		/* e_phentsize */
	le(56, 2, segments);	/* e_phnum */
}

static void elf_segment(unsigned int i, unsigned int type, uint64_t offset,
			uint64_t vaddr, uint64_t paddr, uint64_t filesz,
			uint64_t memsz)
{
	size_t p = 64 + 56 * i;

	le(p, 4, type);
	le(p + 8, 8, offset);
	le(p + 16, 8, vaddr);
	le(p + 24, 8, paddr);
	le(p + 32, 8, filesz);
	le(p + 40, 8, memsz);
}

static void test_elf(void **state)
{
	const struct expect all[] = {
		STORE(1, 0x51), STORE(2, 0x51), STORE(3, 0x52),
		MIXED(4, 0x52, 0, 0),
	};

	(void)state;
	/* as gcore: unaligned in the file, no physical addresses */
	elf_start(5);
	elf_segment(0, 4, 344, 0, 0, 100, 0);		/* PT_NOTE */
	elf_segment(1, 1, 999, 0x400000, 0, 2 * PAGE, 9 * PAGE);
	fill(999, 2 * PAGE, 0x51);
	elf_segment(2, 1, 0, 0x500000, 0, 0, PAGE);	/* nothing of it is here */
	/* starts within a page, ends within one */
	elf_segment(3, 1, 20000, 0x600fff, 0, 1 + PAGE + SECTOR, 1 + 3 * PAGE);
	fill(20000, 1, 0x59);
	fill(20001, PAGE + SECTOR, 0x52);
	/* a page that memory does not hold whole */
	elf_segment(4, 1, 30000, 0x700000, 0, 100, 100);
	fill(30000, 100, 0x53);
	buf_is(30100, "elf", "image", all, COUNT(all));
}

/* A vmcore: the kernel's text is there as such and as memory. */
static void test_elf_physical(void **state)
{
	const struct expect all[] = {
		STORE(1, 0x61), STORE(2, 0x62), STORE(3, 0x63), STORE(4, 0x64),
	};

	(void)state;
	elf_start(4);
	elf_segment(0, 1, PAGE, 0xffffffff81000000, 2 * PAGE, PAGE, PAGE);
	fill(PAGE, PAGE, 0x62);
	elf_segment(1, 1, 2 * PAGE, 0xffff888000000000, PAGE, 2 * PAGE,
		    2 * PAGE);
	fill(2 * PAGE, PAGE, 0x61);
	fill(3 * PAGE, PAGE, 0x62);
	elf_segment(2, 1, 5 * PAGE, 0xffff888000100000, 9 * PAGE, 2 * PAGE,
		    2 * PAGE);
	fill(5 * PAGE, PAGE, 0x63);
	fill(6 * PAGE, PAGE, 0x64);
	/* QEMU with paging: mapped twice, and the same bytes of the file */
	elf_segment(3, 1, 6 * PAGE, 0x10000, 10 * PAGE, PAGE, PAGE);
	buf_is(7 * PAGE, "elf", "image", all, COUNT(all));
}

static void test_elf_xnum(void **state)
{
	const struct expect all[] = { STORE(1, 0x71), STORE(2, 0x72) };

	(void)state;
	elf_start(0xffff);
	le(40, 8, 400);			/* e_shoff */
	le(400 + 44, 4, 2);		/* sh_info */
	elf_segment(0, 1, PAGE, 0x1000, 0, PAGE, PAGE);
	elf_segment(1, 1, 2 * PAGE, 0x9000, 0, PAGE, PAGE);
	fill(PAGE, PAGE, 0x71);
	fill(2 * PAGE, PAGE, 0x72);
	buf_is(3 * PAGE, "elf", "image", all, COUNT(all));
	le(400 + 44, 4, UINT32_MAX);
	buf_fails(3 * PAGE, "4294967295 program headers do not fit");
	le(40, 8, UINT64_MAX - 10);
	buf_fails(3 * PAGE, "should be in section 0");
	le(40, 8, 0);
	buf_fails(3 * PAGE, "should be in section 0");
}

static void test_elf_bad(void **state)
{
	size_t len = 5 * PAGE;

	(void)state;
	elf_start(2);
	elf_segment(0, 1, PAGE, 0x1000, 0, 2 * PAGE, 2 * PAGE);
	elf_segment(1, 1, 3 * PAGE, 0x8000, 0, 2 * PAGE, 2 * PAGE);
	buf_fails(40, "ends within the ELF header (at byte 40)");
	buf_fails(100, "truncated: 2 program headers do not fit (at byte 64 of 100)");
	buf_fails(len - 1, "truncated: 8192 bytes at byte 12288 of 20479 (segment 1)");
	elf_segment(1, 1, 3 * PAGE - 1, 0x8000, 0, 2 * PAGE, 2 * PAGE);
	buf_fails(len, "overlaps in the file (at byte 12287)");
	elf_segment(1, 1, 3 * PAGE, 0x8000, 0, 2 * PAGE, 2 * PAGE - 1);
	buf_fails(len, "8192 bytes for 8191 of memory (segment 1)");
	elf_segment(1, 1, UINT64_MAX, 0x8000, 0, 2 * PAGE, 2 * PAGE);
	buf_fails(len, "truncated");
	elf_segment(1, 1, 3 * PAGE, -(uint64_t)PAGE, 0, PAGE, 2 * PAGE);
	buf_fails(len, "8192 bytes of memory at address 0xfffffffffffff000");
	elf_segment(0, 2, 0, 0, 0, 0, 0);
	elf_segment(1, 1, 3 * PAGE, 0x8000, 0, 0, PAGE);
	buf_fails(len, "holds no whole page");
	le(32, 8, UINT64_MAX - 5);
	buf_fails(len, "do not fit");
	le(54, 2, 55);
	buf_fails(len, "program headers of 55 bytes");
	buf[5] = 2;		/* big-endian */
	le(16, 2, 0x400);
	buf_fails(len, "must be little-endian");
	buf[5] = 1;
	le(16, 2, 4);
	buf[4] = 1;
	buf_fails(len, "must be 64-bit");
	/* a page of memory may begin as a program does; a core it is not */
	buf[4] = 2;
	le(16, 2, 3);
	put("in", buf, len);
	fails_as(at("in"), "elf", "of type 3, not a core");
	trace_close(open_as(at("in"), "raw"));
	fill(0, 4, 0);
	put("in", buf, len);
	fails_as(at("in"), "elf", "is no ELF file");
}

/* ---- CRIU ---- */

static size_t criu_len;

static void criu_start(void)
{
	le(0, 4, 0x54564319);
	le(4, 4, 0x56084025);
	criu_len = 8;
}

static void criu_message(const char *bytes, size_t len)
{
	le(criu_len, 4, len);
	memcpy(buf + criu_len + 4, bytes, len);
	criu_len += 4 + len;
}

#define MESSAGE(bytes) criu_message(bytes, sizeof(bytes) - 1)

static void put_images(const char *pages, const char *zst, size_t nr, int first)
{
	static uint8_t image[8 * PAGE];

	put("c/pagemap-1.img", buf, criu_len);
	for (size_t i = 0; i < nr; i++)
		memset(image + i * PAGE, first + i, PAGE);
	if (pages)
		put(pages, image, nr * PAGE);
	if (zst)
		put_zst(zst, image, nr * PAGE);
}

/* Messages as crit 3.17 encodes them, and the two fields that CRIU 4 changed */
static void criu_entries(void)
{
	criu_start();
	MESSAGE("\x08\x07");					/* pages-7 */
	MESSAGE("\x08\x80\x80\x80\x02\x10\x02\x20\x04");	/* 2, present */
	MESSAGE("\x08\x80\x80\xc0\x02\x10\x03\x20\x01");	/* parent's */
	MESSAGE("\x08\x80\x80\xe0\x02\x10\x03\x18\x01");	/* the same */
	MESSAGE("\x08\x80\x80\xe8\x02\x10\x03\x20\x05");	/* and present, too */
	MESSAGE("\x08\x80\x80\x80\x80\x80\xe0\x1f\x10\x01\x20\x06");
	MESSAGE("\x08\x80\x80\x84\x80\x80\xe0\x1f\x10\x01\x20\x02");	/* lazy */
	MESSAGE("\x08\x80\x80\x90\x03\x10\x01");		/* no flags */
	MESSAGE("\x08\x80\x60\x10\x00\x20\x04\x28\x01");	/* CRIU 4 */
}

static void test_criu(void **state)
{
	const struct expect all[] = {
		STORE(1, 0x81), STORE(2, 0x82), STORE(3, 0x83), STORE(4, 0x84),
		STORE(5, 0x85), STORE(6, 0x91),
	};
	struct trace *trace;

	(void)state;
	mkdir(at("c"), 0700);
	criu_entries();
	put_images("c/pages-7.img", NULL, 5, 0x81);
	criu_start();
	MESSAGE("\x08\xac\x02");				/* pages-300 */
	MESSAGE("\x08\x00\x10\x01");
	put("c/pagemap-shmem-9.img", buf, criu_len);
	fill(0, PAGE, 0x91);
	put_zst("c/pages-300.img.zst", buf, PAGE);
	trace = open_as(at("c"), "criu");
	assert_string_equal(trace_summary(trace)->vantage, "image");
	events_are(trace, all, COUNT(all));
	trace_close(trace);
	/* the pages alone */
	trace = open_as(at("c/pages-7.img"), "raw");
	events_are(trace, all, 5);
	trace_close(trace);
	/* an ops directory stays one */
	put("c/ops.csv", "seq", 3);
	fails_as(at("c"), NULL, "pages.raw");
	unlink(at("c/ops.csv"));
	unlink(at("c/pagemap-shmem-9.img"));
	unlink(at("c/pages-300.img.zst"));
}

static void test_criu_bad(void **state)
{
	(void)state;
	mkdir(at("c"), 0700);
	put("c/inventory.img", "", 0);
	unlink(at("c/pagemap-1.img"));
	fails_as(at("c"), NULL, "holds no CRIU pagemap image");
	criu_entries();
	put_images("c/pages-7.img", NULL, 4, 1);
	fails_as(at("c"), NULL, "pages-7.img: has 16384 bytes, its pagemap names 5 pages");
	put_images("c/pages-7.img", NULL, 6, 1);
	fails_as(at("c"), NULL, "its pagemap names 5 pages");
	unlink(at("c/pages-7.img"));
	fails_as(at("c"), NULL, "pages-7.img, that it names, is missing");
	criu_len--;
	put_images("c/pages-7.img", NULL, 5, 1);
	fails_as(at("c"), NULL, "truncated: ends within a message");
	put("c/pagemap-2.img", buf, 4);
	criu_entries();
	put_images("c/pages-7.img", NULL, 5, 1);
	fails_as(at("c"), NULL, "pagemap-2.img: is no CRIU pagemap image");
	put("c/pagemap-2.img", buf, criu_len);
	fails_as(at("c"), NULL, "names pages-7.img, as another pagemap does");
	unlink(at("c/pagemap-2.img"));
	criu_start();
	put_images(NULL, NULL, 0, 0);
	fails_as(at("c"), NULL, "truncated: ends within a message (at byte 8)");
	MESSAGE("");
	put_images(NULL, NULL, 0, 0);
	fails_as(at("c"), NULL, "does not say which pages image");
	criu_start();
	MESSAGE("\x08\x07");
	put_images(NULL, NULL, 0, 0);
	fails_as(at("c"), NULL, "holds no whole page");
	MESSAGE("\x08\x00\x10\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01");
	put_images(NULL, NULL, 0, 0);
	fails_as(at("c"), NULL, "an entry of 18446744073709551615 pages (message at byte 14)");
	criu_len = 14;
	MESSAGE("\x08\x00\x10\x01\x30\x01");
	put_images(NULL, NULL, 0, 0);
	fails_as(at("c"), NULL, "field 6 of type 0 is unknown");
	criu_len = 14;
	MESSAGE("\x08\x00\x10\x81");
	put_images(NULL, NULL, 0, 0);
	fails_as(at("c"), NULL, "a message is cut off (at byte 14)");
	criu_len = 14;
	MESSAGE("\x08\x00\x10\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01");
	put_images(NULL, NULL, 0, 0);
	fails_as(at("c"), NULL, "a message is cut off");
	criu_len = 14;
	MESSAGE("\x10\x01");
	put_images(NULL, NULL, 0, 0);
	fails_as(at("c"), NULL, "an entry of 1 pages");
}

/* ---- what is none of these ---- */

static void test_foreign(void **state)
{
	static const struct {
		const char *mark, *text;
	} foreign[] = {
		{ "KDUMP   ", "kdump-compressed" },
		{ "makedumpfile", "flattened" },
		{ "AVML", "avml-convert" },
		{ "QFI\xfb", "qcow2" },
		{ "\xfd" "7zXZ", "xz" },
		{ "\x1f\x8b\x08", "gzip" },
	};
	char why[512];

	(void)state;
	for (size_t i = 0; i < COUNT(foreign); i++) {
		struct trace *trace;

		fill(0, PAGE, 0);
		memcpy(buf, foreign[i].mark, strlen(foreign[i].mark));
		buf_fails(PAGE, foreign[i].text);
		put_zst("in", buf, PAGE);
		fails_as(at("in"), NULL, foreign[i].text);
		/* unless one insists */
		assert_int_equal(trace_open(at("in"), "raw", &trace, why,
					    sizeof(why)), 0);
		trace_close(trace);
	}
}

/* Every start of a file is a trace or one clear line. */
static void cut_everywhere(size_t len)
{
	char why[512];

	for (size_t n = 0; n < len; n += n < 600 || len - n < 40 ? 1 : 61) {
		struct trace *trace = NULL;
		int ret;

		put("in", buf, n);
		why[0] = '\0';
		ret = trace_open(at("in"), NULL, &trace, why, sizeof(why));
		if (ret) {
			assert_int_equal(ret, -EINVAL);
			assert_memory_equal(why, tmp, strlen(tmp));
			assert_null(strchr(why, '\n'));
		}
		trace_close(trace);
	}
}

static void test_cut(void **state)
{
	(void)state;
	cut_everywhere(make_swap(3));
	log_start(SECTOR);
	log_write(PAGE, PAGE, 1);
	log_write(2 * PAGE - SECTOR, 2 * SECTOR, 2);
	log_add(0, 4 * PAGE, 4, false, 0);
	cut_everywhere(log_len);
	cut_everywhere(lime_add(lime_add(0, 0, PAGE, 1), PAGE, PAGE, 2));
	elf_start(2);
	elf_segment(0, 1, 999, 0x1000, 0, PAGE + 9, 2 * PAGE);
	elf_segment(1, 1, 9999, 0x4000, 0, PAGE, PAGE);
	cut_everywhere(9999 + PAGE);
}

/* No room for the merged pages */
static void test_no_room(void **state)
{
	struct trace *trace = NULL;
	char why[512] = "";
	int ret;

	(void)state;
	log_start(SECTOR);
	log_write(PAGE, SECTOR, 1);
	put("in", buf, log_len);
	setenv("TMPDIR", at("missing"), 1);
	ret = trace_open(at("in"), NULL, &trace, why, sizeof(why));
	unsetenv("TMPDIR");
	assert_int_equal(ret, -ENOENT);
	assert_non_null(strstr(why, "no temporary file"));
}

/* ---- real tools ---- */

static bool run(const char *command)
{
	return !system(command);
}

static void need(const char *tool)
{
	char command[128];

	snprintf(command, sizeof(command), "command -v %s >/dev/null", tool);
	if (run(command))
		return;
	print_message("%s is not installed\n", tool);
	skip();
}

static void test_mkswap(void **state)
{
	char command[256];
	struct trace *trace;

	(void)state;
	need("mkswap");
	fill(0, 20 * PAGE, 0);
	put("in", buf, 20 * PAGE);
	snprintf(command, sizeof(command), "mkswap -q %s 2>/dev/null", at("in"));
	assert_true(run(command));
	trace = open_as(at("in"), "swap");
	assert_int_equal(trace_summary(trace)->stores, 19);
	assert_int_equal(trace_summary(trace)->slots[0], 20);
	trace_close(trace);
}

static void test_qemu_log(void **state)
{
	/* the 1024 bytes at page 4 and the 3072 behind them are one page */
	const struct expect all[] = {
		STORE(1, 0x11), STORE(2, 0x11), STORE(4, 0x22),
		MIXED(1, 0x11, 0x11, 0x33), INVALIDATE(1),
		STORE(8, 0), STORE(9, 0), STORE(16, 0x44),
	};
	struct trace *trace;
	char command[1024];

	(void)state;
	need("qemu-io");
	put("log", "", 0);
	put("disk", "", 0);
	assert_int_equal(truncate(at("disk"), 4 << 20), 0);
	snprintf(command, sizeof(command),
		 "qemu-io -c 'write -P 0x99 0 4k' -c 'write -P 0x11 4k 8k'"
		 " -c 'write -P 0x22 16k 1k' -c 'write -P 0x22 17k 3k'"
		 " -c 'write -P 0x33 7680 512' -c 'discard 4k 6k'"
		 " -c 'write -z 32k 8k' -c 'flush' -c 'write -P 0x44 64k 4k'"
		 " -c 'flush' --image-opts driver=blklogwrites,"
		 "file.driver=file,file.filename=%s,file.discard=unmap,"
		 "log.driver=file,log.filename=%s >/dev/null",
		 at("disk"), at("log"));
	assert_true(run(command));
	trace = open_as(at("log"), "log-writes");
	events_are(trace, all, COUNT(all));
	trace_close(trace);
}

/*
 * A core of sleep with 20 pages of ours on its stack. Not of this process: under
 * ASan that maps terabytes.
 */
static void test_gcore(void **state)
{
	static char known[20 * PAGE + 8];
	char *const env[] = { known, NULL };
	char command[256], name[32];
	const char *from = NULL;
	struct trace *trace;
	unsigned int found = 0;
	bool ran;
	pid_t pid;

	(void)state;
	need("gcore");
	for (size_t i = 0; i < 20 * PAGE; i += 8)
		sprintf(known + i, i ? "%08zu" : "KNOWN=%02zu", i);
	pid = fork();
	assert_true(pid >= 0);
	if (!pid) {
		execle("/bin/sleep", "sleep", "60", (char *)NULL, env);
		_exit(127);
	}
	usleep(200000);
	snprintf(command, sizeof(command),
		 "timeout 30 gcore -o %s %d >/dev/null 2>&1", at("core"),
		 (int)pid);
	ran = run(command);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	if (!ran) {
		print_message("gcore may not trace a child of ours\n");
		skip();
	}
	snprintf(name, sizeof(name), "core.%d", (int)pid);
	trace = open_as(at(name), "elf");
	/* the pages within it, in their order */
	for (uint64_t i = 0; i < trace_summary(trace)->nr_pages; i++) {
		const char *page = trace_page(trace, i);

		from = from ? from + PAGE :
			      memmem(known, sizeof(known), page, 16);
		if (from && from + PAGE < known + sizeof(known) &&
		    !memcmp(from, page, PAGE))
			found++;
		else
			from = NULL;
	}
	assert_true(found >= 18);
	trace_close(trace);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_swap),
		cmocka_unit_test(test_swap_other_order),
		cmocka_unit_test(test_swap_bad),
		cmocka_unit_test(test_log),
		cmocka_unit_test(test_log_parts),
		cmocka_unit_test(test_log_discards),
		cmocka_unit_test(test_log_bad),
		cmocka_unit_test(test_lime),
		cmocka_unit_test(test_lime_bad),
		cmocka_unit_test(test_elf),
		cmocka_unit_test(test_elf_physical),
		cmocka_unit_test(test_elf_xnum),
		cmocka_unit_test(test_elf_bad),
		cmocka_unit_test(test_criu),
		cmocka_unit_test(test_criu_bad),
		cmocka_unit_test(test_foreign),
		cmocka_unit_test(test_cut),
		cmocka_unit_test(test_no_room),
		cmocka_unit_test(test_mkswap),
		cmocka_unit_test(test_qemu_log),
		cmocka_unit_test(test_gcore),
	};

	return cmocka_run_group_tests(tests, make_tmp, remove_tmp);
}
