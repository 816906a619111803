/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fuzz-zdt.c - any bytes at all as a .zdt trace
 *
 * With clang, -fsanitize=fuzzer -DZDEDUP_LIBFUZZER takes LLVMFuzzerTestOneInput.
 * Else this is a program of its own: fuzz-zdt [EXECUTIONS [SEED]] changes small
 * valid traces at random; three of four times the checksums are made right again.
 * What must not happen is a crash, a sanitizer's finding, a failure without its
 * one line, or an event outside of what the summary promises.
 */
#define _GNU_SOURCE
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "traces/trace.h"
#include "traces/trace-writer.h"
#include "unit/zdt-reseal.h"

#define EVENTS_MAX 5000u
#define INPUT_MAX 65536u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int good, const char *what)
{
	if (good)
		return;
	fprintf(stderr, "fuzz-zdt: %s\n", what);
	abort();
}

static void one_line(const char *why)
{
	must(*why && !strchr(why, '\n'), "a failure without its one line");
}

static void read_all(struct trace *trace)
{
	const struct trace_summary *sum = trace_summary(trace);
	static volatile uint64_t sink;
	struct trace_event ev;
	char why[512] = "";
	uint64_t n = 0, ops[TRACE_INVALIDATE + 1] = { 0 };
	int got = 0;

	while (n < EVENTS_MAX &&
	       (got = trace_next(trace, &ev, why, sizeof(why))) > 0) {
		must(ev.seq == n++, "seq does not count");
		must(ev.op <= TRACE_INVALIDATE && ev.type < TRACE_TYPES_MAX &&
		     ev.slot < sum->slots[ev.type], "an event out of range");
		must(++ops[ev.op] <= (ev.op == TRACE_STORE ? sum->stores :
				      ev.op == TRACE_LOAD ? sum->loads :
				      sum->invalidates), "more than promised");
		if (ev.page == TRACE_NO_PAGE)
			continue;
		must(ev.page < sum->nr_pages, "a page out of range");
		if (sum->has_pages) {
			const uint64_t *p = trace_page(trace, ev.page);

			must(p != NULL, "a named page is missing");
			sink += p[0] + p[TRACE_PAGE_SIZE / 8 - 1];
		}
		for (unsigned int i = 0; i < sum->nr_lengths; i++)
			sink += trace_facts(trace, ev.page).lengths[i];
	}
	if (got < 0)
		one_line(why);
	else
		must(got || n == sum->events, "fewer events than promised");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static int fd = -1;
	static char path[32];
	struct trace *trace;
	char why[512] = "";
	uint64_t lost;

	if (fd < 0) {
		fd = memfd_create("fuzz", MFD_CLOEXEC);
		must(fd >= 0, "no memfd");
		snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	}
	must(!ftruncate(fd, size) &&
	     pwrite(fd, data, size, 0) == (ssize_t)size, "no input");

	if (trace_open(path, "zdt", &trace, why, sizeof(why))) {
		one_line(why);
	} else {
		read_all(trace);
		must(!trace_rewind(trace), "no rewind");
		read_all(trace);
		trace_close(trace);
	}
	why[0] = '\0';
	if (trace_open_salvage(path, &trace, &lost, why, sizeof(why))) {
		one_line(why);
	} else {
		must(lost <= size, "more is lost than there was");
		read_all(trace);
		trace_close(trace);
	}
	return 0;
}

#ifndef ZDEDUP_LIBFUZZER

static uint64_t state;

static uint64_t rnd(uint64_t below)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state % below;
}

struct input {
	uint8_t bytes[INPUT_MAX];
	size_t size;
};

