/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cmd-info.c - zdedup info: what is in a trace, without any model
 *
 * Two passes: the first counts and finds the event with the most live pages, the
 * second stops there and looks at who shares what.
 */
#include <inttypes.h>
#include <string.h>

#include "../traces/trace.h"
#include "census.h"
#include "cmd.h"
#include "options.h"
#include "output.h"
#include "progress.h"
#include "report.h"

#define WHY_MAX 1024u
#define ROWS_MAX 33	/* powers of two of a 32-bit count */

/* What the bytes look like. */
enum page_kind {
	KIND_ZERO,
	KIND_SAME_FILLED,
	KIND_TEXT,	/* at least 85 % printable ASCII or white space */
	KIND_POINTERS,	/* at least a quarter of the words are x86-64 addresses */
	KIND_OTHER,
	NR_KINDS,
};

static const char *const kind_names[NR_KINDS] = {
	"zero", "same_filled", "text", "pointers", "other",
};

struct tally {
	uint64_t contents, pages;
};

/**
 * struct info - what the report says
 * @peak: events done at the first peak of live pages, 0 when no page ever was live
 * @rows: contents with 2^i .. 2^(i+1)-1 copies at the peak, zero pages apart
 */
struct info {
	struct census_counts counts;
	uint64_t peak, live;
	struct tally rows[ROWS_MAX];
	struct tally kinds[NR_KINDS];
};

static bool text_like(const unsigned char *bytes)
{
	unsigned int printable = 0;

	for (unsigned int i = 0; i < TRACE_PAGE_SIZE; i++)
		printable += g_ascii_isprint(bytes[i]) ||
			     g_ascii_isspace(bytes[i]);
	return printable * 100 >= TRACE_PAGE_SIZE * 85;
}

static bool pointer_heavy(const unsigned char *bytes)
{
	unsigned int pointers = 0;

	for (unsigned int i = 0; i < TRACE_PAGE_SIZE; i += 8) {
		uint64_t word;

		memcpy(&word, bytes + i, sizeof(word));
		/* user: 0x0000_5xxx.. to 0x0000_7fff..; kernel: from 0xffff_8... */
		pointers += word >> 44 == 0x5 || word >> 44 == 0x7 ||
			    word >> 47 == 0x1ffff;
	}
	return pointers * 4 >= TRACE_PAGE_SIZE / 8;
}

static enum page_kind kind_of(const struct trace *trace,
			      const struct census *census, uint32_t content)
{
	const unsigned char *bytes;

	switch (pages_class(census->pages, content)) {
	case PAGE_ZERO:
		return KIND_ZERO;
	case PAGE_SAME_FILLED:
		return KIND_SAME_FILLED;
	default:
		if (!trace_summary(trace)->has_pages)
			return KIND_OTHER;
		bytes = trace_page(trace, content);
		if (text_like(bytes))
			return KIND_TEXT;
		return pointer_heavy(bytes) ? KIND_POINTERS : KIND_OTHER;
	}
}

static void tally(struct tally *t, uint64_t pages)
{
	t->contents++;
	t->pages += pages;
}

static void look_at_peak(struct trace *trace, struct census *census,
			 struct info *info)
{
	uint64_t nr = trace_summary(trace)->nr_pages;

	for (uint64_t page = 0; page < nr; page++) {
		enum page_kind kind;
		uint32_t copies;

		if (!pages_names_content(census->pages, page))
			continue;
		copies = census_residents(census, (uint32_t)page);
		if (!copies)
			continue;
		kind = kind_of(trace, census, (uint32_t)page);
		tally(&info->kinds[kind], copies);
		if (kind != KIND_ZERO)
			tally(&info->rows[g_bit_storage(copies) - 1], copies);
	}
}

/* Runs the census to the end, or up to @stop events. */
static int pass(struct trace *trace, struct pages *pages,
		struct census *census, struct info *info, uint64_t stop)
{
	struct trace_event ev;
	char why[WHY_MAX] = "";
	int got = 0;

