/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * report-json.c - a report as JSON
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "report.h"

static void put_string(FILE *file, const char *string)
{
	fputc('"', file);
	for (; *string; string++) {
		unsigned char c = (unsigned char)*string;

		if (c == '"' || c == '\\')
			fprintf(file, "\\%c", c);
		else if (c < 0x20)
			fprintf(file, "\\u%04x", c);
		else
			fputc(c, file);
	}
	fputc('"', file);
}

static void put_value(FILE *file, const struct value *value, int depth);

static void put_indent(FILE *file, int depth)
{
	fprintf(file, "\n%*s", depth * 2, "");
}

static void put_members(FILE *file, const struct value *value, int depth)
{
	bool object = value->kind == VALUE_OBJECT;

	fputc(object ? '{' : '[', file);
	for (guint i = 0; i < value->members->len; i++) {
		const struct value_member *member =
			g_ptr_array_index(value->members, i);

		if (i)
			fputc(',', file);
		put_indent(file, depth + 1);
		if (object) {
			put_string(file, member->name);
			fputs(": ", file);
		}
		put_value(file, member->value, depth + 1);
	}
	if (value->members->len)
		put_indent(file, depth);
	fputc(object ? '}' : ']', file);
}

static void put_rows(FILE *file, const struct value *value, int depth)
{
	fputc('[', file);
	for (uint64_t i = 0; i < value->rows.nr; i++) {
		struct value *row = value->rows.make(value->rows.data, i);

		if (i)
			fputc(',', file);
		put_indent(file, depth + 1);
		put_value(file, row, depth + 1);
		value_free(row);
	}
	if (value->rows.nr)
		put_indent(file, depth);
	fputc(']', file);
}

/* Recursion is as deep as the report: four levels. */
static void put_value(FILE *file, const struct value *value, int depth)
{
	switch (value->kind) {
	case VALUE_NULL:
		fputs("null", file);
		break;
	case VALUE_BOOL:
		fputs(value->flag ? "true" : "false", file);
		break;
	case VALUE_UNSIGNED:
		fprintf(file, "%" PRIu64, value->number);
		break;
	case VALUE_SIGNED:
		fprintf(file, "%" PRId64, value->integer);
		break;
	case VALUE_DECIMAL:
		fprintf(file, "%s%" PRId64 ".%04" PRId64,
			value->integer < 0 ? "-" : "",
			(int64_t)llabs(value->integer) / VALUE_SCALE,
			(int64_t)llabs(value->integer) % VALUE_SCALE);
		break;
	case VALUE_STRING:
		put_string(file, value->string);
		break;
	case VALUE_OBJECT:
	case VALUE_ARRAY:
		put_members(file, value, depth);
		break;
	case VALUE_ROWS:
		put_rows(file, value, depth);
		break;
	}
}

void report_json(FILE *file, const struct value *value)
{
	put_value(file, value, 0);
	fputc('\n', file);
}
