/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * output.c - where a report goes: stdout, or a file that appears when it is whole
 */
#include "output.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <glib.h>

#include "cmd.h"

struct output {
	FILE *file;
	char *path;		/* NULL: stdout */
	char *temporary;	/* NULL: written in place (a device, a pipe) */
	int slot;		/* of the temporary in pending */
};

/*
 * What the signal handler removes. A process writes few files at a time, and a
 * handler can reach nothing but globals.
 */
static char *volatile pending[OUTPUT_FILES_MAX];
static char *guarded[OUTPUT_PATHS_MAX];
static volatile sig_atomic_t nr_guarded;

static void on_signal(int signal)
{
	static const char line[] = "zdedup: interrupted, nothing was written\n";

	for (int i = 0; i < OUTPUT_FILES_MAX; i++)
		if (pending[i])
			unlink(pending[i]);
	for (int i = 0; i < nr_guarded; i++)
		if (unlink(guarded[i]))
			rmdir(guarded[i]);
	if (write(STDERR_FILENO, line, sizeof(line) - 1) < 0)
		_exit(128 + signal);
	_exit(128 + signal);
}

void output_guard(const char *const *paths, unsigned int nr)
{
	nr_guarded = 0;
	for (unsigned int i = 0; i < OUTPUT_PATHS_MAX; i++) {
		g_free(guarded[i]);
		guarded[i] = i < nr ? g_strdup(paths[i]) : NULL;
	}
	nr_guarded = (sig_atomic_t)nr;
}

void output_catch_signals(void)
{
	static const int signals[] = { SIGINT, SIGTERM, SIGHUP };
	struct sigaction action = { .sa_handler = on_signal }, old;

	sigemptyset(&action.sa_mask);
	for (size_t i = 0; i < G_N_ELEMENTS(signals); i++) {
		/* nohup and background shells ignore some: leave it so */
		if (!sigaction(signals[i], NULL, &old) &&
		    old.sa_handler != SIG_IGN)
			sigaction(signals[i], &action, NULL);
	}
}

static FILE *open_temporary(struct output *out)
{
	mode_t mask = umask(0);
	int fd;

	umask(mask);
	out->temporary = g_strdup_printf("%s.XXXXXX", out->path);
	/* mkstemp makes 0600; the report is to have what open would give */
	fd = mkstemp(out->temporary);
	if (fd < 0) {
		g_clear_pointer(&out->temporary, g_free);
		return NULL;
	}
	while (pending[out->slot] && out->slot < OUTPUT_FILES_MAX - 1)
		out->slot++;
	pending[out->slot] = out->temporary;
	if (fchmod(fd, 0666 & ~mask)) {
		close(fd);
		return NULL;
	}
	return fdopen(fd, "w");
}

struct output *output_open(const char *path)
{
	struct output *out = g_new0(struct output, 1);
	char real[PATH_MAX];
	struct stat st;

	if (!path) {
		out->file = stdout;
		return out;
	}
	/* through a symbolic link, so that the rename does not replace the link */
	out->path = g_strdup(realpath(path, real) ? real : path);
	if (!stat(out->path, &st) && !S_ISREG(st.st_mode))
		out->file = fopen(out->path, "w");
	else
		out->file = open_temporary(out);
	if (!out->file) {
		cmd_error("%s: %s", path, strerror(errno));
		output_abandon(out);
		return NULL;
	}
	return out;
}

FILE *output_file(struct output *out)
{
	return out->file;
}

static void output_free(struct output *out)
{
	g_free(out->path);
	g_free(out->temporary);
	g_free(out);
}

void output_abandon(struct output *out)
{
	if (!out)
		return;
	if (out->file && out->path)
		fclose(out->file);
	if (out->temporary) {
		pending[out->slot] = NULL;
		unlink(out->temporary);
	}
	output_free(out);
}

int output_sync(FILE *file)
{
	while (fsync(fileno(file)))
		if (errno != EINTR)
			return -1;
	return 0;
}

int output_commit(struct output *out)
{
	bool bad = ferror(out->file);

	if (!out->path) {	/* run_builtin checks stdout for all */
		output_free(out);
		return CMD_OK;
	}
	errno = 0;
	bad |= fflush(out->file) != 0;
	if (!bad && out->temporary && output_sync(out->file))
		bad = true;
	bad |= fclose(out->file) != 0;
	out->file = NULL;
	if (!bad && out->temporary) {
		bad = rename(out->temporary, out->path) != 0;
		if (!bad) {
			pending[out->slot] = NULL;
			g_clear_pointer(&out->temporary, g_free);
		}
	}
	if (bad) {
		cmd_error("%s: %s", out->path,
			  errno ? strerror(errno) : "write error");
		output_abandon(out);
		return CMD_INPUT;
	}
	output_free(out);
	return CMD_OK;
}
