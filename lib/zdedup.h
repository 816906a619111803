/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * zdedup.h - a reference model of a deduplicating zswap pool
 *
 * A model (struct zdedup) is one zswap with what surrounds it in a kernel: swap
 * devices, the zero map, the swap cache's folio locks and a tree of memcgs. Pages
 * go in by zdedup_store and come out by zdedup_load, as the swap layer of Linux
 * 7.2 would call zswap. Inside, lib/zswap follows mm/zswap.c function by function
 * (docs/KERNEL-MAP.md) and lib/dedup lets slots of equal content share one
 * compressed copy.
 *
 * What is promised:
 *  - each slot returns the bytes of its last successful store, or is empty;
 *  - after a store that zswap refused, the slot has no older copy in the pool;
 *  - two pages share a copy only after all 4096 bytes were compared;
 *  - results depend on the calls and the configuration alone: no clock, no
 *    random number, no address takes part;
 *  - out of memory at any point refuses that call and loses nothing else.
 *
 * What is not: NUMA nodes, timing, reclaim's own choice of pages. docs/MODEL.md
 * lists every known difference from the kernel.
 *
 * Units: sizes in bytes, pages of 4096 bytes, slots counted from 0 per device.
 * Errors: negative errno values. Threads: any number of threads may call any
 * verb on one model at once, except create, destroy, swapon, swapoff, check and
 * the zdedup_memcg_ calls that change the tree, which need it to themselves.
 * Two calls on the same slot wait for each other (the folio lock), but for
 * writeback, which leaves a slot alone that somebody has.
 */
#ifndef ZDEDUP_H
#define ZDEDUP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define ZDEDUP_PAGE_SIZE 4096u
#define ZDEDUP_TYPES_MAX 32u	/* swap devices */
#define ZDEDUP_WHY_MAX 512u	/* enough for any message of this library */
#define ZDEDUP_FOLIO_PAGES_MAX 512u

struct zdedup;

/**
 * struct zdedup_config - how a model is to be built; zdedup_config_init fills the defaults
 *
 * Words are "name[:key=value]...", see zdedup_name for what there is. Strings are
 * only read during zdedup_create.
 */
struct zdedup_config {
	const char *kernel;	/* whose behaviour: "7.2", "6.12", "6.1" */
	const char *compressor;	/* "lz4", "zstd:level=3" ... */
	const char *zpool;	/* "zsmalloc", "zbud" ... */
	const char *hash;	/* "xxh64" ...; "xxh64:bits=4" cuts the digest */
	const char *dedup;	/* "none", "always", "memcg"; "always:sharers=256" caps the sharers of a content; "ksm:pages=100:every=1000" scans at every 1000th store, load or invalidate */
	const char *compare;	/* how a candidate is confirmed: "bytes", "compressed", "trust" (of a keyed 128-bit hash alone: unsafe) */
	const char *charge;	/* who pays for a shared content: "full" (each), "first", "split" */
	const char *domain;	/* who may share with whom: "global" (all), "group" (of memcgs, zdedup_memcg_set_group), "memcg" (each with itself); the policy "memcg" always has the last */
	const char *writeback;	/* of a shared content, when the pool is full: "sole" (spared), "rotate" (spared once), "all" (every slot of it) */
	uint64_t seed;		/* key of keyed hashes, and of where the index keeps a digest; 1 */
	uint64_t totalram_pages;	/* the machine's pages; 0: the pool has no limit */
	unsigned int max_pool_percent;	/* 20 */
	unsigned int accept_threshold_percent;	/* 90 */
	bool verify;		/* re-digest indexed contents at each load; false. A page that is written to while it is stored fails its own load then */
	bool lengths_only;	/* no bytes: zdedup_store_facts is the only store, no load returns bytes */
};

void zdedup_config_init(struct zdedup_config *config);

