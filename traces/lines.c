/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * lines.c - text that carries no page bytes; see lines.h
 */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "lines.h"

#define DROP_EVERY (1u << 20)	/* lines, see trace.c */
#define IDS_MIN 1024u

struct id {
	uint8_t name[16];
	uint64_t number;	/* + 1; 0: free */
};

void lines_begin(struct lines *lines, struct trace *trace,
		 const struct trace_why *why)
{
	*lines = (struct lines) {
		.trace = trace,
		.why = why,
		.pos = trace->pages.data,
		.end = trace->pages.data + trace->pages.size,
	};
	trace->summary.has_pages = false;
	trace->summary.has_facts = true;
}

int lines_fail(const struct lines *lines, const char *fmt, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	return trace_fail(lines->why, -EINVAL, "%s: %s (line %" PRIu64 ")",
			  lines->trace->path, text, lines->nr);
}

/* The line at @s, before @end, without its end: LF or CRLF */
static struct field line_at(const uint8_t *s, const uint8_t *end)
{
	const uint8_t *stop = memchr(s, '\n', end - s);

	if (!stop)
		stop = end;
	if (stop > s && stop[-1] == '\r')
		stop--;
	return (struct field) { (const char *)s, stop - s };
}

int lines_next(struct lines *lines)
{
	size_t left = lines->end - lines->pos;
	const uint8_t *stop;

	if (!left)
		return 0;
	lines->nr++;
	if (lines->nr % DROP_EVERY == 0)
		trace_map_drop(&lines->trace->pages);
	stop = memchr(lines->pos, '\n', left > LINES_MAX ? LINES_MAX : left);
	if (!stop && left > LINES_MAX)
		return lines_fail(lines, "line of more than %u bytes",
				  LINES_MAX);
	if (!stop)
		stop = lines->end;
	lines->line = line_at(lines->pos, stop);
	lines->pos = stop < lines->end ? stop + 1 : stop;
	if (!lines->line.len)
		return lines_fail(lines, "empty line");
	if (memchr(lines->line.s, 0, lines->line.len))
		return lines_fail(lines, "NUL byte");
	return 1;
}

int lines_end(const struct lines *lines)
{
	if (!lines->nr)
		return trace_fail(lines->why, -EINVAL,
				  "%s: is empty (line 1)", lines->trace->path);
	return trace_build_end(lines->trace, lines->why);
}

bool lines_first(const struct trace_map *map, struct field *line)
{
	uint64_t len = map->size < LINES_MAX ? map->size : LINES_MAX;
	size_t i;

	if (!len)
		return false;
	*line = line_at(map->data, map->data + len);
	for (i = 0; i < line->len; i++)
		if ((uint8_t)line->s[i] < 0x20 && line->s[i] != '\t')
			return false;
	return line->len;
}

/* ---- fields ---- */

static bool separates(char c, char separator)
{
	return c == separator || (separator == ' ' && c == '\t');
}

unsigned int field_split(const struct field *line, char separator,
			 struct field *fields, unsigned int max)
{
	const char *s = line->s, *end = s + line->len, *start;
	unsigned int n = 0;

	for (;;) {
		while (separator == ' ' && s < end && separates(*s, ' '))
			s++;
		if (separator == ' ' && s == end)
			return n;
		if (n == max)
			return max + 1;
		for (start = s; s < end && !separates(*s, separator); s++)
			;
		fields[n++] = (struct field) { start, s - start };
		if (s++ == end)
			return n;
	}
}

bool field_is(const struct field *field, const char *text)
{
	return field->len == strlen(text) &&
	       !memcmp(field->s, text, field->len);
}

bool field_number(const struct field *field, uint64_t *value)
{
	uint64_t v = 0;
	size_t i;

	if (!field->len || field->len > 20)
		return false;
	for (i = 0; i < field->len; i++)
		if ((uint8_t)(field->s[i] - '0') > 9 ||
		    __builtin_mul_overflow(v, 10, &v) ||
		    __builtin_add_overflow(v, field->s[i] - '0', &v))
			return false;
	*value = v;
	return true;
}

