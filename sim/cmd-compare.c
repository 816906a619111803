/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cmd-compare.c - zdedup compare: what differs between two reports
 *
 * What a run was given (config, and what the trace is called) is told apart from
 * what came of it, the figures, which alone decide whether two reports are equal.
 */
#include <string.h>

#include "cmd.h"
#include "options.h"
#include "output.h"
#include "report-read.h"
#include "report.h"

/* One place where two runs differ; NULL: that run has nothing there. */
struct difference {
	char *field;
	const struct value *a, *b;
};

/**
 * struct pair - two runs of the same configuration, or all that two replays have
 * @name:    what the run is called
 * @inputs:  of struct difference: what they were given
 * @figures: of struct difference, beyond the tolerance
 * @compared: figures that were compared
 */
struct pair {
	char *name;
	GArray *inputs, *figures;
	uint64_t compared;
};

/**
 * struct comparison
 * @tolerance: in percent, times VALUE_PARSE_SCALE
 * @pairs: of struct pair *; @alone: names of runs that one of the reports has
 */
struct comparison {
	struct report_read a, b;
	__int128 tolerance;
	const char *tolerance_text;
	GPtrArray *pairs;
	GPtrArray *alone[2];
};

/*------------------------------------------------------------------ values */

/* In ten-thousandths. */
static bool number_of(const struct value *value, __int128 *number)
{
	if (!value || (value->kind != VALUE_SIGNED &&
		       value->kind != VALUE_DECIMAL))
		return false;
	*number = value->integer;
	if (value->kind == VALUE_SIGNED)
		*number *= VALUE_SCALE;
	return true;
}

static bool has_members(const struct value *value)
{
	return value && (value->kind == VALUE_OBJECT ||
			 value->kind == VALUE_ARRAY);
}

static char *text_of(const struct value *value)
{
	if (!value || value->kind == VALUE_NULL)
		return g_strdup("-");
	return has_members(value) ? g_strdup("there") : value_text(value);
}

static __int128 magnitude(__int128 number)
{
	return number < 0 ? -number : number;
}

/* Apart by no more than the tolerance, in percent of the larger one? */
static bool equal(const struct comparison *c, const struct value *a,
		  const struct value *b)
{
	g_autofree char *x = text_of(a), *y = text_of(b);
	__int128 p, q;

	if (!a || !b)
		return false;
	if (!number_of(a, &p) || !number_of(b, &q))
		return a->kind == b->kind && !strcmp(x, y);
	/* at most 2^77 ten-thousandths apart, times 2^37 */
	return magnitude(q - p) * 100 * VALUE_PARSE_SCALE <=
	       MAX(magnitude(p), magnitude(q)) * c->tolerance;
}

/*-------------------------------------------------------------------- runs */

/* What does not say which run of a sweep it is. */
static bool is_result(const char *name)
{
	static const char *const names[] = {
		"codec_version", "codec_exact", "not_in_this_kernel", "unsafe",
		"verify", NULL
	};

	return options_among(name, names);
}

/* The trace and the configuration, by which runs of two sweeps belong together. */
static char *key_of(const struct value *run, bool with_path)
{
	const struct value *config = value_find(run, "config");
	GString *key = g_string_new(with_path ?
			value_find(run, "trace.path")->string : "");

	for (guint i = 0; i < config->members->len; i++) {
		const struct value_member *m =
			g_ptr_array_index(config->members, i);
		g_autofree char *text = text_of(m->value);

		if (!is_result(m->name))
			g_string_append_printf(key, "\n%s=%s", m->name, text);
	}
	return g_string_free(key, FALSE);
}

/* What people call a run by. */
static char *name_of(const struct value *run)
{
	static const char *const parts[] = {
		"trace.path", "config.kernel", "config.compressor",
		"config.zpool", "config.hash", "config.dedup", "config.domain",
	};
	GString *name = g_string_new(NULL);

	for (size_t i = 0; i < G_N_ELEMENTS(parts); i++) {
		g_autofree char *text = text_of(value_find(run, parts[i]));

		g_string_append_printf(name, "%s%s", i ? " " : "", text);
	}
	return g_string_free(name, FALSE);
}

/* Measured, so never the same. */
static bool is_measured(const char *field)
{
	return !strcmp(field, "timing");
}

static bool is_input(const char *field)
{
	static const char *const names[] = {
		"schema", "trace.path", "trace.format", "trace.vantage", NULL
	};

	return g_str_has_prefix(field, "config.") ||
	       options_among(field, names);
}

