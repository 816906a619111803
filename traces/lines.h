/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * lines.h - for the readers of text that carries no page bytes: lines, fields,
 * and numbers for the contents that they name
 */
#ifndef ZDEDUP_LINES_H
#define ZDEDUP_LINES_H

#include "trace-internal.h"

/* Nothing that is read here needs more; a line of any length is no line. */
#define LINES_MAX 65536u

/* A piece of a line, without an end of its own. */
struct field {
	const char *s;
	size_t len;
};

/**
 * struct lines - a file read line by line
 * @line: the line that lines_next() found, without its end; number @nr, from 1
 */
struct lines {
	struct trace *trace;
	const struct trace_why *why;
	const uint8_t *pos, *end;
	struct field line;
	uint64_t nr;
};

void lines_begin(struct lines *lines, struct trace *trace,
		 const struct trace_why *why);
/* 1: a line; 0: the end; else an error with its message. */
int lines_next(struct lines *lines);
/* After the last line: ends what was built (trace_build_end). */
int lines_end(const struct lines *lines);
/* -EINVAL, with "FILE: <text> (line N)". */
int lines_fail(const struct lines *lines, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
/* The first line of @map, for probes: false when there is none, or it is no text. */
bool lines_first(const struct trace_map *map, struct field *line);

/*
 * Splits @line at each @separator; ' ' stands for a run of blanks or tabs. Returns
 * the number of fields, @max + 1 when there are more than @max.
 */
unsigned int field_split(const struct field *line, char separator,
			 struct field *fields, unsigned int max);
bool field_is(const struct field *field, const char *text);
/* A plain decimal number of 64 bits. */
bool field_number(const struct field *field, uint64_t *value);
/* Seconds with up to any number of decimals, in microseconds, rounded down. */
bool field_seconds(const struct field *field, uint64_t *us);
/* Exactly 32 hexadecimal digits. */
bool field_md5(const struct field *field, uint8_t md5[16]);

#define FIELD_ARG(field) (int)((field)->len < 64 ? (field)->len : 64), (field)->s

/**
 * struct ids - numbers for 16-byte names, by first use
 * Memory: 24 bytes a name at a load of 3/8 to 3/4.
 */
struct ids {
	struct id *table;
	uint64_t mask, nr, seed;
};

/* *@number is that of @name; it was given to it just now when it is the old ->nr. */
int ids_get(struct ids *ids, const uint8_t name[16], uint64_t *number,
	    const struct lines *lines);
void ids_free(struct ids *ids);

/*
 * Adds a store (of the page @name, whose facts go in when it is new) or, with
 * @name NULL, a load or an invalidate.
 */
int lines_event(const struct lines *lines, struct ids *ids,
		struct trace_event *ev, const uint8_t name[16],
		const struct trace_facts *facts);

/* What the MD5 of a page says of it: facts of a new content. */
void facts_of_md5(const uint8_t md5[16], struct trace_facts *facts);

#endif /* ZDEDUP_LINES_H */
