/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * record-process.c - zdedup record: snapshots of the memory of running processes
 *
 * Signals are taken where they are waited for, never in a handler: whatever ends the
 * recording, the file is completed.
 */
#define _GNU_SOURCE	/* pipe2 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../traces/trace-writer.h"
#include "cmd.h"
#include "options.h"
#include "record.h"
#include "record-pages.h"
#include "record-slots.h"
#include "record-target.h"

#define WHY_MAX 1024u
#define SECONDS_MAX 86400.0

/**
 * struct recording - one run
 * @every_us: 0: one snapshot
 * @soft_dirty: what is clean need not be read; only while everything is stopped,
 *              else a write between looking and clearing would be lost
 * @signals:  those that end the recording, and SIGCHLD
 * @refused:  processes that could not be read
 * @reached:  processes that could be read in this snapshot
 */
struct recording {
	struct record_target target;
	const char *output;
	char **command;
	uint64_t every_us, count, snapshots, refused, reached, start_us;
	bool idle, stop, skip_swapped, compare, soft_dirty;
	char *info;
	sigset_t signals;
	struct trace_writer *writer;
	struct record_slots *slots;
	struct record_reader *reader;
};

/* There is one recording in a process, and the reader asks without an argument. */
static sigset_t enders;
static int ended_by;

static bool interrupted(void)
{
	static const struct timespec now = { 0, 0 };

	if (!ended_by) {
		int signal = sigtimedwait(&enders, NULL, &now);

		ended_by = signal > 0 ? signal : 0;
	}
	return ended_by;
}

static void take_signals(struct recording *rec)
{
	static const int signals[] = { SIGINT, SIGTERM, SIGHUP };

	sigemptyset(&enders);
	for (size_t i = 0; i < G_N_ELEMENTS(signals); i++) {
		struct sigaction old;

		/* nohup and background shells ignore some: leave it so */
		if (!sigaction(signals[i], NULL, &old) &&
		    old.sa_handler != SIG_IGN)
			sigaddset(&enders, signals[i]);
	}
	rec->signals = enders;
	sigaddset(&rec->signals, SIGCHLD);
	sigprocmask(SIG_BLOCK, &rec->signals, NULL);
}

/* Reaps whoever ended; true when the command is among them. */
static bool command_ended(struct recording *rec)
{
	bool ended = false;
	pid_t pid;

	while ((pid = waitpid(-1, NULL, WNOHANG)) > 0)
		ended |= pid == rec->target.child;
	if (ended)
		rec->target.child = 0;
	return ended;
}

/* Sleeps until @until_us (0: for ever); false: the recording is over. */
static bool sleep_until(struct recording *rec, uint64_t until_us)
{
	for (;;) {
		uint64_t now = record_clock_us();
		uint64_t left = until_us ? until_us - MIN(now, until_us) :
				UINT64_C(3600000000);
		struct timespec wait = { (time_t)(left / 1000000),
					 (long)(left % 1000000 * 1000) };
		int signal = sigtimedwait(&rec->signals, NULL, &wait);

		if (signal > 0 && signal != SIGCHLD)
			ended_by = signal;
		if (ended_by || (rec->command && command_ended(rec)))
			return false;
		if (signal < 0 && errno == EAGAIN && until_us)
			return true;
	}
}

/* The command's exec failed if the pipe, closed by exec, has an errno in it. */
static int start_command(struct recording *rec)
{
	int fds[2], error = 0;

	prctl(PR_SET_CHILD_SUBREAPER, 1);
	if (pipe2(fds, O_CLOEXEC)) {
		cmd_error("%s: %s", rec->command[0], strerror(errno));
		return CMD_INPUT;
	}
	rec->target.child = fork();
	if (!rec->target.child) {
		sigprocmask(SIG_UNBLOCK, &rec->signals, NULL);
		execvp(rec->command[0], rec->command);
		error = errno;
		if (write(fds[1], &error, sizeof(error)) < 0)
			_exit(CMD_INPUT);
		_exit(CMD_INPUT);
	}
	if (rec->target.child < 0)
		error = errno;
	close(fds[1]);
	if (!error && read(fds[0], &error, sizeof(error)) != sizeof(error))
		error = 0;
	close(fds[0]);
	if (!error)
		return CMD_OK;
	cmd_error("%s: %s", rec->command[0], strerror(error));
	rec->target.child = 0;
	return CMD_INPUT;
}

