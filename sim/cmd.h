/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cmd.h - the commands of zdedup, and what all of them share
 */
#ifndef SIM_CMD_H
#define SIM_CMD_H

/* Exit statuses; scripts rely on them. */
enum cmd_status {
	CMD_OK = 0,
	CMD_FAILED = 1,	/* a check or --assert failed */
	CMD_USAGE = 2,
	CMD_INPUT = 3,	/* bad input, or I/O */
};

/* argv[0] is the command's own name. They return an enum cmd_status. */
int cmd_replay(int argc, char **argv);
int cmd_sweep(int argc, char **argv);
int cmd_info(int argc, char **argv);
int cmd_import(int argc, char **argv);
int cmd_export(int argc, char **argv);
int cmd_gen(int argc, char **argv);
int cmd_record(int argc, char **argv);
int cmd_hashlab(int argc, char **argv);
int cmd_curve(int argc, char **argv);
int cmd_advise(int argc, char **argv);
int cmd_compare(int argc, char **argv);
int cmd_list(int argc, char **argv);

/* One line "zdedup: ..." on stderr, after a progress line has been wiped off. */
void cmd_error(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* The same for a mistake in the command line; always returns CMD_USAGE. */
int cmd_usage(const char *command, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

#endif /* SIM_CMD_H */
