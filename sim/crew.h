/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * crew.h - a few threads that share the tasks of a round
 */
#ifndef SIM_CREW_H
#define SIM_CREW_H

struct crew;

/* @jobs threads in all, the caller's included; 1 makes none. */
struct crew *crew_new(unsigned int jobs);
void crew_free(struct crew *crew);
/*
 * Calls @task(@data, worker, i) once for each i below @nr, lower ones begun first, on
 * whichever thread is free, and returns when all have returned. Each thread is a
 * worker of its own number below the jobs, which no two have at once.
 */
void crew_round(struct crew *crew,
		void (*task)(void *data, unsigned int worker, unsigned int i),
		void *data, unsigned int nr);

#endif /* SIM_CREW_H */
