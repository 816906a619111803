/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * report-csv.c - reports as one header line and a row each (RFC 4180, LF)
 */
#include <string.h>

#include "report.h"

/**
 * struct csv - rows under one header
 * @names:  of the columns, in the order in which they were met
 * @column: number of the column by name, plus one
 * @row:    the row under way, a cell per column or NULL
 */
struct csv {
	GPtrArray *names;
	GHashTable *column;
	GPtrArray *row;
};

static void put_string(FILE *file, const char *string)
{
	if (!strpbrk(string, ",\"\r\n")) {
		fputs(string, file);
		return;
	}
	fputc('"', file);
	for (; *string; string++) {
		if (*string == '"')
			fputc('"', file);
		fputc(*string, file);
	}
	fputc('"', file);
}

/* The column of @name, new ones at the end. */
static guint column_of(struct csv *csv, const char *name)
{
	guint column = GPOINTER_TO_UINT(g_hash_table_lookup(csv->column, name));

	if (!column) {
		char *copy = g_strdup(name);

		g_ptr_array_add(csv->names, copy);
		column = csv->names->len;
		g_hash_table_insert(csv->column, copy,
				    GUINT_TO_POINTER(column));
	}
	return column - 1;
}

static void flatten(struct csv *csv, const struct value *value,
		    const char *prefix)
{
	guint column;

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
	column = column_of(csv, prefix);
	if (column >= csv->row->len)
		g_ptr_array_set_size(csv->row, (gint)column + 1);
	/* null is an empty cell */
	csv->row->pdata[column] = value->kind == VALUE_NULL ?
				  g_strdup("") : value_text(value);
}

static void clear_row(struct csv *csv)
{
	for (guint i = 0; i < csv->row->len; i++)
		g_free(csv->row->pdata[i]);
	g_ptr_array_set_size(csv->row, 0);
}

static void put_line(FILE *file, const GPtrArray *cells, guint nr)
{
	for (guint i = 0; i < nr; i++) {
		if (i)
			fputc(',', file);
		if (i < cells->len && cells->pdata[i])
			put_string(file, cells->pdata[i]);
	}
	fputc('\n', file);
}

void report_csv_rows(FILE *file, const struct value *const *values, guint nr)
{
	struct csv csv = {
		.names = g_ptr_array_new_with_free_func(g_free),
		.column = g_hash_table_new(g_str_hash, g_str_equal),
		.row = g_ptr_array_new(),
	};

	/* once for the names: not every run has the same */
	for (guint i = 0; i < nr; i++) {
		flatten(&csv, values[i], "");
		clear_row(&csv);
	}
	put_line(file, csv.names, csv.names->len);
	for (guint i = 0; i < nr; i++) {
		flatten(&csv, values[i], "");
		put_line(file, csv.row, csv.names->len);
		clear_row(&csv);
	}
	g_ptr_array_unref(csv.row);
	g_hash_table_destroy(csv.column);
	g_ptr_array_unref(csv.names);
}

void report_csv(FILE *file, const struct value *value)
{
	report_csv_rows(file, &value, 1);
}