/* CMD_OK, or CMD_INPUT after one line */
static int snapshot_of(struct recording *rec, struct record_process *process)
{
	const struct record_subject subject = {
		.pid = process->pid, .space = process->space,
		.memcg = process->memcg,
		.clean = rec->soft_dirty && process->clean,
	};
	int err = record_read(rec->reader, &subject, rec->start_us);

	process->clean = rec->soft_dirty && !err && !interrupted() &&
			 !record_soft_dirty_clear(process->pid);
	rec->reached += !err;
	if (err >= 0)
		return err;
	/* a process may end at any time; EIO and EINVAL are pagemap's word for it */
	if (err != -EPERM && err != -EACCES)
		return CMD_OK;
	if (!process->refused)
		rec->refused++;
	process->refused = true;
	/* what was asked for by number is an error, what was only found is left out */
	if (rec->target.pids->len && rec->snapshots == 1) {
		record_target_refused(process->pid, err);
		return CMD_INPUT;
	}
	return CMD_OK;
}

/* Nobody could be read: say why of the first. */
static int all_refused(const struct recording *rec)
{
	const struct record_process *process;

	if (!rec->refused || rec->refused < rec->target.processes->len ||
	    rec->target.pids->len || rec->snapshots > 1)
		return CMD_OK;
	process = g_ptr_array_index(rec->target.processes, 0);
	record_target_refused(process->pid, -EPERM);
	return CMD_INPUT;
}

static int snapshot(struct recording *rec)
{
	GPtrArray *processes = rec->target.processes;
	char why[WHY_MAX] = "";
	int status;

	rec->snapshots++;
	rec->reached = 0;
	record_slots_begin(rec->slots);
	status = record_target_find(&rec->target, rec->snapshots == 1);
	if (!status && rec->stop) {
		record_target_stop(&rec->target);
		/* children of the time before their parents stood still */
		status = record_target_find(&rec->target, false);
		record_target_stop(&rec->target);
	}
	for (guint i = 0; i < processes->len && !status && !interrupted(); i++)
		status = snapshot_of(rec, g_ptr_array_index(processes, i));
	if (!status)
		status = all_refused(rec);
	/*
	 * Of half a snapshot nobody knows what is gone; and when everybody is, the
	 * last thing to be known is what there was.
	 */
	if (!status && !interrupted() && rec->reached)
		status = record_slots_end(rec->slots);
	record_target_continue(&rec->target);
	rec->snapshots -= !rec->reached;
	if (!status && trace_writer_flush(rec->writer, false, why,
					  sizeof(why))) {
		cmd_error("%s", why);
		status = CMD_INPUT;
	}
	return status;
}

static int record_all(struct recording *rec)
{
	uint64_t next = rec->start_us;
	int status = CMD_OK;

	/* a command that has just been started has nothing to show */
	if (rec->command && !sleep_until(rec, next += rec->every_us))
		return CMD_OK;
	while (!status) {
		status = snapshot(rec);
		if (status || interrupted() || !rec->reached ||
		    !rec->every_us || rec->snapshots == rec->count)
			break;
		/* a snapshot that took longer than the time between two */
		next = MAX(next + rec->every_us, record_clock_us());
		if (!sleep_until(rec, next))
			break;
	}
	return status;
}

static void tell(const struct recording *rec, uint64_t pages)
{
	struct record_page_counts seen = record_reader_counts(rec->reader);
	struct record_slot_counts slots = record_slots_counts(rec->slots);

	printf("%s: %" PRIu64 " snapshot%s of %u process%s: %" PRIu64 " events, %" PRIu64 " pages\n",
	       rec->output, rec->snapshots, rec->snapshots == 1 ? "" : "s",
	       rec->target.seen, rec->target.seen == 1 ? "" : "es",
	       slots.events, pages);
	if (rec->refused)
		printf("  %" PRIu64 " processes may not be read and are left out\n",
		       rec->refused);
	if (seen.swapped)
		printf("  %" PRIu64 " pages were in the kernel's swap; reading them has brought them back\n",
		       seen.swapped);
	if (seen.skipped)
		printf("  %" PRIu64 " times a page in the kernel's swap was left alone\n",
		       seen.skipped);
	if (seen.unreadable)
		printf("  %" PRIu64 " times a page could not be read\n",
		       seen.unreadable);
	if (slots.shared)
		printf("  %" PRIu64 " times a page was one that another place maps, too (fork, KSM), and is there once\n",
		       slots.shared);
	else if (rec->target.seen > 1 && !seen.frames_seen)
		printf("  pages that processes share after fork cannot be told without CAP_SYS_ADMIN: each has its own here\n");
}

