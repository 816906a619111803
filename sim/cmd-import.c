/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cmd-import.c - zdedup import: a .zdt of anything that is a trace
 *
 * Of several inputs each one is a swap device of its own, after those of the
 * inputs before it: their slots do not meet, their contents do.
 */
#include <inttypes.h>
#include <string.h>

#include "../traces/trace-writer.h"
#include "cmd.h"
#include "import-device.h"
#include "options.h"
#include "output.h"
#include "progress.h"

#define WHY_MAX 1024u

/**
 * struct import - one run
 * @lost:  bytes that salvage had to leave
 * @types: swap devices of the inputs before this one
 * @names: new numbers of pages without bytes, + 1
 * @info:  of the file to be: what was known, and from where it was seen
 */
struct import {
	GPtrArray *traces;
	const char *output;
	bool salvage;
	uint64_t lost, done;
	unsigned int types;
	uint64_t *names;
	char *info;
	struct trace_writer *writer;
};

static unsigned int types_of(const struct trace_summary *sum)
{
	unsigned int types = 1;

	for (unsigned int t = 0; t < TRACE_TYPES_MAX; t++)
		if (sum->slots[t])
			types = t + 1;
	return types;
}

static int open_inputs(struct import *import, const GPtrArray *paths,
		       const char *from)
{
	char why[WHY_MAX] = "";

	for (guint i = 0; i < paths->len; i++) {
		const char *path = g_ptr_array_index(paths, i);
		struct trace *trace;
		uint64_t lost = 0;
		int err;

		err = import->salvage ?
		      trace_open_salvage(path, &trace, &lost, why,
					 sizeof(why)) :
		      trace_open(path, from, &trace, why, sizeof(why));
		if (err) {
			cmd_error("%s", why);
			return CMD_INPUT;
		}
		import->lost += lost;
		g_ptr_array_add(import->traces, trace);
	}
	return CMD_OK;
}

/* Several inputs have been seen from where the first one was. */
static void choose_info(struct import *import)
{
	const struct trace_summary *sum =
		trace_summary(g_ptr_array_index(import->traces, 0));

	if (import->traces->len == 1 && strstr(sum->info, "vantage="))
		import->info = g_strdup(sum->info);
	else
		import->info = g_strdup_printf("vantage=%s\n%s", sum->vantage,
					       import->traces->len == 1 ?
					       sum->info : "");
}

/* The columns of all inputs; facts only of a single one. */
static int choose_columns(const struct import *import,
			  struct trace_writer_options *o)
{
	unsigned int types = 0;

	for (guint i = 0; i < import->traces->len; i++) {
		const struct trace *trace =
			g_ptr_array_index(import->traces, i);
		const struct trace_summary *sum = trace_summary(trace);

		o->has_type |= sum->has_type || i;
		o->has_memcg |= sum->has_memcg;
		o->has_folio |= sum->has_folio;
		o->has_order |= sum->has_order;
		types += types_of(sum);
		if (import->traces->len > 1 && !sum->has_pages) {
			cmd_error("%s: carries no bytes, so it cannot be joined with another trace (input %u)",
				  trace_path(trace), i + 1);
			return CMD_INPUT;
		}
		if (types > TRACE_TYPES_MAX) {
			cmd_error("%s: more than %d swap devices in all (input %u)",
				  trace_path(trace), TRACE_TYPES_MAX, i + 1);
			return CMD_INPUT;
		}
		o->has_pages = sum->has_pages;
		if (import->traces->len > 1)
			continue;
		o->has_facts = sum->has_facts;
		o->digest = sum->digest;
		o->lengths = sum->lengths;
		o->nr_lengths = sum->nr_lengths;
	}
	o->info = import->info;
	return CMD_OK;
}

/* One event of @trace; 0 or CMD_INPUT after one line */
static int copy_event(struct import *import, const struct trace *trace,
		      struct trace_event *ev)
{
	const struct trace_summary *sum = trace_summary(trace);
	struct trace_facts facts = { 0 };
	const void *bytes = NULL;
	char why[WHY_MAX] = "";

	ev->type = (uint8_t)(ev->type + import->types);
	if (ev->page != TRACE_NO_PAGE) {
		if (sum->has_facts)
			facts = trace_facts(trace, ev->page);
		if (sum->has_pages) {
			bytes = trace_page(trace, ev->page);
		} else {
			uint64_t *name = &import->names[ev->page];

			if (!*name)
				*name = trace_writer_pages(import->writer) + 1;
			ev->page = *name - 1;
		}
	}
	if (trace_write_event(import->writer, ev, bytes,
			      sum->has_facts ? &facts : NULL, why,
			      sizeof(why))) {
		cmd_error("%s", why);
		return CMD_INPUT;
	}
	progress_at(++import->done);
	return CMD_OK;
}

static int copy_trace(struct import *import, struct trace *trace)
{
	const struct trace_summary *sum = trace_summary(trace);
	struct trace_event ev;
	char why[WHY_MAX] = "";
	int got, status = CMD_OK;

	if (!sum->has_pages)
		import->names = g_try_new0(uint64_t, sum->nr_pages + 1);
	if (!sum->has_pages && !import->names) {
		cmd_error("%s: not enough memory for %" PRIu64 " pages",
			  trace_path(trace), sum->nr_pages);
		return CMD_INPUT;
	}
	while (!status && (got = trace_next(trace, &ev, why, sizeof(why)))) {
		if (got < 0) {
			cmd_error("%s", why);
			status = CMD_INPUT;
		} else {
			status = copy_event(import, trace, &ev);
		}
	}
	import->types += types_of(sum);
	g_clear_pointer(&import->names, g_free);
	return status;
}

