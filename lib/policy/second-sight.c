/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * second-sight.c - a content can be found only once its digest has been seen before
 *
 * Most pages are never stored twice, and the index is what dedup costs. So the
 * first content of a digest stays outside of it, and leaves a mark in a filter (the
 * doorkeeper of TinyLFU, Einziger et al. 2017); the second is indexed, and what
 * comes third finds it. Two equal pages stay two.
 *
 * The filter is two Bloom filters, each of half the memory, three bits a digest.
 * When the present one has taken as many digests as it has bits / 8, which keeps
 * false marks below 4 %, the older one is emptied and becomes the present one. A
 * false mark costs an entry in the index, never a wrong share.
 */
#include <linux/atomic.h>
#include <linux/bitops.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/string.h>

#include "policy/policy.h"

#define MARKS 3
#define BITS_PER_DIGEST 8

/**
 * struct second_sight - the doorkeeper
 * @lock:    protects everything here; never held for long
 * @nr_bits: of each filter, a power of two
 * @marked:  digests in the present filter
 * @present: which one that is
 */
struct second_sight {
	spinlock_t lock;
	u64 nr_bits;
	u64 marked;
	unsigned int present;
	unsigned long *filter[2];
};

static void second_sight_destroy(void *state)
{
	struct second_sight *s = state;

	kvfree(s->filter[0]);
	kvfree(s->filter[1]);
	kfree(s);
}

static void *second_sight_create(const struct zswap_policy_params *params)
{
	struct second_sight *s = kzalloc(sizeof(*s), GFP_KERNEL);

	if (!s)
		return NULL;
	spin_lock_init(&s->lock);
	/* the largest power of two that leaves two of them within the memory */
	s->nr_bits = 64;
	while (s->nr_bits / 8 * 2 * 2 <= params->memory)
		s->nr_bits *= 2;
	s->filter[0] = kvzalloc(s->nr_bits / 8, GFP_KERNEL);
	s->filter[1] = kvzalloc(s->nr_bits / 8, GFP_KERNEL);
	if (s->filter[0] && s->filter[1])
		return s;
	second_sight_destroy(s);
	return NULL;
}

static u64 second_sight_memory(const void *state)
{
	const struct second_sight *s = state;

	return sizeof(*s) + s->nr_bits / 8 * 2;
}

/* The i-th of the bits of a digest: double hashing (Kirsch and Mitzenmacher, 2006). */
static u64 second_sight_bit(const struct second_sight *s, u64 a, u64 b,
			    unsigned int i)
{
	return (a + i * b) & (s->nr_bits - 1);
}

/* Marks the digest in the present filter; returns whether either had it. */
static bool second_sight_admit(void *state, const struct zswap_digest *digest,
			       u32 domain)
{
	u64 a = (digest->lo ^ digest->hi ^ domain) * 0x9e3779b97f4a7c15ULL;
	u64 b = (a >> 32) | 1;
	struct second_sight *s = state;
	bool seen[2] = { true, true };
	unsigned int i, f;
	u64 bit;

	spin_lock(&s->lock);
	if (s->marked >= s->nr_bits / BITS_PER_DIGEST) {
		s->present = !s->present;
		s->marked = 0;
		memset(s->filter[s->present], 0, s->nr_bits / 8);
	}
	for (i = 0; i < MARKS; i++) {
		bit = second_sight_bit(s, a >> 7, b, i);
		for (f = 0; f < 2; f++)
			seen[f] = seen[f] && test_bit(bit, s->filter[f]);
		__set_bit(bit, s->filter[s->present]);
	}
	if (!seen[s->present])
		s->marked++;
	spin_unlock(&s->lock);
	return seen[0] || seen[1];
}

const struct zswap_policy_ops policy_second_sight = {
	.name = "second-sight",
	.summary = "as always, but a content is indexed when its digest was seen before; memory=SIZE of the filter",
	.memory_default = 256 << 10,
	.looks_up = true,
	.create = second_sight_create,
	.destroy = second_sight_destroy,
	.memory = second_sight_memory,
	.lookup = policy_every_store,
	.admit = second_sight_admit,
};
