/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * index.c - traces whose pages lie anywhere in their file
 *
 * 8 bytes of memory a page, and 8 more an event where slots do not simply count
 * up. Page n is the one that the n-th store names. Pages that no file holds as
 * they are (half-written ones, or cut ones) go to temporary files.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "trace-internal.h"

#define OP_BITS 2
#define SCRATCH_MIN (16 * TRACE_PAGE_SIZE)
#define SCRATCH_MAX (64u << 20)

/* Doubles *@array (a pointer to an array of items of @size bytes) and *@room. */
int trace_grow(struct trace *trace, void *array, size_t *room, size_t size,
	       const struct trace_why *why)
{
	size_t more = *room ? *room * 2 : 64;
	void *old, *new = NULL;

	memcpy(&old, array, sizeof(old));
	if (more <= SIZE_MAX / 2 / size)
		new = realloc(old, more * size);
	if (!new)
		return trace_fail(why, -ENOMEM, "%s: %m", trace->path);
	memcpy(array, &new, sizeof(new));
	*room = more;
	return 0;
}

/* One more mapping, empty, that trace_close releases */
struct trace_map *trace_add_map(struct trace *trace,
				const struct trace_why *why)
{
	struct trace_map *more = realloc(trace->more, (trace->nr_more + 1) *
					 sizeof(*more));

	if (!more) {
		trace_fail(why, -ENOMEM, "%s: %m", trace->path);
		return NULL;
	}
	trace->more = more;
	more += trace->nr_more++;
	memset(more, 0, sizeof(*more));
	return more;
}

int trace_add_page(struct trace *trace, const uint8_t *page,
		   const struct trace_why *why)
{
	int ret;

	if (trace->summary.nr_pages == trace->at_room) {
		ret = trace_grow(trace, &trace->at, &trace->at_room,
				 sizeof(*trace->at), why);
		if (ret)
			return ret;
	}
	trace->at[trace->summary.nr_pages++] = page;
	return 0;
}

/* A store is of the page after those of the stores before it. */
int trace_add_event(struct trace *trace, enum trace_op op, uint64_t slot,
		    const struct trace_why *why)
{
	struct trace_summary *sum = &trace->summary;
	int ret;

	if (sum->events == trace->events_room) {
		ret = trace_grow(trace, &trace->events, &trace->events_room,
				 sizeof(*trace->events), why);
		if (ret)
			return ret;
	}
	trace->events[sum->events++] = slot << OP_BITS | op;
	if (op == TRACE_STORE)
		sum->stores++;
	else
		sum->invalidates++;
	if (slot >= sum->slots[0])
		sum->slots[0] = slot + 1;
	return 0;
}

/* *@page is a zeroed page that may be written to. */
int trace_scratch_page(struct trace *trace, uint8_t **page,
		       const struct trace_why *why)
{
	struct trace_map *map;
	size_t size;
	int ret;

	if (!trace->scratch_left) {
		size = trace->scratch ?
		       trace->more[trace->nr_more - 1].size * 2 : SCRATCH_MIN;
		if (size > SCRATCH_MAX)
			size = SCRATCH_MAX;
		map = trace_add_map(trace, why);
		if (!map)
			return -ENOMEM;
		ret = trace_map_temp(map, size, trace->path, why);
		if (ret)
			return ret;
		trace->scratch = (uint8_t *)map->data;
		trace->scratch_left = size;
	}
	*page = trace->scratch;
	trace->scratch += TRACE_PAGE_SIZE;
	trace->scratch_left -= TRACE_PAGE_SIZE;
	return 0;
}

/* ---- memory dumps ---- */

static int by_address(const void *a, const void *b)
{
	const struct trace_extent *x = a, *y = b;

	if (x->address != y->address)
		return x->address < y->address ? -1 : 1;
	/* a core can name the same memory twice; the one with more comes first */
	if (x->filesz != y->filesz)
		return x->filesz > y->filesz ? -1 : 1;
	return (x->offset > y->offset) - (x->offset < y->offset);
}

static int by_offset(const void *a, const void *b)
{
	const struct trace_extent *x = a, *y = b;

	return (x->offset > y->offset) - (x->offset < y->offset);
}

/* Moves the start to @address, a page's; false when nothing is left. */
static bool trim(struct trace_extent *x, uint64_t address)
{
	uint64_t skip = address - x->address;

	if (address < x->address || skip >= x->filesz)
		return false;
	x->address += skip;
	x->offset += skip;
	x->filesz -= skip;
	x->memsz -= skip;
	return true;
}

