/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * zswap.h - the core's own structures: entry, pool, tree, and what surrounds them
 *
 * The file-scope variables of mm/zswap.c (Linux 7.2) are the fields of struct
 * zswap, so that a process can hold many pools. An entry is one swap slot; the
 * compressed copy it refers to is a content (dedup/dedup.h), which entries share.
 *
 * The core reaches memcgs, the swap cache and the swap device only through struct
 * zswap_env_ops: a module cannot call the kernel's own functions for these, and a
 * test wants to see them.
 *
 * Lock order, outermost first:
 *   lock of the scan (dedup/dedup.h), which never waits for a folio lock
 *   folio lock (environment) > per-CPU compression mutex
 *   folio lock > tree xa_lock
 *   folio lock > zs->lru_lock
 *   folio lock > stripe lock (dedup/dedup.h)
 *   folio lock > zs->pools_lock > an allocator's own locks
 * No others of the spinlocks nest. Nothing that compresses, decompresses, hashes or
 * compares a page runs under a spinlock.
 */
#ifndef ZSWAP_ZSWAP_H
#define ZSWAP_ZSWAP_H

#include <linux/atomic.h>
#include <linux/cache.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/percpu.h>
#include <linux/rculist.h>
#include <linux/refcount.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/swap.h>
#include <linux/swapops.h>
#include <linux/types.h>
#include <linux/xarray.h>

#include "zswap/ops.h"
#include "dedup/dedup.h"

struct mem_cgroup;
struct obj_cgroup;
struct zswap;

/* Slots per tree: 64 MiB of swap space, as SWAP_ADDRESS_SPACE_PAGES */
#define ZSWAP_TREE_SHIFT 14
#define ZSWAP_TREE_SLOTS (1UL << ZSWAP_TREE_SHIFT)

/* A shrink worker gives up after so many failures, see shrink_worker() */
#define MAX_RECLAIM_RETRIES 16

/**
 * struct zswap_behaviour - what differs between kernel versions, as data
 * @kernel:       "7.2"
 * @summary:      one line about it
 * @zpools:       the allocators that it has
 * @lacks:        the counters of struct zdedup_stats that it has not
 * @zstd_versions: of its lib/zstd, and others that were found to make the same bytes
 * @zstd_hint:    see struct zcomp_params
 * @chain_size, @used_percent: see struct zpool_config
 * @header_bytes: what zswap puts before an object whose allocator may evict it
 * @entry_bytes, @node_bytes: of its zswap_entry, and of a node of its slot tree (0:
 *                the entry is the node)
 * @shrink_batch: entries that shrink_memcg() looks at per call
 * @zero_map:     the swap layer keeps zero pages away from zswap
 * @same_filled:  zswap keeps a page of one repeated word as that word
 * @keeps_raw:    a page that does not compress is kept as it is
 * @large_folios: a folio of several pages is stored; else it is refused at once
 * @frontswap:    zswap sits behind frontswap: the slot's older entry goes before a
 *                store begins, a load leaves the entry, and the account of pool
 *                pages is brought up to date by stores and frees alone
 * @own_lru:      entries are on LRUs by memcg; else reclaim is the allocator's
 * @freed_batch:  freed slots that wait in a cache of the CPU before zswap hears
 */
struct zswap_behaviour {
	const char *kernel;
	const char *summary;
	const char *zpools;
	const char *lacks;
	const char *zstd_versions;
	unsigned int zstd_hint;
	unsigned int chain_size;
	bool used_percent;
	unsigned int header_bytes;
	unsigned int entry_bytes;
	unsigned int node_bytes;
	unsigned long shrink_batch;
	bool zero_map;
	bool same_filled;
	bool keeps_raw;
	bool large_folios;
	bool frontswap;
	bool own_lru;
	unsigned int freed_batch;
};

/* The row of @kernel, NULL when there is none; the @i-th row, NULL past the end. */
const struct zswap_behaviour *zswap_behaviour_find(const char *kernel);
const struct zswap_behaviour *zswap_behaviour_at(unsigned int i);
/* Is @word one of the words of @list, which spaces part? */
bool zswap_word_in(const char *list, const char *word);