/* A small trace of each kind: bit 0 pages, bit 1 facts */
static void make_seed(struct input *in, unsigned int kind)
{
	static const char *const lengths[] = { "lz4@7.2", "zstd@7.2" };
	struct trace_writer_options options = {
		.has_type = true, .has_memcg = kind & 1, .has_folio = true,
		.has_order = kind & 2, .has_pages = kind & 1,
		.has_facts = kind & 2, .window_log = 12,
		.digest = kind & 2 ? "md5" : NULL, .lengths = lengths,
		.nr_lengths = kind & 2 ? 2 : 0, .info = "vantage=device\n",
	};
	const char *tmpdir = getenv("TMPDIR");
	struct trace_writer *w;
	uint8_t page[TRACE_PAGE_SIZE];
	char path[512], why[512];
	FILE *f;

	snprintf(path, sizeof(path), "%s/fuzz-zdt-%d",
		 tmpdir && *tmpdir ? tmpdir : "/tmp", (int)getpid());
	must(!trace_writer_open(path, &options, &w, why, sizeof(why)), why);
	for (unsigned int i = 0; i < 12; i++) {
		struct trace_event ev = {
			.time_us = i * i * 100, .slot = i * 37 % 11,
			.page = i * i % 4, .type = i % 3 / 2,
			.folio = i / 4, .memcg = kind & 1 ? i / 5 : 0,
			.op = i % 6 == 4 ? TRACE_LOAD :
			      i % 6 == 5 ? TRACE_INVALIDATE : TRACE_STORE,
		};
		struct trace_facts facts = {
			/* of the two pages that there are: same-filled, data */
			.class = TRACE_CLASS_SAME_FILLED + i % 2, .word = i,
			.digest = { i },
			.lengths = { 100 + i, 200 + i },
		};

		/* squares modulo 4 are 0 and 1, which is first use */
		memset(page, i * i % 4, sizeof(page));
		if (ev.op == TRACE_INVALIDATE)
			ev.page = TRACE_NO_PAGE;
		must(!trace_write_event(w, &ev, ev.op == TRACE_INVALIDATE ?
					NULL : page, &facts, why,
					sizeof(why)), why);
		if (i % 4 == 3)
			must(!trace_writer_flush(w, false, why, sizeof(why)),
			     why);
	}
	must(!trace_writer_close(w, why, sizeof(why)), why);
	f = fopen(path, "r");
	must(f != NULL, path);
	in->size = fread(in->bytes, 1, INPUT_MAX / 2, f);
	fclose(f);
	unlink(path);
}

/* As version 1.0 had it: the reader counts the events itself. */
static void hide_summary(struct input *in)
{
	uint8_t *b = in->bytes + ZDT_HEADER_SIZE;

	while (zdt_get16(b + 4) != ZDT_SUMMARY)
		b += ZDT_BLOCK_SIZE + zdt_get32(b + 8);
	zdt_put16(b + 4, 77);
	zdt_reseal(in->bytes, in->size);
	must(in->bytes[10] == 1, "not the minor version");
	in->bytes[10] = 0;
	zdt_reseal(in->bytes, in->size);
}

static void mutate(struct input *in)
{
	static const uint64_t odd[] = {
		0, 1, 2, 0x7f, 0x80, 0xff, 0x7fff, 0x8000, 0xffff, 0x7fffffff,
		0x80000000, 0xffffffff, 1ull << 32, 1ull << 40,
		INT64_MAX, UINT64_MAX, 4096, 65536,
	};
	size_t at = rnd(in->size), len = 1 + rnd(16), to = rnd(in->size);
	uint64_t v = odd[rnd(sizeof(odd) / sizeof(odd[0]))];
	size_t width = (size_t)1 << rnd(4);

	if (len > in->size - at)
		len = in->size - at;
	switch (rnd(7)) {
	case 0:
		in->bytes[at] ^= 1 << rnd(8);
		break;
	case 1:
		in->bytes[at] = rnd(256);
		break;
	case 2:		/* insert */
		if (in->size + len > INPUT_MAX)
			break;
		memmove(in->bytes + at + len, in->bytes + at, in->size - at);
		in->size += len;
		break;
	case 3:		/* delete */
		if (in->size <= len + 1)
			break;
		memmove(in->bytes + at, in->bytes + at + len,
			in->size - at - len);
		in->size -= len;
		break;
	case 4:		/* copy */
		if (len > in->size - to)
			len = in->size - to;
		memmove(in->bytes + to, in->bytes + at, len);
		break;
	case 5:		/* a number that is somewhere on an edge */
		if (width <= in->size - at)
			memcpy(in->bytes + at, &v, width);
		break;
	default:	/* a few more or less */
		in->bytes[at] += rnd(9) - 4;
	}
}

int main(int argc, char **argv)
{
	uint64_t n = argc > 1 ? strtoull(argv[1], NULL, 10) : 100000, i;
	uint64_t seed = argc > 2 ? strtoull(argv[2], NULL, 10) : 1;
	static struct input seeds[6], in;
	unsigned int changes;

	for (i = 0; i < 6; i++) {
		make_seed(&seeds[i], i % 3 + 1);
		if (i >= 3)
			hide_summary(&seeds[i]);
		LLVMFuzzerTestOneInput(seeds[i].bytes, seeds[i].size);
	}
	for (i = 0; i < n; i++) {
		/* each input follows from its number: any can be made again */
		state = (seed << 32 ^ i) * 0x9e3779b97f4a7c15u | 1;
		rnd(2);
		in = seeds[rnd(6)];
		for (changes = 1 + rnd(6); changes; changes--)
			mutate(&in);
		if (rnd(4))
			zdt_reseal(in.bytes, in.size);
		LLVMFuzzerTestOneInput(in.bytes, in.size);
	}
	printf("1..1\nok 1 - %" PRIu64 " executions from seed %" PRIu64 "\n", n,
	       seed);
	return 0;
}

#endif /* ZDEDUP_LIBFUZZER */
