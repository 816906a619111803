/* SPDX-License-Identifier: GPL-2.0-or-later */
/* none.c - plain zswap: nothing is hashed, nothing is shared */
#include "policy/policy.h"

static bool none_lookup(u32 memcg_id)
{
	return false;
}

static u32 none_domain(u32 memcg_id)
{
	return 0;
}

const struct zswap_policy_ops policy_none = {
	.name = "none",
	.summary = "plain zswap, the baseline",
	.lookup = none_lookup,
	.domain = none_domain,
};
