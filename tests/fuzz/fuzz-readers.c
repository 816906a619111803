/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fuzz-readers.c - damaged inputs for the readers of traces
 *
 * fuzz-readers [-n EXECUTIONS] [-s SEED] [READER...]
 *
 * A standalone program with its own mutations, so that any compiler does; to be
 * built with ASan and UBSan for what it is worth most. Each execution damages one
 * of a reader's good inputs and opens it: either one clear line comes back, or a
 * trace whose events and pages are all there and within the file. A file is a
 * piece of memory of just its size, so that ASan sees its end; a directory is one.
 * The seed is printed; an execution depends on it and on its number alone.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "traces/trace-internal.h"

#define PAGE TRACE_PAGE_SIZE
#define SIZE_MAX_IN (24 * PAGE)

static uint8_t in[SIZE_MAX_IN];	/* the input of this execution */
static size_t len;
static uint64_t random_state;
static unsigned long execution;
static const char *reader_name;
static char path[] = "/dev/shm/zdedup-fuzz-XXXXXX";	/* the directory */

static void die(const char *what)
{
	FILE *f = fopen("fuzz-readers.crash", "w");

	fprintf(stderr, "fuzz-readers: %s: execution %lu: %s\n", reader_name,
		execution, what);
	if (f) {
		fwrite(in, 1, len, f);
		fclose(f);
	}
	abort();
}

static uint64_t splitmix(uint64_t x)
{
	x += 0x9e3779b97f4a7c15;
	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9;
	x = (x ^ x >> 27) * 0x94d049bb133111eb;
	return x ^ x >> 31;
}

static uint64_t roll(uint64_t below)
{
	random_state = splitmix(random_state);
	return random_state % below;
}

/* ---- good inputs ---- */

static void le(size_t where, unsigned int size, uint64_t value)
{
	for (; size--; value >>= 8)
		in[where++] = (uint8_t)value;
}

static void make_swap(void)
{
	len = 6 * PAGE;
	le(1024, 4, 1);
	le(1028, 4, 5);
	le(1032, 4, 2);
	le(1536, 4, 2);
	le(1540, 4, 4);
	memcpy(in + PAGE - 10, "SWAPSPACE2", 10);
}

static void make_log(void)
{
	static const struct {
		uint16_t sector, nr;
		uint8_t flags;
	} entries[] = {
		{ 0, 8, 0 }, { 8, 16, 0 }, { 0, 0, 1 }, { 9, 3, 2 },
		{ 12, 6, 0 }, { 8, 20, 4 }, { 0, 0, 8 }, { 8, 8, 16 },
		{ 800, 8, 1 }, { 0, 4000, 4 }, { 31, 2, 0 },
	};
	size_t i, nr = sizeof(entries) / sizeof(entries[0]);

	le(0, 8, 0x6a736677736872);
	le(8, 8, 1);
	le(16, 8, nr);
	le(24, 4, 512);
	len = 512;
	for (i = 0; i < nr; i++) {
		le(len, 8, entries[i].sector);
		le(len + 8, 8, entries[i].nr);
		le(len + 16, 8, entries[i].flags);
		len += 512;
		if (!(entries[i].flags & 4))
			len += entries[i].nr * 512;
	}
}

static void make_lime(void)
{
	static const uint32_t ranges[][2] = {
		{ 0x1000, 0x2fff }, { 0x9000, 0x9ff }, { 0x100100, 0x102010 },
		{ 0x2000, 0x4fff }, { 0x200000, 0x200000 },
	};

	for (size_t i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++) {
		uint32_t first = ranges[i][0], last = ranges[i][1];

		if (last < first)
			last += first;
		le(len, 4, 0x4c694d45);
		le(len + 4, 4, 1);
		le(len + 8, 8, first);
		le(len + 16, 8, last);
		len += 32 + last - first + 1;
	}
}

static void make_elf(void)
{
	static const uint32_t loads[][5] = {	/* offset, vaddr, paddr, sizes */
		{ 999, 0x1000, 0, 8192, 9000 },
		{ 9999, 0x5080, 0, 6000, 12288 },
		{ 0, 0x9000, 0, 0, 4096 },
		{ 20480, 0x20000, 0, 8192, 8192 },
	};
	bool physical = roll(2), extended = roll(2);

	memcpy(in, "\177ELF\2\1\1", 7);
	le(16, 2, 4);
	le(32, 8, 64);
	le(40, 8, 600);
	le(54, 2, 56);
	le(56, 2, extended ? 0xffff : 4);
	le(600 + 44, 4, 4);
	for (size_t i = 0; i < 4; i++) {
		size_t p = 64 + 56 * i;

		le(p, 4, 1);
		le(p + 8, 8, loads[i][0]);
		le(p + 16, 8, loads[i][1]);
		le(p + 24, 8, physical ? loads[i][1] / 2 : 0);
		le(p + 32, 8, loads[i][3]);
		le(p + 40, 8, loads[i][4]);
	}
	len = 28672;
}

