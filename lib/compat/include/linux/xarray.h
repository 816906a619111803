/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * linux/xarray.h (custom): an array of pointers, sparse, of 64-slot nodes.
 * Same results and same number of nodes as the kernel's (xa_nr_nodes() in custom.h
 * counts them); own code, see xarray.c. It differs in that loads take the lock
 * (there is no RCU), nodes are allocated under it (malloc does not sleep), and a
 * store that runs out of memory leaves the tree as it was. No marks, no multi-index
 * entries, no reserved entries. Entries are 4-aligned pointers or xa_mk_value().
 */
#ifndef _COMPAT_LINUX_XARRAY_H
#define _COMPAT_LINUX_XARRAY_H

#include <linux/bug.h>
#include <linux/err.h>
#include <linux/gfp.h>
#include <linux/limits.h>
#include <linux/spinlock.h>

struct xa_nodes;

/*
 * @xa_shift, @xa_count: of the root, when @xa_head is a node: of an index, before its low
 *            6 bits are the slot; and slots in use
 * @nr_nodes: nodes held, for xa_nr_nodes()
 * @nodes:    where they come from, and are counted together with those of other arrays,
 *            for xa_share_nodes(); NULL: malloc. The kernel's has neither.
 */
struct xarray {
	spinlock_t xa_lock;
	gfp_t xa_flags;
	unsigned char xa_shift, xa_count;
	void *xa_head;
	unsigned long nr_nodes;
	struct xa_nodes *nodes;
};

#define XA_FLAGS_LOCK_IRQ ((gfp_t)1)	/* no interrupts here: no effect */
#define XA_FLAGS_ACCOUNT ((gfp_t)32)	/* no kmem accounting: no effect */

typedef unsigned int xa_mark_t;
#define XA_PRESENT ((xa_mark_t)8)

#define XARRAY_INIT(name, flags) { __SPIN_LOCK_UNLOCKED(name), flags, 0, 0, NULL, 0, NULL }
#define DEFINE_XARRAY(name) struct xarray name = XARRAY_INIT(name, 0)

#define xa_lock(xa) spin_lock(&(xa)->xa_lock)
#define xa_trylock(xa) spin_trylock(&(xa)->xa_lock)
#define xa_unlock(xa) spin_unlock(&(xa)->xa_lock)

static inline void xa_init_flags(struct xarray *xa, gfp_t flags)
{
	*xa = (struct xarray)XARRAY_INIT(xa, flags);
}

static inline void xa_init(struct xarray *xa)
{
	xa_init_flags(xa, 0);
}

/* Not locked, as in the kernel. */
static inline bool xa_empty(const struct xarray *xa)
{
	return !READ_ONCE(xa->xa_head);
}

/* A value of 63 bits in place of a pointer. */
static inline void *xa_mk_value(unsigned long v)
{
	WARN_ON((long)v < 0);
	return (void *)((v << 1) | 1);
}

static inline unsigned long xa_to_value(const void *entry)
{
	return (unsigned long)entry >> 1;
}

static inline bool xa_is_value(const void *entry)
{
	return (unsigned long)entry & 1;
}

/* An error is -errno shifted by 2, with the low bits of an internal entry, 10. */
static inline bool xa_is_err(const void *entry)
{
	return ((unsigned long)entry & 3) == 2 &&
	       (unsigned long)entry >= ((unsigned long)-MAX_ERRNO << 2 | 2);
}

/* 0 for what is no error. */
static inline int xa_err(void *entry)
{
	return xa_is_err(entry) ? (int)((long)entry >> 2) : 0;
}

void *xa_load(struct xarray *xa, unsigned long index);
/* The old entry, or an xa_err(): -ENOMEM. Storing NULL erases. */
void *xa_store(struct xarray *xa, unsigned long index, void *entry, gfp_t gfp);
void *xa_erase(struct xarray *xa, unsigned long index);
/* Stores @entry if @old is there; what was there, or an xa_err(). */
void *xa_cmpxchg(struct xarray *xa, unsigned long index, void *old,
		 void *entry, gfp_t gfp);
/* The same with xa_lock held by the caller. */
void *__xa_store(struct xarray *xa, unsigned long index, void *entry,
		 gfp_t gfp);
void *__xa_erase(struct xarray *xa, unsigned long index);
void *__xa_cmpxchg(struct xarray *xa, unsigned long index, void *old,
		   void *entry, gfp_t gfp);
/* First entry at or after (find), or after (find_after), *index up to @max. */
void *xa_find(struct xarray *xa, unsigned long *index, unsigned long max,
	      xa_mark_t filter);
void *xa_find_after(struct xarray *xa, unsigned long *index,
		    unsigned long max, xa_mark_t filter);
/* Frees the nodes; entries are the caller's. The array may be used again. */
void xa_destroy(struct xarray *xa);

#define xa_for_each_range(xa, index, entry, start, last)		\
	for (index = start,						\
	     entry = xa_find(xa, &index, last, XA_PRESENT);		\
	     entry;							\
	     entry = xa_find_after(xa, &index, last, XA_PRESENT))
#define xa_for_each(xa, index, entry) \
	xa_for_each_range(xa, index, entry, 0, ULONG_MAX)

#endif /* _COMPAT_LINUX_XARRAY_H */
