/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * import-device.c - zdedup import of what a swap disk recorded
 *
 * The bytes are always those that the disk was given. The events are the disk's;
 * or the guest's own, whose k-th store of a slot is the k-th write of that slot:
 * writes to one slot do not overtake each other, for a slot is only given away
 * again when its page is on the disk.
 */
#include "import-device.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "../traces/trace-writer.h"
#include "cmd.h"
#include "guest-events.h"
#include "output.h"
#include "vantage.h"

#define WHY_MAX 1024u

/**
 * struct join - one run
 * @guest:   list NULL: the disk's events
 * @writes:  pages that the disk was given, slot by slot, each in their order
 * @first:   of each slot in @writes; one more at the end
 * @next:    of each slot: the write that its next store is
 * @unwritten: stores without a write: the guest ended before
 * @zeros:   stores of zero pages, which do not go to the disk
 * @vantage: of this pass
 * @writer:  NULL in the first pass, which only counts
 */
struct join {
	struct trace *trace;
	struct guest_events guest;
	uint64_t nr_slots;
	uint32_t *writes;
	uint64_t *first, *next;
	uint64_t unwritten, zeros, done;
	struct vantage vantage;
	struct trace_writer *writer;
};

/* The page number of a zero page: no other has it. */
static uint64_t zero_page(const struct join *j)
{
	return trace_summary(j->trace)->nr_pages;
}

static int put(struct join *j, const struct trace_event *ev)
{
	static const uint8_t zeros[TRACE_PAGE_SIZE];
	const void *bytes = NULL;
	char why[WHY_MAX] = "";

	j->done++;
	if (!j->writer)
		return CMD_OK;
	if (ev->page == zero_page(j))
		bytes = zeros;
	else if (ev->page != TRACE_NO_PAGE)
		bytes = trace_page(j->trace, ev->page);
	if (!trace_write_event(j->writer, ev, bytes, NULL, why, sizeof(why)))
		return CMD_OK;
	cmd_error("%s", why);
	return CMD_INPUT;
}

/* One event of a disk's, whoever saw it */
static int step(struct join *j, struct trace_event *ev)
{
	struct trace_event store;
	int status = CMD_OK;

	switch (vantage_step(&j->vantage, ev)) {
	case VANTAGE_LEAVE_OUT:
		return CMD_OK;
	case VANTAGE_STORE_FIRST:
		store = *ev;
		store.op = TRACE_STORE;
		status = put(j, &store);
		break;
	default:
		break;
	}
	return status ? status : put(j, ev);
}

static int disk_pass(struct join *j)
{
	struct trace_event ev;
	char why[WHY_MAX] = "";
	int got, status = CMD_OK;

	while (!status && (got = trace_next(j->trace, &ev, why,
					    sizeof(why)))) {
		if (got < 0) {
			cmd_error("%s", why);
			return CMD_INPUT;
		}
		status = step(j, &ev);
	}
	return status;
}

static int guest_pass(struct join *j)
{
	int status = CMD_OK;

	memcpy(j->next, j->first, j->nr_slots * sizeof(*j->next));
	j->unwritten = 0;
	j->zeros = 0;
	for (guint i = 0; i < j->guest.list->len && !status; i++) {
		const struct guest_event *g =
			&g_array_index(j->guest.list, struct guest_event, i);
		struct trace_event ev = {
			.time_us = g->time_us, .slot = g->slot, .op = g->op,
			.page = TRACE_NO_PAGE,
		};

		if (g->op == TRACE_STORE && g->zero) {
			ev.page = zero_page(j);
			j->zeros++;
		} else if (g->op == TRACE_STORE) {
			if (j->next[g->slot] == j->first[g->slot + 1]) {
				j->unwritten++;
				continue;
			}
			ev.page = j->writes[j->next[g->slot]++];
		}
		status = step(j, &ev);
	}
	return status;
}

static int pass(struct join *j)
{
	struct trace_summary sum = *trace_summary(j->trace);
	int status;

	if (sum.slots[0] < j->nr_slots)
		sum.slots[0] = j->nr_slots;
	if (!vantage_begin(&j->vantage, &sum) || trace_rewind(j->trace)) {
		cmd_error("%s: not enough memory for its slots",
			  trace_path(j->trace));
		return CMD_INPUT;
	}
	j->done = 0;
	status = j->guest.list ? guest_pass(j) : disk_pass(j);
	vantage_end(&j->vantage);
	return status;
}

/* Counts, then places: all writes of a slot come to stand together. */
static int index_writes(struct join *j)
{
	const struct trace_summary *sum = trace_summary(j->trace);
	struct trace_event ev;
	char why[WHY_MAX] = "";
	int got;

	j->nr_slots = sum->slots[0] > j->guest.slots ? sum->slots[0] :
						       j->guest.slots;
	j->first = g_try_new0(uint64_t, j->nr_slots + 2);
	j->next = g_try_new0(uint64_t, j->nr_slots + 2);
	j->writes = g_try_new(uint32_t, sum->stores + 1);
	if (!j->first || !j->next || !j->writes || sum->nr_pages > UINT32_MAX) {
		cmd_error("%s: not enough memory for its slots",
			  trace_path(j->trace));
		return CMD_INPUT;
	}
	while ((got = trace_next(j->trace, &ev, why, sizeof(why))) > 0)
		if (ev.op == TRACE_STORE)
			j->first[ev.slot + 1]++;
	for (uint64_t i = 0; i < j->nr_slots; i++)
		j->first[i + 1] += j->first[i];
	memcpy(j->next, j->first, j->nr_slots * sizeof(*j->next));
	if (!got && trace_rewind(j->trace))
		snprintf(why, sizeof(why), "%s: cannot be read again",
			 trace_path(j->trace));
	while (!got && !*why &&
	       (got = trace_next(j->trace, &ev, why, sizeof(why))) > 0) {
		if (ev.op == TRACE_STORE)
			j->writes[j->next[ev.slot]++] = (uint32_t)ev.page;
		got = 0;
	}
	if (!*why)
		return CMD_OK;
	cmd_error("%s", why);
	return CMD_INPUT;
}