static void diff_leaf(struct comparison *c, struct pair *pair,
		      const char *field, const struct value *a,
		      const struct value *b)
{
	bool input = is_input(field);
	struct difference d = { NULL, a, b };

	pair->compared += !input;
	if (equal(c, a, b))
		return;
	d.field = g_strdup(field);
	g_array_append_val(input ? pair->inputs : pair->figures, d);
}

static const struct value *member_of(const struct value *object, guint i,
				     const char *name)
{
	const struct value_member *m;

	if (!object || (object->kind != VALUE_OBJECT &&
			object->kind != VALUE_ARRAY))
		return NULL;
	if (name)
		return object->kind == VALUE_OBJECT ?
		       value_find(object, name) : NULL;
	if (i >= object->members->len)
		return NULL;
	m = g_ptr_array_index(object->members, i);
	return m->value;
}

static void diff(struct comparison *c, struct pair *pair, const char *field,
		 const struct value *a, const struct value *b);

/* The members of @of; those that @skip has were looked at before. */
static void diff_members(struct comparison *c, struct pair *pair,
			 const char *field, const struct value *of,
			 const struct value *skip, const struct value *a,
			 const struct value *b)
{
	for (guint i = 0; has_members(of) && i < of->members->len; i++) {
		const struct value_member *m =
			g_ptr_array_index(of->members, i);
		g_autofree char *path = m->name ?
			g_strdup_printf("%s%s%s", field, *field ? "." : "",
					m->name) :
			g_strdup_printf("%s[%u]", field, i);

		if (!member_of(skip, i, m->name) && !is_measured(path))
			diff(c, pair, path, member_of(a, i, m->name),
			     member_of(b, i, m->name));
	}
}

/* Recursion is as deep as report_read() lets a report be. */
static void diff(struct comparison *c, struct pair *pair, const char *field,
		 const struct value *a, const struct value *b)
{
	/* a block that one of them lacks is one difference */
	if (!has_members(a) || !has_members(b)) {
		diff_leaf(c, pair, field, a, b);
		return;
	}
	diff_members(c, pair, field, a, NULL, a, b);
	diff_members(c, pair, field, b, a, a, b);
}

static void clear_difference(gpointer data)
{
	g_free(((struct difference *)data)->field);
}

static GArray *differences(void)
{
	GArray *array = g_array_new(FALSE, FALSE, sizeof(struct difference));

	g_array_set_clear_func(array, clear_difference);
	return array;
}

static void add_pair(struct comparison *c, const struct value *a,
		     const struct value *b)
{
	struct pair *pair = g_new0(struct pair, 1);

	pair->name = name_of(a);
	pair->inputs = differences();
	pair->figures = differences();
	diff(c, pair, "", a, b);
	g_ptr_array_add(c->pairs, pair);
}

static void free_pair(gpointer data)
{
	struct pair *pair = data;

	g_array_unref(pair->inputs);
	g_array_unref(pair->figures);
	g_free(pair->name);
	g_free(pair);
}

static bool several_traces(const struct report_read *report)
{
	const char *first = value_find(g_ptr_array_index(report->runs, 0),
				       "trace.path")->string;

	for (guint i = 1; i < report->runs->len; i++)
		if (strcmp(value_find(g_ptr_array_index(report->runs, i),
				      "trace.path")->string, first))
			return true;
	return false;
}

static void match(struct comparison *c)
{
	bool path = several_traces(&c->a) || several_traces(&c->b);
	g_autoptr(GPtrArray) keys = g_ptr_array_new_with_free_func(g_free);

	/* two replays are about each other, whatever they were given */
	if (!c->a.sweep && !c->b.sweep) {
		add_pair(c, c->a.runs->pdata[0], c->b.runs->pdata[0]);
		return;
	}
	for (guint k = 0; k < c->b.runs->len; k++)
		g_ptr_array_add(keys, key_of(c->b.runs->pdata[k], path));
	for (guint i = 0; i < c->a.runs->len; i++) {
		g_autofree char *key = key_of(c->a.runs->pdata[i], path);
		guint k = 0;

		while (k < keys->len && g_strcmp0(keys->pdata[k], key))
			k++;
		if (k == keys->len) {
			g_ptr_array_add(c->alone[0],
					name_of(c->a.runs->pdata[i]));
			continue;
		}
		add_pair(c, c->a.runs->pdata[i], c->b.runs->pdata[k]);
		g_clear_pointer(&keys->pdata[k], g_free);
	}
	for (guint k = 0; k < keys->len; k++)
		if (keys->pdata[k])
			g_ptr_array_add(c->alone[1],
					name_of(c->b.runs->pdata[k]));
}