/* Completes the file, or leaves what is in it to import --salvage. */
static int finish(struct recording *rec, int status)
{
	uint64_t events = record_slots_counts(rec->slots).events;
	uint64_t pages = trace_writer_pages(rec->writer);
	char why[WHY_MAX] = "";

	if (status || !events) {
		trace_writer_abandon(rec->writer);
		if (!events)
			unlink(rec->output);
		if (!status)
			cmd_error("%s: nothing was recorded (%s)", rec->output,
				  !rec->snapshots ?
				  "it ended before the first snapshot; a smaller --every may help" :
				  rec->idle ?
				  "no page was there, unchanged, at two snapshots" :
				  "there was no page");
		return CMD_INPUT;
	}
	if (trace_writer_close(rec->writer, why, sizeof(why))) {
		cmd_error("%s", why);
		return CMD_INPUT;
	}
	tell(rec, pages);
	return CMD_OK;
}

/* The command goes on to its own end, unless we are told to end. */
static void leave_command(struct recording *rec)
{
	if (!rec->target.child)
		return;
	if (!ended_by)
		sleep_until(rec, 0);
	/* a terminal sends its Ctrl-C to the command itself */
	if (rec->target.child && ended_by && ended_by != SIGINT)
		kill(rec->target.child, ended_by);
}

static int record(struct recording *rec)
{
	struct trace_writer_options options = {
		.has_memcg = rec->target.pids->len != 1,
		.has_pages = true,
		.in_place = true,
	};
	char why[WHY_MAX] = "";
	int status;

	rec->soft_dirty = rec->stop && !rec->compare && rec->every_us &&
			  record_soft_dirty_works();
	rec->info = g_strdup_printf("vantage=process\nmode=%s\nevery=%g\nstopped=%s\nchanges=%s\n",
				    rec->idle ? "idle" : "all",
				    (double)rec->every_us / 1e6,
				    rec->stop ? "yes" : "no",
				    rec->soft_dirty ? "soft-dirty" : "contents");
	options.info = rec->info;
	if (trace_writer_open(rec->output, &options, &rec->writer, why,
			      sizeof(why))) {
		cmd_error("%s", why);
		return CMD_INPUT;
	}
	rec->slots = record_slots_new(rec->writer, rec->idle);
	rec->reader = record_reader_new(rec->slots, rec->skip_swapped,
					interrupted);
	take_signals(rec);
	rec->start_us = record_clock_us();
	status = rec->command ? start_command(rec) : CMD_OK;
	if (!status)
		status = record_all(rec);
	status = finish(rec, status);
	leave_command(rec);
	record_reader_free(rec->reader);
	record_slots_free(rec->slots);
	return status;
}

static int parse_pids(struct recording *rec, const GPtrArray *words)
{
	for (guint i = 0; i < words->len; i++) {
		const char *word = g_ptr_array_index(words, i);
		guint64 value;
		pid_t pid;

		if (!g_ascii_string_to_unsigned(word, 10, 1, G_MAXINT32,
						&value, NULL))
			return cmd_usage("record", "--pid takes the number of a process, not '%s'",
					 word);
		pid = (pid_t)value;
		for (guint j = 0; j < i; j++)
			if (g_array_index(rec->target.pids, pid_t, j) == pid)
				return cmd_usage("record", "--pid %s is given twice",
						 word);
		g_array_append_val(rec->target.pids, pid);
	}
	return CMD_OK;
}

