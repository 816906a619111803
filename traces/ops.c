/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ops.c - the ops directory: a list of events (ops.csv) beside its pages
 *
 * The list is read twice, once to check and sum up, once to replay, so one line
 * costs a few tens of nanoseconds at most: one parser for both, no copy, no call,
 * and what exactly is wrong with a line is found out only when something is.
 *
 * Each line is one event and seq counts from 0, so event n is line n + 2.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "trace-internal.h"

#define NR_FIXED 5
#define LINE_MAX_BYTES 256	/* eight columns of the longest values: 159 */
#define DIGITS_MAX 20		/* of 2^64 - 1 */

enum { EXTRA_TYPE, EXTRA_MEMCG, EXTRA_FOLIO };

static const char *const fixed_names[NR_FIXED] = {
	"seq", "time_us", "op", "slot", "page"
};
static const char *const extra_names[TRACE_EXTRA_MAX] = {
	[EXTRA_TYPE] = "type",
	[EXTRA_MEMCG] = "memcg",
	[EXTRA_FOLIO] = "folio",
};
enum ops_error {
	OPS_OK,
	OPS_NUMBER,		/* no plain decimal, or not the end of the column */
	OPS_OVERFLOW,
	OPS_DIGITS,
	OPS_SEQ,
	OPS_OP,
	OPS_SLOT,
	OPS_PAGE,
	OPS_STORE_NO_PAGE,
	OPS_INVALIDATE_PAGE,
	OPS_TYPE,
	OPS_MEMCG,
	OPS_COLUMNS,
};

/* ---- one line ---- */

/* Rare: as many digits as 2^64 - 1 has; more would make a line of any length */
static enum ops_error long_number(const uint8_t *s, size_t digits,
				  uint64_t *value)
{
	uint64_t v = 0;

	if (digits > DIGITS_MAX)
		return OPS_DIGITS;
	while (digits--)
		if (__builtin_mul_overflow(v, 10, &v) ||
		    __builtin_add_overflow(v, *s++ - '0', &v))
			return OPS_OVERFLOW;
	*value = v;
	return OPS_OK;
}

static inline enum ops_error number(const uint8_t **p, const uint8_t *end,
				    uint64_t *value)
{
	const uint8_t *s = *p;
	uint64_t v = 0;
	size_t digits;

	while (s < end && (uint8_t)(*s - '0') <= 9)
		v = v * 10 + (uint8_t)(*s++ - '0');
	digits = s - *p;
	if (!digits)
		return OPS_NUMBER;
	if (digits >= DIGITS_MAX) {
		enum ops_error err = long_number(*p, digits, &v);

		if (err)
			return err;
	}
	*value = v;
	*p = s;
	return OPS_OK;
}

static inline bool comma(const uint8_t **p, const uint8_t *end)
{
	if (*p == end || **p != ',')
		return false;
	++*p;
	return true;
}

/* A number and the comma behind it; *p stays if there is none. */
static inline enum ops_error number_comma(const uint8_t **p,
					  const uint8_t *end, uint64_t *value)
{
	const uint8_t *s = *p;
	enum ops_error err = number(&s, end, value);

	if (err)
		return err;
	if (!comma(&s, end))
		return OPS_NUMBER;
	*p = s;
	return OPS_OK;
}

static inline bool op_comma(const uint8_t **p, const uint8_t *end,
			    uint8_t *op)
{
	size_t left = end - *p;

	if (left >= 6 && !memcmp(*p, "store,", 6)) {
		*op = TRACE_STORE;
		*p += 6;
	} else if (left >= 5 && !memcmp(*p, "load,", 5)) {
		*op = TRACE_LOAD;
		*p += 5;
	} else if (left >= 11 && !memcmp(*p, "invalidate,", 11)) {
		*op = TRACE_INVALIDATE;
		*p += 11;
	} else {
		return false;
	}
	return true;
}

/* LF, CRLF, or the end of the file in place of either */
static inline bool line_end(const uint8_t **p, const uint8_t *end)
{
	const uint8_t *s = *p;

	if (s < end && *s == '\r')
		s++;
	if (s < end && *s == '\n')
		s++;
	else if (s < end)
		return false;
	*p = s;
	return true;
}

static inline enum ops_error extra_column(unsigned int which,
					  const uint8_t **p,
					  const uint8_t *end,
					  struct trace_event *ev)
{
	const uint8_t *s = *p;
	enum ops_error err;
	uint64_t v;

