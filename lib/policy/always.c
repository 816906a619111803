/* SPDX-License-Identifier: GPL-2.0-or-later */
/* always.c - every page is looked up and may be shared with any other */
#include "policy/policy.h"

static bool always_lookup(u32 memcg_id)
{
	return true;
}

static u32 always_domain(u32 memcg_id)
{
	return 0;
}

const struct zswap_policy_ops policy_always = {
	.name = "always",
	.summary = "every page is looked up; sharing across all memcgs",
	.lookup = always_lookup,
	.domain = always_domain,
};
