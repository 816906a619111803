/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * export-cachesim.c - requests for libCacheSim and its kin: csv and oracleGeneral
 *
 * A request is a store, or a load of a slot that holds something; its object is the
 * content, numbered from 1 by first use, its size the compressed length. Zero
 * pages never reach the pool, and a cache knows no invalidate: both are left out,
 * and the line at the end tells how many.
 *
 * oracleGeneral wants to know the object's next request. The records are written
 * with that left open, then read back from the end, a block at a time, with the
 * last request seen of each object in memory: 8 bytes a content.
 */
#define _GNU_SOURCE	/* pread() */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <glib.h>

#include "cmd.h"
#include "export.h"
#include "lengths.h"
#include "output.h"
#include "pages.h"
#include "progress.h"
#include "slots.h"

#define WHY_MAX 1024u
#define RECORD 24u	/* u32 time, u64 object, u32 size, i64 next; packed, little-endian */
#define BLOCK 4096u	/* records */

/**
 * struct content - what is known of one
 * @number: from 1; 0: not used yet
 */
struct content {
	uint64_t number;
	uint16_t length;
	bool zero;
};

/**
 * struct requests - one export
 * @time:  of the last request, in seconds since the first event; never goes back
 * @write: one request to the file
 */
struct requests {
	struct trace *trace;
	struct lengths *lengths;
	struct pages *pages;
	struct slots *slots;
	struct content *contents;
	FILE *file;
	uint64_t start, time;
	uint64_t nr, nr_objects, zero, invalidates, empty;
	void (*write)(struct requests *r, const struct trace_event *ev,
		      const struct content *content);
};

static void put(uint8_t *p, uint64_t value, unsigned int size)
{
	for (; size--; value >>= 8)
		*p++ = (uint8_t)value;
}

static uint64_t get64(const uint8_t *p)
{
	uint64_t value;

	memcpy(&value, p, sizeof(value));
	return GUINT64_FROM_LE(value);
}

static void write_csv(struct requests *r, const struct trace_event *ev,
		      const struct content *content)
{
	fprintf(r->file, "%" PRIu64 ",%" PRIu64 ",%u,%s,%" PRIu64 ",%u\n",
		r->time, content->number, content->length,
		ev->op == TRACE_STORE ? "store" : "load", ev->slot, ev->type);
}

static void write_record(struct requests *r, const struct trace_event *ev,
			 const struct content *content)
{
	uint8_t record[RECORD];

	(void)ev;
	put(record, MIN(r->time, UINT32_MAX), 4);
	put(record + 4, content->number, 8);
	put(record + 12, content->length, 4);
	put(record + 16, UINT64_MAX, 8);
	fwrite(record, RECORD, 1, r->file);
}

/* @page is of the content; NULL and a message: its length is not known. */
static const struct content *content_of(struct requests *r, uint64_t page)
{
	struct content *content = &r->contents[page];
	struct trace_facts facts;

	if (content->number || content->zero)
		return content;
	lengths_get(r->lengths, page, &facts);
	content->zero = facts.class == TRACE_CLASS_ZERO;
	/* 4097 stands for more than a page: it is kept as it is */
	content->length = MIN(facts.lengths[0], TRACE_PAGE_SIZE);
	if (content->zero)
		return content;
	if (!content->length) {
		cmd_error("%s: page %" PRIu64 " has no length of %s",
			  trace_path(r->trace), page,
			  lengths_names(r->lengths)[0]);
		return NULL;
	}
	content->number = ++r->nr_objects;
	return content;
}

/* The page that @ev requests, TRACE_NO_PAGE: none. Keeps track of the slots. */
static uint64_t requested(struct requests *r, const struct trace_event *ev)
{
	uint32_t held = slots_get(r->slots, ev->type, ev->slot);
	uint32_t content;

	if (ev->op == TRACE_STORE) {
		content = trace_summary(r->trace)->has_pages ?
			  pages_content(r->pages, ev->page) :
			  (uint32_t)ev->page;
		slots_put(r->slots, ev->type, ev->slot, content + 1);
		return content;
	}
	if (ev->op == TRACE_INVALIDATE) {
		r->invalidates++;
		slots_put(r->slots, ev->type, ev->slot, SLOT_EMPTY);
		return TRACE_NO_PAGE;
	}
	if (held == SLOT_EMPTY) {
		r->empty++;
		return TRACE_NO_PAGE;
	}
	return held - 1;
}

static int add_event(struct requests *r, const struct trace_event *ev)
{
	const struct content *content;
	uint64_t page = requested(r, ev), time;

	if (!ev->seq)
		r->start = ev->time_us;
	if (page == TRACE_NO_PAGE)
		return CMD_OK;
	content = content_of(r, page);
	if (!content)
		return CMD_INPUT;
	if (content->zero) {
		r->zero++;
		return CMD_OK;
	}
	time = ev->time_us > r->start ? (ev->time_us - r->start) / 1000000 : 0;
	r->time = MAX(r->time, time);
	r->write(r, ev, content);
	r->nr++;
	return CMD_OK;
}

