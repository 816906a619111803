/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * custom.h - what tests may ask of, and do to, the customised half of the shim
 *
 * Each header in include/linux names its kind at the top, as the kernel's own
 * userspace tests do (tools/testing/vma):
 *  stub    rendered to nothing; code under test can rely on no effect of it
 *  custom  works, and can be observed or made to fail through this file
 *  dup     means the same as in the kernel
 *
 * All of it is process-wide, or of the calling thread where that is said. Any
 * thread may call any of it at any time.
 */
#ifndef COMPAT_CUSTOM_H
#define COMPAT_CUSTOM_H

#include <stdbool.h>

struct xarray;

/*
 * Makes the @nth allocation from now fail (1: the next), and with @for_ever all
 * that follow it; 0 switches that off. Slab objects, kmalloc, kvmalloc, per-CPU
 * objects and xarray nodes count alike, in the order they are asked for.
 * Allocations with __GFP_NOFAIL count and do not fail.
 */
void compat_fail_alloc(unsigned long nth, bool for_ever);
/* Allocations asked for since the last compat_fail_alloc, failed ones included. */
unsigned long compat_alloc_sites_passed(void);
/* Has an allocation been made to fail since the last compat_fail_alloc? */
bool compat_fail_happened(void);

/* Allocations that are live now. */
unsigned long compat_nr_allocated(void);

/* WARN_ONs that have fired (WARN_ON_ONCE: the first time). */
unsigned long compat_nr_warnings(void);

/* Spinlocks that the calling thread holds; xa_lock is one. */
unsigned int compat_spinlocks_held(void);

/* Nodes of @xa: what it costs, at 576 bytes each in a 64-bit kernel. O(1). */
unsigned long xa_nr_nodes(struct xarray *xa);
/*
 * Nodes of several arrays (the kernel's radix_tree_node_cachep, of one owner): @nr in
 * all, from @cache.
 */
struct xa_nodes {
	unsigned long nr;
	struct kmem_cache *cache;
};

/* 0 or -ENOMEM. To be destroyed when no array has a node any more; NULL @cache: nothing. */
int xa_nodes_init(struct xa_nodes *nodes);
void xa_nodes_destroy(struct xa_nodes *nodes);
/* From now on the nodes of @xa, which has none yet, are of @nodes. */
void xa_share_nodes(struct xarray *xa, struct xa_nodes *nodes);

/*
 * Asks the memory for the place of @index, and returns it: valid until @xa changes.
 * NULL: there is none yet, or it is the head.
 */
void *const *xa_prefetch(struct xarray *xa, unsigned long index);

#endif /* COMPAT_CUSTOM_H */
