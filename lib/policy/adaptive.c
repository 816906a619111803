/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * adaptive.c - hashes while it pays, and looks now and then whether it does again
 *
 * A lookup that finds nothing costs a digest and an entry in the index; a hit saves
 * a compression and an object. Stores are watched in windows: if fewer than one of
 * PAYS lookups of a window hit, the next stores pass without a look. After a rest
 * comes a probe, a shorter window; while probes fail the rests grow up to
 * REST_MAX. (KSM's advisor and smart scan follow the same thought.)
 */
#include <linux/slab.h>
#include <linux/spinlock.h>

#include "policy/policy.h"

#define WINDOW 1024
#define PROBE 256
#define PAYS 32
#define REST_MIN 4096
#define REST_MAX 65536

/**
 * struct adaptive - what is known of the present window
 * @lock:   protects everything here
 * @left:   lookups until the window is judged, or stores until the rest is over
 * @window: lookups in the window, 0 during a rest
 * @hits:   of them that found something
 * @rest:   how long the next rest will be
 */
struct adaptive {
	spinlock_t lock;
	unsigned int left;
	unsigned int window;
	unsigned int hits;
	unsigned int rest;
};

static void *adaptive_create(const struct zswap_policy_params *params)
{
	struct adaptive *a = kzalloc(sizeof(*a), GFP_KERNEL);

	if (!a)
		return NULL;
	spin_lock_init(&a->lock);
	a->window = WINDOW;
	a->left = WINDOW;
	a->rest = REST_MIN;
	return a;
}

static void adaptive_destroy(void *state)
{
	kfree(state);
}

static u64 adaptive_memory(const void *state)
{
	return sizeof(struct adaptive);
}

static void adaptive_begin(struct adaptive *a, unsigned int window)
{
	a->window = window;
	a->left = window;
	a->hits = 0;
}

static bool adaptive_lookup(void *state, u32 memcg_id)
{
	struct adaptive *a = state;
	bool looks;

	spin_lock(&a->lock);
	if (!a->window && !--a->left)
		adaptive_begin(a, PROBE);
	looks = a->window;
	spin_unlock(&a->lock);
	return looks;
}

static void adaptive_outcome(void *state, bool hit)
{
	struct adaptive *a = state;

	spin_lock(&a->lock);
	/* another thread may have ended the window since this lookup began */
	if (!a->window)
		goto unlock;
	a->hits += hit;
	if (--a->left)
		goto unlock;
	if (a->hits * PAYS >= a->window) {
		a->rest = REST_MIN;
		adaptive_begin(a, WINDOW);
	} else {
		a->left = a->rest;
		a->window = 0;
		if (a->rest < REST_MAX)
			a->rest *= 2;
	}
unlock:
	spin_unlock(&a->lock);
}

const struct zswap_policy_ops policy_adaptive = {
	.name = "adaptive",
	.summary = "as always, but rests from hashing where fewer than 1 of 32 lookups hit",
	.looks_up = true,
	.create = adaptive_create,
	.destroy = adaptive_destroy,
	.memory = adaptive_memory,
	.lookup = adaptive_lookup,
	.outcome = adaptive_outcome,
};
