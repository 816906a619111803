/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * main.c - zdedup: the table of commands
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "cmd.h"
#include "options.h"
#include "output.h"
#include "progress.h"

struct cmd_struct {
	const char *cmd;
	int (*fn)(int argc, char **argv);
	const char *summary;
};

static const struct cmd_struct commands[] = {
	{ "advise", cmd_advise, "is dedup worth it here, which compressor, which pool size" },
	{ "replay", cmd_replay, "run a trace through the model and report" },
	{ "sweep", cmd_sweep, "run a trace through many configurations at once" },
	{ "info", cmd_info, "what is in a trace, and how much of it is shared" },
	{ "import", cmd_import, "make a .zdt of any trace, or of what is left of one" },
	{ "export", cmd_export, "write a trace in another format" },
	{ "gen", cmd_gen, "make a trace from numbers, or a large one from a small one" },
	{ "record", cmd_record, "make a trace of a virtual machine's swapping, or of running processes" },
	{ "hashlab", cmd_hashlab, "what each hash does to the index, on a trace or on chosen pages" },
	{ "curve", cmd_curve, "hits and writebacks for all pool sizes in one pass" },
	{ "compare", cmd_compare, "what differs between two reports" },
	{ "list", cmd_list, "kernels, compressors, allocators, hashes, policies, formats" },
};

#define NR_COMMANDS (sizeof(commands) / sizeof(commands[0]))

static void print_error(const char *fmt, va_list ap, const char *command)
{
	progress_wipe();
	fputs("zdedup: ", stderr);
	vfprintf(stderr, fmt, ap);
	if (command)
		fprintf(stderr, "; try 'zdedup %s%s--help'", command,
			*command ? " " : "");
	fputc('\n', stderr);
}

void cmd_error(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	print_error(fmt, ap, NULL);
	va_end(ap);
}

int cmd_usage(const char *command, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	print_error(fmt, ap, command);
	va_end(ap);
	return CMD_USAGE;
}

static int print_help(void)
{
	printf("zdedup - what would content deduplication do to zswap on these pages?\n\n"
	       "usage: zdedup COMMAND [options]\n\n");
	for (size_t i = 0; i < NR_COMMANDS; i++)
		printf("  %-8s %s\n", commands[i].cmd, commands[i].summary);
	printf("\n'zdedup COMMAND --help' tells the options of one; 'zdedup --version' the version.\n\n"
	       "examples:\n"
	       "  zdedup info pages.raw                    # no model: who shares what\n"
	       "  zdedup replay --dedup always trace-dir   # is dedup worth it here?\n"
	       "  zdedup list                              # the words that options take\n\n"
	       "exit status: 0 done; 1 a check or --assert failed; 2 usage; 3 bad input or I/O\n");
	return CMD_OK;
}

static const struct cmd_struct *find_command(const char *name)
{
	for (size_t i = 0; i < NR_COMMANDS; i++)
		if (!strcmp(commands[i].cmd, name))
			return &commands[i];
	return NULL;
}

static int unknown_command(const char *name)
{
	const char *names[NR_COMMANDS + 1] = { NULL };
	const char *near;

	for (size_t i = 0; i < NR_COMMANDS; i++)
		names[i] = commands[i].cmd;
	near = options_nearest(name, names);
	if (near)
		return cmd_usage("", "unknown command '%s' (did you mean '%s'?)",
				 name, near);
	return cmd_usage("", "unknown command '%s'", name);
}

/*
 * As perf's run_builtin: a full disk shows only when the buffer is written, so
 * a command has not succeeded before stdout is flushed and checked.
 */
static int run_builtin(const struct cmd_struct *cmd, int argc, char **argv)
{
	int status = cmd->fn(argc, argv);

	if (fflush(stdout) || ferror(stdout)) {
		cmd_error("standard output: %s",
			  errno ? strerror(errno) : "write error");
		return CMD_INPUT;
	}
	return status;
}

static int help_fn(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	return print_help();
}

static int version_fn(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	printf("zdedup %s\n", ZDEDUP_VERSION);
	return CMD_OK;
}

int main(int argc, char **argv)
{
	static const struct cmd_struct help = { "help", help_fn, NULL };
	static const struct cmd_struct version = { "version", version_fn, NULL };
	char help_option[] = "--help";
	char *help_argv[3] = { NULL, help_option, NULL };
	const struct cmd_struct *cmd;

	if (argc < 2)
		return cmd_usage("", "no command given");
	if (!strcmp(argv[1], "--version") || !strcmp(argv[1], "version"))
		return run_builtin(&version, argc, argv);
	if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h") ||
	    (!strcmp(argv[1], "help") && argc < 3))
		return run_builtin(&help, argc, argv);
	if (argv[1][0] == '-')
		return cmd_usage("", "unknown option '%s'", argv[1]);
	cmd = find_command(argv[!strcmp(argv[1], "help") ? 2 : 1]);
	if (!cmd)
		return unknown_command(argv[!strcmp(argv[1], "help") ? 2 : 1]);
	output_catch_signals();
	if (!strcmp(argv[1], "help")) {
		help_argv[0] = argv[2];
		return run_builtin(cmd, 2, help_argv);
	}
	return run_builtin(cmd, argc - 1, argv + 1);
}
