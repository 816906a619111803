/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * record-target.c - which processes are recorded
 */
#include "record-target.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cmd.h"

#define KERNEL_THREAD 0x00200000u	/* PF_KTHREAD */
#define STOP_TRIES 1000			/* of a millisecond */

/* What /proc/PID/stat says. */
struct stat_line {
	char state;
	pid_t parent;
	unsigned int flags;
	uint64_t began;
};

/* proc(5); the name in brackets may hold anything, so from the last bracket on */
static bool read_stat(const char *path, struct stat_line *stat)
{
	g_autofree char *text = NULL;
	const char *at;
	int parent;

	if (!g_file_get_contents(path, &text, NULL, NULL))
		return false;
	at = strrchr(text, ')');
	if (!at || sscanf(at, ") %c %d %*d %*d %*d %*d %u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d %*d %" SCNu64,
			  &stat->state, &parent, &stat->flags,
			  &stat->began) != 4)
		return false;
	stat->parent = parent;
	return true;
}

static bool stat_of(pid_t pid, struct stat_line *stat)
{
	g_autofree char *path = g_strdup_printf("/proc/%d/stat", (int)pid);

	return read_stat(path, stat);
}

void record_target_init(struct record_target *target)
{
	*target = (struct record_target) {
		.pids = g_array_new(FALSE, FALSE, sizeof(pid_t)),
		.processes = g_ptr_array_new_with_free_func(g_free),
	};
}

void record_target_clear(struct record_target *target)
{
	g_array_free(target->pids, TRUE);
	g_ptr_array_free(target->processes, TRUE);
}

/* It is there now: the one that we know, or a new one. */
static void found(struct record_target *target, pid_t pid)
{
	struct record_process *process;
	struct stat_line stat;

	if (pid == getpid() || !stat_of(pid, &stat) || stat.state == 'Z' ||
	    stat.state == 'X' || stat.flags & KERNEL_THREAD)
		return;
	for (guint i = 0; i < target->processes->len; i++) {
		process = g_ptr_array_index(target->processes, i);
		if (process->pid == pid && process->began == stat.began) {
			process->listed = true;
			return;
		}
	}
	process = g_new0(struct record_process, 1);
	process->pid = pid;
	process->began = stat.began;
	process->space = target->seen++;
	/* a single --pid needs no numbers */
	process->memcg = target->pids->len == 1 ? 0 : process->space + 1;
	process->listed = true;
	g_ptr_array_add(target->processes, process);
}

static int find_pids(struct record_target *target, bool first)
{
	for (guint i = 0; i < target->pids->len; i++) {
		pid_t pid = g_array_index(target->pids, pid_t, i);
		guint before = target->processes->len;
		struct stat_line stat = { 0 };
		bool there = stat_of(pid, &stat);

		if (first || there)
			found(target, pid);
		if (!first || target->processes->len > before)
			continue;
		cmd_error("process %d: %s", (int)pid,
			  pid == getpid() ? "is this zdedup itself" :
			  !there ? "there is no such process" :
			  stat.flags & KERNEL_THREAD ?
			  "is a kernel thread, which has no memory of its own" :
			  "has ended, or is given twice");
		return CMD_INPUT;
	}
	return CMD_OK;
}

/* Of the cgroup and those below it. 0 or a negative errno. */
static int find_cgroup(struct record_target *target, const char *path)
{
	g_autofree char *list = g_build_filename(path, "cgroup.procs", NULL);
	FILE *file = fopen(list, "re");
	const char *name;
	GDir *dir;
	int pid;

	if (!file)
		return -errno;
	errno = 0;
	while (fscanf(file, "%d", &pid) == 1)
		found(target, pid);
	if (ferror(file)) {
		int err = errno ? -errno : -EIO;

		fclose(file);
		return err;
	}
	fclose(file);
	dir = g_dir_open(path, 0, NULL);
	while (dir && (name = g_dir_read_name(dir))) {
		g_autofree char *below = g_build_filename(path, name, NULL);

		/* one that cannot be read, or has gone, is not ours to tell of */
		if (g_file_test(below, G_FILE_TEST_IS_DIR))
			find_cgroup(target, below);
	}
	if (dir)
		g_dir_close(dir);
	return 0;
}

struct family {
	pid_t pid, parent;
	bool in;
};

/*
 * The command and what descends from it. Nobody is lost when a parent dies, because
 * we are the subreaper: who descends from us descends from the command.
 */