bool field_seconds(const struct field *field, uint64_t *us)
{
	const char *dot = memchr(field->s, '.', field->len);
	struct field whole = *field;
	uint64_t unit = 100000, fraction = 0;
	const char *s;

	if (dot)
		whole.len = dot - field->s;
	if (!field_number(&whole, us) ||
	    __builtin_mul_overflow(*us, 1000000, us))
		return false;
	for (s = dot ? dot + 1 : field->s + field->len;
	     s < field->s + field->len; s++, unit /= 10) {
		if ((uint8_t)(*s - '0') > 9)
			return false;
		fraction += (*s - '0') * unit;
	}
	return !__builtin_add_overflow(*us, fraction, us);
}

static int hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool field_md5(const struct field *field, uint8_t md5[16])
{
	unsigned int i;
	int high, low;

	if (field->len != 32)
		return false;
	for (i = 0; i < 16; i++) {
		high = hex(field->s[2 * i]);
		low = hex(field->s[2 * i + 1]);
		if (high < 0 || low < 0)
			return false;
		md5[i] = high << 4 | low;
	}
	return true;
}

/* ---- contents ---- */

static struct id *find(const struct ids *ids, const uint8_t name[16])
{
	uint64_t i = XXH3_64bits_withSeed(name, 16, ids->seed) & ids->mask;

	while (ids->table[i].number && memcmp(ids->table[i].name, name, 16))
		i = (i + 1) & ids->mask;
	return &ids->table[i];
}

static int grow(struct ids *ids, const struct lines *lines)
{
	struct ids more = *ids;
	uint64_t i;

	/*
	 * Names come from the file, which could have been made to collide; the
	 * numbers do not depend on the seed.
	 */
	if (!ids->table && getrandom(&more.seed, sizeof(more.seed), 0) < 0)
		more.seed = 0;
	more.mask = ids->table ? 2 * ids->mask + 1 : IDS_MIN - 1;
	more.table = calloc(more.mask + 1, sizeof(*more.table));
	if (!more.table)
		return trace_fail(lines->why, -ENOMEM, "%s: %m (line %" PRIu64 ")",
				  lines->trace->path, lines->nr);
	for (i = 0; ids->table && i <= ids->mask; i++)
		if (ids->table[i].number)
			*find(&more, ids->table[i].name) = ids->table[i];
	free(ids->table);
	*ids = more;
	return 0;
}

int ids_get(struct ids *ids, const uint8_t name[16], uint64_t *number,
	    const struct lines *lines)
{
	struct id *id;
	int ret;

	if (!ids->table || ids->nr >= ids->mask / 4 * 3) {
		ret = grow(ids, lines);
		if (ret)
			return ret;
	}
	id = find(ids, name);
	if (!id->number) {
		memcpy(id->name, name, 16);
		id->number = ++ids->nr;
	}
	*number = id->number - 1;
	return 0;
}

void ids_free(struct ids *ids)
{
	free(ids->table);
}

int lines_event(const struct lines *lines, struct ids *ids,
		struct trace_event *ev, const uint8_t name[16],
		const struct trace_facts *facts)
{
	uint64_t known = ids->nr;
	int ret = 0;

	ev->page = TRACE_NO_PAGE;
	if (name)
		ret = ids_get(ids, name, &ev->page, lines);
	if (!ret && ids->nr != known)
		ret = trace_build_facts(lines->trace, facts, lines->why);
	return ret ? ret : trace_build_event(lines->trace, ev, lines->why);
}

void facts_of_md5(const uint8_t md5[16], struct trace_facts *facts)
{
	/* of 4096 zero bytes: the one class that a digest tells */
	static const uint8_t zero[16] = {
		0x62, 0x0f, 0x0b, 0x67, 0xa9, 0x1f, 0x7f, 0x74,
		0x15, 0x1b, 0xc5, 0xbe, 0x74, 0x5b, 0x71, 0x10,
	};

	memset(facts, 0, sizeof(*facts));
	memcpy(facts->digest, md5, sizeof(facts->digest));
	if (!memcmp(md5, zero, sizeof(zero)))
		facts->class = TRACE_CLASS_ZERO;
}
