/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * report-sweep.c - many runs beside each other: a table, on a terminal or a page
 *
 * Columns are what differs between the runs, and a few figures: the mean over the
 * events for a stream, the state after the last page for a page set, as the
 * verdict of a replay has it. Runs that differ in the domain of sharing alone make a
 * second table: what is saved by all together, less what is saved apart.
 */
#include "report-sweep.h"

#include <inttypes.h>
#include <string.h>

#include "report.h"

/* What can differ, by its path in the report. */
static const struct {
	const char *path, *title;
} inputs[] = {
	{ "trace.path", "trace" },
	{ "config.kernel", "kernel" },
	{ "config.compressor", "compressor" },
	{ "config.zpool", "zpool" },
	{ "config.hash", "hash" },
	{ "config.dedup", "dedup" },
	{ "config.compare", "compare" },
	{ "config.charge", "charge" },
	{ "config.domain", "domain" },
	{ "config.writeback", "writeback" },
	{ "config.memcg_config", "memcg config" },
	{ "config.seed", "seed" },
	{ "config.totalram_pages", "totalram pages" },
	{ "config.max_pool_percent", "max pool %" },
	{ "config.accept_threshold_percent", "accept %" },
};

/* @moment: the path is below over_time.mean or over_time.last. */
static const struct {
	const char *path, *title;
	bool moment, bytes;
} figures[] = {
	{ "density.pool_bytes", "pool", true, true },
	{ "density.metadata_bytes", "metadata", true, true },
	{ "density.ratio_net", "density", true, false },
	{ "dedup.saved_bytes_net", "saved net", true, true },
	{ "dedup.saved_percent_net", "saved %", true, false },
	{ "hits.hit_rate", "hit rate", false, false },
	{ "counters.pswpout", "to device", false, false },
};

/* Among @figures: what isolation is measured by, and those with a bar on the page. */
enum { SAVED = 3, BAR_DENSITY = 2, BAR_SAVED = 4 };

#define NO_BAR (-1)

/**
 * struct table - cells of text
 * @titles: of the columns; @cells: row by row
 * @bars:   of each cell, int: percent of the largest of its column, or NO_BAR
 * @inputs: how many of the columns say what a run is
 */
struct table {
	GPtrArray *titles, *cells;
	GArray *bars;
	unsigned int inputs;
};

static const struct value *run_at(const struct sweep_report *report, guint i)
{
	return g_ptr_array_index(report->runs, i);
}

static const struct value *figure(const struct value *run, unsigned int i)
{
	const char *format = value_find(run, "trace.format")->string;
	g_autofree char *path = g_strdup_printf("over_time.%s.%s",
		report_moment(format), figures[i].path);

	return value_find(run, figures[i].moment ? path : figures[i].path);
}

/* As JSON would have it; "-" for null. */
static char *cell(const struct value *value, bool bytes)
{
	char buf[REPORT_BYTES_MAX];
	int64_t size;

	if (!value || value->kind == VALUE_NULL)
		return g_strdup("-");
	if (value->kind == VALUE_STRING)
		return g_strdup(value->string);
	if (value->kind == VALUE_DECIMAL)
		return value_text(value);
	size = value->kind == VALUE_SIGNED ? value->integer :
					     (int64_t)value->number;
	return bytes ? g_strdup(report_bytes(buf, size)) : value_text(value);
}

static void add_cell(struct table *table, char *text, int bar)
{
	g_ptr_array_add(table->cells, text);
	g_array_append_val(table->bars, bar);
}

static bool differs(const struct sweep_report *report, const char *path)
{
	g_autofree char *first = cell(value_find(run_at(report, 0), path),
				      false);

	for (guint i = 1; i < report->runs->len; i++) {
		g_autofree char *other =
			cell(value_find(run_at(report, i), path), false);

		if (strcmp(first, other))
			return true;
	}
	return false;
}

/* The largest of a figure over the runs; the bars are parts of it. */
static int64_t largest(const struct sweep_report *report, unsigned int i)
{
	int64_t most = 0;

	for (guint r = 0; r < report->runs->len; r++) {
		const struct value *v = figure(run_at(report, r), i);

		if (v && v->kind == VALUE_DECIMAL)
			most = MAX(most, v->integer);
	}
	return most;
}

static int bar(const struct value *value, int64_t most)
{
	if (!most || !value || value->kind != VALUE_DECIMAL ||
	    value->integer <= 0)
		return 0;
	return (int)((__int128)value->integer * 100 / most);
}

/* A table with columns for what differs between the runs, @except aside. */
static struct table *table_new(const struct sweep_report *report,
			       bool shown[static G_N_ELEMENTS(inputs)],
			       const char *except)
{
	struct table *table = g_new0(struct table, 1);

	table->titles = g_ptr_array_new();
	table->cells = g_ptr_array_new_with_free_func(g_free);
	table->bars = g_array_new(FALSE, FALSE, sizeof(int));
	for (unsigned int i = 0; i < G_N_ELEMENTS(inputs); i++) {
		shown[i] = g_strcmp0(inputs[i].path, except) &&
			   differs(report, inputs[i].path);
		if (!shown[i])
			continue;
		g_ptr_array_add(table->titles, (gpointer)inputs[i].title);
		table->inputs++;
	}
	return table;
}