/**
 * struct zswap_facts - what a pool without bytes is told of a page
 * @identity: equal exactly when all PAGE_SIZE bytes are
 * @digest:   by the configured hash, uncut; not looked at where nothing is looked up
 * @length:   what it compresses to; PAGE_SIZE + 1: does not fit
 * @same_filled, @value: it is one repeated word
 */
struct zswap_facts {
	u64 identity;
	struct zswap_digest digest;
	unsigned int length;
	bool same_filled;
	unsigned long value;
};

/**
 * struct zswap_folio - the part of a folio that zswap sees; the caller holds its lock
 * @swap:     slot of the first page; the others follow, in the same swap device
 * @nr_pages: pages
 * @objcg:    whom a store is charged to
 * @data:     nr_pages * PAGE_SIZE bytes; NULL in a pool without bytes
 * @facts:    of each page, to be stored in a pool without bytes
 * @shared:   set by a store: its first page shares a content that was there before
 * @length:   likewise: bytes of that page's content, see zswap_entry_length()
 */
struct zswap_folio {
	swp_entry_t swap;
	unsigned int nr_pages;
	struct obj_cgroup *objcg;
	void *data;
	const struct zswap_facts *facts;
	bool shared;
	unsigned int length;
};

/**
 * struct zswap_lru - one memcg's list of entries (list_lru_one); oldest at the head
 * @list, @nr_items:  under zs->lru_lock
 * @nr_disk_swapins: pages of the memcg read from the device since the dynamic shrinker
 *                   last took them into account (zswap_lruvec_state)
 *
 * Invariant L1: nr_items is the length of the list.
 */
struct zswap_lru {
	struct list_head list;
	unsigned long nr_items;
	atomic_long_t nr_disk_swapins;
};

enum zswap_stage {
	ZSWAP_STAGE_OTHER,
	ZSWAP_STAGE_HASH,
	ZSWAP_STAGE_LOOKUP,
	ZSWAP_STAGE_COMPARE,
	ZSWAP_STAGE_COMPRESS,
	ZSWAP_STAGE_ALLOCATE,
	ZSWAP_STAGE_DECOMPRESS,
	ZSWAP_STAGE_SCAN,
};

/**
 * struct zswap_env_ops - the rest of mm, as far as zswap needs it
 *
 * @may_zswap:         obj_cgroup_may_zswap(): is the charge of every ancestor below its zswap.max?
 * @writeback_enabled: mem_cgroup_zswap_writeback_enabled() of the whole chain
 * @charge, @uncharge: obj_cgroup_charge_zswap() and its reverse; must not fail
 * @recharge:          an entry of the objcg pays so much more, or less; under a spinlock
 * @memcg:             the memcg that the objcg stands for now (changes when one dies, under zs->lru_lock)
 * @memcg_usage:       MEMCG_ZSWAP_B and MEMCG_ZSWAPPED of a memcg and those below it
 * @memcg_id:          the number by which policies know that memcg
 * @memcg_group:       the group it shares in, below ZSWAP_GROUP_DOMAINS; 0: it is in none
 * @lru:               the LRU of a memcg
 * @next_memcg:        mem_cgroup_iter(): the online memcg after @prev in pre-order, NULL at the end of a pass; @prev NULL starts
 * @swapcache_add:     a locked folio for the slot, fresh in the swap cache, with PAGE_SIZE bytes at
 *                     ->data (NULL in a pool without bytes). -EEXIST: the slot has one; -ENOMEM
 * @swapcache_drop:    gives that folio up
 * @swap_write:        writes that folio to the device. 0 or an errno; called before
 *                     the entry is erased, so nothing is lost
 * @queue_shrink:      queue_work() of zswap_shrink_worker()
 * @stage:             a stage begins (no clock here); called while zs->staged
 */