static void make_raw(void)
{
	len = 3 * PAGE;
}

/* The pagemap; the pages beside it, pages-1.img, are always the same five. */
static void make_criu(void)
{
	static const uint8_t good[] =
		"\x19\x43\x56\x54\x25\x40\x08\x56"
		"\x02\0\0\0\x08\x01"
		"\x09\0\0\0\x08\x80\x80\x80\x02\x10\x02\x20\x04"
		"\x09\0\0\0\x08\x80\x80\xc0\x02\x10\x03\x20\x01"
		"\x09\0\0\0\x08\x80\x80\xe0\x02\x10\x03\x18\x01"
		"\x09\0\0\0\x08\x80\x60\x10\x00\x20\x04\x28\x03";

	memcpy(in, good, sizeof(good) - 1);
	len = sizeof(good) - 1;
}

static void make_text(const char *text)
{
	len = strlen(text);
	memcpy(in, text, len);
}

#define MD5 "56f11b711d91a065a2b6458eca924523"
#define ZERO "620f0b67a91f7f74151bc5be745b7110"

static void make_fiu(void)
{
	make_text("89968195792462 20782 gzip 283193184 8 R 6 0 " MD5 "\n"
		  "89968195793999 20782 a b 283193184 8 W 6 0 " MD5 "\n"
		  "89968195795000 1 sh 16 8 W 8 1 " ZERO "\r\n"
		  "89968195796000 1 sh 24 8 W 6 0 " MD5);
}

static void make_xmu(void)
{
	make_text("0.000001\tW\t8\t16\t77\tan app\t" MD5 "-" ZERO "\n"
		  "12.5\tR\t8\t8\t77\tan app\t" MD5 "\n"
		  "13\tW\t16\t8\t77\tx\t" ZERO "\n");
}

static void make_swapreplay(void)
{
	make_text("9 W 1200\n9 R 1200\n1099511627775  W\t12\n1 W 4096\n");
}

static void make_csv(void)
{
	static const char *const texts[] = {
		"time,obj_id,obj_size,op,slot,type\n0,1,122,store,1,0\n"
		"1,1,122,load,1,0\n2.5,2,7,store,1,31\n3,2,7,invalidate,1,31\n",
		"v,clock_time,size,object_id\n1,5,700,100\n1,5.5,3,4096\n1,6,700,100\n",
		"5,700,100\n5.5,3,4096\n6,700,100\n",
	};

	make_text(texts[roll(3)]);
}

static const struct {
	const struct trace_reader *reader;
	void (*make)(void);
	size_t head;	/* where most fields are */
} readers[] = {
	{ &trace_raw, make_raw, 64 },
	{ &trace_swap, make_swap, 1552 },
	{ &trace_log_writes, make_log, 1024 },
	{ &trace_lime, make_lime, 64 },
	{ &trace_elf, make_elf, 700 },
	{ &trace_criu, make_criu, 64 },
	{ &trace_fiu, make_fiu, 200 },
	{ &trace_xmu, make_xmu, 200 },
	{ &trace_swapreplay, make_swapreplay, 64 },
	{ &trace_libcachesim, make_csv, 160 },
};

#define NR_READERS (sizeof(readers) / sizeof(readers[0]))

/* ---- damage ---- */

static const uint64_t numbers[] = {
	0, 1, 2, 7, 8, 127, 128, 255, 511, 512, 4095, 4096, 4097, 65535, 65536,
	INT32_MAX, UINT32_MAX, 1ull << 32, 1ull << 40, (1ull << 40) - 1,
	1ull << 52, INT64_MAX, 1ull << 63, UINT64_MAX - 4095, UINT64_MAX,
};

static size_t place(size_t head, size_t room)
{
	size_t below = roll(4) ? head : len;

	if (below > len)
		below = len;
	return below > room ? roll(below - room) : 0;
}

