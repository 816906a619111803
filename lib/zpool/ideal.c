/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ideal.c - the allocator that no kernel can have: it holds exactly the bytes
 * that were asked for, rounded up once to whole pages.
 *
 * It is the floor that every other allocator is compared with: what it does not
 * take, no class table and no compaction can save.
 */
#include <linux/atomic.h>
#include <linux/list.h>
#include <linux/slab.h>
#include <linux/spinlock.h>

#include "zpool/zpool.h"

/**
 * struct ideal_pool - an instance
 * @lock:         protects all but what readers see of @account
 * @objects:      every live object, for check
 * @bytes:        sum of the sizes of @objects
 * @account:      its pages are as many as @bytes fill
 * @lengths_only: objects carry no bytes
 */
struct ideal_pool {
	spinlock_t lock;
	struct list_head objects;
	u64 bytes;
	struct zpool_account account;
	bool lengths_only;
};

/**
 * struct ideal_object - an object; the handle is its address
 * @link: in ideal_pool.objects
 * @size: what malloc was asked for; fixed
 * @data: the bytes, none when lengths_only. They belong to whoever owns the
 *        handle: nothing moves, so reading and writing take no lock.
 */
struct ideal_object {
	struct list_head link;
	unsigned int size;
	unsigned char data[];
};

static struct ideal_object *handle_to_object(const unsigned long *handle)
{
	return (struct ideal_object *)*handle;
}

static void *ideal_create(const struct zpool_config *config)
{
	struct ideal_pool *pool = kzalloc(sizeof(*pool), GFP_KERNEL);

	if (!pool)
		return NULL;
	spin_lock_init(&pool->lock);
	INIT_LIST_HEAD(&pool->objects);
	atomic64_set(&pool->account.pages, 0);
	pool->lengths_only = config->lengths_only;
	return pool;
}

static void ideal_destroy(void *priv)
{
	struct ideal_pool *pool = priv;

	WARN_ON_ONCE(!list_empty(&pool->objects));
	kfree(pool);
}

/* Under @lock. */
static void ideal_count(struct ideal_pool *pool, s64 bytes)
{
	pool->bytes += bytes;
	atomic64_set(&pool->account.pages, DIV_ROUND_UP(pool->bytes, PAGE_SIZE));
}

static int ideal_malloc(void *priv, size_t size, unsigned long *handle)
{
	struct ideal_pool *pool = priv;
	struct ideal_object *object;

	if (!size)
		return -EINVAL;
	if (size > PAGE_SIZE)
		return -ENOSPC;

	object = kmalloc(sizeof(*object) + (pool->lengths_only ? 0 : size),
			 GFP_KERNEL);
	if (!object)
		return -ENOMEM;
	object->size = size;

	spin_lock(&pool->lock);
	list_add(&object->link, &pool->objects);
	ideal_count(pool, size);
	spin_unlock(&pool->lock);

	*handle = (unsigned long)object;
	return 0;
}

static void ideal_free(void *priv, const unsigned long *handle)
{
	struct ideal_pool *pool = priv;
	struct ideal_object *object = handle_to_object(handle);

	spin_lock(&pool->lock);
	list_del(&object->link);
	ideal_count(pool, -(s64)object->size);
	spin_unlock(&pool->lock);
	kfree(object);
}

static void ideal_obj_write(void *priv, const unsigned long *handle,
			    const void *src, size_t len)
{
	struct ideal_pool *pool = priv;
	struct ideal_object *object = handle_to_object(handle);

	if (pool->lengths_only || WARN_ON_ONCE(len > object->size))
		return;
	memcpy(object->data, src, len);
}

static const void *ideal_obj_read_begin(void *priv, const unsigned long *handle,
					size_t len, void *local_copy)
{
	struct ideal_object *object = handle_to_object(handle);

	(void)priv;
	(void)local_copy;
	WARN_ON_ONCE(len > object->size);
	return object->data;
}

static void ideal_obj_read_end(void *priv, const unsigned long *handle,
			       const void *mem)
{
	(void)priv;
	WARN_ON_ONCE(mem != handle_to_object(handle)->data);
}

static const struct zpool_account *ideal_account(void *priv)
{
	struct ideal_pool *pool = priv;

	return &pool->account;
}

static int ideal_check(void *priv)
{
	struct ideal_pool *pool = priv;
	struct ideal_object *object;
	u64 bytes = 0, left;
	int err = 0;

	spin_lock(&pool->lock);
	/* every object has a byte at least, so a longer list is a loop */
	left = pool->bytes;
	list_for_each_entry(object, &pool->objects, link) {
		if (!left-- || !object->size || object->size > PAGE_SIZE ||
		    object->link.next->prev != &object->link) {
			err = -EUCLEAN;
			break;
		}
		bytes += object->size;
	}
	if (bytes != pool->bytes || DIV_ROUND_UP(bytes, PAGE_SIZE) !=
			(u64)atomic64_read(&pool->account.pages))
		err = -EUCLEAN;
	spin_unlock(&pool->lock);
	return err;
}

const struct zpool_ops zpool_ideal = {
	.name = "ideal",
	.create = ideal_create,
	.destroy = ideal_destroy,
	.malloc = ideal_malloc,
	.free = ideal_free,
	.obj_write = ideal_obj_write,
	.obj_read_begin = ideal_obj_read_begin,
	.obj_read_end = ideal_obj_read_end,
	.account = ideal_account,
	.check = ideal_check,
};
