/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * same-page-sharing.c - a replica of the vendor zswap of 2016 (posted by Samsung)
 *
 * A checksum of jhash2 (use it with hash jhash2) in one tree. One content of each
 * checksum is in it; another of the same checksum is kept outside and can never be
 * shared. A content takes 48 bytes, and there is no index beside the tree.
 */
#include "policy/policy.h"

u64 policy_no_index(u64 nr_slots)
{
	return 0;
}

const struct zswap_policy_ops policy_same_page_sharing = {
	.name = "same-page-sharing",
	.summary = "replica of the vendor zswap of 2016: one content for each checksum; with --hash jhash2",
	.looks_up = true,
	.lookup = policy_every_store,
	.candidates_max = 1,
	.one_per_digest = true,
	.content_bytes = 48,
	.index_bytes = policy_no_index,
};
