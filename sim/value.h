/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * value.h - the tree that a report is before it is text
 *
 * Not json-glib's: that keeps a fraction as a double and prints it with 17
 * digits, while a report's quotients are integers of ten-thousandths and must be
 * the same bytes on every machine.
 */
#ifndef SIM_VALUE_H
#define SIM_VALUE_H

#include <stdbool.h>
#include <stdint.h>

#include <glib.h>

#define VALUE_DECIMALS 4
#define VALUE_SCALE 10000	/* 10^VALUE_DECIMALS */

enum value_kind {
	VALUE_NULL,
	VALUE_BOOL,
	VALUE_UNSIGNED,
	VALUE_SIGNED,
	VALUE_DECIMAL,	/* ten-thousandths */
	VALUE_STRING,
	VALUE_OBJECT,
	VALUE_ARRAY,
	VALUE_ROWS,	/* an array whose elements are made when they are printed */
};

struct value {
	enum value_kind kind;
	union {
		bool flag;
		uint64_t number;
		int64_t integer;	/* VALUE_SIGNED, VALUE_DECIMAL */
		char *string;
		GPtrArray *members;	/* of struct value_member, VALUE_OBJECT and VALUE_ARRAY */
		struct {
			struct value *(*make)(const void *data, uint64_t i);
			const void *data;
			uint64_t nr;
		} rows;
	};
};

struct value_member {
	const char *name;	/* not owned; NULL in an array */
	struct value *value;
};

struct value *value_object(void);
struct value *value_array(void);
struct value *value_rows(struct value *(*make)(const void *data, uint64_t i),
			 const void *data, uint64_t nr);
void value_free(struct value *value);

/* Each appends a member to @object and keeps @name as it is. */
void value_add(struct value *object, const char *name, struct value *value);
void value_null(struct value *object, const char *name);
void value_bool(struct value *object, const char *name, bool flag);
void value_unsigned(struct value *object, const char *name, uint64_t number);
void value_signed(struct value *object, const char *name, int64_t number);
void value_decimal(struct value *object, const char *name, int64_t scaled);
void value_string(struct value *object, const char *name, const char *string);
/* @up / @down with 4 decimals, or null when @down is 0. */
void value_quotient(struct value *object, const char *name, __int128 up,
		    __int128 down);
/* A number to the nearest of 4 decimals, half away from zero. @down > 0. */
int64_t value_scaled(__int128 up, __int128 down);

/* A plain decimal number ("-1.5"), at most 20 digits and 9 behind the point; times the scale. */
#define VALUE_PARSE_SCALE 1000000000
bool value_parse(const char *text, __int128 *number);

/* A scalar as text, to be freed: "null", "true", "-1.5000", a string as it is. */
char *value_text(const struct value *value);

/* The member at the dotted path; NULL: there is none. Below null all is null. */
const struct value *value_find(const struct value *object, const char *path);

#endif /* SIM_VALUE_H */