static int copy_all(struct import *import)
{
	uint64_t events = 0;
	int status = CMD_OK;

	for (guint i = 0; i < import->traces->len; i++)
		events += trace_summary(g_ptr_array_index(import->traces,
							  i))->events;
	progress_start("import", events);
	for (guint i = 0; i < import->traces->len && !status; i++)
		status = copy_trace(import,
				    g_ptr_array_index(import->traces, i));
	progress_wipe();
	return status;
}

static int finish(struct import *import, int status)
{
	uint64_t pages = trace_writer_pages(import->writer);
	char why[WHY_MAX] = "";

	if (status) {
		trace_writer_abandon(import->writer);
	} else if (trace_writer_close(import->writer, why, sizeof(why))) {
		cmd_error("%s", why);
		status = CMD_INPUT;
	}
	output_guard(NULL, 0);
	if (status)
		return status;
	printf("%s: %" PRIu64 " events, %" PRIu64 " pages", import->output,
	       import->done, pages);
	if (import->salvage)
		printf("; %" PRIu64 " bytes behind the last whole block are lost",
		       import->lost);
	printf("\n");
	return CMD_OK;
}

static int import_all(struct import *import, const GPtrArray *paths,
		      const char *from)
{
	struct trace_writer_options options = { 0 };
	int status = open_inputs(import, paths, from);
	const char *temporary;
	char why[WHY_MAX] = "";

	if (!status) {
		choose_info(import);
		status = choose_columns(import, &options);
	}
	if (!status && trace_writer_open(import->output, &options,
					 &import->writer, why, sizeof(why))) {
		cmd_error("%s", why);
		status = CMD_INPUT;
	}
	if (!import->writer)
		return status;
	temporary = trace_writer_temporary(import->writer);
	output_guard(&temporary, 1);
	return finish(import, copy_all(import));
}

static void close_trace(gpointer trace)
{
	trace_close(trace);
}

int cmd_import(int argc, char **argv)
{
	g_autoptr(GPtrArray) paths = g_ptr_array_new();
	struct import import = { 0 };
	const char *from = NULL, *vantage = NULL, *events = NULL, *operand;
	const struct option_spec specs[] = {
		{ "--from", "FORMAT", OPTION_STRING, &from, "do not probe the content of IN", 0, 0 },
		{ "--salvage", NULL, OPTION_TRUE, &import.salvage, "IN is a .zdt cut short or damaged: keep what is whole", 0, 0 },
		{ "--vantage", "slots", OPTION_STRING, &vantage, "IN was seen by a swap disk: put in the stores it could not see", 0, 0 },
		{ "--events", "FILE", OPTION_STRING, &events, "the same from what record-guest.sh wrote in the guest", 0, 0 },
		{ "-o", "OUT.zdt", OPTION_STRING, &import.output, "must be given", 0, 0 },
		{ NULL, NULL, OPTION_STRING, NULL, NULL, 0, 0 },
	};
	const struct option_table table = {
		.command = "import",
		.usage = "import [--from FORMAT] IN... -o OUT.zdt [--salvage | --vantage slots | --events FILE]",
		.specs = specs,
		.operand = "IN",
		.operands = paths,
		.examples = "Each further IN becomes a swap device of its own.\n\nexamples:\n  zdedup import swap-trace/ -o swap.zdt\n  zdedup import --from raw vm1.raw vm2.raw -o farm.zdt\n  zdedup import --salvage cut.zdt -o whole.zdt\n",
	};
	const char *names[64] = { NULL };
	int status;

	switch (options_parse(&table, argc, argv, &operand)) {
	case OPTIONS_HELP:
		return CMD_OK;
	case OPTIONS_WRONG:
		return CMD_USAGE;
	default:
		break;
	}
	if (!import.output)
		return cmd_usage("import", "no -o OUT.zdt given");
	for (unsigned int i = 0; i < G_N_ELEMENTS(names) - 1 &&
	     trace_format_name(i); i++)
		names[i] = trace_format_name(i);
	if (from && !options_among(from, names))
		return cmd_usage("import", "unknown --from '%s'", from);
	if (import.salvage && from && strcmp(from, "zdt"))
		return cmd_usage("import", "--salvage is for .zdt, not '%s'",
				 from);
	if (vantage && strcmp(vantage, "slots"))
		return cmd_usage("import", "unknown --vantage '%s'", vantage);
	if (vantage || events) {
		if (paths->len > 1 || import.salvage)
			return cmd_usage("import", "--vantage and --events take one IN, a whole one");
		return import_device(g_ptr_array_index(paths, 0), from, events,
				     import.output);
	}
	import.traces = g_ptr_array_new_with_free_func(close_trace);
	status = import_all(&import, paths, from);
	g_ptr_array_free(import.traces, TRUE);
	g_free(import.info);
	return status;
}
