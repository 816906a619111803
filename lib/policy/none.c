/* SPDX-License-Identifier: GPL-2.0-or-later */
/* none.c - plain zswap: nothing is hashed, nothing is shared */
#include "policy/policy.h"

bool policy_no_store(void *state, u32 memcg_id)
{
	return false;
}

const struct zswap_policy_ops policy_none = {
	.name = "none",
	.summary = "plain zswap, the baseline",
	.lookup = policy_no_store,
};