static void find_descendants(struct record_target *target)
{
	g_autoptr(GArray) all = g_array_new(FALSE, FALSE, sizeof(struct family));
	GDir *dir = g_dir_open("/proc", 0, NULL);
	const char *name;
	bool more = true;

	while (dir && (name = g_dir_read_name(dir))) {
		struct family one = { .pid = (pid_t)atoi(name) };
		struct stat_line stat;

		if (one.pid <= 0 || !stat_of(one.pid, &stat))
			continue;
		one.parent = stat.parent;
		one.in = one.parent == getpid();
		g_array_append_val(all, one);
	}
	if (dir)
		g_dir_close(dir);
	while (more) {
		more = false;
		for (guint i = 0; i < all->len; i++) {
			struct family *a = &g_array_index(all, struct family, i);

			for (guint j = 0; j < all->len && !a->in; j++) {
				const struct family *b =
					&g_array_index(all, struct family, j);

				a->in = b->in && b->pid == a->parent;
				more |= a->in;
			}
		}
	}
	for (guint i = 0; i < all->len; i++)
		if (g_array_index(all, struct family, i).in)
			found(target, g_array_index(all, struct family, i).pid);
}

int record_target_find(struct record_target *target, bool first)
{
	int status = CMD_OK, err;

	for (guint i = 0; i < target->processes->len; i++)
		((struct record_process *)
		 g_ptr_array_index(target->processes, i))->listed = false;
	if (target->cgroup) {
		err = find_cgroup(target, target->cgroup);
		if (first && (err || !target->processes->len)) {
			cmd_error("%s: %s", target->cgroup,
				  err == -ENOENT || err == -ENOTDIR ?
				  "is no cgroup (there is no cgroup.procs in it)" :
				  err ? strerror(-err) :
				  "is a cgroup without a process in it");
			status = CMD_INPUT;
		}
	} else if (target->child) {
		find_descendants(target);
	} else {
		status = find_pids(target, first);
	}
	for (guint i = target->processes->len; i-- > 0;)
		if (!((struct record_process *)
		      g_ptr_array_index(target->processes, i))->listed)
			g_ptr_array_remove_index(target->processes, i);
	return status;
}

/* Has each of its threads come to rest? */
static bool at_rest(pid_t pid)
{
	g_autofree char *path = g_strdup_printf("/proc/%d/task", (int)pid);
	GDir *dir = g_dir_open(path, 0, NULL);
	const char *name;
	bool rest = true;

	while (dir && rest && (name = g_dir_read_name(dir))) {
		g_autofree char *file = g_build_filename(path, name, "stat",
							 NULL);
		struct stat_line stat;

		rest = !read_stat(file, &stat) || strchr("TtZX", stat.state);
	}
	if (dir)
		g_dir_close(dir);
	return rest;
}

void record_target_stop(struct record_target *target)
{
	for (guint i = 0; i < target->processes->len; i++) {
		struct record_process *process =
			g_ptr_array_index(target->processes, i);
		struct stat_line stat;

		if (stat_of(process->pid, &stat) && stat.state != 'T')
			process->stopped = !kill(process->pid, SIGSTOP);
	}
	for (guint i = 0; i < target->processes->len; i++) {
		const struct record_process *process =
			g_ptr_array_index(target->processes, i);

		for (int t = 0; t < STOP_TRIES && process->stopped &&
		     !at_rest(process->pid); t++)
			g_usleep(1000);
	}
}

void record_target_continue(struct record_target *target)
{
	for (guint i = 0; i < target->processes->len; i++) {
		struct record_process *process =
			g_ptr_array_index(target->processes, i);

		if (process->stopped)
			kill(process->pid, SIGCONT);
		process->stopped = false;
	}
}

static bool same_owner(pid_t pid)
{
	g_autofree char *path = g_strdup_printf("/proc/%d", (int)pid);
	struct stat st;

	return !stat(path, &st) && st.st_uid == geteuid();
}

void record_target_refused(pid_t pid, int err)
{
	g_autofree char *scope = NULL;

	if (geteuid() && !same_owner(pid)) {
		cmd_error("process %d: %s (it belongs to another user, or is guarded as a set-uid program is)",
			  (int)pid, strerror(-err));
	} else if (g_file_get_contents("/proc/sys/kernel/yama/ptrace_scope",
				       &scope, NULL, NULL) && atoi(scope) > 0) {
		cmd_error("process %d: %s (kernel.yama.ptrace_scope is %d; up to 1, 'zdedup record -- COMMAND' works)",
			  (int)pid, strerror(-err), atoi(scope));
	} else {
		cmd_error("process %d: %s (a security module or a container forbids it)",
			  (int)pid, strerror(-err));
	}
}
