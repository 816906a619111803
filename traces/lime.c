/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * lime.c - memory dumps as LiME writes them (also AVML uncompressed, LEMON)
 *
 * LiME's documented range header, version 1, repeated: u32 magic 0x4C694D45, u32
 * version, u64 first address, u64 last address (inclusive), 8 reserved bytes; then
 * that many bytes. All little-endian. A page that a range does not hold whole is
 * left out.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "trace-internal.h"

#define MAGIC 0x4c694d45u
#define HEAD 32

static bool lime_probe(int fd, const struct trace_map *map)
{
	(void)fd;
	return map->size >= 4 && trace_le32(map->data) == MAGIC;
}

/* The range whose header is at byte @at */
static int read_range(const struct trace *trace, uint64_t at,
		      struct trace_extent *x, const struct trace_why *why)
{
	const uint8_t *p = trace->pages.data + at;
	uint64_t left = trace->pages.size - at, first, last;

	if (left < HEAD)
		return trace_fail(why, -EINVAL,
				  "%s: truncated: ends within the header of a range (at byte %" PRIu64 ")",
				  trace->path, at);
	if (trace_le32(p) != MAGIC)
		return trace_fail(why, -EINVAL,
				  "%s: no header of a LiME range (at byte %" PRIu64 ")",
				  trace->path, at);
	if (trace_le32(p + 4) != 1)
		return trace_fail(why, -EINVAL,
				  "%s: LiME version %" PRIu32 ", must be 1 (at byte %" PRIu64 ")",
				  trace->path, trace_le32(p + 4), at + 4);
	first = trace_le64(p + 8);
	last = trace_le64(p + 16);
	left -= HEAD;
	if (first > last || last - first == UINT64_MAX)
		return trace_fail(why, -EINVAL,
				  "%s: a range from 0x%" PRIx64 " to 0x%" PRIx64 " (at byte %" PRIu64 ")",
				  trace->path, first, last, at + 8);
	if (last - first >= left)
		return trace_fail(why, -EINVAL,
				  "%s: truncated: the range 0x%" PRIx64 "-0x%" PRIx64 " has %" PRIu64 " bytes here (at byte %" PRIu64 ")",
				  trace->path, first, last, left, at + HEAD);
	x->address = first;
	x->offset = at + HEAD;
	x->filesz = last - first + 1;
	x->memsz = x->filesz;
	return 0;
}

static int lime_open(struct trace *trace, int fd, const struct trace_why *why)
{
	struct trace_extent *x = NULL;
	size_t nr = 0, room = 0;
	uint64_t at = 0;
	int ret = 0;

	(void)fd;
	do {
		if (nr == room)
			ret = trace_grow(trace, &x, &room, sizeof(*x), why);
		if (!ret)
			ret = read_range(trace, at, &x[nr], why);
		if (ret)
			goto out;
		at = x[nr].offset + x[nr].filesz;
		nr++;
	} while (at < trace->pages.size);
	ret = trace_add_extents(trace, x, nr, why);
out:
	free(x);
	return ret;
}

const struct trace_reader trace_lime = {
	.name = "lime",
	.vantage = "image",
	.probe = lime_probe,
	.open = lime_open,
	.next = trace_index_next,
};