	if (census_init(census, trace, pages)) {
		cmd_error("%s: out of memory", trace_path(trace));
		return CMD_INPUT;
	}
	while (census->n.events < stop &&
	       (got = trace_next(trace, &ev, why, sizeof(why))) > 0) {
		uint32_t held = census_held(census, &ev), content = 0;

		if (ev.op == TRACE_LOAD && ev.page != TRACE_NO_PAGE &&
		    held != SLOT_EMPTY &&
		    pages_content(census->pages, ev.page) != held - 1) {
			cmd_error("%s: event %" PRIu64
				  " loads another content than slot %" PRIu64
				  " holds", trace_path(trace), ev.seq, ev.slot);
			return CMD_INPUT;
		}
		if (ev.op == TRACE_STORE)
			content = pages_content(pages, ev.page);
		census_event(census, &ev, held, content);
		if (stop == UINT64_MAX && census->live > info->live) {
			info->live = census->live;
			info->peak = census->n.events;
		}
		progress_at(census->n.events);
	}
	if (got < 0) {
		cmd_error("%s", why);
		return CMD_INPUT;
	}
	return CMD_OK;
}

static int passes(struct trace *trace, struct pages *pages, struct info *info)
{
	uint64_t events = trace_summary(trace)->events;
	struct census census = { 0 };
	int status;

	progress_start("counting", events);
	status = pass(trace, pages, &census, info, UINT64_MAX);
	info->counts = census.n;
	census_destroy(&census);
	if (status)
		return status;
	if (trace_rewind(trace)) {
		cmd_error("%s: cannot be read a second time",
			  trace_path(trace));
		return CMD_INPUT;
	}
	progress_start("at the peak", info->peak);
	status = pass(trace, pages, &census, info, info->peak);
	if (!status)
		look_at_peak(trace, &census, info);
	census_destroy(&census);
	progress_wipe();
	return status;
}

static int gather(struct trace *trace, struct info *info)
{
	const char *why;
	struct pages *pages = pages_new(trace, &why);
	int status;

	if (!pages) {
		cmd_error("%s: %s", trace_path(trace), why);
		return CMD_INPUT;
	}
	status = passes(trace, pages, info);
	pages_free(pages);
	return status;
}

static void row_name(char *buf, size_t size, int row)
{
	uint64_t first = 1ull << row;

	if (row)
		snprintf(buf, size, "%" PRIu64 "-%" PRIu64, first,
			 2 * first - 1);
	else
		snprintf(buf, size, "1");
}

static void add_tally(struct value *object, const struct tally *t)
{
	value_unsigned(object, "contents", t->contents);
	value_unsigned(object, "pages", t->pages);
}

static struct value *info_object(const struct trace *trace,
				 const struct info *info)
{
	struct value *report = value_object(), *sharing = value_object();
	struct value *histogram = value_array(), *kinds = value_object();
	struct value *row;
	char copies[48];

	value_string(report, "schema", "zdedup.info/1");
	value_add(report, "trace", report_trace(trace_path(trace),
						trace_format(trace),
						trace_summary(trace)->vantage,
						&info->counts));
	value_unsigned(sharing, "event", info->peak);
	value_unsigned(sharing, "live_pages", info->live);
	value_unsigned(sharing, "zero_pages", info->kinds[KIND_ZERO].pages);
	for (int i = 0; i < ROWS_MAX; i++) {
		if (!info->rows[i].contents)
			continue;
		row = value_object();
		row_name(copies, sizeof(copies), i);
		value_string(row, "copies", copies);
		add_tally(row, &info->rows[i]);
		value_add(histogram, NULL, row);
	}
	value_add(sharing, "histogram", histogram);
	value_add(report, "sharing", sharing);
	for (int i = 0; i < NR_KINDS; i++) {
		row = value_object();
		add_tally(row, &info->kinds[i]);
		value_add(kinds, kind_names[i], row);
	}
	value_add(report, "kinds", kinds);
	return report;
}

static void print_line(FILE *file, const char *name, const struct tally *t)
{
	fprintf(file, "  %-12s %10" PRIu64 " %10" PRIu64 "\n", name,
		t->contents, t->pages);
}

