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
	struct trace_summary *sum = &trace->summary;
	int ret;

	ret = trace_map(&trace->pages, fd, trace->path, why);
	if (ret)
		return ret;
	if (!trace->pages.size)
		return trace_fail(why, -EINVAL, "%s: holds no page (0 bytes)",
				  trace->path);
	ret = trace_check_pages(&trace->pages, trace->path, why);
	if (ret)
		return ret;

	sum->nr_pages = trace->pages.size / TRACE_PAGE_SIZE;
	sum->events = sum->nr_pages;
	sum->stores = sum->nr_pages;
	sum->slots[0] = sum->nr_pages + 1;
	return 0;
}

static int raw_next(struct trace *trace, struct trace_event *ev,
		    const struct trace_why *why)
{
	(void)why;
	if (trace->seq == trace->summary.events)
		return 0;

	*ev = (struct trace_event) {
		.seq = trace->seq,
		.time_us = trace->seq,
		.slot = trace->seq + 1,
		.page = trace->seq,
		.op = TRACE_STORE,
	};
	trace->seq++;
	return 1;
}

const struct trace_reader trace_raw = {
	.name = "raw",
	.open = raw_open,
	.next = raw_next,
};
