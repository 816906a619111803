/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * report-read.c - reports of earlier calls, from their JSON
 */
#include "report-read.h"

#include <math.h>
#include <string.h>

#include <json-glib/json-glib.h>

#include "cmd.h"

/* A report has five levels. */
#define DEPTH_MAX 16

static struct value *of_node(JsonNode *node, int depth);

static struct value *of_object(JsonObject *from, int depth)
{
	struct value *object = value_object();
	JsonObjectIter iter;
	const char *name;
	JsonNode *node;

	json_object_iter_init_ordered(&iter, from);
	while (json_object_iter_next_ordered(&iter, &name, &node)) {
		struct value *member = of_node(node, depth + 1);

		if (member) {
			value_add(object, name, member);
			continue;
		}
		value_free(object);
		return NULL;
	}
	return object;
}

static struct value *of_array(JsonArray *from, int depth)
{
	struct value *array = value_array();

	for (guint i = 0; i < json_array_get_length(from); i++) {
		struct value *member =
			of_node(json_array_get_element(from, i), depth + 1);

		if (member) {
			value_add(array, NULL, member);
			continue;
		}
		value_free(array);
		return NULL;
	}
	return array;
}

/* A report's numbers with a point have four decimals: a double holds them. */
static struct value *of_scalar(JsonNode *node)
{
	struct value *holder = value_object();
	struct value_member *member;
	struct value *value;
	double number;

	switch (json_node_get_value_type(node)) {
	case G_TYPE_BOOLEAN:
		value_bool(holder, NULL, json_node_get_boolean(node));
		break;
	case G_TYPE_INT64:
		value_signed(holder, NULL, json_node_get_int(node));
		break;
	case G_TYPE_DOUBLE:
		number = json_node_get_double(node) * VALUE_SCALE;
		if (fabs(number) < 0x1p62)
			value_decimal(holder, NULL, llround(number));
		break;
	case G_TYPE_STRING:
		value_string(holder, NULL, json_node_get_string(node));
		break;
	default:
		value_null(holder, NULL);
		break;
	}
	if (!holder->members->len) {
		value_free(holder);
		return NULL;
	}
	member = g_ptr_array_index(holder->members, 0);
	value = g_steal_pointer(&member->value);
	value_free(holder);
	return value;
}

/* NULL: deeper, or with a larger number, than any report. */
static struct value *of_node(JsonNode *node, int depth)
{
	if (depth > DEPTH_MAX)
		return NULL;
	if (JSON_NODE_HOLDS_OBJECT(node))
		return of_object(json_node_get_object(node), depth);
	if (JSON_NODE_HOLDS_ARRAY(node))
		return of_array(json_node_get_array(node), depth);
	return of_scalar(node);
}

static bool has_schema(const struct value *object, const char *schema)
{
	const struct value *v = object->kind == VALUE_OBJECT ?
				value_find(object, "schema") : NULL;

	return v && v->kind == VALUE_STRING && !strcmp(v->string, schema);
}

static bool add_run(struct report_read *report, const struct value *run)
{
	const struct value *config, *path;

	if (!has_schema(run, "zdedup.replay/1"))
		return false;
	config = value_find(run, "config");
	path = value_find(run, "trace.path");
	if (!config || config->kind != VALUE_OBJECT || !path ||
	    path->kind != VALUE_STRING)
		return false;
	g_ptr_array_add(report->runs, (gpointer)run);
	return true;
}

static bool find_runs(struct report_read *report)
{
	const struct value *runs;

	if (!has_schema(report->tree, "zdedup.sweep/1"))
		return add_run(report, report->tree);
	report->sweep = true;
	runs = value_find(report->tree, "runs");
	if (!runs || runs->kind != VALUE_ARRAY)
		return false;
	for (guint i = 0; i < runs->members->len; i++) {
		const struct value_member *member =
			g_ptr_array_index(runs->members, i);

		if (!add_run(report, member->value))
			return false;
	}
	return runs->members->len;
}

int report_read(const char *path, struct report_read *report)
{
	g_autoptr(GError) error = NULL;
	g_autofree char *text = NULL;
	gsize size;

	*report = (struct report_read){ .path = path };
	report->runs = g_ptr_array_new();
	report->parser = json_parser_new_immutable();
	if (!g_file_get_contents(path, &text, &size, &error)) {
		cmd_error("%s", error->message);
		return CMD_INPUT;
	}
	if (!json_parser_load_from_data(report->parser, text, (gssize)size,
					&error)) {
		/* "<data>:LINE:COLUMN: ..." */
		cmd_error("%s: is not JSON (%s)", path,
			  g_strdelimit(error->message, "\n", ' '));
		return CMD_INPUT;
	}
	if (json_parser_get_root(report->parser))
		report->tree = of_node(json_parser_get_root(report->parser), 0);
	if (report->tree && find_runs(report))
		return CMD_OK;
	cmd_error("%s: is no JSON report of replay or sweep (schema zdedup.replay/1 or zdedup.sweep/1, with a config in each run)",
		  path);
	return CMD_INPUT;
}

void report_read_clear(struct report_read *report)
{
	if (report->runs)
		g_ptr_array_unref(report->runs);
	value_free(report->tree);
	g_clear_object((GObject **)&report->parser);
}
