/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * assert.c - --assert 'FIELD OP NUMBER' against a finished report
 *
 * Numbers are compared as integers of 10^-9, so 0.1 is 0.1.
 */
#include "assert.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cmd.h"

struct assertion {
	char *field;
	char op[3];
	__int128 number;	/* times VALUE_PARSE_SCALE */
};

static bool parse(const char *text, struct assertion *a)
{
	static const char *const ops[] = { "<", "<=", ">", ">=", "==", "!=" };
	const char *op = text + strcspn(text, "<>=! \t");
	size_t len;
	bool known = false;

	a->field = g_strndup(text, (gsize)(op - text));
	op += strspn(op, " \t");
	len = strspn(op, "<>=!");
	if (!*a->field || !len || len > 2)
		return false;
	memcpy(a->op, op, len);
	a->op[len] = '\0';
	for (size_t i = 0; i < G_N_ELEMENTS(ops); i++)
		known |= !strcmp(a->op, ops[i]);
	op += len;
	op += strspn(op, " \t");
	return known && value_parse(op, &a->number);
}

static bool is_number(const struct value *value)
{
	return value->kind == VALUE_UNSIGNED || value->kind == VALUE_SIGNED ||
	       value->kind == VALUE_DECIMAL || value->kind == VALUE_NULL;
}

static int check_one(const char *text, const struct value *report)
{
	struct assertion a;
	const struct value *value;
	int status = CMD_OK;

	if (!parse(text, &a)) {
		status = cmd_usage("replay",
			"--assert '%s' is not FIELD OP NUMBER (OP: < <= > >= == !=)",
			text);
	} else {
		value = value_find(report, a.field);
		if (!value || !is_number(value))
			status = cmd_usage("replay",
				"--assert '%s': the report has no %s '%s'",
				text, value ? "number" : "field", a.field);
	}
	g_free(a.field);
	return status;
}

int assert_check(const GPtrArray *asserts, const struct value *report)
{
	for (guint i = 0; i < asserts->len; i++)
		if (check_one(g_ptr_array_index(asserts, i), report))
			return CMD_USAGE;
	return CMD_OK;
}

static bool holds(const struct assertion *a, __int128 number)
{
	bool equal = number == a->number;
	bool below = number < a->number;

	switch (a->op[0]) {
	case '<':
		return below || (a->op[1] && equal);
	case '>':
		return (!below && !equal) || (a->op[1] && equal);
	case '=':
		return equal;
	default:
		return !equal;
	}
}

/* The number times VALUE_PARSE_SCALE and as text; false: it is null. */
static bool get(const struct value *value, __int128 *number, char **text)
{
	switch (value->kind) {
	case VALUE_UNSIGNED:
		*number = (__int128)value->number * VALUE_PARSE_SCALE;
		*text = g_strdup_printf("%" PRIu64, value->number);
		return true;
	case VALUE_SIGNED:
		*number = (__int128)value->integer * VALUE_PARSE_SCALE;
		*text = g_strdup_printf("%" PRId64, value->integer);
		return true;
	case VALUE_DECIMAL:
		*number = (__int128)value->integer *
			  (VALUE_PARSE_SCALE / VALUE_SCALE);
		*text = g_strdup_printf("%s%" PRId64 ".%04" PRId64,
			value->integer < 0 ? "-" : "",
			(int64_t)llabs(value->integer) / VALUE_SCALE,
			(int64_t)llabs(value->integer) % VALUE_SCALE);
		return true;
	default:
		*text = g_strdup("null");
		return false;
	}
}

int assert_evaluate(const GPtrArray *asserts, const struct value *report)
{
	int status = CMD_OK;

	for (guint i = 0; i < asserts->len; i++) {
		const char *text = g_ptr_array_index(asserts, i);
		g_autofree char *is = NULL;
		struct assertion a;
		__int128 number;

		if (!parse(text, &a) ||
		    !get(value_find(report, a.field), &number, &is) ||
		    !holds(&a, number)) {
			cmd_error("assertion '%s' is false: %s is %s", text,
				  a.field, is);
			status = CMD_FAILED;
		}
		g_free(a.field);
	}
	return status;
}
