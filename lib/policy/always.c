/* SPDX-License-Identifier: GPL-2.0-or-later */
/* always.c - every page is looked up and may be shared with any other of the domain */
#include "policy/policy.h"

bool policy_every_store(void *state, u32 memcg_id)
{
	return true;
}

const struct zswap_policy_ops policy_always = {
	.name = "always",
	.summary = "every page is looked up; sharing wherever the domain allows",
	.looks_up = true,
	.lookup = policy_every_store,
};
