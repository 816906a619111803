/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * swap.c - a copy of a swap partition or a swap file
 *
 * Page 0 is the header (the kernel's union swap_header; mkswap writes it):
 * version, last_page and nr_badpages at bytes 1024, 1028 and 1032, 32-bit and in
 * the byte order of the machine; the bad pages from byte 1536; "SWAPSPACE2" in
 * the page's last ten bytes. Slots 1..last_page hold pages; what lies behind is
 * the partition's, not the swap area's.
 *
 * Which slots were in use is known to the running kernel only: every page of
 * the area but the bad ones is one store to its slot, old and never written ones
 * included; those are zero on a fresh disk.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "trace-internal.h"

#define VERSION_AT 1024
#define LAST_PAGE_AT 1028
#define NR_BAD_AT 1032
#define BAD_AT 1536
#define MAGIC_LEN 10
#define MAGIC_AT (TRACE_PAGE_SIZE - MAGIC_LEN)
#define BAD_MAX ((MAGIC_AT - BAD_AT) / 4)	/* MAX_SWAP_BADPAGES */

static const char *const marks[] = { "SWAPSPACE2", "SWAP-SPACE", "S1SUSPEND" };

/* Other architectures have other pages; their areas end the first of them so. */
static const uint64_t page_sizes[] = { TRACE_PAGE_SIZE, 8192, 16384, 65536 };

static bool has_mark(const struct trace_map *map, uint64_t page_size,
		     const char *mark)
{
	return map->size >= page_size &&
	       !memcmp(map->data + page_size - MAGIC_LEN, mark, strlen(mark));
}

static bool swap_probe(int fd, const struct trace_map *map)
{
	size_t i;

	(void)fd;
	for (i = 0; i < sizeof(marks) / sizeof(marks[0]); i++)
		if (has_mark(map, TRACE_PAGE_SIZE, marks[i]))
			return true;
	for (i = 1; i < sizeof(page_sizes) / sizeof(page_sizes[0]); i++)
		if (has_mark(map, page_sizes[i], marks[0]))
			return true;
	return false;
}

static int check_mark(const struct trace *trace, const struct trace_why *why)
{
	const struct trace_map *map = &trace->pages;
	size_t i;

	if (has_mark(map, TRACE_PAGE_SIZE, marks[0]))
		return 0;
	if (has_mark(map, TRACE_PAGE_SIZE, marks[1]))
		return trace_fail(why, -EINVAL,
				  "%s: a swap area of version 0, that no kernel since 2.5 uses (at byte %d)",
				  trace->path, MAGIC_AT);
	if (has_mark(map, TRACE_PAGE_SIZE, marks[2]))
		return trace_fail(why, -EINVAL,
				  "%s: a hibernation image in a swap area, not swapped pages (at byte %d)",
				  trace->path, MAGIC_AT);
	for (i = 1; i < sizeof(page_sizes) / sizeof(page_sizes[0]); i++)
		if (has_mark(map, page_sizes[i], marks[0]))
			return trace_fail(why, -EINVAL,
					  "%s: a swap area of %" PRIu64 "-byte pages, must be %d",
					  trace->path, page_sizes[i],
					  TRACE_PAGE_SIZE);
	return trace_fail(why, -EINVAL,
			  "%s: is no swap area: no SWAPSPACE2 (at byte %d)",
			  trace->path, MAGIC_AT);
}

static int by_value(const void *a, const void *b)
{
	uint32_t x, y;

	memcpy(&x, a, sizeof(x));
	memcpy(&y, b, sizeof(y));
	return (x > y) - (x < y);
}

/* The sorted bad pages to @bad; how many, or a negative errno */
static int read_bad(const struct trace *trace, bool swapped, uint32_t last,
		    uint32_t *bad, const struct trace_why *why)
{
	const uint8_t *head = trace->pages.data;
	uint32_t nr = trace_le32(head + NR_BAD_AT), i;

	if (swapped)
		nr = __builtin_bswap32(nr);
	if (nr > BAD_MAX)
		return trace_fail(why, -EINVAL,
				  "%s: claims %" PRIu32 " bad pages, at most %d can be (at byte %d)",
				  trace->path, nr, BAD_MAX, NR_BAD_AT);
	for (i = 0; i < nr; i++) {
		bad[i] = trace_le32(head + BAD_AT + 4 * i);
		if (swapped)
			bad[i] = __builtin_bswap32(bad[i]);
		if (!bad[i] || bad[i] > last)
			return trace_fail(why, -EINVAL,
					  "%s: bad page %" PRIu32 " is not one of 1..%" PRIu32 " (at byte %" PRIu32 ")",
					  trace->path, bad[i], last,
					  BAD_AT + 4 * i);
	}
	qsort(bad, nr, sizeof(*bad), by_value);
	return nr;
}

static int add_slots(struct trace *trace, uint32_t last, const uint32_t *bad,
		     int nr_bad, const struct trace_why *why)
{
	uint64_t slot;
	int i = 0, ret = 0;

	for (slot = 1; slot <= last && !ret; slot++) {
		while (i < nr_bad && bad[i] < slot)
			i++;
		if (i < nr_bad && bad[i] == slot)
			continue;
		ret = trace_add_page(trace, trace->pages.data +
				     slot * TRACE_PAGE_SIZE, why);
		if (!ret)
			ret = trace_add_event(trace, TRACE_STORE, slot, why);
	}
	if (!ret && !trace->summary.nr_pages)
		ret = trace_fail(why, -EINVAL,
				 "%s: holds no page: all of 1..%" PRIu32 " are bad",
				 trace->path, last);
	return ret;
}

static int swap_open(struct trace *trace, int fd, const struct trace_why *why)
{
	const uint8_t *head = trace->pages.data;
	uint32_t bad[BAD_MAX], version, last;
	bool swapped = false;
	int nr_bad, ret;

	(void)fd;
	ret = check_mark(trace, why);
	if (ret)
		return ret;

	version = trace_le32(head + VERSION_AT);
	last = trace_le32(head + LAST_PAGE_AT);
	/* as the kernel's read_swap_header: from a machine of the other order */
	if (version == __builtin_bswap32(1)) {
		swapped = true;
		version = 1;
		last = __builtin_bswap32(last);
	}
	if (version != 1)
		return trace_fail(why, -EINVAL,
				  "%s: a swap area of version %" PRIu32 ", must be 1 (at byte %d)",
				  trace->path, version, VERSION_AT);
	if (!last)
		return trace_fail(why, -EINVAL,
				  "%s: an empty swap area: its last page is 0 (at byte %d)",
				  trace->path, LAST_PAGE_AT);
	if (trace->pages.size / TRACE_PAGE_SIZE <= last)
		return trace_fail(why, -EINVAL,
				  "%s: truncated: ends within page %" PRIu64 ", the last is %" PRIu32 " (at byte %" PRIu64 ")",
				  trace->path,
				  trace->pages.size / TRACE_PAGE_SIZE, last,
				  trace->pages.size);
	nr_bad = read_bad(trace, swapped, last, bad, why);
	if (nr_bad < 0)
		return nr_bad;
	return add_slots(trace, last, bad, nr_bad, why);
}

const struct trace_reader trace_swap = {
	.name = "swap",
	.vantage = "image",
	.probe = swap_probe,
	.open = swap_open,
	.next = trace_index_next,
};