static int add_events(struct requests *r)
{
	struct trace_event ev;
	char why[WHY_MAX] = "";
	int got, status = CMD_OK;

	progress_start("export", trace_summary(r->trace)->events);
	while (!status && (got = trace_next(r->trace, &ev, why, sizeof(why)))) {
		if (got < 0) {
			cmd_error("%s", why);
			status = CMD_INPUT;
		} else {
			status = add_event(r, &ev);
			progress_at(ev.seq + 1);
		}
	}
	progress_wipe();
	return status;
}

/* The records from @first on: which request is the next of each one's object? */
static int link_block(int fd, uint64_t first, uint64_t nr, uint64_t *next)
{
	uint8_t block[BLOCK * RECORD];
	size_t size = nr * RECORD;

	if (pread(fd, block, size, (off_t)(first * RECORD)) != (ssize_t)size)
		return -1;
	for (uint64_t i = nr; i--;) {
		uint8_t *record = block + i * RECORD;
		uint64_t *seen = &next[get64(record + 4)];

		put(record + 16, *seen ? *seen : UINT64_MAX, 8);
		/* counted from 1, as libCacheSim counts while it replays */
		*seen = first + i + 1;
	}
	return pwrite(fd, block, size, (off_t)(first * RECORD)) !=
	       (ssize_t)size;
}

static int link_records(struct requests *r, const char *path)
{
	uint64_t *next = g_try_new0(uint64_t, r->nr_objects + 1);
	uint64_t left = r->nr, nr;
	int bad = !next;

	errno = next ? 0 : ENOMEM;
	bad |= fflush(r->file) != 0;
	for (; left && !bad; left -= nr) {
		nr = left % BLOCK ? left % BLOCK : BLOCK;
		bad = link_block(fileno(r->file), left - nr, nr, next);
	}
	if (bad)
		cmd_error("%s: %s", path, g_strerror(errno ? errno : EIO));
	g_free(next);
	return bad ? CMD_INPUT : CMD_OK;
}

static int prepare(struct requests *r, const struct export_options *options)
{
	const struct trace_summary *sum = trace_summary(r->trace);
	const char *list = options->lengths, *why = "out of memory";
	int status;

	if (list && strchr(list, ','))
		return cmd_usage("export", "an object has one size, so --lengths takes one compressor here");
	if (!list && sum->has_pages)
		list = "lz4@7.2";
	else if (!list && sum->nr_lengths)
		list = sum->lengths[0];
	status = lengths_new(r->trace, list, NULL, &r->lengths);
	if (status)
		return status;
	if (!lengths_nr(r->lengths)) {
		cmd_error("%s: carries neither bytes nor lengths, so objects would have no size",
			  trace_path(r->trace));
		return CMD_INPUT;
	}
	r->pages = pages_new(r->trace, &why);
	r->slots = slots_new(sum);
	r->contents = calloc(sum->nr_pages + 1, sizeof(*r->contents));
	if (r->pages && r->slots && r->contents)
		return CMD_OK;
	cmd_error("%s: %s", trace_path(r->trace), why);
	return CMD_INPUT;
}

static void release(struct requests *r)
{
	lengths_free(r->lengths);
	pages_free(r->pages);
	slots_free(r->slots);
	free(r->contents);
}

static int check_output(const char *path)
{
	struct stat st;

	if (stat(path, &st) || S_ISREG(st.st_mode))
		return CMD_OK;
	cmd_error("%s: is not a regular file, and what is written has to be read again",
		  path);
	return CMD_INPUT;
}

static int export_requests(struct requests *r, bool link,
			   const struct export_options *options)
{
	struct output *out = NULL;
	int status = prepare(r, options);

	if (!status && link)
		status = check_output(options->output);
	if (!status) {
		out = output_open(options->output);
		status = out ? CMD_OK : CMD_INPUT;
	}
	if (!status) {
		r->file = output_file(out);
		if (!link)
			fputs("time,obj_id,obj_size,op,slot,type\n", r->file);
		status = add_events(r);
	}
	if (!status && link)
		status = link_records(r, options->output);
	if (status)
		output_abandon(out);
	else
		status = output_commit(out);
	if (!status)
		printf("%s: %" PRIu64 " requests of %" PRIu64
		       " objects, sizes of %s; left out: %" PRIu64
		       " of zero pages, %" PRIu64 " invalidates, %" PRIu64
		       " loads of empty slots\n", options->output, r->nr,
		       r->nr_objects, lengths_names(r->lengths)[0], r->zero,
		       r->invalidates, r->empty);
	release(r);
	return status;
}

int export_libcachesim_csv(struct trace *trace,
			   const struct export_options *options)
{
	struct requests r = { .trace = trace, .write = write_csv };

	return export_requests(&r, false, options);
}

int export_oracle_general(struct trace *trace,
			  const struct export_options *options)
{
	struct requests r = { .trace = trace, .write = write_record };

	return export_requests(&r, true, options);
}