static void add_inputs(struct table *table, const struct value *run,
		       const bool *shown)
{
	for (unsigned int i = 0; i < G_N_ELEMENTS(inputs); i++)
		if (shown[i])
			add_cell(table,
				 cell(value_find(run, inputs[i].path), false),
				 NO_BAR);
}

static struct table *all_runs(const struct sweep_report *report)
{
	bool shown[G_N_ELEMENTS(inputs)];
	struct table *table = table_new(report, shown, NULL);
	int64_t density = largest(report, BAR_DENSITY);
	int64_t saved = largest(report, BAR_SAVED);

	for (unsigned int i = 0; i < G_N_ELEMENTS(figures); i++)
		g_ptr_array_add(table->titles, (gpointer)figures[i].title);
	for (guint r = 0; r < report->runs->len; r++) {
		const struct value *run = run_at(report, r);

		add_inputs(table, run, shown);
		for (unsigned int i = 0; i < G_N_ELEMENTS(figures); i++) {
			const struct value *v = figure(run, i);
			int width = NO_BAR;

			if (i == BAR_DENSITY)
				width = bar(v, density);
			else if (i == BAR_SAVED)
				width = bar(v, saved);
			add_cell(table, cell(v, figures[i].bytes), width);
		}
	}
	return table;
}

static void table_free(struct table *table)
{
	if (!table)
		return;
	g_ptr_array_unref(table->titles);
	g_ptr_array_unref(table->cells);
	g_array_unref(table->bars);
	g_free(table);
}

/*--------------------------------------------------------------- isolation */

static const char isolation_note[] =
	"What isolation costs: what is saved net when all may share, less what is saved when only a domain may.";

static const char *domain_of(const struct value *run)
{
	return value_find(run, "config.domain")->string;
}

/* All that a run is, but for its domain. */
static char *key_of(const struct value *run)
{
	GString *key = g_string_new(NULL);

	for (unsigned int i = 0; i < G_N_ELEMENTS(inputs); i++) {
		g_autofree char *text = NULL;

		if (!strcmp(inputs[i].path, "config.domain"))
			continue;
		text = cell(value_find(run, inputs[i].path), false);
		g_string_append_printf(key, "%s\n", text);
	}
	return g_string_free(key, FALSE);
}

/* Global runs by what else they are. */
static GHashTable *global_runs(const struct sweep_report *report)
{
	GHashTable *runs = g_hash_table_new_full(g_str_hash, g_str_equal,
						 g_free, NULL);

	for (guint r = 0; r < report->runs->len; r++)
		if (!strcmp(domain_of(run_at(report, r)), "global"))
			g_hash_table_insert(runs, key_of(run_at(report, r)),
					    (gpointer)run_at(report, r));
	return runs;
}

static void add_cost(struct table *table, const struct value *global,
		     const struct value *run)
{
	const struct value *together = figure(global, SAVED);
	const struct value *apart = figure(run, SAVED);
	char buf[REPORT_BYTES_MAX];
	int64_t cost;

	add_cell(table, g_strdup(domain_of(run)), NO_BAR);
	add_cell(table, cell(together, true), NO_BAR);
	add_cell(table, cell(apart, true), NO_BAR);
	if (together->kind == VALUE_NULL || apart->kind == VALUE_NULL) {
		add_cell(table, g_strdup("-"), NO_BAR);
		add_cell(table, g_strdup("-"), NO_BAR);
		return;
	}
	cost = together->integer - apart->integer;
	add_cell(table, g_strdup(report_bytes(buf, cost)), NO_BAR);
	/* a part of nothing saved is no part */
	add_cell(table, g_strdup(report_percent(buf, cost,
						MAX(together->integer, 0))),
		 together->integer > 0 && cost > 0 ?
		 (int)MIN((__int128)cost * 100 / together->integer, 100) : 0);
}

/* NULL: no two runs differ in their domain alone. */
static struct table *isolation(const struct sweep_report *report)
{
	static const char *const titles[] = { "domain", "global saves",
					      "domain saves", "cost",
					      "of the saving" };
	g_autoptr(GHashTable) global = global_runs(report);
	bool shown[G_N_ELEMENTS(inputs)];
	struct table *table = table_new(report, shown, "config.domain");

	for (unsigned int i = 0; i < G_N_ELEMENTS(titles); i++)
		g_ptr_array_add(table->titles, (gpointer)titles[i]);
	for (guint r = 0; r < report->runs->len; r++) {
		const struct value *run = run_at(report, r);
		g_autofree char *key = key_of(run);
		const struct value *together = g_hash_table_lookup(global, key);

		/* without dedup there is nothing to isolate */
		if (!together || together == run ||
		    value_find(run, "baseline") == NULL)
			continue;
		add_inputs(table, run, shown);
		add_cost(table, together, run);
	}
	table->inputs++;
	if (table->cells->len)
		return table;
	table_free(table);
	return NULL;
}