/*
 * Builds a model, with no swap device yet and the root memcg (id 0). 0, -EINVAL
 * (a word is wrong), -ENOMEM, or the errno of the temporary file that serves as
 * swap device. After an error *out is NULL and @why (ZDEDUP_WHY_MAX bytes, may be
 * NULL) holds one line. The caller ends it by zdedup_destroy.
 */
int zdedup_create(const struct zdedup_config *config, struct zdedup **out,
		  char *why);
/* Frees everything, live slots included. NULL is allowed. */
void zdedup_destroy(struct zdedup *zd);

/*----------------------------------------------------------- swap devices */

/* A swap slot. Invariant for every call: type was swapped on, offset < its size. Else -EINVAL. */
struct zdedup_slot {
	unsigned int type;
	uint64_t offset;
};

/*
 * Adds swap device @type of @nr_slots slots (1..2^32). 0, -EINVAL, -EBUSY (is on
 * already), -ENOMEM. Kernel: zswap_swapon, one tree for 16384 slots.
 */
int zdedup_swapon(struct zdedup *zd, unsigned int type, uint64_t nr_slots);
/*
 * Reads every live slot back (as try_to_unuse does), then drops the device. The
 * bytes are discarded. 0, -EINVAL. Kernel: zswap_swapoff.
 */
int zdedup_swapoff(struct zdedup *zd, unsigned int type);

/* Where a page is, or came from. */
enum zdedup_where {
	ZDEDUP_POOL,		/* in the compressed pool */
	ZDEDUP_ZERO,		/* a bit in the zero map */
	ZDEDUP_DEVICE,		/* on the swap device */
	ZDEDUP_RESIDENT,	/* zswap refused and the memcg forbids writeback: it never left memory, the slot is empty */
};

/**
 * struct zdedup_result - what a store did
 * @where:  where the page is now
 * @length: ZDEDUP_POOL: its compressed length, 1..4096 (4096: kept raw), or 0: one
 *          repeated word, which 6.1 keeps as such; else 0
 * @shared: ZDEDUP_POOL: it shares a content that was there before
 */
struct zdedup_result {
	enum zdedup_where where;
	unsigned int length;
	bool shared;
};

/*
 * Swaps out the page of 4096 bytes at @page, charged to memcg @memcg, to @slot; an
 * older content of the slot is replaced. 0 and *result (may be NULL); -EINVAL for
 * a bad slot, memcg or mode; -EIO or -ENOSPC when the swap device failed: the slot
 * is empty then. A store that the pool refuses is no error: see result->where.
 * Kernel: swap_writeout, zswap_store.
 */
int zdedup_store(struct zdedup *zd, struct zdedup_slot slot, uint32_t memcg,
		 const void *page, struct zdedup_result *result);
/*
 * The same for a folio of @nr_pages (1..ZDEDUP_FOLIO_PAGES_MAX) consecutive pages
 * and slots: all or nothing goes to the pool, and only a folio whose pages are all
 * zero goes to the zero map. *result describes the first page.
 */
int zdedup_store_folio(struct zdedup *zd, struct zdedup_slot slot,
		       uint32_t memcg, const void *pages,
		       unsigned int nr_pages, struct zdedup_result *result);

enum zdedup_page_kind {
	ZDEDUP_PAGE_DATA,
	ZDEDUP_PAGE_SAME_FILLED,	/* one word repeated, not zero */
	ZDEDUP_PAGE_ZERO,
};

/**
 * struct zdedup_facts - all that a model without bytes needs to know of a page
 * @identity: equal exactly when all 4096 bytes are; the caller's own numbering
 * @digest:   by the model's hash and key, low word first; not looked at without dedup
 * @length:   compressed, 1..4096; 4097: more than that
 * @kind:     what the swap layer, or zswap of 6.1, sees before it compresses
 */
struct zdedup_facts {
	uint64_t identity;
	uint64_t digest[2];
	unsigned int length;
	enum zdedup_page_kind kind;
};