static void info_text(FILE *file, const struct trace *trace,
		      const struct info *info)
{
	const char *seen = report_vantage(trace_summary(trace)->vantage);
	const struct census_counts *n = &info->counts;
	struct tally all = { 0 };
	char copies[48];

	fprintf(file, "%s (%s): %" PRIu64 " events: %" PRIu64 " stores, %"
		PRIu64 " loads, %" PRIu64 " invalidates; %" PRIu64
		" contents\n", trace_path(trace), trace_format(trace),
		n->events, n->stores, n->loads, n->invalidates,
		n->unique_pages);
	if (seen)
		fprintf(file, "%s\n", seen);
	fprintf(file, "Stores: %" PRIu64 " zero, %" PRIu64
		" duplicates of a resident page, %" PRIu64
		" re-stores, %" PRIu64 " new; %" PRIu64
		" of these same-filled, not zero\n", n->zero_stores,
		n->resident_duplicate_stores, n->restores, n->unique_stores,
		n->same_filled_stores);
	if (!n->stores) {
		fprintf(file, "\nThis trace holds NO STORE: there is nothing to share.\n");
		return;
	}
	fprintf(file, "\nAt the peak, %" PRIu64 " live pages after event %"
		PRIu64 ", zero pages apart:\n  %-12s %10s %10s\n", info->live,
		info->peak, "copies", "contents", "pages");
	for (int i = 0; i < ROWS_MAX; i++) {
		if (!info->rows[i].contents)
			continue;
		row_name(copies, sizeof(copies), i);
		print_line(file, copies, &info->rows[i]);
		all.contents += info->rows[i].contents;
		all.pages += info->rows[i].pages;
	}
	print_line(file, "all", &all);
	fprintf(file, "\nKinds\n");
	for (int i = 0; i < NR_KINDS; i++)
		print_line(file, kind_names[i], &info->kinds[i]);
	if (all.contents) {
		uint64_t hundredths = (all.pages * 100 + all.contents / 2) /
				      all.contents;

		fprintf(file, "\ndedup = %" PRIu64 ".%02" PRIu64
			" pages per content, before what compression changes: 'zdedup replay --dedup always' tells.\n",
			hundredths / 100, hundredths % 100);
	}
}

static int info(const char *path, const char *input_format,
		const char *format, const char *output)
{
	struct info info = { 0 };
	struct trace *trace;
	struct value *report;
	struct output *out;
	char why[WHY_MAX] = "";
	int status;

	if (trace_open(path, input_format, &trace, why, sizeof(why))) {
		cmd_error("%s", why);
		return CMD_INPUT;
	}
	out = output_open(output);
	status = out ? gather(trace, &info) : CMD_INPUT;
	if (status) {
		output_abandon(out);
	} else {
		report = info_object(trace, &info);
		if (!strcmp(format, "json"))
			report_json(output_file(out), report);
		else
			info_text(output_file(out), trace, &info);
		value_free(report);
		status = output_commit(out);
	}
	trace_close(trace);
	return status;
}

int cmd_info(int argc, char **argv)
{
	static const char *const known[] = { "text", "json", NULL };
	const char *format = "text", *input_format = NULL, *output = NULL;
	const char *path;
	const struct option_spec specs[] = {
		{ "--format", "text|json", OPTION_STRING, &format, "text", 0, 0 },
		{ "--input-format", "NAME", OPTION_STRING, &input_format, "do not probe the trace's content", 0, 0 },
		{ "-o", "FILE", OPTION_STRING, &output, "instead of stdout", 0, 0 },
		{ NULL, NULL, OPTION_STRING, NULL, NULL, 0, 0 },
	};
	const struct option_table table = {
		.command = "info",
		.usage = "info TRACE [options]",
		.specs = specs,
		.operand = "TRACE",
		.examples = "examples:\n  zdedup info vm-memory.raw\n  zdedup info --format json swap-trace/\n",
	};
	const char *names[16] = { NULL };

	switch (options_parse(&table, argc, argv, &path)) {
	case OPTIONS_HELP:
		return CMD_OK;
	case OPTIONS_WRONG:
		return CMD_USAGE;
	default:
		break;
	}
	if (!options_among(format, known))
		return cmd_usage("info", "unknown --format '%s' (text or json)",
				 format);
	for (unsigned int i = 0; i < G_N_ELEMENTS(names) - 1 &&
	     trace_format_name(i); i++)
		names[i] = trace_format_name(i);
	if (input_format && !options_among(input_format, names))
		return cmd_usage("info", "unknown --input-format '%s'",
				 input_format);
	return info(path, input_format, format, output);
}
