/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * env.h - what surrounds the pool: swap devices, zero map, swap cache, memcgs
 *
 * struct zdedup is the model of lib/zdedup.h. zdedup.c has its verbs, swap.c the
 * devices, memcg.c the tree of cgroups. The slot lock stands for the lock of the
 * slot's folio and for its place in the swap cache at once: who holds it owns all
 * that the slot has, in the pool, in the zero map and on the device.
 */
#ifndef ZDEDUP_ENV_H
#define ZDEDUP_ENV_H

#include <linux/atomic.h>
#include <linux/bitops.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/xarray.h>

#include "compat/custom.h"
#include "zdedup.h"
#include "zswap/zswap.h"

#define SWAP_SLOTS_MAX (1ULL << 32)
/* The largest freed_batch of any kernel: SWAP_SLOTS_CACHE_SIZE */
#define FREED_MAX 64

#define SWAP_WORD_SLOTS BITS_PER_LONG

/**
 * struct swap_word - a bit for each of SWAP_WORD_SLOTS slots; side by side, as an event
 * looks at all three
 * @locked: the slot's folio is locked and in the swap cache (a bit lock)
 * @zero:   the slot's page is zero (swap table flag, zero map); under the slot lock
 * @filled: the slot's bytes are in swap_device.fd; under the slot lock
 */
struct swap_word {
	unsigned long locked;
	unsigned long zero;
	unsigned long filled;
};

/**
 * struct swap_device - one swap device
 * @word:   of slot n, at n / SWAP_WORD_SLOTS
 * @fd:     unlinked temporary file, page of slot n at n * 4096; -1 until first used
 *
 * Invariant: a slot is not both zero and filled. It may be zero and have an entry
 * in the pool: that one is stale, never loaded, and goes with the slot's next
 * store, load or invalidate (the kernel leaves it there as well).
 */
struct swap_device {
	u64 nr_slots;
	struct swap_word *word;
	int fd;
	struct mutex fd_lock;
};

static inline struct swap_word *swap_word(const struct swap_device *dev,
					  u64 offset)
{
	return &dev->word[offset / SWAP_WORD_SLOTS];
}

static inline bool swap_slot_is_zero(const struct swap_device *dev, u64 offset)
{
	return test_bit(offset % SWAP_WORD_SLOTS,
			&swap_word(dev, offset)->zero);
}

static inline bool swap_slot_is_filled(const struct swap_device *dev,
				       u64 offset)
{
	return test_bit(offset % SWAP_WORD_SLOTS,
			&swap_word(dev, offset)->filled);
}

/**
 * struct obj_cgroup - the one that entries are charged to; outlives its memcg
 * @memcg: whom it stands for now; changes under zs->lru_lock
 */
struct obj_cgroup {
	struct mem_cgroup *memcg;
	struct list_head list;	/* in zd->objcgs, for the end */
};

/**
 * struct mem_cgroup - one cgroup
 * @list:  in zd->memcgs, in pre-order, the root first
 * @group: its mark; ZDEDUP_NO_GROUP: what its parent has
 * @max_pages: zswap.max in whole pages, U64_MAX: no limit
 * @bytes, @entries: charged to it and its descendants
 */
struct mem_cgroup {
	u32 id;
	u32 number;	/* never used again, as @id may be: the policies' name for it */
	struct mem_cgroup *parent;
	unsigned int nr_children;
	struct list_head list;
	u32 group;
	u64 max_pages;
	bool writeback;
	struct obj_cgroup *objcg;
	u8 apart[SMP_CACHE_BYTES];	/* what each store reads from what it writes */
	atomic64_t bytes;
	atomic64_t entries;
	struct zswap_lru lru;
	u8 behind[SMP_CACHE_BYTES];
};

struct zdedup {
	struct zswap zs;
	struct swap_device *device[ZDEDUP_TYPES_MAX];
	u64 nr_slots;		/* of all devices */
	struct xarray memcg_by_id;
	struct list_head memcgs;
	struct list_head objcgs;
	u32 next_memcg_number;
	bool built_with_dedup;	/* a policy other than none was ever set */

	/*
	 * 6.1: freed slots that zswap has not heard of. Their entries stand behind
	 * the last slot of their device. Under freed_lock.
	 */
	struct mutex freed_lock;
	swp_entry_t freed[FREED_MAX];
	unsigned int nr_freed;

	struct mutex param_lock;	/* serialises parameter changes */
	struct mutex shrink_lock;	/* one shrink worker at a time */
	atomic_t shrink_queued;

	void (*stage_hook)(void *data, enum zdedup_stage stage);
	void *stage_data;

	u8 apart[SMP_CACHE_BYTES];	/* what is read from what is written */
	struct xa_nodes tree_nodes;	/* of all slot trees */
	atomic_long_t swpout_zero, swpin_zero, pswpout, pswpin;
	atomic_long_t live_zero, live_device;
};

extern const struct zswap_env_ops zdedup_env_ops;

/* swap.c: slots. Offsets were checked. Locks wait; swap_trylock does not. */
int swap_device_create(u64 nr_slots, struct swap_device **out);
void swap_device_destroy(struct swap_device *dev);
bool swap_trylock(struct swap_device *dev, u64 offset);
void swap_lock(struct swap_device *dev, u64 offset);
void swap_unlock(struct swap_device *dev, u64 offset);
/* Under the slot lock: 0, or a negative errno (-ENOSPC, -EIO ...). */
int swap_device_write(struct zdedup *zd, struct swap_device *dev, u64 offset,
		      const void *page);
int swap_device_read(struct zdedup *zd, struct swap_device *dev, u64 offset,
		     void *page);
/* Under the slot lock: what the slot has outside of the pool goes. */
bool swap_slot_clear(struct zdedup *zd, struct swap_device *dev, u64 offset);
void swap_slot_set_zero(struct zdedup *zd, struct swap_device *dev, u64 offset);

/* memcg.c */
int memcg_init(struct zdedup *zd);
void memcg_exit(struct zdedup *zd);
struct mem_cgroup *memcg_find(struct zdedup *zd, u32 id);
bool memcg_may_zswap(void *env, struct obj_cgroup *objcg);
bool memcg_writeback_enabled(void *env, struct mem_cgroup *memcg);
void memcg_charge(void *env, struct obj_cgroup *objcg, size_t size);
void memcg_uncharge(void *env, struct obj_cgroup *objcg, size_t size);
void memcg_recharge(void *env, struct obj_cgroup *objcg, long delta);
struct mem_cgroup *memcg_of(void *env, struct obj_cgroup *objcg);
void memcg_usage(void *env, struct mem_cgroup *memcg, u64 *bytes, u64 *entries);
u32 memcg_id(void *env, struct mem_cgroup *memcg);
u32 memcg_group(void *env, struct mem_cgroup *memcg);
struct zswap_lru *memcg_lru(void *env, struct mem_cgroup *memcg);
struct mem_cgroup *memcg_next(void *env, struct mem_cgroup *prev);
/* The root's charge is the sum over all entries: 0 or -EUCLEAN. */
int memcg_check(struct zdedup *zd, const char **why);

#endif /* ZDEDUP_ENV_H */
