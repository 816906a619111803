/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * xxhash.c - XXH64 with seed 0, as the kernel has it, and XXH3, which it has not
 *
 * libxxhash's plain XXH3 entries are built for the baseline CPU. On x86 the
 * dispatching ones use the widest vectors that the CPU has, several times
 * as fast on a page; the digest is the same.
 */
#define XXH_DISPATCH_DISABLE_REPLACE
#if defined(__x86_64__) && __has_include(<xxh_x86dispatch.h>)
#include <xxh_x86dispatch.h>
#define xxh3_64 XXH3_64bits_dispatch
#define xxh3_128 XXH3_128bits_dispatch
#define xxh3_128_with_seed XXH3_128bits_withSeed_dispatch
#else
#include <xxhash.h>
#define xxh3_64 XXH3_64bits
#define xxh3_128 XXH3_128bits
#define xxh3_128_with_seed XXH3_128bits_withSeed
#endif

#include "zhash/zhash.h"

static void xxh64_digest(const struct zhash_key *key, const void *page,
			 struct zswap_digest *out)
{
	(void)key;
	out->lo = XXH64(page, PAGE_SIZE, 0);
	out->hi = 0;
}

static void xxh3_64_digest(const struct zhash_key *key, const void *page,
			   struct zswap_digest *out)
{
	(void)key;
	out->lo = xxh3_64(page, PAGE_SIZE);
	out->hi = 0;
}

static void xxh3_128_digest(const struct zhash_key *key, const void *page,
			    struct zswap_digest *out)
{
	XXH128_hash_t hash = xxh3_128(page, PAGE_SIZE);

	(void)key;
	out->lo = hash.low64;
	out->hi = hash.high64;
}

/*
 * For whoever trusts digests and cannot wait for SipHash: pages made to collide without
 * the seed, 64 bits made of the key, are not known; but XXH3 is no MAC, and its author
 * promises nothing against them.
 */
static void xxh3_128_seed_digest(const struct zhash_key *key, const void *page,
				 struct zswap_digest *out)
{
	u64 seed = key->k0 ^ zhash_rol64(key->k1, 32);
	XXH128_hash_t hash = xxh3_128_with_seed(page, PAGE_SIZE, seed);

	out->lo = hash.low64;
	out->hi = hash.high64;
}

const struct zhash_ops zhash_xxh64 = {
	.name = "xxh64",
	.bits = 64,
	.in_kernel = true,
	.digest = xxh64_digest,
};

const struct zhash_ops zhash_xxh3_64 = {
	.name = "xxh3-64",
	.bits = 64,
	.digest = xxh3_64_digest,
};

const struct zhash_ops zhash_xxh3_128 = {
	.name = "xxh3-128",
	.bits = 128,
	.digest = xxh3_128_digest,
};

const struct zhash_ops zhash_xxh3_128_seed = {
	.name = "xxh3-128-seed",
	.bits = 128,
	.keyed = true,
	.digest = xxh3_128_seed_digest,
};
