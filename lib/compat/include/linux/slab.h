/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * linux/slab.h (custom): allocation over malloc, counted and made to fail.
 * custom.h says how. Beside that: alignment is malloc's (16) where the kernel
 * aligns powers of two naturally, size 0 gives a pointer that may be freed where
 * the kernel gives ZERO_SIZE_PTR, and a constructor runs at each allocation.
 * An allocation that may sleep warns when this thread holds a spinlock.
 */
#ifndef _COMPAT_LINUX_SLAB_H
#define _COMPAT_LINUX_SLAB_H

#include <linux/gfp.h>
#include <linux/overflow.h>

#define KMALLOC_MAX_SIZE (1UL << 22)	/* x86-64, MAX_ORDER 11 */
#define SLAB_HWCACHE_ALIGN ((slab_flags_t)1)
#define SLAB_ACCOUNT ((slab_flags_t)2)
#define SLAB_RECLAIM_ACCOUNT ((slab_flags_t)4)

struct kmem_cache;

struct kmem_cache *kmem_cache_create(const char *name, unsigned int size,
				     unsigned int align, slab_flags_t flags,
				     void (*ctor)(void *));
/* Warns when objects are live; the cache stays then, and they do. NULL is allowed. */
void kmem_cache_destroy(struct kmem_cache *s);
void *kmem_cache_alloc(struct kmem_cache *s, gfp_t flags);
void kmem_cache_free(struct kmem_cache *s, void *obj);

#define KMEM_CACHE(s, flags)						\
	kmem_cache_create(#s, sizeof(struct s), __alignof__(struct s),	\
			  (flags), NULL)
#define kmem_cache_zalloc(s, flags) kmem_cache_alloc(s, (flags) | __GFP_ZERO)

/* NULL above KMALLOC_MAX_SIZE. */
void *kmalloc(size_t size, gfp_t flags);
void *krealloc(const void *p, size_t new_size, gfp_t flags);
void kfree(const void *p);
/* NULL above INT_MAX, with a warning unless __GFP_NOWARN. */
void *kvmalloc(size_t size, gfp_t flags);
void kvfree(const void *p);

#define kzalloc(size, flags) kmalloc(size, (flags) | __GFP_ZERO)
#define kmalloc_array(n, size, flags) kmalloc(size_mul(n, size), flags)
#define kcalloc(n, size, flags) kmalloc_array(n, size, (flags) | __GFP_ZERO)
#define kvzalloc(size, flags) kvmalloc(size, (flags) | __GFP_ZERO)
#define kvmalloc_array(n, size, flags) kvmalloc(size_mul(n, size), flags)
#define kvcalloc(n, size, flags) \
	kvmalloc_array(n, size, (flags) | __GFP_ZERO)

#endif /* _COMPAT_LINUX_SLAB_H */
