/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * raw.c - a raw page image: 4096-byte pages back to back
 *
 * Page i is one store to slot i + 1 (slot 0 of a swap device holds its header)
 * of type 0 by the root memcg; with no clock of its own, time_us is i as well.
 */
#include <errno.h>

#include "trace-internal.h"

static int raw_open(struct trace *trace, int fd, const struct trace_why *why)
{
	int ret;

	(void)fd;
	if (!trace->pages.size)
		return trace_fail(why, -EINVAL, "%s: holds no page (0 bytes)",
				  trace->path);
	ret = trace_check_pages(&trace->pages, trace->path, why);
	if (ret)
		return ret;

	trace->summary.nr_pages = trace->pages.size / TRACE_PAGE_SIZE;
	return trace_index_done(trace, why);
}

const struct trace_reader trace_raw = {
	.name = "raw",
	.vantage = "image",
	.open = raw_open,
	.next = trace_index_next,
};
