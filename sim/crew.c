/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * crew.c - a few threads that share tasks, which come to be as others are done
 *
 * A task is as long as some thousand events take, so one lock and one condition
 * are enough.
 */
#include "crew.h"

#include <glib.h>

/**
 * struct crew - the threads and what they are at
 * @busy:    tasks under way
 * @waiting: threads that found no task
 */
struct crew {
	GMutex lock;
	GCond changed;
	const struct plan *plan;
	void *data;
	unsigned int busy, waiting;
};

/* What a thread of the crew is started with. */
struct hand {
	struct crew *crew;
	unsigned int worker;
};

/*
 * With the lock held, but for the tasks. Who waits is woken after each task: what it
 * made possible, only the plan knows, and it may have been the last.
 */
static void work(struct crew *crew, unsigned int worker)
{
	const struct plan *plan = crew->plan;
	struct task task;

	for (;;) {
		if (plan->choose(crew->data, worker, &task)) {
			crew->busy++;
			g_mutex_unlock(&crew->lock);
			plan->perform(crew->data, worker, &task);
			g_mutex_lock(&crew->lock);
			crew->busy--;
			plan->finish(crew->data, &task);
			if (crew->waiting)
				g_cond_broadcast(&crew->changed);
		} else if (crew->busy) {
			crew->waiting++;
			g_cond_wait(&crew->changed, &crew->lock);
			crew->waiting--;
		} else {
			break;
		}
	}
}

static gpointer hand_works(gpointer data)
{
	const struct hand *hand = data;

	g_mutex_lock(&hand->crew->lock);
	work(hand->crew, hand->worker);
	g_mutex_unlock(&hand->crew->lock);
	return NULL;
}

void crew_work(unsigned int jobs, const struct plan *plan, void *data)
{
	struct crew crew = { .plan = plan, .data = data };
	struct hand *hands = g_new(struct hand, jobs);
	GThread **threads = g_new0(GThread *, jobs);

	g_mutex_init(&crew.lock);
	g_cond_init(&crew.changed);
	/* a thread that cannot be had is one less, and the results are the same */
	for (unsigned int i = 1; i < jobs; i++) {
		hands[i] = (struct hand){ &crew, i };
		threads[i] = g_thread_try_new("zdedup", hand_works, &hands[i],
					      NULL);
	}
	g_mutex_lock(&crew.lock);
	work(&crew, 0);
	g_mutex_unlock(&crew.lock);
	for (unsigned int i = 1; i < jobs; i++)
		if (threads[i])
			g_thread_join(threads[i]);
	g_cond_clear(&crew.changed);
	g_mutex_clear(&crew.lock);
	g_free(threads);
	g_free(hands);
}
