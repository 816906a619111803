/* SPDX-License-Identifier: GPL-2.0-or-later */
/* alike.c - do two configurations come to the same by what they say? */
#include "alike.h"

#include <string.h>

bool alike_pool(const struct replay_options *a, const struct replay_options *b)
{
	return !strcmp(a->kernel, b->kernel) &&
	       !strcmp(a->compressor, b->compressor) &&
	       !strcmp(a->zpool, b->zpool) &&
	       !g_strcmp0(a->memcg_config, b->memcg_config) &&
	       a->totalram == b->totalram &&
	       a->max_pool_percent == b->max_pool_percent &&
	       a->accept_threshold_percent == b->accept_threshold_percent;
}

/* Policy memcg is always with its own domain. */
static bool alike_policy(const struct replay_options *a,
			 const struct replay_options *b, bool memcgs)
{
	static const char always[] = "always", memcg[] = "memcg";
	const char *x = a->dedup, *y = b->dedup;

	if (g_str_has_prefix(x, memcg) && g_str_has_prefix(y, always)) {
		x += strlen(memcg);
		y += strlen(always);
	} else if (g_str_has_prefix(x, always) && g_str_has_prefix(y, memcg)) {
		x += strlen(always);
		y += strlen(memcg);
	}
	return !strcmp(x, y) && (!memcgs || !strcmp(a->domain, b->domain));
}

bool alike_sharing(const struct replay_options *a,
		   const struct replay_options *b, bool memcgs)
{
	if (!replay_dedups(a) || !replay_dedups(b))
		return replay_dedups(a) == replay_dedups(b);
	return alike_policy(a, b, memcgs) &&
	       !strcmp(a->compare, b->compare) &&
	       !strcmp(a->charge, b->charge) &&
	       !strcmp(a->writeback, b->writeback);
}

bool alike_digests(const struct replay_options *a,
		   const struct replay_options *b)
{
	return !replay_dedups(a) ||
	       (!strcmp(a->hash, b->hash) && a->seed == b->seed);
}