	/* A load or an invalidate belongs to no folio that it could name. */
	if (which == EXTRA_FOLIO &&
	    (s == end || *s == ',' || *s == '\r' || *s == '\n'))
		return OPS_OK;

	err = number(&s, end, &v);
	if (err)
		return err;

	switch (which) {
	case EXTRA_TYPE:
		if (v >= TRACE_TYPES_MAX)
			return OPS_TYPE;
		ev->type = v;
		break;
	case EXTRA_MEMCG:
		if (v > UINT32_MAX)
			return OPS_MEMCG;
		ev->memcg = v;
		break;
	default:
		ev->folio = v;
	}
	*p = s;
	return OPS_OK;
}

/* The page column, without what ends it */
static inline enum ops_error page_column(const struct trace *trace,
					 const uint8_t **p,
					 const uint8_t *end,
					 struct trace_event *ev)
{
	const uint8_t *s = *p;
	enum ops_error err;

	if (s == end || *s == ',' || *s == '\r' || *s == '\n')
		return ev->op == TRACE_STORE ? OPS_STORE_NO_PAGE : OPS_OK;
	err = number(&s, end, &ev->page);
	if (err)
		return err;
	if (ev->op == TRACE_INVALIDATE)
		return OPS_INVALIDATE_PAGE;
	if (ev->page >= trace->summary.nr_pages)
		return OPS_PAGE;
	*p = s;
	return OPS_OK;
}

/*
 * Reads the line at *p, which is before @end. On success *p is the next line, else
 * (in) the column that is wrong.
 */
static inline __attribute__((always_inline)) enum ops_error
parse_line(const struct trace *trace, const uint8_t **p,
	   struct trace_event *ev)
{
	const uint8_t *end = trace->end;
	enum ops_error err;
	unsigned int i;

	*ev = (struct trace_event) { .page = TRACE_NO_PAGE };

	err = number(p, end, &ev->seq);
	if (err)
		return err;
	if (ev->seq != trace->seq)
		return OPS_SEQ;
	if (!comma(p, end))
		return OPS_NUMBER;

	err = number(p, end, &ev->time_us);
	if (err)
		return err;
	if (!comma(p, end))
		return OPS_NUMBER;

	if (!op_comma(p, end, &ev->op))
		return OPS_OP;

	err = number_comma(p, end, &ev->slot);
	if (err)
		return err;
	if (ev->slot > TRACE_SLOT_MAX) {
		--*p;		/* into the column again, for the message */
		return OPS_SLOT;
	}

	err = page_column(trace, p, end, ev);
	if (err)
		return err;

	for (i = 0; i < trace->nr_extra; i++) {
		if (!comma(p, end))
			return OPS_COLUMNS;
		err = extra_column(trace->extra[i], p, end, ev);
		if (err)
			return err;
	}
	return line_end(p, end) ? OPS_OK : OPS_NUMBER;
}

/* ---- what is wrong with a line ---- */

static size_t line_length(const uint8_t *line, const uint8_t *end)
{
	size_t left = end - line;
	const uint8_t *nl;

	if (left > LINE_MAX_BYTES)
		left = LINE_MAX_BYTES;
	nl = memchr(line, '\n', left);
	if (nl)
		left = nl - line;
	else if (left == LINE_MAX_BYTES)
		return left;
	if (left && line[left - 1] == '\r')
		left--;
	return left;
}

static unsigned int count_commas(const uint8_t *s, const uint8_t *end)
{
	unsigned int n = 0;

	while (s < end)
		n += *s++ == ',';
	return n;
}

/* What is wrong with a line as a whole; false when nothing is. */
static bool fail_shape(const struct trace *trace, uint64_t nr,
		       const uint8_t *line, size_t len,
		       const struct trace_why *why)
{
	unsigned int columns = count_commas(line, line + len) + 1;
	const char *path = trace->list_path;
	bool bad = true;

	if (!len)
		trace_fail(why, -EINVAL, "%s: empty line (line %" PRIu64 ")",
			   path, nr);
	else if (memchr(line, 0, len))
		trace_fail(why, -EINVAL, "%s: NUL byte (line %" PRIu64 ")",
			   path, nr);
	else if (len == LINE_MAX_BYTES)
		trace_fail(why, -EINVAL,
			   "%s: line of %d bytes or more (line %" PRIu64 ")",
			   path, LINE_MAX_BYTES, nr);
	else if (nr > 1 && columns != NR_FIXED + trace->nr_extra)
		trace_fail(why, -EINVAL,
			   "%s: %u columns, the header names %u (line %" PRIu64 ")",
			   path, columns, NR_FIXED + trace->nr_extra, nr);
	else
		bad = false;
	return bad;
}