/* Writes of the disk that no store of the guest's stands for */
static uint64_t unseen(const struct join *j)
{
	uint64_t nr = 0;

	for (uint64_t i = 0; j->guest.list && i < j->nr_slots; i++)
		nr += j->first[i + 1] - j->next[i];
	return nr;
}

/* What was done stands in the file; the disk's own lines follow, but for its vantage. */
static char *make_info(const struct join *j)
{
	GString *info = g_string_new(NULL);
	g_auto(GStrv) lines = g_strsplit(trace_summary(j->trace)->info, "\n",
					 -1);

	if (j->guest.list)
		g_string_append_printf(info, "vantage=slots\nrecorded=device and guest\nzero_stores=%" PRIu64 "\nstores_without_write=%" PRIu64 "\nwrites_without_store=%" PRIu64 "\nguest_lines_lost=%" PRIu64 "\n",
				       j->zeros, j->unwritten, unseen(j),
				       j->guest.lost);
	else
		g_string_append(info, "vantage=device\nconverted=slots\n");
	g_string_append_printf(info, "re_stores_inserted=%" PRIu64 "\n",
			       j->vantage.re_stores);
	for (char **l = lines; *l; l++)
		if (**l && !g_str_has_prefix(*l, "vantage="))
			g_string_append_printf(info, "%s\n", *l);
	return g_string_free(info, FALSE);
}

static int finish(struct join *j, const char *output, int status)
{
	uint64_t pages = trace_writer_pages(j->writer);
	char why[WHY_MAX] = "";

	if (status) {
		trace_writer_abandon(j->writer);
	} else if (trace_writer_close(j->writer, why, sizeof(why))) {
		cmd_error("%s", why);
		status = CMD_INPUT;
	}
	output_guard(NULL, 0);
	if (status)
		return status;
	printf("%s: %" PRIu64 " events, %" PRIu64 " pages; %" PRIu64 " re-stores put in, %" PRIu64 " loads of empty slots and %" PRIu64 " frees after a load left out",
	       output, j->done, pages, j->vantage.re_stores,
	       j->vantage.strange, j->vantage.idle);
	if (j->guest.list)
		printf("; %" PRIu64 " stores of zero pages; %" PRIu64 " stores had no write, %" PRIu64 " writes no store; the guest lost %" PRIu64 " lines",
		       j->zeros, j->unwritten, unseen(j), j->guest.lost);
	printf("\n");
	return CMD_OK;
}

static int convert(struct join *j, const char *output)
{
	const struct trace_summary *sum = trace_summary(j->trace);
	struct trace_writer_options o = {
		.has_pages = true, .has_type = sum->has_type,
	};
	g_autofree char *info = NULL;
	const char *temporary;
	char why[WHY_MAX] = "";
	int status = j->guest.list ? index_writes(j) : CMD_OK;

	/* the first pass, so that its counts can stand before the events */
	if (!status)
		status = pass(j);
	if (status)
		return status;
	info = make_info(j);
	o.info = info;
	if (trace_writer_open(output, &o, &j->writer, why, sizeof(why))) {
		cmd_error("%s", why);
		return CMD_INPUT;
	}
	temporary = trace_writer_temporary(j->writer);
	output_guard(&temporary, 1);
	return finish(j, output, pass(j));
}

static int open_disk(struct join *j, const char *path, const char *from)
{
	const struct trace_summary *sum;
	const char *wrong = NULL;
	char why[WHY_MAX] = "";

	if (trace_open(path, from, &j->trace, why, sizeof(why))) {
		cmd_error("%s", why);
		return CMD_INPUT;
	}
	sum = trace_summary(j->trace);
	if (strcmp(sum->vantage, "device"))
		wrong = "was not recorded by a swap disk";
	else if (!sum->has_pages)
		wrong = "carries no bytes";
	else if (j->guest.list && sum->has_type)
		wrong = "is of several swap devices";
	else if (j->guest.list && strstr(sum->info, "converted="))
		wrong = "was converted; give what the disk recorded";
	if (!wrong)
		return CMD_OK;
	cmd_error("%s: %s (info)", path, wrong);
	return CMD_INPUT;
}

int import_device(const char *path, const char *from, const char *events,
		  const char *output)
{
	struct join join = { 0 };
	char why[WHY_MAX] = "";
	int status = CMD_OK;

	if (events && guest_events_read(events, &join.guest, why,
					sizeof(why))) {
		cmd_error("%s", why);
		status = CMD_INPUT;
	}
	if (!status)
		status = open_disk(&join, path, from);
	if (!status)
		status = convert(&join, output);
	trace_close(join.trace);
	guest_events_free(&join.guest);
	g_free(join.writes);
	g_free(join.first);
	g_free(join.next);
	return status;
}
