/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * trace-writer.h - writes a .zdt trace as its events come
 *
 * Memory is bounded: two blocks, zstd's window of 128 MiB, and 24 to 48 bytes for
 * each different page. With bytes, the pages are also kept in a temporary file
 * without a name, because two pages are the same only when all their bytes are.
 */
#ifndef ZDEDUP_TRACE_WRITER_H
#define ZDEDUP_TRACE_WRITER_H

#include "trace.h"

/**
 * struct trace_writer_options - what the trace is going to hold
 * @has_type, @has_memcg, @has_folio, @has_order: which columns it has
 * @has_pages: each page comes with its bytes
 * @has_facts: each page comes with its facts; at least one of the two
 * @digest, @lengths: names, as in struct trace_summary; only with @has_facts
 * @info:      "key=value\n" lines, or NULL. Not the keys "digest" and "length"
 * @in_place:  write to the path itself, which must not exist yet, so that what is
 *             there after a crash can be salvaged (a recorder). Else to a temporary
 *             name beside it, renamed by trace_writer_close
 * @window_log: of zstd, 10 to 27; 0: 27. A smaller one takes less memory
 */
struct trace_writer_options {
	bool has_type, has_memcg, has_folio, has_order;
	bool has_pages, has_facts;
	bool in_place;
	unsigned int nr_lengths;
	unsigned int window_log;
	const char *digest;
	const char *const *lengths;
	const char *info;
};

struct trace_writer;

/*
 * All return 0 or a negative errno with one line in @why, as trace_open does. After
 * a failure each later call fails likewise, and the writer is still to be closed
 * or abandoned. One thread at a time.
 */
int trace_writer_open(const char *path,
		      const struct trace_writer_options *options,
		      struct trace_writer **out, char *why, size_t size);

/*
 * Appends one event; ev->seq is not looked at. With has_pages, @bytes are the
 * page's 4096 bytes or NULL (no page), ev->page is not looked at, and the
 * writer finds out which pages are the same. Without, ev->page numbers the page,
 * and pages are numbered by first use: a number is one that has been there or
 * the next one. @facts, with nr_lengths lengths, are of the page and needed at its
 * first use (a repeated page's are not looked at).
 */
int trace_write_event(struct trace_writer *writer,
		      const struct trace_event *ev, const void *bytes,
		      const struct trace_facts *facts, char *why, size_t size);

/*
 * When it returns 0, all events so far are in the file and come back from
 * trace_open_salvage even if this process is killed; with @sync, if the machine is.
 */
int trace_writer_flush(struct trace_writer *writer, bool sync, char *why,
		       size_t size);

/* Pages written so far. */
uint64_t trace_writer_pages(const struct trace_writer *writer);

/* The temporary name, or NULL when there is none: for a signal handler. */
const char *trace_writer_temporary(const struct trace_writer *writer);

/*
 * Ends the file, makes it durable and gives it its name. On failure a temporary
 * file is removed; one written in place is left, incomplete. Frees @writer.
 */
int trace_writer_close(struct trace_writer *writer, char *why, size_t size);

/* As a failed close. NULL is allowed. */
void trace_writer_abandon(struct trace_writer *writer);

#endif /* ZDEDUP_TRACE_WRITER_H */
