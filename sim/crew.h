/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * crew.h - a few threads that share tasks, which come to be as others are done
 */
#ifndef SIM_CREW_H
#define SIM_CREW_H

#include <stdbool.h>
#include <stdint.h>

/* A task, in the words of whoever plans: the crew hands it on. */
struct task {
	unsigned int stage, i;
	uint64_t batch;
};

/**
 * struct plan - what the crew does
 * @choose:  a task that may begin now; false: none may
 * @perform: the task itself; many at once
 * @finish:  it has been performed
 *
 * One call of @choose or @finish is made at a time, and what was performed before a
 * @finish is seen by all that is chosen after it. Each thread is a @worker of its
 * own number below the jobs, which no two have at once.
 */
struct plan {
	bool (*choose)(void *data, unsigned int worker, struct task *task);
	void (*perform)(void *data, unsigned int worker,
			const struct task *task);
	void (*finish)(void *data, const struct task *task);
};

/*
 * Performs tasks until none may begin and none is under way, by @jobs threads, the
 * caller's included; 1 makes none.
 */
void crew_work(unsigned int jobs, const struct plan *plan, void *data);

#endif /* SIM_CREW_H */
