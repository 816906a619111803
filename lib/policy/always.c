/* SPDX-License-Identifier: GPL-2.0-or-later */
/* always.c - every page is looked up and may be shared with any other */
#include "policy/policy.h"

bool policy_every_store(void *state, u32 memcg_id)
{
	return true;
}

u32 policy_one_domain(u32 memcg_id)
{
	return 0;
}

const struct zswap_policy_ops policy_always = {
	.name = "always",
	.summary = "every page is looked up; sharing across all memcgs",
	.looks_up = true,
	.lookup = policy_every_store,
	.domain = policy_one_domain,
};
