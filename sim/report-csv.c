/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * report-csv.c - a report as one header line and one row (RFC 4180, LF)
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "report.h"

struct csv {
	GString *names, *row;
};

static void put_string(GString *out, const char *string)
{
	if (!strpbrk(string, ",\"\r\n")) {
		g_string_append(out, string);
		return;
	}
	g_string_append_c(out, '"');
	for (; *string; string++) {
		if (*string == '"')
			g_string_append_c(out, '"');
		g_string_append_c(out, *string);
	}
	g_string_append_c(out, '"');
}

static void put_scalar(GString *out, const struct value *value)
{
	switch (value->kind) {
	case VALUE_BOOL:
		g_string_append(out, value->flag ? "true" : "false");
		break;
	case VALUE_UNSIGNED:
		g_string_append_printf(out, "%" PRIu64, value->number);
		break;
	case VALUE_SIGNED:
		g_string_append_printf(out, "%" PRId64, value->integer);
		break;
	case VALUE_DECIMAL:
		g_string_append_printf(out, "%s%" PRId64 ".%04" PRId64,
				       value->integer < 0 ? "-" : "",
				       (int64_t)llabs(value->integer) / VALUE_SCALE,
				       (int64_t)llabs(value->integer) % VALUE_SCALE);
		break;
	case VALUE_STRING:
		put_string(out, value->string);
		break;
	default:	/* null is an empty cell */
		break;
	}
}

static void flatten(struct csv *csv, const struct value *value,
		    const char *prefix)
{
	if (value->kind == VALUE_OBJECT) {
		for (guint i = 0; i < value->members->len; i++) {
			const struct value_member *member =
				g_ptr_array_index(value->members, i);
			g_autofree char *name = g_strdup_printf("%s%s%s",
				prefix, *prefix ? "." : "", member->name);

			flatten(csv, member->value, name);
		}
		return;
	}
	if (value->kind == VALUE_ARRAY || value->kind == VALUE_ROWS)
		return;
	if (csv->names->len) {
		g_string_append_c(csv->names, ',');
		g_string_append_c(csv->row, ',');
	}
	g_string_append(csv->names, prefix);
	put_scalar(csv->row, value);
}

void report_csv(FILE *file, const struct value *value)
{
	struct csv csv = { g_string_new(NULL), g_string_new(NULL) };

	flatten(&csv, value, "");
	fprintf(file, "%s\n%s\n", csv.names->str, csv.row->str);
	g_string_free(csv.names, TRUE);
	g_string_free(csv.row, TRUE);
}
