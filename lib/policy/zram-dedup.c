/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * zram-dedup.c - a replica of zram's deduplication (Joonsoo Kim, 2017; not merged)
 *
 * A 32-bit checksum (use it with hash jhash2), one bucket for 128 pages of the
 * disk, a tree of checksums in each. Only the first content of equal checksum is
 * compared, and racing stores of equal pages stay two. Each content, shared or
 * not, has an entry of 48 bytes; the patch did not count its buckets, we do.
 */
#include <linux/minmax.h>

#include "policy/policy.h"

#define PAGES_PER_BUCKET 128
#define BUCKETS_MIN 1024
#define BUCKET_BYTES 16

static u64 zram_index_bytes(u64 nr_slots)
{
	return max_t(u64, nr_slots / PAGES_PER_BUCKET, BUCKETS_MIN) *
	       BUCKET_BYTES;
}

const struct zswap_policy_ops policy_zram_dedup = {
	.name = "zram-dedup",
	.summary = "replica of zram's dedup of 2017: the first of equal checksum is compared; with --hash jhash2",
	.looks_up = true,
	.lookup = policy_every_store,
	.candidates_max = 1,
	.keeps_twins = true,
	.content_bytes = 48,
	.index_bytes = zram_index_bytes,
};
