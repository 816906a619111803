/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * options.h - a command line from a table of options
 */
#ifndef SIM_OPTIONS_H
#define SIM_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <glib.h>

enum option_kind {
	OPTION_STRING,	/* const char * */
	OPTION_NUMBER,	/* uint64_t, plain decimal, within min..max */
	OPTION_SIZE,	/* uint64_t bytes: 4096, 512M, 4G; above 0 */
	OPTION_TRUE,	/* bool, takes no value */
	OPTION_FALSE,	/* bool, takes no value */
	OPTION_LIST,	/* GPtrArray * of const char *, repeatable */
};

/* One option; a table of them ends with a NULL name. */
struct option_spec {
	const char *name;	/* "--kernel", or "-o" */
	const char *argument;	/* what the help calls its value */
	enum option_kind kind;
	void *target;
	const char *help;
	uint64_t min, max;	/* OPTION_NUMBER */
};

/* A command: what it is called, what it takes, and what --help prints. */
struct option_table {
	const char *command;
	const char *usage;
	const struct option_spec *specs;
	const char *operand;	/* "TRACE": exactly one is needed; NULL: none is taken */
	const char *examples;
	GPtrArray *operands;	/* not NULL: one or more, all of them go here */
	bool operand_optional;
};

enum options_outcome {
	OPTIONS_PARSED,
	OPTIONS_HELP,	/* help was printed: exit 0 */
	OPTIONS_WRONG,	/* one line was printed: exit 2 */
};

/*
 * Parses argv[1..]; strings are not copied. *operand is the operand. Options and
 * operand may come in any order; "--" ends the options.
 */
enum options_outcome options_parse(const struct option_table *table, int argc,
				   char **argv, const char **operand);

/* Sets the target of @spec from @text, as the command line would. 0, or CMD_USAGE after one line. */
int options_set(const char *command, const struct option_spec *spec,
		const char *text);
/* "4G" in bytes (suffixes K M G T, optionally followed by "iB" or "B"); false: not a size. */
bool options_size(const char *text, uint64_t *size);
/* The name of the NULL-ended list that is at most 3 edits, and half the word, away; else NULL. */
const char *options_nearest(const char *word, const char *const *names);
/* Is @word in the NULL-ended list? */
bool options_among(const char *word, const char *const *names);

#endif /* SIM_OPTIONS_H */