struct value *report_sweep(struct sweep_report *report)
{
	struct value *object = value_object(), *runs = value_array();

	value_string(object, "schema", "zdedup.sweep/1");
	for (guint i = 0; i < report->runs->len; i++)
		value_add(runs, NULL, g_ptr_array_index(report->runs, i));
	g_ptr_array_set_size(report->runs, 0);
	value_add(object, "runs", runs);
	return object;
}

/*-------------------------------------------------------------------- text */

static int width_of(const struct table *table, guint column)
{
	glong width = g_utf8_strlen(g_ptr_array_index(table->titles, column),
				    -1);

	for (guint i = column; i < table->cells->len; i += table->titles->len)
		width = MAX(width, g_utf8_strlen(
				g_ptr_array_index(table->cells, i), -1));
	return (int)width;
}

/* Words to the left, figures to the right; nothing behind the last one. */
static void put_cell(FILE *file, const struct table *table, guint column,
		     const char *text)
{
	int pad = width_of(table, column) - (int)g_utf8_strlen(text, -1);
	bool last = column + 1 == table->titles->len;

	if (column < table->inputs)
		fprintf(file, "%s%*s", text, last ? 0 : pad, "");
	else
		fprintf(file, "%*s%s", pad, "", text);
	fputs(last ? "\n" : "  ", file);
}

static void put_text(FILE *file, const struct table *table)
{
	guint columns = table->titles->len;

	for (guint i = 0; i < columns; i++)
		put_cell(file, table, i, g_ptr_array_index(table->titles, i));
	for (guint i = 0; i < table->cells->len; i++)
		put_cell(file, table, i % columns,
			 g_ptr_array_index(table->cells, i));
}

void report_sweep_text(FILE *file, const struct sweep_report *report)
{
	struct table *table = all_runs(report), *costs = isolation(report);

	put_text(file, table);
	fprintf(file, "\n%u runs; the mean over a stream's events, what is after a page set's last.\n",
		report->runs->len);
	if (costs) {
		fprintf(file, "\n%s\n", isolation_note);
		put_text(file, costs);
	}
	table_free(table);
	table_free(costs);
}

/*-------------------------------------------------------------------- HTML */

static void put_html(FILE *file, const char *text)
{
	g_autofree char *escaped = g_markup_escape_text(text, -1);

	fputs(escaped, file);
}

static void put_row(FILE *file, const struct table *table, guint row)
{
	guint columns = table->titles->len;

	fputs("<tr>", file);
	for (guint i = 0; i < columns; i++) {
		int width = g_array_index(table->bars, int, row * columns + i);

		fputs(i < table->inputs ? "<td>" : "<td class=\"n\">", file);
		put_html(file, g_ptr_array_index(table->cells,
						 row * columns + i));
		if (width != NO_BAR)
			fprintf(file, "<div class=\"bar\" style=\"width:%d%%\"></div>",
				width);
		fputs("</td>", file);
	}
	fputs("</tr>\n", file);
}

static void put_table(FILE *file, const struct table *table)
{
	fputs("<table>\n<thead>\n<tr>", file);
	for (guint i = 0; i < table->titles->len; i++) {
		fputs("<th>", file);
		put_html(file, g_ptr_array_index(table->titles, i));
		fputs("</th>", file);
	}
	fputs("</tr>\n</thead>\n<tbody>\n", file);
	for (guint i = 0; i < table->cells->len / table->titles->len; i++)
		put_row(file, table, i);
	fputs("</tbody>\n</table>\n", file);
}

void report_sweep_html(FILE *file, const struct sweep_report *report)
{
	struct table *table = all_runs(report), *costs = isolation(report);

	fputs("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\"/>\n"
	      "<title>zdedup sweep</title>\n<style>\n"
	      "body { font-family: sans-serif; margin: 2em; }\n"
	      "table { border-collapse: collapse; }\n"
	      "th, td { padding: 0.2em 0.8em; border-bottom: 1px solid #ccc; text-align: left; }\n"
	      "td.n { text-align: right; font-variant-numeric: tabular-nums; }\n"
	      "div.bar { height: 0.3em; background: #4477aa; }\n"
	      "</style>\n</head>\n<body>\n<h1>zdedup sweep</h1>\n", file);
	fprintf(file, "<p>%u runs. Figures are the mean over the events of a stream, and what is after the last page of a page set. Bars are parts of the largest value of their column.</p>\n",
		report->runs->len);
	put_table(file, table);
	if (costs) {
		fprintf(file, "<h2>What isolation costs</h2>\n<p>%s</p>\n",
			isolation_note);
		put_table(file, costs);
	}
	fputs("</body>\n</html>\n", file);
	table_free(table);
	table_free(costs);
}
