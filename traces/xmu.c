/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * xmu.c - the MobileAppTraces of Xiamen University
 *
 * One line an I/O of a mobile phone's application, columns with tabs between
 * them: time in seconds, R or W, block address and size in sectors of 512 bytes,
 * process id, process, and the MD5s of the pages, joined by '-'.
 *
 * As with fiu.c, what the MD5s of a read say is not looked at.
 */
#include "lines.h"

#define SECTORS 8	/* a page's */
#define MD5_DIGITS 32

enum { TIME, OP, LBA, SIZE, PID, NAME, MD5S, NR_FIELDS };

struct xmu {
	struct lines lines;
	struct ids ids;
};

static bool xmu_probe(int fd, const struct trace_map *map)
{
	struct field line, f[NR_FIELDS];
	uint64_t us;

	(void)fd;
	return lines_first(map, &line) &&
	       field_split(&line, '\t', f, NR_FIELDS) == NR_FIELDS &&
	       field_seconds(&f[TIME], &us) &&
	       (field_is(&f[OP], "W") || field_is(&f[OP], "R"));
}

static int place_of(const struct lines *lines, const struct field *f,
		    uint64_t *slot, uint64_t *pages)
{
	uint64_t lba, size;

	if (!field_number(&f[LBA], &lba) || lba % SECTORS ||
	    lba / SECTORS > TRACE_SLOT_MAX)
		return lines_fail(lines,
				  "block address '%.*s' is not that of a page: a multiple of %d sectors",
				  FIELD_ARG(&f[LBA]), SECTORS);
	if (!field_number(&f[SIZE], &size) || !size || size % SECTORS ||
	    size / SECTORS > TRACE_SLOT_MAX - lba / SECTORS)
		return lines_fail(lines,
				  "'%.*s' sectors are no pages, which have %d each",
				  FIELD_ARG(&f[SIZE]), SECTORS);
	*slot = lba / SECTORS;
	*pages = size / SECTORS;
	return 0;
}

/* The MD5 of page @i of a line's */
static int md5_of(const struct lines *lines, const struct field *all,
		  uint64_t i, uint8_t md5[16])
{
	const char *s = all->s + i * (MD5_DIGITS + 1);
	struct field one = { s, MD5_DIGITS };

	if (!field_md5(&one, md5) ||
	    (i && s[-1] != '-'))
		return lines_fail(lines,
				  "'%.*s' is not an MD5 of 32 hexadecimal digits",
				  FIELD_ARG(&one));
	return 0;
}

static int add_pages(struct xmu *xmu, struct trace_event *ev, uint64_t pages,
		     const struct field *md5s)
{
	struct trace_facts facts;
	uint8_t md5[16];
	uint64_t i;
	int ret = 0;

	/* so that a short line cannot stand for any number of events */
	if (md5s->len % (MD5_DIGITS + 1) != MD5_DIGITS ||
	    md5s->len / (MD5_DIGITS + 1) + 1 != pages)
		return lines_fail(&xmu->lines,
				  "%zu characters of MD5s are not the MD5s of %llu pages",
				  md5s->len, (unsigned long long)pages);
	for (i = 0; i < pages && !ret; i++, ev->slot++) {
		ret = md5_of(&xmu->lines, md5s, i, md5);
		if (ret)
			return ret;
		facts_of_md5(md5, &facts);
		ret = lines_event(&xmu->lines, &xmu->ids, ev,
				  ev->op == TRACE_STORE ? md5 : NULL, &facts);
	}
	return ret;
}

static int read_line(struct xmu *xmu)
{
	const struct lines *lines = &xmu->lines;
	struct trace_event ev = { 0 };
	struct field f[NR_FIELDS];
	uint64_t pages = 0;
	unsigned int n;
	int ret;

	n = field_split(&lines->line, '\t', f, NR_FIELDS);
	if (n != NR_FIELDS)
		return lines_fail(lines, "%s columns, must be %d with tabs between them",
				  n < NR_FIELDS ? "too few" : "too many",
				  NR_FIELDS);
	if (!field_seconds(&f[TIME], &ev.time_us))
		return lines_fail(lines,
				  "time '%.*s' is not a number of seconds",
				  FIELD_ARG(&f[TIME]));
	if (!field_is(&f[OP], "W") && !field_is(&f[OP], "R"))
		return lines_fail(lines, "'%.*s' is neither W nor R",
				  FIELD_ARG(&f[OP]));
	ev.op = field_is(&f[OP], "W") ? TRACE_STORE : TRACE_LOAD;
	ret = place_of(lines, f, &ev.slot, &pages);
	if (ret)
		return ret;
	return add_pages(xmu, &ev, pages, &f[MD5S]);
}

static int xmu_open(struct trace *trace, int fd, const struct trace_why *why)
{
	struct xmu xmu = { 0 };
	int ret;

	(void)fd;
	lines_begin(&xmu.lines, trace, why);
	trace->summary.digest = "md5";
	while ((ret = lines_next(&xmu.lines)) > 0) {
		ret = read_line(&xmu);
		if (ret)
			break;
	}
	ids_free(&xmu.ids);
	return ret ? ret : lines_end(&xmu.lines);
}

const struct trace_reader trace_xmu = {
	.name = "xmu",
	.vantage = "device",
	.probe = xmu_probe,
	.open = xmu_open,
	.next = trace_built_next,
};
