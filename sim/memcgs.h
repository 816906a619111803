/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * memcgs.h - the tree of memcgs that a run has
 *
 * From a key file, one group per memcg id:
 *
 *	[7]
 *	parent=3
 *	zswap.max=64M
 *	zswap.writeback=false
 *	group=1
 *
 * A memcg that the trace names and the file does not is made below the root
 * when it is first stored to.
 */
#ifndef SIM_MEMCGS_H
#define SIM_MEMCGS_H

#include <stdbool.h>
#include <stdint.h>

#include "zdedup.h"

struct memcgs;

/* NULL after one line was printed. @path may be NULL: no file. */
struct memcgs *memcgs_load(const char *path);
void memcgs_free(struct memcgs *memcgs);
/* Does any memcg have a limit or forbid writeback? */
bool memcgs_limited(const struct memcgs *memcgs);
/* Is any memcg marked as one of a group? */
bool memcgs_grouped(const struct memcgs *memcgs);
/* Makes the file's memcgs in @zd. 0 or a negative errno. */
int memcgs_build(const struct memcgs *memcgs, struct zdedup *zd);
/* Makes @id in @zd unless it is known. 0 or a negative errno. */
int memcgs_need(struct memcgs *memcgs, uint32_t id, struct zdedup *zd);

#endif /* SIM_MEMCGS_H */
