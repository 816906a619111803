/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * progress.h - one line on the terminal while a long run lasts
 *
 * Only when stderr is a terminal; plain characters when NO_COLOR or a dumb TERM
 * asks for them.
 */
#ifndef SIM_PROGRESS_H
#define SIM_PROGRESS_H

#include <stdint.h>

void progress_start(const char *what, uint64_t total);
/* Cheap enough for every event: looks at the clock now and then. */
void progress_at(uint64_t done);
/* Takes the line off again; safe when there is none. */
void progress_wipe(void);

#endif /* SIM_PROGRESS_H */