/*
 * Starts all extents at a page's address, and drops memory that is there twice:
 * a vmcore has the kernel's text once as such and once as memory, a dump by QEMU
 * with paging each page as often as it is mapped. Stored twice, it would pass for
 * duplicate pages. Returns how many are left, by address.
 */
static size_t align_and_drop(struct trace_extent *x, size_t nr)
{
	const uint64_t mask = TRACE_PAGE_SIZE - 1;
	uint64_t start, end = 0;
	size_t i, left = 0;

	qsort(x, nr, sizeof(*x), by_address);
	for (i = 0; i < nr; i++) {
		start = x[i].address;
		if (start < end)
			start = end;
		if (start > UINT64_MAX - mask)
			continue;
		start = (start + mask) & ~mask;
		if (!trim(&x[i], start))
			continue;
		/* pages that begin within the file's part and end in memory */
		end = x[i].filesz + mask < x[i].memsz ? x[i].filesz + mask :
							x[i].memsz;
		end = start + (end & ~mask);
		if (end > start)
			x[left++] = x[i];
	}
	return left;
}

static int add_extent(struct trace *trace, const struct trace_extent *x,
		      const struct trace_why *why)
{
	const uint8_t *data = trace->pages.data + x->offset;
	uint64_t done, rest;
	uint8_t *page;
	int ret;

	for (done = 0; x->filesz - done >= TRACE_PAGE_SIZE;
	     done += TRACE_PAGE_SIZE) {
		ret = trace_add_page(trace, data + done, why);
		if (ret)
			return ret;
	}
	rest = x->filesz - done;
	if (!rest || x->memsz - done < TRACE_PAGE_SIZE)
		return 0;
	ret = trace_scratch_page(trace, &page, why);
	if (ret)
		return ret;
	memcpy(page, data + done, rest);
	return trace_add_page(trace, page, why);
}

/*
 * Adds the whole pages that @extents hold, in the order of their addresses.
 * Extents that share bytes of the file are refused: a small file could else
 * claim any number of pages.
 */
int trace_add_extents(struct trace *trace, struct trace_extent *extents,
		      size_t nr, const struct trace_why *why)
{
	struct trace_extent *x;
	size_t i;
	int ret = 0;

	if (nr)
		nr = align_and_drop(extents, nr);
	if (!nr)
		return trace_index_done(trace, why);
	x = malloc(nr * sizeof(*x));
	if (!x)
		return trace_fail(why, -ENOMEM, "%s: %m", trace->path);
	memcpy(x, extents, nr * sizeof(*x));
	qsort(x, nr, sizeof(*x), by_offset);
	for (i = 1; i < nr && !ret; i++)
		if (x[i].offset - x[i - 1].offset < x[i - 1].filesz)
			ret = trace_fail(why, -EINVAL,
					 "%s: the memory at 0x%" PRIx64 " and at 0x%" PRIx64 " overlaps in the file (at byte %" PRIu64 ")",
					 trace->path, x[i - 1].address,
					 x[i].address, x[i].offset);
	free(x);

	for (i = 0; i < nr && !ret; i++)
		ret = add_extent(trace, &extents[i], why);
	return ret ? ret : trace_index_done(trace, why);
}

/* ---- the events ---- */

/* All pages of an image are there: each is stored once. */
int trace_index_done(struct trace *trace, const struct trace_why *why)
{
	struct trace_summary *sum = &trace->summary;

	if (!sum->nr_pages)
		return trace_fail(why, -EINVAL, "%s: holds no whole page",
				  trace->path);
	sum->events = sum->nr_pages;
	sum->stores = sum->nr_pages;
	sum->slots[0] = sum->nr_pages + 1;
	return 0;
}

int trace_index_next(struct trace *trace, struct trace_event *ev,
		     const struct trace_why *why)
{
	uint64_t seq = trace->seq, word;

	(void)why;
	if (seq == trace->summary.events)
		return 0;
	word = trace->events ? trace->events[seq] :
			       (seq + 1) << OP_BITS | TRACE_STORE;
	*ev = (struct trace_event) {
		.seq = seq,
		.time_us = seq,
		.slot = word >> OP_BITS,
		.page = TRACE_NO_PAGE,
		.op = word & ((1 << OP_BITS) - 1),
	};
	if (ev->op == TRACE_STORE)
		ev->page = trace->stored++;
	trace->seq++;
	return 1;
}
