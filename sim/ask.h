/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ask.h - memory that will be read or written soon is asked for before
 *
 * Into the second-level cache. The first one can wait for so few lines at once (24 on
 * the AMD processors that this was measured on) that asking for the lines of dozens
 * of events would itself have to wait; the way from the second is short.
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
