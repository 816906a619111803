/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * crew.c - a few threads that share the tasks of a round
 *
 * A round is as long as some thousand events take, so one lock and two conditions
 * are enough; what one round wrote, every thread sees in the next.
 */
#include "crew.h"

#include <stdbool.h>

#include <glib.h>

/**
 * struct crew - the threads and the round under way
 * @next:  the first task that nobody has begun
 * @left:  tasks that have not returned
 */
struct crew {
	GMutex lock;
	GCond begun, done;
	GPtrArray *threads;
	void (*task)(void *data, unsigned int worker, unsigned int i);
	void *data;
	unsigned int nr, next, left;
	bool quit;
};

/* What a thread of the crew is started with. */
struct hand {
	struct crew *crew;
	unsigned int worker;
};

/* With the lock held: one task, if there is one. */
static bool do_one(struct crew *crew, unsigned int worker)
{
	unsigned int i = crew->next;

	if (i >= crew->nr)
		return false;
	crew->next++;
	g_mutex_unlock(&crew->lock);
	crew->task(crew->data, worker, i);
	g_mutex_lock(&crew->lock);
	if (!--crew->left)
		g_cond_signal(&crew->done);
	return true;
}

static gpointer work(gpointer data)
{
	struct hand *hand = data;
	struct crew *crew = hand->crew;
	unsigned int worker = hand->worker;

	g_free(hand);
	g_mutex_lock(&crew->lock);
	while (!crew->quit)
		if (!do_one(crew, worker))
			g_cond_wait(&crew->begun, &crew->lock);
	g_mutex_unlock(&crew->lock);
	return NULL;
}

struct crew *crew_new(unsigned int jobs)
{
	struct crew *crew = g_new0(struct crew, 1);

	g_mutex_init(&crew->lock);
	g_cond_init(&crew->begun);
	g_cond_init(&crew->done);
	crew->threads = g_ptr_array_new();
	/* a thread that cannot be had is one less, and the results are the same */
	for (unsigned int i = 1; i < jobs; i++) {
		struct hand *hand = g_new(struct hand, 1);
		GThread *thread;

		*hand = (struct hand){ crew, i };
		thread = g_thread_try_new("zdedup", work, hand, NULL);
		if (thread)
			g_ptr_array_add(crew->threads, thread);
		else
			g_free(hand);
	}
	return crew;
}

void crew_free(struct crew *crew)
{
	if (!crew)
		return;
	g_mutex_lock(&crew->lock);
	crew->quit = true;
	g_cond_broadcast(&crew->begun);
	g_mutex_unlock(&crew->lock);
	for (guint i = 0; i < crew->threads->len; i++)
		g_thread_join(g_ptr_array_index(crew->threads, i));
	g_ptr_array_unref(crew->threads);
	g_cond_clear(&crew->begun);
	g_cond_clear(&crew->done);
	g_mutex_clear(&crew->lock);
	g_free(crew);
}

void crew_round(struct crew *crew,
		void (*task)(void *data, unsigned int worker, unsigned int i),
		void *data, unsigned int nr)
{
	g_mutex_lock(&crew->lock);
	crew->task = task;
	crew->data = data;
	crew->nr = nr;
	crew->next = 0;
	crew->left = nr;
	g_cond_broadcast(&crew->begun);
	while (do_one(crew, 0))
		;
	while (crew->left)
		g_cond_wait(&crew->done, &crew->lock);
	g_mutex_unlock(&crew->lock);
}
