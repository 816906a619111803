/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * memcg.c - pages are shared only inside one cgroup
 *
 * Whoever measures the time of a store, or the growth of the pool, learns nothing
 * of another cgroup's pages.
 */
#include "policy/policy.h"

const struct zswap_policy_ops policy_memcg = {
	.name = "memcg",
	.summary = "every page is looked up; sharing only inside a memcg",
	.looks_up = true,
	.lookup = policy_every_store,
	.domain = ZSWAP_DOMAIN_MEMCG,
};
