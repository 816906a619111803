/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * options.c - a command line from a table of options
 *
 * Our own table instead of GOption: the contract wants one line per mistake,
 * with the nearest name that exists.
 */
#include "options.h"

#include <stdio.h>
#include <string.h>

#include "cmd.h"

#define WORD_MAX 64	/* no option is nearly that long */
#define NAMES_MAX 64

bool options_size(const char *text, uint64_t *size)
{
	static const char suffixes[] = "KMGT";
	const char *at;
	char *end;
	uint64_t value;
	unsigned int shift = 0;

	if (!g_ascii_isdigit(text[0]) || strlen(text) > 24)
		return false;
	value = g_ascii_strtoull(text, &end, 10);
	if (value == UINT64_MAX)
		return false;
	at = *end ? strchr(suffixes, g_ascii_toupper(*end)) : NULL;
	if (at) {
		shift = 10 * (unsigned int)(at - suffixes + 1);
		end++;
		if (*end == 'i')
			end++;
	}
	if (*end == 'B')
		end++;
	if (*end || value > (UINT64_MAX >> shift))
		return false;
	*size = value << shift;
	return true;
}

/* Edits (insert, delete, replace, swap of neighbours) from @a to @b. */
static unsigned int distance(const char *a, const char *b)
{
	unsigned int row[3][WORD_MAX + 1];
	size_t la = strlen(a), lb = strlen(b);

	if (la > WORD_MAX || lb > WORD_MAX)
		return WORD_MAX;
	for (size_t j = 0; j <= lb; j++)
		row[0][j] = (unsigned int)j;
	for (size_t i = 1; i <= la; i++) {
		unsigned int *now = row[i % 3], *last = row[(i - 1) % 3];

		now[0] = (unsigned int)i;
		for (size_t j = 1; j <= lb; j++) {
			unsigned int best = last[j - 1] + (a[i - 1] != b[j - 1]);

			best = MIN(best, last[j] + 1);
			best = MIN(best, now[j - 1] + 1);
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] &&
			    a[i - 2] == b[j - 1])
				best = MIN(best, row[(i - 2) % 3][j - 2] + 1);
			now[j] = best;
		}
	}
	return row[la % 3][lb];
}

const char *options_nearest(const char *word, const char *const *names)
{
	unsigned int best = MIN(3u, (unsigned int)strlen(word) / 2) + 1;
	const char *near = NULL;

	for (; *names; names++) {
		unsigned int edits = distance(word, *names);

		if (edits < best) {
			best = edits;
			near = *names;
		}
	}
	return near;
}

bool options_among(const char *word, const char *const *names)
{
	for (; *names; names++)
		if (!strcmp(word, *names))
			return true;
	return false;
}

static void print_help(const struct option_table *table)
{
	printf("usage: zdedup %s\n\n", table->usage);
	for (const struct option_spec *s = table->specs; s->name; s++) {
		g_autofree char *left = g_strdup_printf("%s%s%s", s->name,
			s->argument ? " " : "", s->argument ? s->argument : "");

		printf("  %-32s %s\n", left, s->help);
	}
	printf("  %-32s this text\n\n%s", "--help", table->examples);
}

static int unknown_option(const struct option_table *table, const char *name)
{
	const char *names[NAMES_MAX + 1] = { "--help", NULL };
	const char *near;
	int n = 1;

	for (const struct option_spec *s = table->specs; s->name; s++)
		if (n < NAMES_MAX)
			names[n++] = s->name;
	names[n] = NULL;
	near = name[1] == '-' ? options_nearest(name, names) : NULL;
	if (near)
		return cmd_usage(table->command,
				 "unknown option '%s' (did you mean '%s'?)",
				 name, near);
	return cmd_usage(table->command, "unknown option '%s'", name);
}

static int set_number(const char *command,
		      const struct option_spec *spec, const char *text)
{
	guint64 value;

	if (!g_ascii_string_to_unsigned(text, 10, spec->min, spec->max, &value,
					NULL))
		return cmd_usage(command,
				 "%s takes a number from %" G_GUINT64_FORMAT
				 " to %" G_GUINT64_FORMAT ", not '%s'",
				 spec->name, spec->min, spec->max, text);
	*(uint64_t *)spec->target = value;
	return CMD_OK;
}

int options_set(const char *command, const struct option_spec *spec,
		const char *text)
{
	switch (spec->kind) {
	case OPTION_STRING:
		if (!*text)
			return cmd_usage(command, "%s is given nothing",
					 spec->name);
		*(const char **)spec->target = text;
		return CMD_OK;
	case OPTION_NUMBER:
		return set_number(command, spec, text);
	case OPTION_SIZE:
		if (options_size(text, spec->target) &&
		    *(uint64_t *)spec->target)
			return CMD_OK;
		return cmd_usage(command,
				 "%s takes a size such as 512M or 4G, not '%s'",
				 spec->name, text);
	case OPTION_LIST:
		g_ptr_array_add(*(GPtrArray **)spec->target, (gpointer)text);
		return CMD_OK;
	case OPTION_TRUE:
	case OPTION_FALSE:
		*(bool *)spec->target = spec->kind == OPTION_TRUE;
		return CMD_OK;
	}
	return CMD_USAGE;
}

static const struct option_spec *find_spec(const struct option_table *table,
					   const char *name, size_t len)
{
	for (const struct option_spec *s = table->specs; s->name; s++)
		if (strlen(s->name) == len && !memcmp(s->name, name, len))
			return s;
	return NULL;
}

/* The option at argv[*i]; moves *i past its value. */
static int parse_option(const struct option_table *table, int argc, char **argv,
			int *i)
{
	char *word = argv[*i];
	size_t len = strcspn(word, "=");
	const struct option_spec *spec = find_spec(table, word, len);
	g_autofree char *name = g_strndup(word, len);
	bool flag;

	if (!spec)
		return unknown_option(table, name);
	flag = spec->kind == OPTION_TRUE || spec->kind == OPTION_FALSE;
	if (word[len] == '=') {
		if (flag)
			return cmd_usage(table->command, "%s takes no value",
					 spec->name);
		return options_set(table->command, spec, word + len + 1);
	}
	if (flag)
		return options_set(table->command, spec, "");
	if (*i + 1 >= argc)
		return cmd_usage(table->command, "%s needs %s", spec->name,
				 spec->argument);
	return options_set(table->command, spec, argv[++*i]);
}

enum options_outcome options_parse(const struct option_table *table, int argc,
				   char **argv, const char **operand)
{
	bool options = true;

	*operand = NULL;
	for (int i = 1; i < argc; i++) {
		if (options && (!strcmp(argv[i], "--help") ||
				!strcmp(argv[i], "-h"))) {
			print_help(table);
			return OPTIONS_HELP;
		}
		if (options && !strcmp(argv[i], "--")) {
			options = false;
		} else if (options && argv[i][0] == '-' && argv[i][1]) {
			if (parse_option(table, argc, argv, &i))
				return OPTIONS_WRONG;
		} else if (!table->operand || (*operand && !table->operands)) {
			cmd_usage(table->command, "'%s' is one argument too many",
				  argv[i]);
			return OPTIONS_WRONG;
		} else {
			*operand = argv[i];
			if (table->operands)
				g_ptr_array_add(table->operands, argv[i]);
		}
	}
	if (table->operand && !*operand && !table->operand_optional) {
		cmd_usage(table->command, "no %s given", table->operand);
		return OPTIONS_WRONG;
	}
	return OPTIONS_PARSED;
}