/*
 * zdedup_store_folio for a model with lengths_only: @facts has @nr_pages members.
 * Given the facts that zdedup_page_facts finds, every counter and size is the same
 * as with bytes.
 */
int zdedup_store_facts(struct zdedup *zd, struct zdedup_slot slot,
		       uint32_t memcg, const struct zdedup_facts *facts,
		       unsigned int nr_pages, struct zdedup_result *result);
/*
 * Digests and compresses @page (4096 bytes) as a store would, and stores nothing:
 * sets ->kind, ->length and, with a dedup policy, ->digest. They hold for every model of the same kernel,
 * compressor, hash and seed, and of the same zdedup_digests_stored.
 */
void zdedup_page_facts(struct zdedup *zd, const void *page,
		       struct zdedup_facts *facts);
/*
 * Swaps in: copies the slot's bytes to @page (4096 bytes; ignored with
 * lengths_only) and empties the slot; with kernel 6.1 the slot keeps them until its
 * next store or invalidate. 0 and *from (may be NULL): where it was
 * found. -ENOENT: the slot is empty, @page untouched. -EIO: its bytes are damaged;
 * the slot keeps its entry and @page is undefined. Kernel: swap_read_folio,
 * zswap_load.
 */
int zdedup_load(struct zdedup *zd, struct zdedup_slot slot, void *page,
		enum zdedup_where *from);
/*
 * Frees the slot. 0, or -ENOENT when it was empty. With kernel 6.1 up to 64 freed
 * slots wait before zswap hears of them, and count in stored_pages until then.
 * Kernel: zswap_invalidate; free_swap_slot.
 */
int zdedup_invalidate(struct zdedup *zd, struct zdedup_slot slot);
/* What the slot holds, without changing it: 0 and *where, or -ENOENT. */
int zdedup_peek(struct zdedup *zd, struct zdedup_slot slot,
		enum zdedup_where *where);

/* Hints that one call takes. */
#define ZDEDUP_PREFETCH_MAX 64u

/**
 * struct zdedup_hint - an event to come
 * @slot:   will be stored, loaded or invalidated
 * @memcg:  who will store
 * @digest: of the page that is stored, its low word; NULL: not known, or no store
 */
struct zdedup_hint {
	struct zdedup_slot slot;
	uint32_t memcg;
	const uint64_t *digest;
};

/*
 * For whoever knows the next events and has the model to himself: asks the memory for
 * what they will touch. @nr: of @hint, which may be in any order; those behind
 * ZDEDUP_PREFETCH_MAX are not looked at. It changes nothing, takes no lock, and is
 * never needed.
 */
void zdedup_prefetch(struct zdedup *zd, const struct zdedup_hint *hint,
		     unsigned int nr);

/*---------------------------------------------------- writeback and limits */

/*
 * Writes @slot's page from the pool to the device, as reclaim would, second chance
 * aside. 0; -ENOENT: nothing of it in the pool; -EBUSY: its content is shared and
 * the writeback mode spares those; -EEXIST: its folio is in the swap cache; -EIO.
 * Kernel: zswap_writeback_entry.
 */
int zdedup_writeback(struct zdedup *zd, struct zdedup_slot slot);
/*
 * One pass of the kernel's shrink worker (shrink_worker), as after a refused store:
 * towards the accept threshold of the limit. Without a limit there is no threshold,
 * and it writes back what it can, as a kernel would whose limit is 0.
 */
void zdedup_shrink(struct zdedup *zd);
/*
 * The dynamic shrinker (module parameter shrinker_enabled, off at first; kernels
 * after 6.1). Nothing here knows when memory is short, so the caller stands for
 * do_shrink_slab(): count says how many entries of the memcg may go, scan looks at
 * up to @nr_to_scan of the oldest, writes back those whose second chance is used up,
 * and returns how many that were. Both 0: disabled, forbidden by zswap.writeback,
 * empty, or no such memcg. A count takes the device reads since the last one into
 * account and forgets them; reads are the root's, as an empty slot knows no owner.
 * Kernel: zswap_shrinker_count, zswap_shrinker_scan.
 */
