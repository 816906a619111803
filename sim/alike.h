/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * alike.h - do two configurations come to the same by what they say?
 */
#ifndef SIM_ALIKE_H
#define SIM_ALIKE_H

#include <stdbool.h>

#include "replay-options.h"

/* What matters whether or not contents are shared. */
bool alike_pool(const struct replay_options *a, const struct replay_options *b);
/*
 * What matters of sharing beside the digests. @memcgs: the trace has others than the
 * root; without, all domains are one.
 */
bool alike_sharing(const struct replay_options *a,
		   const struct replay_options *b, bool memcgs);
/* Who shares nothing digests nothing: then any two are. */
bool alike_digests(const struct replay_options *a,
		   const struct replay_options *b);

#endif /* SIM_ALIKE_H */