static const char *column_name(const struct trace *trace, unsigned int i)
{
	if (i < NR_FIXED)
		return fixed_names[i];
	return extra_names[trace->extra[i - NR_FIXED]];
}

static const char *error_text(enum ops_error err)
{
	switch (err) {
	case OPS_OVERFLOW:
		return "does not fit 64 bits";
	case OPS_DIGITS:
		return "has more than 20 digits";
	case OPS_OP:
		return "is none of store, load, invalidate";
	case OPS_SLOT:
		return "is above the highest slot, 1099511627775";
	case OPS_STORE_NO_PAGE:
		return "is empty in a store";
	case OPS_INVALIDATE_PAGE:
		return "is given in an invalidate";
	case OPS_TYPE:
		return "is above the highest type, 31";
	case OPS_MEMCG:
		return "does not fit 32 bits";
	default:
		return "is not a plain decimal number";
	}
}

static int fail_line(const struct trace *trace, enum ops_error err,
		     const uint8_t *at, const struct trace_event *ev,
		     const struct trace_why *why)
{
	const uint8_t *line = trace->pos, *s, *stop;
	const char *path = trace->list_path;
	uint64_t nr = trace->seq + 2;
	size_t len = line_length(line, trace->end);

	if (fail_shape(trace, nr, line, len, why))
		return -EINVAL;

	switch (err) {
	case OPS_SEQ:
		return trace_fail(why, -EINVAL,
				  "%s: seq is %" PRIu64 ", expected %" PRIu64 " (line %" PRIu64 ")",
				  path, ev->seq, trace->seq, nr);
	case OPS_PAGE:
		return trace_fail(why, -EINVAL,
				  "%s: page %" PRIu64 " is past the end of pages.raw (%" PRIu64 " pages) (line %" PRIu64 ")",
				  path, ev->page, trace->summary.nr_pages, nr);
	default:
		break;
	}

	/* the column around @at: back to the comma before, on to the next */
	if (at > line + len)
		at = line + len;
	for (s = at; s > line && s[-1] != ','; s--)
		;
	stop = memchr(s, ',', line + len - s);
	if (!stop)
		stop = line + len;
	return trace_fail(why, -EINVAL, "%s: %s '%.*s' %s (line %" PRIu64 ")",
			  path,
			  column_name(trace, count_commas(line, s)),
			  (int)(stop - s), (const char *)s, error_text(err),
			  nr);
}

/* ---- the whole list ---- */

static bool is_name(const char *name, const uint8_t *s, size_t len)
{
	return strlen(name) == len && !memcmp(name, s, len);
}

static int header_column(struct trace *trace, unsigned int i,
			 const uint8_t *s, size_t len,
			 const struct trace_why *why)
{
	const char *path = trace->list_path;
	bool *has[] = {
		[EXTRA_TYPE] = &trace->summary.has_type,
		[EXTRA_MEMCG] = &trace->summary.has_memcg,
		[EXTRA_FOLIO] = &trace->summary.has_folio,
	};
	unsigned int k;

	if (i < NR_FIXED) {
		if (is_name(fixed_names[i], s, len))
			return 0;
		return trace_fail(why, -EINVAL,
				  "%s: column %u is '%.*s', must be '%s' (line 1)",
				  path, i + 1, (int)len, (const char *)s,
				  fixed_names[i]);
	}

	for (k = 0; k < TRACE_EXTRA_MAX; k++)
		if (is_name(extra_names[k], s, len))
			break;
	if (k == TRACE_EXTRA_MAX)
		return trace_fail(why, -EINVAL,
				  "%s: unknown column '%.*s' (line 1)", path,
				  (int)len, (const char *)s);
	if (*has[k])
		return trace_fail(why, -EINVAL,
				  "%s: column '%s' is there twice (line 1)",
				  path, extra_names[k]);
	*has[k] = true;
	trace->extra[trace->nr_extra++] = k;
	return 0;
}