struct zswap_env_ops {
	bool (*may_zswap)(void *env, struct obj_cgroup *objcg);
	bool (*writeback_enabled)(void *env, struct mem_cgroup *memcg);
	void (*charge)(void *env, struct obj_cgroup *objcg, size_t size);
	void (*uncharge)(void *env, struct obj_cgroup *objcg, size_t size);
	void (*recharge)(void *env, struct obj_cgroup *objcg, long delta);
	struct mem_cgroup *(*memcg)(void *env, struct obj_cgroup *objcg);
	void (*memcg_usage)(void *env, struct mem_cgroup *memcg, u64 *bytes,
			    u64 *entries);
	u32 (*memcg_id)(void *env, struct mem_cgroup *memcg);
	u32 (*memcg_group)(void *env, struct mem_cgroup *memcg);
	struct zswap_lru *(*lru)(void *env, struct mem_cgroup *memcg);
	struct mem_cgroup *(*next_memcg)(void *env, struct mem_cgroup *prev);
	int (*swapcache_add)(void *env, swp_entry_t swp,
			     struct zswap_folio *folio);
	void (*swapcache_drop)(void *env, struct zswap_folio *folio);
	int (*swap_write)(void *env, struct zswap_folio *folio);
	void (*queue_shrink)(void *env);
	void (*stage)(void *env, enum zswap_stage stage);
};

/* Compression state of one CPU (crypto_acomp_ctx). Everything under @mutex. */
struct zswap_comp_ctx {
	struct mutex mutex;
	void *ctx;	/* the compressor's */
	u8 *buffer;	/* PAGE_SIZE: compressed bytes on their way */
	u8 *page;	/* PAGE_SIZE: a candidate decompressed for a compare */
};

/**
 * struct zswap_pool - a compressor and an allocator
 * @list: in zs->pools, the current pool first; changed under zs->pools_lock, and
 *        the first may be read under RCU
 * @ref:  1 while it is the current pool, and 1 for each content in it. The pool
 *        leaves the list and is destroyed when it reaches 0.
 * @nr_checked: scratch of zswap_check()
 *
 * Invariant P1: ref == contents in the pool + (it is the first of zs->pools).
 */
struct zswap_pool {
	struct zswap *zs;
	struct zpool zpool;
	const struct zcomp_ops *comp;
	struct zcomp_params params;
	struct zswap_comp_ctx __percpu *ctx;
	unsigned long nr_checked;
	struct list_head list;
	u8 apart[SMP_CACHE_BYTES];	/* what is read by each store from what it writes */
	refcount_t ref;
};

/**
 * struct zswap_entry - one swap slot whose page is in the pool
 * @swpentry:   the slot
 * @charged:    bytes charged to @objcg for it; what will be uncharged; with
 *              maps_sharers under the stripe lock of its content
 * @same_filled: the page is one repeated word, and there is no content
 * @spared:     reclaim has passed it over once because it is shared
 * @scanned:    a scan has seen it, and its content is digested (dedup/scan.c)
 * @sibling:    in its content's list of entries, with maps_sharers
 * @referenced: second chance: set at store, cleared by the first look of reclaim
 * @content:    the compressed copy; the entry holds one of its sharers. A scan changes
 *              it, under zs->lru_lock as well: reclaim looks at it there
 * @value:      that word
 * @objcg:      who is charged
 * @lru:        in the LRU of @objcg's memcg; under zs->lru_lock
 *
 * Invariants: E1 an entry stands in the tree at exactly its @swpentry. E2 every
 * entry is on exactly the LRU of its objcg's memcg; on none where the allocators
 * have the LRU. E3 @charged is the length of its content, or what zswap_charge
 * makes it: the entries of a content then pay its length together. The folio lock of the slot serialises store, load, invalidate and
 * writeback of it; nobody dereferences an entry without that lock or the LRU's.
 */
struct zswap_entry {
	swp_entry_t swpentry;
	u32 charged;
	bool referenced;
	bool same_filled;
	bool spared;
	bool scanned;
	union {
		struct zswap_content *content;
		unsigned long value;
	};
	struct obj_cgroup *objcg;
	struct list_head lru;
	struct hlist_node sibling;
};

/* The trees of one swap device, each of ZSWAP_TREE_SLOTS slots */
struct zswap_trees {
	struct xarray *tree;
	unsigned long nr;
};