void zdedup_set_shrinker_enabled(struct zdedup *zd, bool enabled);
uint64_t zdedup_shrinker_count(struct zdedup *zd, uint32_t memcg);
uint64_t zdedup_shrinker_scan(struct zdedup *zd, uint32_t memcg,
			      uint64_t nr_to_scan);
/*
 * The module's parameters while it runs. zdedup_set_compressor: -EINVAL and @why
 * for a bad word, -ENOMEM; contents stay in their own pool, and a compressor whose
 * retired pool still lives gets that pool back (zswap_compressor_param_set).
 */
int zdedup_set_compressor(struct zdedup *zd, const char *word, char *why);
/* Switches the dedup policy; contents that are shared stay so. As above. */
int zdedup_set_dedup(struct zdedup *zd, const char *word, char *why);
/*
 * Does the dedup policy digest what a page compresses to, and not the page ("fold")? Its
 * digests are then those of one compressor, of which zdedup_page_facts knows.
 */
bool zdedup_digests_stored(struct zdedup *zd);
/*
 * Does it only ask which digests are equal? Then two hashes that find the same pages
 * equal give one result, in models that are alike otherwise and have no bytes. A filter
 * ("second-sight") and a tree ("ksm", "fold") look at the digests' bits.
 */
bool zdedup_digests_only_compared(struct zdedup *zd);
/*
 * What a store of @memcg whose page has @digest (its low word) would meet in the index,
 * if it is looked up: no content of this digest; one, which is compared with the page
 * and, if the bytes differ, changes nothing but the counts of that; or others, such
 * as several. Nobody can say of a memcg that is not there: others, too.
 */
enum zdedup_meets {
	ZDEDUP_MEETS_NONE,
	ZDEDUP_MEETS_ONE,
	ZDEDUP_MEETS_OTHERS,
};

enum zdedup_meets zdedup_meets(struct zdedup *zd, uint32_t memcg,
			       uint64_t digest);
/* Bits of a digest that the model looks at, from the lowest; without bytes 64 at most. */
unsigned int zdedup_digest_bits(struct zdedup *zd);
void zdedup_set_enabled(struct zdedup *zd, bool enabled);
void zdedup_set_limits(struct zdedup *zd, uint64_t totalram_pages,
		       unsigned int max_pool_percent,
		       unsigned int accept_threshold_percent);
/* Runs the compaction of the current pool's allocator; returns the pages given back. */
uint64_t zdedup_compact(struct zdedup *zd);

/*------------------------------------------------------------------ memcgs */

#define ZDEDUP_NO_LIMIT UINT64_MAX

struct zdedup_memcg_stat {
	uint64_t zswap_bytes;	/* memory.zswap.current: charged bytes, descendants included */
	uint64_t zswapped;	/* entries charged, descendants included */
};

/* Adds memcg @id below @parent. 0, -EINVAL (no such parent), -EEXIST, -ENOMEM. */
int zdedup_memcg_add(struct zdedup *zd, uint32_t id, uint32_t parent);
/* zswap.max in bytes (kept in whole pages, rounded down) or ZDEDUP_NO_LIMIT. 0 or -ENOENT. */
int zdedup_memcg_set_max(struct zdedup *zd, uint32_t id, uint64_t max);
/* zswap.writeback. 0 or -ENOENT. */
int zdedup_memcg_set_writeback(struct zdedup *zd, uint32_t id, bool enabled);
/*
 * The group whose pages @id and those below it may share, up to memcgs with a mark of
 * their own: 0..ZDEDUP_GROUP_MAX, or ZDEDUP_NO_GROUP: its parent's (the default; the
 * root's is 0). For the domain "group"; what is stored already stays where it is.
 * 0, -ENOENT, -EINVAL. Changes the tree.
 */