static bool all_equal(const struct comparison *c)
{
	bool equal = !c->alone[0]->len && !c->alone[1]->len;

	for (guint i = 0; i < c->pairs->len; i++) {
		const struct pair *pair = g_ptr_array_index(c->pairs, i);

		equal &= !pair->figures->len;
	}
	return equal;
}

/*------------------------------------------------------------------ report */

static void add_text(struct value *object, const char *name,
		     const struct value *value)
{
	g_autofree char *text = NULL;

	if (!value || value->kind == VALUE_NULL) {
		value_null(object, name);
	} else if (value->kind == VALUE_SIGNED) {
		value_signed(object, name, value->integer);
	} else if (value->kind == VALUE_DECIMAL) {
		value_decimal(object, name, value->integer);
	} else if (value->kind == VALUE_BOOL) {
		value_bool(object, name, value->flag);
	} else {
		text = text_of(value);
		value_string(object, name, text);
	}
}

/* By how much, and in percent of A's; null where one is no number. */
static void add_distance(struct value *object, const struct difference *d)
{
	__int128 p, q;

	if (!number_of(d->a, &p) || !number_of(d->b, &q)) {
		value_null(object, "difference");
		value_null(object, "percent");
		return;
	}
	if (d->a->kind == VALUE_SIGNED && d->b->kind == VALUE_SIGNED)
		value_signed(object, "difference",
			     (int64_t)((q - p) / VALUE_SCALE));
	else
		value_decimal(object, "difference", (int64_t)(q - p));
	value_quotient(object, "percent", (q - p) * 100, magnitude(p));
}

static struct value *rows_of(const GArray *differences, bool distance)
{
	struct value *rows = value_array();

	for (guint i = 0; i < differences->len; i++) {
		const struct difference *d =
			&g_array_index(differences, struct difference, i);
		struct value *row = value_object();

		value_string(row, "field", d->field);
		add_text(row, "a", d->a);
		add_text(row, "b", d->b);
		if (distance)
			add_distance(row, d);
		value_add(rows, NULL, row);
	}
	return rows;
}

static struct value *names_of(const GPtrArray *names)
{
	struct value *array = value_array();

	for (guint i = 0; i < names->len; i++)
		value_string(array, NULL, names->pdata[i]);
	return array;
}

static struct value *report_of(const struct comparison *c)
{
	struct value *report = value_object(), *runs = value_array();

	value_string(report, "schema", "zdedup.compare/1");
	value_string(report, "a", c->a.path);
	value_string(report, "b", c->b.path);
	value_decimal(report, "tolerance_percent",
		      value_scaled(c->tolerance, VALUE_PARSE_SCALE));
	value_bool(report, "equal", all_equal(c));
	value_add(report, "only_a", names_of(c->alone[0]));
	value_add(report, "only_b", names_of(c->alone[1]));
	for (guint i = 0; i < c->pairs->len; i++) {
		const struct pair *pair = g_ptr_array_index(c->pairs, i);
		struct value *run = value_object();

		value_string(run, "run", pair->name);
		value_unsigned(run, "compared", pair->compared);
		value_add(run, "config", rows_of(pair->inputs, false));
		value_add(run, "figures", rows_of(pair->figures, true));
		value_add(runs, NULL, run);
	}
	value_add(report, "runs", runs);
	return report;
}

static void put_rows(FILE *file, const struct value *rows)
{
	for (guint i = 0; i < rows->members->len; i++) {
		const struct value *row = member_of(rows, i, NULL);
		const struct value *by = value_find(row, "difference");
		g_autofree char *a = text_of(value_find(row, "a"));
		g_autofree char *b = text_of(value_find(row, "b"));
		g_autofree char *distance = text_of(by);
		g_autofree char *percent = text_of(value_find(row, "percent"));

		fprintf(file, "  %-40s %16s %16s",
			value_find(row, "field")->string, a, b);
		if (by && by->kind != VALUE_NULL)
			fprintf(file, " %16s", distance);
		if (strcmp(percent, "-"))
			fprintf(file, " %10s %%", percent);
		fputc('\n', file);
	}
}

static void put_names(FILE *file, const GPtrArray *names, const char *path)
{
	for (guint i = 0; i < names->len; i++)
		fprintf(file, "only in %s: %s\n", path,
			(const char *)names->pdata[i]);
}

