/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * behaviour.c - one row per kernel version
 *
 * The newest is the straight path of zswap.c; a row says where one differs.
 */
#include <linux/kernel.h>
#include <linux/string.h>

#include "zswap/zswap.h"

static const struct zswap_behaviour zswap_behaviours[] = {
	{ .kernel = "7.2", .chain_size = 8, .shrink_batch = 1 },
};

const struct zswap_behaviour *zswap_behaviour_at(unsigned int i)
{
	return i < ARRAY_SIZE(zswap_behaviours) ? &zswap_behaviours[i] : NULL;
}

const struct zswap_behaviour *zswap_behaviour_find(const char *kernel)
{
	const struct zswap_behaviour *b;
	unsigned int i;

	for (i = 0; (b = zswap_behaviour_at(i)); i++)
		if (!strcmp(b->kernel, kernel))
			return b;
	return NULL;
}
