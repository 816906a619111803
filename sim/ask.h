/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ask.h - memory that will be read or written soon is asked for before
 *
 * Into the second-level cache: the first one can wait for few lines at once, so that
 * asking for those of dozens of events has to wait itself. The way from the second is
 * short. Measured in docs/BENCH.md ("bench-sweep").
 */
#ifndef SIM_ASK_H
#define SIM_ASK_H

#include <stddef.h>

#define ASK_LINE 64u

static inline void ask_for(const void *p)
{
	__builtin_prefetch(p, 1, 2);
}

static inline void ask_for_all(const void *from, size_t bytes)
{
	for (size_t at = 0; at < bytes; at += ASK_LINE)
		ask_for((const char *)from + at);
}

#endif /* SIM_ASK_H */
