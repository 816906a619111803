/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * value.c - the tree that a report is before it is text
 */
#include "value.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define FRACTION_DIGITS 9	/* of VALUE_PARSE_SCALE */
#define WHOLE_DIGITS 20

static struct value *value_new(enum value_kind kind)
{
	struct value *value = g_new0(struct value, 1);

	value->kind = kind;
	return value;
}

static void member_free(gpointer data)
{
	struct value_member *member = data;

	value_free(member->value);
	g_free(member);
}

static struct value *container(enum value_kind kind)
{
	struct value *value = value_new(kind);

	value->members = g_ptr_array_new_with_free_func(member_free);
	return value;
}

struct value *value_object(void)
{
	return container(VALUE_OBJECT);
}

struct value *value_array(void)
{
	return container(VALUE_ARRAY);
}

struct value *value_rows(struct value *(*make)(const void *data, uint64_t i),
			 const void *data, uint64_t nr)
{
	struct value *value = value_new(VALUE_ROWS);

	value->rows.make = make;
	value->rows.data = data;
	value->rows.nr = nr;
	return value;
}

/* Recursion is as deep as the tree we build: four levels. */
void value_free(struct value *value)
{
	if (!value)
		return;
	if (value->kind == VALUE_STRING)
		g_free(value->string);
	if (value->kind == VALUE_OBJECT || value->kind == VALUE_ARRAY)
		g_ptr_array_unref(value->members);
	g_free(value);
}

void value_add(struct value *object, const char *name, struct value *value)
{
	struct value_member *member = g_new(struct value_member, 1);

	member->name = name;
	member->value = value;
	g_ptr_array_add(object->members, member);
}

void value_null(struct value *object, const char *name)
{
	value_add(object, name, value_new(VALUE_NULL));
}

void value_bool(struct value *object, const char *name, bool flag)
{
	struct value *value = value_new(VALUE_BOOL);

	value->flag = flag;
	value_add(object, name, value);
}

void value_unsigned(struct value *object, const char *name, uint64_t number)
{
	struct value *value = value_new(VALUE_UNSIGNED);

	value->number = number;
	value_add(object, name, value);
}

void value_signed(struct value *object, const char *name, int64_t number)
{
	struct value *value = value_new(VALUE_SIGNED);

	value->integer = number;
	value_add(object, name, value);
}

void value_decimal(struct value *object, const char *name, int64_t scaled)
{
	struct value *value = value_new(VALUE_DECIMAL);

	value->integer = scaled;
	value_add(object, name, value);
}

void value_string(struct value *object, const char *name, const char *string)
{
	struct value *value;

	if (!string) {
		value_null(object, name);
		return;
	}
	value = value_new(VALUE_STRING);
	value->string = g_utf8_make_valid(string, -1);
	value_add(object, name, value);
}

int64_t value_scaled(__int128 up, __int128 down)
{
	__int128 twice = up * VALUE_SCALE * 2;

	return (int64_t)((twice + (up < 0 ? -down : down)) / (2 * down));
}

void value_quotient(struct value *object, const char *name, __int128 up,
		    __int128 down)
{
	if (down)
		value_decimal(object, name, value_scaled(up, down));
	else
		value_null(object, name);
}

bool value_parse(const char *text, __int128 *number)
{
	bool negative = *text == '-';
	int whole = 0, fraction = 0;

	*number = 0;
	for (text += negative; g_ascii_isdigit(*text); text++, whole++)
		*number = *number * 10 + (*text - '0');
	if (*text == '.')
		for (text++; g_ascii_isdigit(*text); text++, fraction++)
			*number = *number * 10 + (*text - '0');
	if (*text || !whole || whole > WHOLE_DIGITS ||
	    fraction > FRACTION_DIGITS)
		return false;
	for (; fraction < FRACTION_DIGITS; fraction++)
		*number *= 10;
	if (negative)
		*number = -*number;
	return true;
}

char *value_text(const struct value *value)
{
	switch (value->kind) {
	case VALUE_BOOL:
		return g_strdup(value->flag ? "true" : "false");
	case VALUE_UNSIGNED:
		return g_strdup_printf("%" PRIu64, value->number);
	case VALUE_SIGNED:
		return g_strdup_printf("%" PRId64, value->integer);
	case VALUE_DECIMAL:
		return g_strdup_printf("%s%" PRId64 ".%04" PRId64,
				       value->integer < 0 ? "-" : "",
				       (int64_t)llabs(value->integer) / VALUE_SCALE,
				       (int64_t)llabs(value->integer) % VALUE_SCALE);
	case VALUE_STRING:
		return g_strdup(value->string);
	default:
		return g_strdup("null");
	}
}

const struct value *value_find(const struct value *object, const char *path)
{
	while (*path && object->kind == VALUE_OBJECT) {
		size_t len = strcspn(path, ".");
		const struct value *found = NULL;

		for (guint i = 0; i < object->members->len && !found; i++) {
			const struct value_member *member =
				g_ptr_array_index(object->members, i);

			if (strlen(member->name) == len &&
			    !memcmp(member->name, path, len))
				found = member->value;
		}
		if (!found)
			return NULL;
		object = found;
		path += len + (path[len] == '.');
	}
	return !*path || object->kind == VALUE_NULL ? object : NULL;
}
