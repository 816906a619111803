/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fold.c - a replica of zsmalloc's folding of equal objects (Romanov, RFC of 2023)
 *
 * A pass over all objects, which an administrator starts by hand and which here
 * comes every so many events: what is stored is hashed and compared, compressed as
 * it is. Nothing is known of an object from one pass to the next; while a pass runs,
 * each has 24 bytes in a table. For good, each object that was folded has a node of
 * 40 bytes, and each of the 255 size classes the root of a tree of these.
 */
#include "policy/policy.h"

#define SIZE_CLASSES 255
#define ROOT_BYTES 8

static u64 fold_index_bytes(u64 nr_slots)
{
	return SIZE_CLASSES * ROOT_BYTES;
}

const struct zswap_policy_ops policy_fold = {
	.name = "fold",
	.summary = "replica of zsmalloc's folding of 2023: every=N events, a pass merges equal compressed objects",
	.looks_up = true,
	.lookup = policy_no_store,
	.scan_every = 10000,
	.stored_bytes = true,
	.content_bytes = 40,
	.index_bytes = fold_index_bytes,
};