static int read_header(struct trace *trace, const struct trace_why *why)
{
	const uint8_t *line = trace->list.data, *s = line, *stop, *end;
	unsigned int i = 0;
	size_t len;
	int ret;

	if (!trace->list.size)
		return trace_fail(why, -EINVAL,
				  "%s: is empty, without even a header (line 1)",
				  trace->list_path);
	trace->end = line + trace->list.size;
	len = line_length(line, trace->end);
	if (fail_shape(trace, 1, line, len, why))
		return -EINVAL;

	end = line + len;
	do {
		stop = memchr(s, ',', end - s);
		if (!stop)
			stop = end;
		ret = header_column(trace, i++, s, stop - s, why);
		if (ret)
			return ret;
		s = stop + 1;
	} while (stop < end);

	if (i < NR_FIXED)
		return trace_fail(why, -EINVAL,
				  "%s: column '%s' is missing (line 1)",
				  trace->list_path, fixed_names[i]);
	trace->first = end;
	line_end(&trace->first, trace->end);
	return 0;
}

/* Dropping what was read costs nothing at this step, see DROP_EVERY. */
#define SCAN_DROP_EVERY (1u << 20)

static int scan(struct trace *trace, const struct trace_why *why)
{
	struct trace_summary *sum = &trace->summary;
	uint64_t ops[3] = { 0 };
	struct trace_event ev;

	trace_rewind(trace);
	while (trace->pos != trace->end) {
		const uint8_t *p = trace->pos;
		enum ops_error err = parse_line(trace, &p, &ev);

		if (err)
			return fail_line(trace, err, p, &ev, why);
		trace->pos = p;
		ops[ev.op]++;
		if (ev.slot >= sum->slots[ev.type])
			sum->slots[ev.type] = ev.slot + 1;
		if (++trace->seq % SCAN_DROP_EVERY == 0)
			trace_map_drop(&trace->list);
	}
	sum->events = trace->seq;
	sum->stores = ops[TRACE_STORE];
	sum->loads = ops[TRACE_LOAD];
	sum->invalidates = ops[TRACE_INVALIDATE];
	return 0;
}

/* Maps NAME or else NAME.zst beside it; *path is which, to be freed. */
static int map_member(struct trace *trace, int dirfd, const char *name,
		      struct trace_map *map, char **path,
		      const struct trace_why *why)
{
	const char *suffix[] = { "", ".zst" };
	char member[16];
	unsigned int i;
	int fd, ret;

	for (i = 0; i < 2; i++) {
		snprintf(member, sizeof(member), "%s%s", name, suffix[i]);
		free(*path);
		*path = trace_join(trace->path, member);
		if (!*path)
			return trace_fail(why, -ENOMEM, "%s: %m", trace->path);
		ret = trace_open_regular(dirfd, member, *path, &fd, why);
		if (ret == -ENOENT)
			continue;
		if (ret)
			return ret;
		ret = trace_map(map, fd, *path, why);
		close(fd);
		return ret;
	}
	return trace_fail(why, -EINVAL,
			  "%s: is no ops directory: it holds neither %s nor %s.zst",
			  trace->path, name, name);
}

static int ops_open(struct trace *trace, int fd, const struct trace_why *why)
{
	char *pages_path = NULL;
	int ret;

	ret = map_member(trace, fd, "ops.csv", &trace->list,
			 &trace->list_path, why);
	if (!ret)
		ret = map_member(trace, fd, "pages.raw", &trace->pages,
				 &pages_path, why);
	if (!ret)
		ret = trace_check_pages(&trace->pages, pages_path, why);
	free(pages_path);
	if (ret)
		return ret;

	trace->summary.nr_pages = trace->pages.size / TRACE_PAGE_SIZE;
	ret = read_header(trace, why);
	if (!ret)
		ret = scan(trace, why);
	return ret;
}

/*
 * The file may have been written to since the scan. The user sized tables by the
 * summary, so what goes beyond it must not get through.
 */
static int ops_next(struct trace *trace, struct trace_event *ev,
		    const struct trace_why *why)
{
	const struct trace_summary *sum = &trace->summary;
	const uint8_t *p = trace->pos;
	enum ops_error err;

	if (p == trace->end) {
		if (trace->seq == sum->events)
			return 0;
		goto changed;
	}
	err = parse_line(trace, &p, ev);
	if (err)
		return fail_line(trace, err, p, ev, why);
	if (ev->seq >= sum->events || ev->slot >= sum->slots[ev->type])
		goto changed;

	trace->pos = p;
	trace->seq++;
	return 1;
changed:
	return trace_fail(why, -EINVAL,
			  "%s: has changed since it was opened (line %" PRIu64 ")",
			  trace->list_path, trace->seq + 2);
}

const struct trace_reader trace_ops = {
	.name = "ops",
	.vantage = "slots",
	.directory = true,
	.open = ops_open,
	.next = ops_next,
};