#define ZDEDUP_GROUP_MAX 0x7fffffffu
#define ZDEDUP_NO_GROUP 0xffffffffu
int zdedup_memcg_set_group(struct zdedup *zd, uint32_t id, uint32_t group);
/* Removes it: entries and charges pass to the parent. 0, -ENOENT, -EBUSY (has children), -EINVAL (root). */
int zdedup_memcg_remove(struct zdedup *zd, uint32_t id);
int zdedup_memcg_stat(struct zdedup *zd, uint32_t id,
		      struct zdedup_memcg_stat *stat);

/*-------------------------------------------------------------- statistics */

/*
 * What one store costs at most, whatever digests others have prepared: contents
 * compared, and contents of its digest walked over. Others are in its way by chance:
 * as many as there are contents for two buckets, on average over all seeds.
 */
#define ZDEDUP_CANDIDATES_MAX 8u
#define ZDEDUP_WALK_MAX 128u

/**
 * struct zdedup_stats - counters and sizes now; kernel names where it has one
 *
 * Invariants (zdedup_check proves them from the structures):
 *  stored_pages == pages_shared + pages_sharing + pages_unshared + same_filled_pages
 *  contents == pages_shared + pages_unshared
 *  lookups >= hits; candidates >= compares >= hits + dup_races + false_positives
 */
struct zdedup_stats {
	/* zswap's debugfs and vmstat */
	uint64_t stored_pages, stored_incompressible_pages, pool_total_size;
	uint64_t same_filled_pages, duplicate_entry;
	uint64_t written_back_pages, pool_limit_hit;
	uint64_t reject_reclaim_fail, reject_alloc_fail, reject_kmemcache_fail;
	uint64_t reject_compress_fail, reject_compress_poor, decompress_fail;
	uint64_t zswpout, zswpin, zswpwb;
	uint64_t swpout_zero, swpin_zero, pswpout, pswpin;
	/* ours */
	uint64_t payload_bytes;		/* stored lengths, each content once */
	uint64_t contents;		/* stored copies */
	uint64_t pages_shared, pages_sharing, pages_unshared;	/* as KSM counts: contents with sharers; additional slots; sole owners */
	uint64_t lookups, candidates, compares, hits, false_positives;	/* of stores, or of what scans look at */
	uint64_t dup_races;		/* twins found at insertion and adopted */
	uint64_t pages_scanned, full_scans;	/* as KSM counts: entries that scans looked at, and passes over all */
	uint64_t sharers_full;		/* hits refused: the content had its most sharers */
	uint64_t walk_max;		/* most contents of equal digest that one lookup walked over, at most ZDEDUP_WALK_MAX */
	uint64_t live_zero;		/* slots that are a bit in the zero map now */
	uint64_t live_device;		/* slots whose bytes are on the device now */
	/* sizes, in bytes, at the kernel's sizes (docs/MODEL.md) */
	uint64_t metadata_bytes;	/* everything beside the pool's pages */
	uint64_t dedup_metadata_bytes;	/* the part that is there for dedup */
};

/**
 * struct zdedup_sizes - the fields of struct zdedup_stats that are sizes, not counts of what happened
 */
struct zdedup_sizes {
	uint64_t stored_pages, live_zero, live_device;
	uint64_t pages_shared, pages_sharing, pages_unshared;
	uint64_t payload_bytes, pool_total_size;
	uint64_t metadata_bytes, dedup_metadata_bytes;
};

/* The sizes alone: walks nothing but the pools. */
void zdedup_get_sizes(struct zdedup *zd, struct zdedup_sizes *sizes);

/**
 * struct zdedup_counts - what sizes are made of, added up over moments
 *
 * Each member of struct zdedup_sizes is a sum of these, each times a constant of the
 * model. So the sum of its sizes over many moments, and their mean, follow from the
 * sums of the counts, which are much less to take after each event.
 *
 * @moments:   how many were added
 * @zspages:   descriptors of the allocator, if it has such
 * @tree_nodes: of the slots' trees
 * @index_bytes: of the dedup index, and of the policy's state
 * @shareable: contents that the index has, or had
 * Others as in struct zdedup_sizes; pages of 4096 bytes.
 */