static void put_text(FILE *file, const struct comparison *c)
{
	uint64_t compared = 0;

	fprintf(file, "A: %s\nB: %s\n", c->a.path, c->b.path);
	put_names(file, c->alone[0], c->a.path);
	put_names(file, c->alone[1], c->b.path);
	for (guint i = 0; i < c->pairs->len; i++) {
		const struct pair *pair = g_ptr_array_index(c->pairs, i);
		struct value *inputs = rows_of(pair->inputs, false);
		struct value *figures = rows_of(pair->figures, true);

		compared += pair->compared;
		if (pair->inputs->len || pair->figures->len)
			fprintf(file, "\n%s\n  %-40s %16s %16s %16s\n",
				pair->name, "", "A", "B", "B - A");
		put_rows(file, inputs);
		put_rows(file, figures);
		value_free(inputs);
		value_free(figures);
	}
	fprintf(file, "\n%s: %" G_GUINT64_FORMAT " figures of %u run%s compared, tolerance %s %%.\n",
		all_equal(c) ? "Equal" : "Different", compared,
		c->pairs->len, c->pairs->len == 1 ? "" : "s",
		c->tolerance_text);
}

static int compare(struct comparison *c, const char *format,
		   const char *output)
{
	struct output *out = output_open(output);
	struct value *report;
	int status;

	if (!out)
		return CMD_INPUT;
	match(c);
	if (!strcmp(format, "json")) {
		report = report_of(c);
		report_json(output_file(out), report);
		value_free(report);
	} else {
		put_text(output_file(out), c);
	}
	status = output_commit(out);
	if (status)
		return status;
	return all_equal(c) ? CMD_OK : CMD_FAILED;
}

/*----------------------------------------------------------------- command */

static const char examples[] =
	"A and B are JSON reports of replay or sweep. Exit status: 0 when all figures are\n"
	"equal, 1 when they are not. Runs of two sweeps are matched by their configuration,\n"
	"and by the trace when there are several.\n\n"
	"examples:\n"
	"  zdedup replay --dedup none --format json -o a.json swap.zdt\n"
	"  zdedup replay --dedup always --format json -o b.json swap.zdt\n"
	"  zdedup compare a.json b.json\n"
	"  zdedup compare --tolerance 0.5 sweep-lz4-1.9.json sweep-lz4-1.10.json\n";

static int check(struct comparison *c, const GPtrArray *paths,
		 const char *format)
{
	if (paths->len != 2)
		return cmd_usage("compare", "takes two reports, not %u",
				 paths->len);
	if (strcmp(format, "text") && strcmp(format, "json"))
		return cmd_usage("compare", "unknown --format '%s' (text or json)",
				 format);
	if (!value_parse(c->tolerance_text, &c->tolerance) ||
	    c->tolerance < 0 ||
	    c->tolerance > (__int128)100 * VALUE_PARSE_SCALE)
		return cmd_usage("compare", "--tolerance '%s' is not a number from 0 to 100",
				 c->tolerance_text);
	return CMD_OK;
}

int cmd_compare(int argc, char **argv)
{
	g_autoptr(GPtrArray) paths = g_ptr_array_new();
	struct comparison c = { .tolerance_text = "0" };
	const char *format = "text", *output = NULL, *path;
	const struct option_spec specs[] = {
		{ "--tolerance", "PERCENT", OPTION_STRING, &c.tolerance_text, "figures that are apart by no more are equal; 0", 0, 0 },
		{ "--format", "text|json", OPTION_STRING, &format, "text", 0, 0 },
		{ "-o", "FILE", OPTION_STRING, &output, "instead of stdout", 0, 0 },
		{ NULL, NULL, OPTION_STRING, NULL, NULL, 0, 0 },
	};
	const struct option_table table = {
		.command = "compare",
		.usage = "compare A B [options]",
		.specs = specs,
		.operand = "report",
		.operands = paths,
		.examples = examples,
	};
	int status;

	switch (options_parse(&table, argc, argv, &path)) {
	case OPTIONS_HELP:
		return CMD_OK;
	case OPTIONS_WRONG:
		return CMD_USAGE;
	default:
		break;
	}
	status = check(&c, paths, format);
	if (status)
		return status;
	c.pairs = g_ptr_array_new_with_free_func(free_pair);
	for (unsigned int i = 0; i < 2; i++)
		c.alone[i] = g_ptr_array_new_with_free_func(g_free);
	status = report_read(paths->pdata[0], &c.a);
	if (!status)
		status = report_read(paths->pdata[1], &c.b);
	if (!status)
		status = compare(&c, format, output);
	report_read_clear(&c.a);
	report_read_clear(&c.b);
	g_ptr_array_unref(c.pairs);
	for (unsigned int i = 0; i < 2; i++)
		g_ptr_array_unref(c.alone[i]);
	return status;
}