static void mutate(size_t head)
{
	static const uint8_t sizes[] = { 1, 2, 4, 8 };
	unsigned int size = sizes[roll(4)];
	size_t at, from, n;

	if (len < 16)
		return;
	switch (roll(8)) {
	case 0:
		at = place(head, 1);
		in[at] ^= 1 << roll(8);
		break;
	case 1:
		at = place(head, 1);
		in[at] = (uint8_t)roll(256);
		break;
	case 2:
		le(place(head, 8) & ~7ull, size,
		   numbers[roll(sizeof(numbers) / sizeof(numbers[0]))]);
		break;
	case 3:	/* a little more or less */
		at = place(head, 8) & ~3ull;
		le(at, 4, trace_le32(in + at) + roll(64) - 32);
		break;
	case 4:
		len = roll(2) ? roll(len) : len - roll(40) % len;
		break;
	case 5:	/* one part over another */
		n = 1 + roll(64);
		if (n > len)
			n = len;
		from = place(head, n);
		memmove(in + place(head, n), in + from, n);
		break;
	case 6:	/* a sector over another */
		if (len < 1024)
			break;
		from = roll(len / 512) * 512;
		memmove(in + roll(len / 512) * 512, in + from, 512);
		break;
	default:
		n = roll(2 * PAGE);
		if (n > SIZE_MAX_IN - len)
			n = SIZE_MAX_IN - len;
		memset(in + len, (int)roll(256), n);
		len += n;
	}
}

/* ---- judgement ---- */

static bool within(const struct trace_map *map, const uint8_t *page)
{
	return map->data && page >= map->data &&
	       (size_t)(page - map->data) + PAGE <= map->size;
}

static void check_page(const struct trace *trace, uint64_t page)
{
	const uint8_t *p = trace_page(trace, page);
	volatile uint8_t sum = 0;
	bool found = within(&trace->pages, p);

	for (unsigned int i = 0; i < trace->nr_more; i++)
		found |= within(&trace->more[i], p);
	if (!found)
		die("a page beyond its file");
	for (size_t i = 0; i < PAGE; i += 64)
		sum += p[i];
	sum += p[PAGE - 1];
}

static void check_trace(struct trace *trace)
{
	const struct trace_summary *sum = trace_summary(trace);
	uint64_t stores = 0, invalidates = 0;
	struct trace_event ev;
	char why[512];
	int got;

	/* an input of some pages; parts of pages make at most eight times as many */
	if (sum->nr_pages > 8 * (SIZE_MAX_IN / PAGE))
		die("more pages than there can be");
	while ((got = trace_next(trace, &ev, why, sizeof(why))) > 0) {
		if (ev.type || ev.slot >= sum->slots[0] || !ev.slot)
			die("a slot beyond the summary");
		if (ev.op == TRACE_INVALIDATE) {
			invalidates++;
			continue;
		}
		if (ev.op != TRACE_STORE || ev.page != stores++ ||
		    ev.page >= sum->nr_pages)
			die("an event that is none");
		check_page(trace, ev.page);
	}
	if (got || stores != sum->stores || stores != sum->nr_pages ||
	    invalidates != sum->invalidates ||
	    stores + invalidates != sum->events)
		die("not the events of the summary");
}

/* Of contents without bytes: every event as the summary says, every page's facts. */
static void check_facts(struct trace *trace)
{
	const struct trace_summary *sum = trace_summary(trace);
	uint64_t ops[3] = { 0 }, named = 0, events = 0;
	struct trace_event ev;
	char why[512];
	int got;

	if (!sum->has_facts || trace_columns(trace)->nr != sum->nr_pages)
		die("not the facts of the summary");
	while ((got = trace_next(trace, &ev, why, sizeof(why))) > 0) {
		if (ev.seq != events++ || ev.op > TRACE_INVALIDATE ||
		    ev.type >= TRACE_TYPES_MAX ||
		    ev.slot >= sum->slots[ev.type])
			die("an event beyond the summary");
		ops[ev.op]++;
		if (ev.page == TRACE_NO_PAGE) {
			if (ev.op == TRACE_STORE)
				die("a store of nothing");
			continue;
		}
		if (ev.page > named || ev.page >= sum->nr_pages)
			die("a page that is not numbered by first use");
		named += ev.page == named;
		if (trace_facts(trace, ev.page).class > TRACE_CLASS_DATA ||
		    (sum->nr_lengths &&
		     trace_facts(trace, ev.page).lengths[0] > PAGE))
			die("facts of no page");
	}
	if (got || events != sum->events || named != sum->nr_pages ||
	    ops[TRACE_STORE] != sum->stores || ops[TRACE_LOAD] != sum->loads ||
	    ops[TRACE_INVALIDATE] != sum->invalidates)
		die("not the events of the summary");
}

static int open_memory(const struct trace_reader *reader, uint8_t *file,
		       struct trace **out, const struct trace_why *why)
{
	struct trace *trace = calloc(1, sizeof(*trace));

