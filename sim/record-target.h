/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * record-target.h - which processes are recorded
 */
#ifndef SIM_RECORD_TARGET_H
#define SIM_RECORD_TARGET_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include <glib.h>

/**
 * struct record_process
 * @began:   when it was started: a process number is used again, this pair is not
 * @clean:   soft-dirty bits were cleared at the last snapshot
 * @stopped: by us
 */
struct record_process {
	pid_t pid;
	uint64_t began;
	uint32_t space, memcg;
	bool listed, clean, stopped, refused;
};

/**
 * struct record_target - one of the three is set: @pids, @cgroup, @child
 * @processes: struct record_process *, those that are there, in the order in which
 *             they were found first
 * @seen:      how many were found so far
 */
struct record_target {
	GArray *pids;
	const char *cgroup;
	pid_t child;
	GPtrArray *processes;
	uint32_t seen;
};

void record_target_init(struct record_target *target);
void record_target_clear(struct record_target *target);

/*
 * Looks who is there. @first: a --pid or --cgroup without a process is an error.
 * CMD_OK, or CMD_INPUT after one line.
 */
int record_target_find(struct record_target *target, bool first);

/* Stops all processes that were not stopped before; goes on with those. */
void record_target_stop(struct record_target *target);
void record_target_continue(struct record_target *target);

/* One line: why @pid may not be read. */
void record_target_refused(pid_t pid, int err);

#endif /* SIM_RECORD_TARGET_H */