static int parse_every(struct recording *rec, const char *word)
{
	char *end = NULL;
	double seconds;

	if (!word) {
		rec->every_us = rec->command ? 1000000 : 0;
		return CMD_OK;
	}
	seconds = g_ascii_strtod(word, &end);
	if (end == word || *end || !(seconds >= 0.01) || seconds > SECONDS_MAX)
		return cmd_usage("record", "--every takes seconds from 0.01 to 86400, not '%s'",
				 word);
	rec->every_us = (uint64_t)(seconds * 1e6);
	return CMD_OK;
}

static int check(struct recording *rec, const GPtrArray *pids,
		 const char *every)
{
	int ways = (pids->len > 0) + (rec->target.cgroup != NULL) +
		   (rec->command != NULL);

	if (ways != 1)
		return cmd_usage("record", "%s of --pid, --cgroup and -- COMMAND is needed",
				 ways ? "only one" : "one");
	if (parse_pids(rec, pids) || parse_every(rec, every))
		return CMD_USAGE;
	if (rec->count > 1 && !rec->every_us)
		return cmd_usage("record", "--count needs --every SECONDS");
	if (rec->idle && (!rec->every_us || rec->count == 1))
		return cmd_usage("record", "--idle needs two snapshots: --every SECONDS, and a --count of 2 at least");
	return CMD_OK;
}

static const char examples[] =
	"Ctrl-C, the end of COMMAND or of the processes end the recording and complete the file.\n"
	"With COMMAND, its descendants are recorded, too, every second unless --every is given.\n"
	"The file holds all that was in their memory, passwords, too: docs/RECORD.md.\n\n"
	"examples:\n"
	"  zdedup record --pid 1234 -o now.zdt\n"
	"  zdedup record --pid 1234 --every 10 --idle -o idle.zdt\n"
	"  zdedup record -o build.zdt -- make -j4\n";

int record_process(int argc, char **argv)
{
	g_autoptr(GPtrArray) pids = g_ptr_array_new();
	struct recording rec = { .output = "record.zdt" };
	const char *every = NULL, *operand;
	const struct option_spec specs[] = {
		{ "--pid", "N", OPTION_LIST, &pids, "a process; may be given several times", 0, 0 },
		{ "--cgroup", "PATH", OPTION_STRING, &rec.target.cgroup, "all processes in this cgroup's directory and below", 0, 0 },
		{ "-o", "OUT.zdt", OPTION_STRING, &rec.output, "must not exist yet; default: record.zdt", 0, 0 },
		{ "--every", "SECONDS", OPTION_STRING, &every, "a snapshot each time; without: one", 0, 0 },
		{ "--count", "N", OPTION_NUMBER, &rec.count, "end after N snapshots", 1, UINT32_MAX },
		{ "--idle", NULL, OPTION_TRUE, &rec.idle, "store what did not change since the last snapshot, not everything", 0, 0 },
		{ "--stop", NULL, OPTION_TRUE, &rec.stop, "stop the processes (SIGSTOP) while they are read", 0, 0 },
		{ "--skip-swapped", NULL, OPTION_TRUE, &rec.skip_swapped, "leave pages in the kernel's own swap alone", 0, 0 },
		{ "--compare", NULL, OPTION_TRUE, &rec.compare, "with --stop: compare contents, do not trust soft-dirty bits", 0, 0 },
		{ NULL, NULL, OPTION_STRING, NULL, NULL, 0, 0 },
	};
	const struct option_table table = {
		.command = "record",
		.usage = "record --pid N [--pid M ...] | --cgroup PATH | -- COMMAND [ARGUMENT...]\n"
			 "                     [-o OUT.zdt] [--every SECONDS] [--count N] [--idle]",
		.specs = specs,
		.examples = examples,
	};
	int options = 1, status;

	record_target_init(&rec.target);
	while (options < argc && strcmp(argv[options], "--"))
		options++;
	if (options + 1 < argc)
		rec.command = argv + options + 1;
	switch (options_parse(&table, options, argv, &operand)) {
	case OPTIONS_HELP:
		status = CMD_OK;
		break;
	case OPTIONS_WRONG:
		status = CMD_USAGE;
		break;
	default:
		status = check(&rec, pids, every);
		if (!status)
			status = record(&rec);
	}
	g_free(rec.info);
	record_target_clear(&rec.target);
	return status;
}