struct zdedup_counts {
	uint64_t moments, stored_pages, live_zero, live_device;
	uint64_t pages_shared, pages_sharing, pages_unshared;
	uint64_t payload_bytes, pool_pages;
	uint64_t zspages, tree_nodes, index_bytes, shareable;
};

/*
 * Adds what @zd has now to @sum; returns its live slots: in the pool, in the zero map
 * and on the device. To be called after each event.
 */
uint64_t zdedup_add_counts(struct zdedup *zd, struct zdedup_counts *sum);
/*
 * The sizes that are made of @counts, by @zd's kernel and policy as they are now. A
 * policy that has been changed in between counts as if it had been that all along.
 */
void zdedup_sizes_of(struct zdedup *zd, const struct zdedup_counts *counts,
		     struct zdedup_sizes *sizes);
/* Copies all counters; the same walk. */
void zdedup_get_stats(struct zdedup *zd, struct zdedup_stats *stats);

/*
 * Walks every entry, content, list and pool and proves the invariants that stand
 * at the structs. 0, or -EUCLEAN and one line in @why (may be NULL). Needs the model to itself.
 */
int zdedup_check(struct zdedup *zd, char *why);

/* Contents in the fullest bucket of the dedup index now, found by walking all of it. */
uint64_t zdedup_longest_chain(struct zdedup *zd);

/* "libzstd 1.5.4": the code behind the current compressor. */
const char *zdedup_codec_version(struct zdedup *zd);
/*
 * Are its bytes those that the kernel's own compressor of that name makes? If not,
 * @note (ZDEDUP_WHY_MAX bytes) says in one line how far from them they are.
 */
bool zdedup_codec_exact(struct zdedup *zd, char *note);

/*------------------------------------------------------------------ stages */

/* Where a call's time goes; the model reads no clock, it only says when a stage begins. */
enum zdedup_stage {
	ZDEDUP_STAGE_OTHER,
	ZDEDUP_STAGE_CLASSIFY,
	ZDEDUP_STAGE_HASH,
	ZDEDUP_STAGE_LOOKUP,
	ZDEDUP_STAGE_COMPARE,
	ZDEDUP_STAGE_COMPRESS,
	ZDEDUP_STAGE_ALLOCATE,
	ZDEDUP_STAGE_DECOMPRESS,
	ZDEDUP_STAGE_SCAN,	/* all of a scan, until the next stage */
	ZDEDUP_NR_STAGES,
};

/* @hook is called on the calling thread at each change of stage; NULL: none. */
void zdedup_set_stage_hook(struct zdedup *zd,
			   void (*hook)(void *data, enum zdedup_stage stage),
			   void *data);

/*-------------------------------------------------------------------- names */

enum zdedup_kind {
	ZDEDUP_KERNELS,
	ZDEDUP_COMPRESSORS,
	ZDEDUP_ZPOOLS,
	ZDEDUP_HASHES,
	ZDEDUP_POLICIES,
	ZDEDUP_NR_KINDS,
};

/* The @i-th name of a kind, NULL past the end; and one line about it. */
const char *zdedup_name(enum zdedup_kind kind, unsigned int i);
const char *zdedup_summary(enum zdedup_kind kind, unsigned int i);
/* Does the kernel ("6.1") have this allocator ("zbud"); this counter ("zswpwb")? */
bool zdedup_kernel_has_zpool(const char *kernel, const char *zpool);
bool zdedup_kernel_has_counter(const char *kernel, const char *counter);
/* Does a load leave the slot as it is (6.1)? */
bool zdedup_kernel_keeps_loads(const char *kernel);

#ifdef __cplusplus
}
#endif

#endif /* ZDEDUP_H */