/* debugfs and vmstat counters, by the kernel's names */
struct zswap_stats {
	/* Pool limit was hit (see zswap_max_pages()) */
	atomic_long_t pool_limit_hit;
	/* Pages written back when pool limit was reached */
	atomic_long_t written_back_pages;
	/* One writeback attempt failed */
	atomic_long_t reject_reclaim_fail;
	/* The compressor failed and the page could not be kept raw */
	atomic_long_t reject_compress_fail;
	/* Compressed page was too big for the allocator to (optimally) store */
	atomic_long_t reject_compress_poor;
	/* A stored page could not be decompressed */
	atomic_long_t decompress_fail;
	/* Store failed because the allocator or the slot tree had no memory */
	atomic_long_t reject_alloc_fail;
	/* Store failed because entry or content metadata had no memory */
	atomic_long_t reject_kmemcache_fail;
	/* Entries now; those of them that are kept raw, and as a word */
	atomic_long_t stored_pages;
	atomic_long_t stored_incompressible_pages;
	atomic_long_t same_filled_pages;
	/* Entries found at a slot that was stored to */
	atomic_long_t duplicate_entry;
	/* vm events */
	atomic_long_t zswpout;
	atomic_long_t zswpin;
	atomic_long_t zswpwb;
};

/**
 * struct zswap_config - what zswap_init() needs, words already looked up
 */
struct zswap_config {
	const struct zswap_behaviour *behaviour;
	const struct zpool_ops *zpool;
	const struct zcomp_ops *comp;
	struct zcomp_params comp_params;
	struct zswap_dedup_config dedup;
	bool lengths_only;
	bool verify;
	const struct zswap_env_ops *ops;
	void *env;
};

/**
 * struct zswap - one zswap
 *
 * Tunables are read and written with READ_ONCE and WRITE_ONCE, as module
 * parameters are. @trees[t] is set by zswap_swapon and stays until zswap_swapoff.
 *
 * Counter equations, proved by zswap_check():
 *  S1 stored_pages == entries in all trees == entries on all LRUs (0 there, where
 *     the allocators have the LRU)
 *  S2 stored_incompressible_pages == entries whose content is raw
 *  S3 same_filled_pages == entries without a content
 *  and those of struct zswap_dedup.
 */
struct zswap {
	const struct zswap_behaviour *behaviour;
	const struct zswap_env_ops *ops;
	void *env;
	bool lengths_only;
	bool verify;

	/* tunables */
	bool enabled;
	unsigned int max_pool_percent;
	unsigned int accept_threshold_percent;
	unsigned long totalram_pages;	/* 0: no limit */
	bool shrinker_enabled;
	bool staged;	/* somebody wants to hear of stages; set with nobody inside */

	/* the pool limit was reached; stores wait until below the threshold */
	bool reached_full;
	/* frontswap: the pools' pages when a store or a free last counted them */
	atomic_long_t counted_pages;

	const struct zpool_ops *zpool_ops;
	struct kmem_cache *entry_cache;
	struct zswap_trees trees[MAX_SWAPFILES];

	spinlock_t pools_lock;
	struct list_head pools;

	/* From here on: what each call writes, apart from what each call reads. */
	u8 before_lock[SMP_CACHE_BYTES];
	spinlock_t lru_lock;
	struct mem_cgroup *next_shrink;	/* cursor of the shrink worker, under lru_lock */
	u8 after_lock[SMP_CACHE_BYTES];

	struct zswap_dedup dedup;

	u8 before_stats[SMP_CACHE_BYTES];
	struct zswap_stats stats;
	u8 after_stats[SMP_CACHE_BYTES];
};

/*
 * Sets up *zs, which is all zero bytes, with one pool. 0 or -ENOMEM; after an
 * error nothing is held. zswap_exit() frees it; every device was swapped off.
 */
int zswap_init(struct zswap *zs, const struct zswap_config *config);
void zswap_exit(struct zswap *zs);

/*
 * Stores the folio. true: all its pages are in the pool. false: none is, and any
 * older copy of these slots is gone, so the caller must write the device.
 */
bool zswap_store(struct zswap *zs, struct zswap_folio *folio);
/*
 * Loads the one page of @folio to ->data and frees the slot's entry.
 * 0; -ENOENT: the slot has no entry; -EIO: damaged, the entry is kept.
 */
int zswap_load(struct zswap *zs, struct zswap_folio *folio);
/* Frees the slot's entry, if any; returns whether there was one. */
bool zswap_invalidate(struct zswap *zs, swp_entry_t swp);
/*
 * The entry of slot @from, if there is one, stands for the empty slot @to from now
 * on. 0, or -ENOMEM: it is where it was.
 */
int zswap_move(struct zswap *zs, swp_entry_t from, swp_entry_t to);
/* Bytes of its content; 0 when it has none. */
static inline unsigned int zswap_entry_length(const struct zswap_entry *entry)
{
	return entry->same_filled ? 0 : entry->content->length;
}

