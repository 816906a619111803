/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * progress.c - one line on the terminal while a long run lasts
 */
#include "progress.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <glib.h>

#define EVENTS_PER_LOOK 256	/* how often the clock is looked at */
#define USEC_PER_DRAW 100000
#define BLANK "                                                                               "

/* There is one terminal. */
static struct {
	bool on, drawn, plain;
	const char *what;
	uint64_t total;
	uint64_t next;	/* look at the clock at this event */
	int64_t begun, drawn_at;
} progress;

void progress_start(const char *what, uint64_t total)
{
	const char *no_color = getenv("NO_COLOR");
	const char *term = getenv("TERM");

	progress.on = isatty(STDERR_FILENO) && total;
	progress.plain = (no_color && *no_color) || !term ||
			 !strcmp(term, "dumb");
	progress.drawn = false;
	progress.what = what;
	progress.total = total;
	progress.next = EVENTS_PER_LOOK;
	progress.begun = g_get_monotonic_time();
	progress.drawn_at = progress.begun;
}

static void draw(uint64_t done, int64_t now)
{
	int64_t usec = MAX(now - progress.begun, 1);
	uint64_t rate = MAX(done * 1000000 / (uint64_t)usec, 1);

	fprintf(stderr, "\r%s%s: %3" PRIu64 " %%, %" PRIu64
		" events/s, %" PRIu64 " s left%s",
		progress.plain ? "" : "\033[2m", progress.what,
		done * 100 / progress.total, rate,
		(progress.total - MIN(done, progress.total)) / rate,
		progress.plain ? "     " : "\033[0m\033[K");
	fflush(stderr);
	progress.drawn = true;
	progress.drawn_at = now;
}

void progress_at(uint64_t done)
{
	int64_t now;

	if (!progress.on || done < progress.next)
		return;
	progress.next = done + EVENTS_PER_LOOK;
	now = g_get_monotonic_time();
	if (now - progress.drawn_at >= USEC_PER_DRAW)
		draw(done, now);
}

void progress_wipe(void)
{
	if (progress.drawn)
		fputs(progress.plain ? "\r" BLANK "\r" :
				       "\r\033[K", stderr);
	progress.drawn = false;
}
