/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cmd-list.c - zdedup list: the words that this build knows
 */
#include <string.h>

#include "../traces/trace.h"
#include "cmd.h"
#include "options.h"
#include "output.h"
#include "report.h"

static const char *const kinds[ZDEDUP_NR_KINDS] = {
	[ZDEDUP_KERNELS] = "kernels",
	[ZDEDUP_COMPRESSORS] = "compressors",
	[ZDEDUP_ZPOOLS] = "zpools",
	[ZDEDUP_HASHES] = "hashes",
	[ZDEDUP_POLICIES] = "policies",
};

static const struct {
	const char *name, *summary;
} formats[] = {
	{ "zdt", "the native format: events, pages, facts; see traces/FORMAT.md" },
	{ "raw", "4096-byte pages back to back; page i is one store to slot i+1" },
	{ "ops", "a directory with ops.csv and pages.raw (each may be .zst)" },
	{ "fiu", "text of the FIU I/O deduplication traces: MD5s, no bytes" },
	{ "xmu", "text of the XMU mobile application traces: MD5s, no bytes" },
	{ "swapreplay", "lines SLOT R|W LENGTH: compressed lengths, no contents" },
	{ "libcachesim-csv", "csv with time, obj_id and obj_size: contents by number" },
};

static const char *format_summary(const char *name)
{
	for (size_t i = 0; i < G_N_ELEMENTS(formats); i++)
		if (!strcmp(formats[i].name, name))
			return formats[i].summary;
	return "";
}

static void add(struct value *array, const char *name, const char *summary)
{
	struct value *entry = value_object();

	value_string(entry, "name", name);
	value_string(entry, "summary", summary ? summary : "");
	value_add(array, NULL, entry);
}

static struct value *list_object(void)
{
	struct value *report = value_object();
	struct value *array;
	const char *name;

	value_string(report, "schema", "zdedup.list/1");
	for (int kind = 0; kind < ZDEDUP_NR_KINDS; kind++) {
		array = value_array();
		for (unsigned int i = 0; (name = zdedup_name(kind, i)); i++)
			add(array, name, zdedup_summary(kind, i));
		value_add(report, kinds[kind], array);
	}
	array = value_array();
	for (unsigned int i = 0; (name = trace_format_name(i)); i++)
		add(array, name, format_summary(name));
	value_add(report, "formats", array);
	return report;
}

static void list_text(FILE *file, const struct value *report)
{
	/* the first member is the schema */
	for (guint i = 1; i < report->members->len; i++) {
		const struct value_member *kind =
			g_ptr_array_index(report->members, i);
		const GPtrArray *entries = kind->value->members;

		fprintf(file, "%s%s\n", i > 1 ? "\n" : "", kind->name);
		for (guint j = 0; j < entries->len; j++) {
			const struct value_member *entry =
				g_ptr_array_index(entries, j);
			const char *summary =
				value_find(entry->value, "summary")->string;

			fprintf(file, *summary ? "  %-12s %s\n" : "  %s%s\n",
				value_find(entry->value, "name")->string,
				summary);
		}
	}
}

int cmd_list(int argc, char **argv)
{
	static const char *const known[] = { "text", "json", NULL };
	const char *format = "text", *path = NULL, *operand;
	const struct option_spec specs[] = {
		{ "--format", "text|json", OPTION_STRING, &format, "text", 0, 0 },
		{ "-o", "FILE", OPTION_STRING, &path, "instead of stdout", 0, 0 },
		{ NULL, NULL, OPTION_STRING, NULL, NULL, 0, 0 },
	};
	const struct option_table table = {
		.command = "list",
		.usage = "list [options]",
		.specs = specs,
		.examples = "examples:\n  zdedup list\n  zdedup list --format json\n",
	};
	struct value *report;
	struct output *out;

	switch (options_parse(&table, argc, argv, &operand)) {
	case OPTIONS_HELP:
		return CMD_OK;
	case OPTIONS_WRONG:
		return CMD_USAGE;
	default:
		break;
	}
	if (!options_among(format, known))
		return cmd_usage("list", "unknown --format '%s' (text or json)",
				 format);
	out = output_open(path);
	if (!out)
		return CMD_INPUT;
	report = list_object();
	if (!strcmp(format, "json"))
		report_json(output_file(out), report);
	else
		list_text(output_file(out), report);
	value_free(report);
	return output_commit(out);
}
