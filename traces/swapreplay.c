/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * swapreplay.c - lines "SLOT R|W LENGTH", after compcache's SwapReplay (2008),
 * which recorded swap traffic with compressed lengths and without contents
 *
 * What was stored is not known, so each write is a content of its own: such a
 * trace tells what an allocator makes of the lengths, and nothing of sharing.
 * Which compressor it was is not known either: its lengths are named "clen". There
 * is no clock; the time of an event is its number. A read's length is not looked at.
 */
#include "lines.h"

enum { SLOT, OP, LENGTH, NR_FIELDS };

static bool swapreplay_probe(int fd, const struct trace_map *map)
{
	struct field line, f[NR_FIELDS];
	uint64_t n;

	(void)fd;
	return lines_first(map, &line) &&
	       field_split(&line, ' ', f, NR_FIELDS) == NR_FIELDS &&
	       field_number(&f[SLOT], &n) && field_number(&f[LENGTH], &n) &&
	       (field_is(&f[OP], "W") || field_is(&f[OP], "R"));
}

static int read_line(const struct lines *lines)
{
	struct trace *trace = lines->trace;
	struct trace_facts facts = { 0 };
	struct field f[NR_FIELDS];
	struct trace_event ev = {
		.time_us = trace->summary.events,
		.page = TRACE_NO_PAGE,
		.op = TRACE_LOAD,
	};
	uint64_t length;
	int ret = 0;

	if (field_split(&lines->line, ' ', f, NR_FIELDS) != NR_FIELDS)
		return lines_fail(lines, "must be SLOT, R or W, and LENGTH");
	if (!field_number(&f[SLOT], &ev.slot) || ev.slot > TRACE_SLOT_MAX)
		return lines_fail(lines, "'%.*s' is not the number of a slot",
				  FIELD_ARG(&f[SLOT]));
	if (!field_is(&f[OP], "W") && !field_is(&f[OP], "R"))
		return lines_fail(lines, "'%.*s' is neither W nor R",
				  FIELD_ARG(&f[OP]));
	if (!field_number(&f[LENGTH], &length) || length > TRACE_PAGE_SIZE ||
	    (!length && field_is(&f[OP], "W")))
		return lines_fail(lines,
				  "'%.*s' is not the length of a compressed page, 1 to %d",
				  FIELD_ARG(&f[LENGTH]), TRACE_PAGE_SIZE);
	if (field_is(&f[OP], "W")) {
		ev.op = TRACE_STORE;
		ev.page = trace->summary.nr_pages;
		facts.lengths[0] = length;
		ret = trace_build_facts(trace, &facts, lines->why);
	}
	return ret ? ret : trace_build_event(trace, &ev, lines->why);
}

static int swapreplay_open(struct trace *trace, int fd,
			   const struct trace_why *why)
{
	struct lines lines;
	int ret;

	(void)fd;
	lines_begin(&lines, trace, why);
	trace->summary.lengths[0] = TRACE_LENGTHS_UNNAMED;
	trace->summary.nr_lengths = 1;
	while ((ret = lines_next(&lines)) > 0) {
		ret = read_line(&lines);
		if (ret)
			break;
	}
	return ret ? ret : lines_end(&lines);
}

const struct trace_reader trace_swapreplay = {
	.name = "swapreplay",
	.vantage = "device",
	.probe = swapreplay_probe,
	.open = swapreplay_open,
	.next = trace_built_next,
};
