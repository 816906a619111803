/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * trace-internal.h - what the readers of one format share with trace.c
 */
#ifndef ZDEDUP_TRACE_INTERNAL_H
#define ZDEDUP_TRACE_INTERNAL_H

#include "trace.h"

/* Where the one line about a failure goes; @buf may be NULL. */
struct trace_why {
	char *buf;
	size_t size;
};

/**
 * struct trace_map - a whole file, read-only
 * @data: NULL when the file is empty
 * @size: bytes, after unpacking
 */
struct trace_map {
	const uint8_t *data;
	uint64_t size;
};

struct trace_reader;

#define TRACE_EXTRA_MAX 3	/* type, memcg, folio */

/**
 * struct trace - one open trace
 * @pages: the pages, back to back
 * @seq:   the number of the next event
 *
 * Of the ops reader only:
 * @list:      ops.csv
 * @list_path: its name, for messages
 * @first:     its second line; @pos: the next line; @end: the end of the file
 * @extra:     which columns follow the first five, in the file's order
 */
struct trace {
	char *path;
	const struct trace_reader *reader;
	struct trace_summary summary;
	struct trace_map pages;
	uint64_t seq;

	struct trace_map list;
	char *list_path;
	const uint8_t *first, *pos, *end;
	uint8_t extra[TRACE_EXTRA_MAX];
	unsigned int nr_extra;
};

/**
 * struct trace_reader - one format
 * @open: fills @summary and whatever @next needs from @fd, which is a directory
 *        if @directory is set and a regular file otherwise. On failure
 *        trace_close releases what was acquired.
 */
struct trace_reader {
	const char *name;
	bool directory;
	int (*open)(struct trace *trace, int fd, const struct trace_why *why);
	int (*next)(struct trace *trace, struct trace_event *ev,
		    const struct trace_why *why);
};

extern const struct trace_reader trace_raw;
extern const struct trace_reader trace_ops;

/* trace.c */
int trace_fail(const struct trace_why *why, int error, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
char *trace_join(const char *dir, const char *name);

/* spill.c */
int trace_open_regular(int dirfd, const char *name, const char *label,
		       int *out, const struct trace_why *why);
int trace_map(struct trace_map *map, int fd, const char *label,
	      const struct trace_why *why);
void trace_unmap(struct trace_map *map);
void trace_map_drop(const struct trace_map *map);
int trace_check_pages(const struct trace_map *map, const char *label,
		      const struct trace_why *why);

#endif /* ZDEDUP_TRACE_INTERNAL_H */
