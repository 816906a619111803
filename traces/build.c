/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * build.c - events that a reader collects when it opens its file
 *
 * They go to files without a name (to memory while they are few), so that a list
 * of any length needs no memory of its own; see trace-internal.h.
 */
#define _GNU_SOURCE
#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "trace-internal.h"

#define SPOOL_BUF (256u << 10)

static int spool_out(struct trace_spool *spool, uint64_t whole,
		     const char *label, const struct trace_why *why)
{
	int ret;

	if (spool->fd < 0) {
		spool->fd = trace_temp_file(whole, label, why);
		if (spool->fd < 0)
			return spool->fd;
	}
	ret = trace_pwrite_all(spool->fd, spool->buf, spool->len, spool->size);
	if (ret)
		return trace_fail(why, ret,
				  "%s: cannot keep its events in a temporary file: %m (after %" PRIu64 " bytes)",
				  label, spool->size);
	spool->size += spool->len;
	spool->len = 0;
	return 0;
}

static int spool_add(struct trace_spool *spool, const void *data, size_t len,
		     const char *label, const struct trace_why *why)
{
	int ret;

	if (!spool->buf) {
		spool->buf = malloc(SPOOL_BUF);
		if (!spool->buf)
			return trace_fail(why, -ENOMEM, "%s: %m", label);
	}
	if (spool->len + len > SPOOL_BUF) {
		ret = spool_out(spool, UINT64_MAX, label, why);
		if (ret)
			return ret;
	}
	memcpy(spool->buf + spool->len, data, len);
	spool->len += len;
	return 0;
}

static void spool_free(struct trace_spool *spool)
{
	if (spool->fd >= 0)
		close(spool->fd);
	free(spool->buf);
	*spool = (struct trace_spool) { .fd = -1 };
}

/* Ends @spool, whose bytes are @map from now on. */
static int spool_map(struct trace_spool *spool, struct trace_map *map,
		     const char *label, const struct trace_why *why)
{
	void *data;
	int ret;

	if (spool->len) {
		ret = spool_out(spool, spool->len, label, why);
		if (ret)
			return ret;
	}
	if (spool->size) {
		data = mmap(NULL, spool->size, PROT_READ, MAP_SHARED,
			    spool->fd, 0);
		if (data == MAP_FAILED)
			return trace_fail(why, -errno, "%s: cannot map: %m",
					  label);
		map->data = data;
		map->size = spool->size;
	}
	spool_free(spool);
	return 0;
}

void trace_count(struct trace_summary *sum, const struct trace_event *ev)
{
	sum->events++;
	if (ev->op == TRACE_STORE)
		sum->stores++;
	else if (ev->op == TRACE_LOAD)
		sum->loads++;
	else
		sum->invalidates++;
	if (ev->slot >= sum->slots[ev->type])
		sum->slots[ev->type] = ev->slot + 1;
}

int trace_build_event(struct trace *trace, const struct trace_event *ev,
		      const struct trace_why *why)
{
	struct trace_event copy = *ev;

	assert(ev->type < TRACE_TYPES_MAX && ev->slot <= TRACE_SLOT_MAX);
	copy.seq = trace->summary.events;
	trace_count(&trace->summary, ev);
	return spool_add(&trace->event_spool, &copy, sizeof(copy),
			 trace->path, why);
}

int trace_build_end(struct trace *trace, const struct trace_why *why)
{
	return spool_map(&trace->event_spool, &trace->built, trace->path, why);
}

int trace_built_next(struct trace *trace, struct trace_event *ev,
		     const struct trace_why *why)
{
	(void)why;
	if (trace->seq == trace->summary.events)
		return 0;
	*ev = ((const struct trace_event *)trace->built.data)[trace->seq++];
	return 1;
}

void trace_build_free(struct trace *trace)
{
	spool_free(&trace->event_spool);
	trace_unmap(&trace->built);
}