/*
 * @entry, whose slot is locked, gives up its content for one of equal bytes, of which
 * the caller has taken one sharer for it.
 */
void zswap_entry_merge(struct zswap *zs, struct zswap_entry *entry,
		       struct zswap_content *content);
/* The slot's entry or NULL; the caller holds the slot's folio lock. */
struct zswap_entry *zswap_find(struct zswap *zs, swp_entry_t swp);
int zswap_swapon(struct zswap *zs, int type, unsigned long nr_pages);
void zswap_swapoff(struct zswap *zs, int type);

/* Writes one slot back, whatever its place in the LRU: see zswap_writeback_entry(). */
int zswap_writeback(struct zswap *zs, swp_entry_t swp);
/* The work item that a refused store queues. */
void zswap_shrink_worker(struct zswap *zs);
/*
 * The dynamic shrinker: how many entries memory pressure on @memcg may write back
 * now, and up to @nr_to_scan of them looked at. zswap_shrinker_scan() returns those
 * written, or SHRINK_STOP: none, or the slots are being read back already.
 */
unsigned long zswap_shrinker_count(struct zswap *zs, struct mem_cgroup *memcg);
unsigned long zswap_shrinker_scan(struct zswap *zs, struct mem_cgroup *memcg,
				  unsigned long nr_to_scan);
/* A page of @memcg was read from the device (zswap_folio_swapin). */
void zswap_folio_swapin(struct zswap *zs, struct mem_cgroup *memcg);
/* The work items that allocators queued: see work in struct zpool_ops. */
void zswap_zpool_work(struct zswap *zs);
/* Moves all entries of the LRU @from to the tail of @to; the caller holds zs->lru_lock. */
void zswap_lru_reparent(struct zswap_lru *from, struct zswap_lru *to);

/* zswap_compressor_param_set(): 0 or -ENOMEM. Calls must be serialised. */
int zswap_set_compressor(struct zswap *zs, const struct zcomp_ops *comp,
			 const struct zcomp_params *params);
u64 zswap_total_pages(struct zswap *zs);
/* Pages and zspage descriptors of all pools, retired ones included. */
struct zswap_pool_sizes {
	u64 pages;
	u64 zspages;
};

struct zswap_pool_sizes zswap_pool_sizes(struct zswap *zs);
unsigned long zswap_compact(struct zswap *zs);
/* The facts of @page as the current pool sees it, but for its identity; the digest as the policy would have it made. */
void zswap_page_facts(struct zswap *zs, const void *page,
		      struct zswap_facts *facts);
/* The current compressor's name, and the code behind it. */
const char *zswap_codec_name(struct zswap *zs);
const char *zswap_codec_version(struct zswap *zs);

/*
 * Walks everything, with nobody else inside. 0, or -EUCLEAN and in *why the
 * invariant that does not hold ("C1: sharers ...").
 */
int zswap_check(struct zswap *zs, const char **why);

/* For the dedup layer */
struct zswap_comp_ctx *zswap_ctx_get_cpu_lock(struct zswap_pool *pool);
void zswap_ctx_put_unlock(struct zswap_comp_ctx *ctx);
int zswap_decompress(struct zswap *zs, struct zswap_comp_ctx *ctx,
		     struct zswap_content *content, void *dst);
/*
 * The page of @content to @page, which has room for it, and its digest. 0, or -EIO
 * when the bytes are damaged.
 */
int zswap_content_digest(struct zswap *zs, struct zswap_content *content,
			 void *page, struct zswap_digest *digest);
void zswap_pool_put(struct zswap_pool *pool);

static inline void zswap_stage(struct zswap *zs, enum zswap_stage stage)
{
	if (unlikely(zs->staged))
		zs->ops->stage(zs->env, stage);
}

/*
 * @nr events are over, with no slot locked: does the scan that is due now, unless
 * another thread is at it. Returns whether it did.
 */
static inline bool zswap_scan_events(struct zswap *zs, unsigned int nr)
{
	return unlikely(READ_ONCE(zs->dedup.scan.every)) &&
	       zswap_scan_after(zs, nr);
}

#endif /* ZSWAP_ZSWAP_H */