	trace->path = strdup(path);
	trace->reader = reader;
	trace->summary.has_pages = true;
	trace->event_spool.fd = -1;
	trace->pages.data = file;
	trace->pages.size = len;
	for (size_t i = 0; i < NR_READERS; i++)
		if (readers[i].reader->probe && !readers[i].reader->directory)
			readers[i].reader->probe(-1, &trace->pages);
	*out = trace;
	return reader->open(trace, -1, why);
}

static void judge_line(int ret, const char *why)
{
	if (ret != -EINVAL)
		die(why[0] ? why : "an error of the system");
	if (strncmp(why, path, strlen(path)) || !why[strlen(path)])
		die("no clear line");
	for (const char *s = why; *s; s++)
		if ((unsigned char)*s < 0x20)
			die("more than a line");
}

/* True when it was accepted. */
static bool execute(const struct trace_reader *reader, int fd)
{
	struct trace *trace = NULL;
	uint8_t *file = NULL;
	char line[512] = "";
	const struct trace_why why = { line, sizeof(line) };
	int ret;

	if (reader->directory) {
		if (ftruncate(fd, len) ||
		    pwrite(fd, in, len, 0) != (ssize_t)len)
			die("cannot write the input");
		ret = trace_open(path, roll(4) ? reader->name : NULL, &trace,
				 line, sizeof(line));
	} else {
		/* an empty file has no mapping */
		file = len ? malloc(len) : NULL;
		if (len)
			memcpy(file, in, len);
		ret = open_memory(reader, file, &trace, &why);
	}
	if (ret)
		judge_line(ret, line);
	else if (trace_summary(trace)->has_pages)
		check_trace(trace);
	else
		check_facts(trace);
	if (file)
		trace->pages.data = NULL;
	trace_close(trace);
	free(file);
	return !ret;
}

static void fuzz(unsigned int r, uint64_t seed, unsigned long executions,
		 int fd)
{
	unsigned long accepted = 0;
	struct timespec from, to;

	reader_name = readers[r].reader->name;
	clock_gettime(CLOCK_MONOTONIC, &from);
	for (execution = 0; execution < executions; execution++) {
		random_state = splitmix(splitmix(seed ^ (uint64_t)r << 56) +
					execution);
		memset(in, 0, sizeof(in));
		len = 0;
		readers[r].make();
		/* the first is whole, and has to be accepted */
		for (uint64_t n = execution ? 1 + roll(4) : 0; n; n--)
			mutate(readers[r].head);
		if (execute(readers[r].reader, fd))
			accepted++;
		else if (!execution)
			die("the good input is refused");
	}
	clock_gettime(CLOCK_MONOTONIC, &to);
	printf("%s: %lu executions, %lu accepted, %.1f s\n", reader_name,
	       executions, accepted, (double)(to.tv_sec - from.tv_sec) +
	       (double)(to.tv_nsec - from.tv_nsec) / 1e9);
}

static bool wanted(const char *name, char *const *names)
{
	if (!*names)
		return true;
	while (*names)
		if (!strcmp(*names++, name))
			return true;
	return false;
}

int main(int argc, char **argv)
{
	char pagemap[64], pages[64];
	unsigned long executions = 100000;
	uint64_t seed = 1;
	int opt, fd = -1, pages_fd = -1;

	while ((opt = getopt(argc, argv, "n:s:")) != -1) {
		if (opt == 'n')
			executions = strtoul(optarg, NULL, 10);
		else if (opt == 's')
			seed = strtoull(optarg, NULL, 0);
		else
			return 2;
	}
	if (mkdtemp(path)) {
		setenv("TMPDIR", path, 1);
		snprintf(pagemap, sizeof(pagemap), "%s/pagemap-1.img", path);
		snprintf(pages, sizeof(pages), "%s/pages-1.img", path);
		fd = open(pagemap, O_CREAT | O_RDWR | O_TRUNC, 0600);
		pages_fd = open(pages, O_CREAT | O_WRONLY | O_TRUNC, 0600);
	}
	if (fd < 0 || pages_fd < 0 || ftruncate(pages_fd, 5 * PAGE)) {
		perror("fuzz-readers");
		return 3;
	}
	close(pages_fd);

	setlinebuf(stdout);
	printf("seed %llu\n", (unsigned long long)seed);
	for (unsigned int r = 0; r < NR_READERS; r++)
		if (wanted(readers[r].reader->name, argv + optind))
			fuzz(r, seed, executions, fd);
	close(fd);
	unlink(pagemap);
	unlink(pages);
	rmdir(path);
	return 0;
}
