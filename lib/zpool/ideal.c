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
 * @lock:         protects @objects and serialises writers of @bytes
 * @objects:      every live object, for check
 * @bytes:        sum of the sizes of @objects; read without the lock
 * @lengths_only: objects carry no bytes
 */
struct ideal_pool {
	spinlock_t lock;
	struct list_head objects;
	atomic64_t bytes;
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

static struct ideal_object *handle_to_object(unsigned long handle)
{
	return (struct ideal_object *)handle;
}

static void *ideal_create(const struct zpool_config *config)
{
	struct ideal_pool *pool = kzalloc(sizeof(*pool), GFP_KERNEL);

	if (!pool)
		return NULL;
	spin_lock_init(&pool->lock);
	INIT_LIST_HEAD(&pool->objects);
	atomic64_set(&pool->bytes, 0);
	pool->lengths_only = config->lengths_only;
	return pool;
}

static void ideal_destroy(void *priv)
{
	struct ideal_pool *pool = priv;

	WARN_ON_ONCE(!list_empty(&pool->objects));
	kfree(pool);
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
	atomic64_add(size, &pool->bytes);
	spin_unlock(&pool->lock);

	*handle = (unsigned long)object;
	return 0;
}

static void ideal_free(void *priv, unsigned long handle)
{
	struct ideal_pool *pool = priv;
	struct ideal_object *object = handle_to_object(handle);

	spin_lock(&pool->lock);
	list_del(&object->link);
	atomic64_sub(object->size, &pool->bytes);
	spin_unlock(&pool->lock);
	kfree(object);
}

static void ideal_obj_write(void *priv, unsigned long handle, const void *src,
			    size_t len)
{
	struct ideal_pool *pool = priv;
	struct ideal_object *object = handle_to_object(handle);

	if (pool->lengths_only || WARN_ON_ONCE(len > object->size))
		return;
	memcpy(object->data, src, len);
}

static const void *ideal_obj_read_begin(void *priv, unsigned long handle,
					size_t len, void *local_copy)
{
	struct ideal_object *object = handle_to_object(handle);

	(void)priv;
	(void)local_copy;
	WARN_ON_ONCE(len > object->size);
	return object->data;
}

static void ideal_obj_read_end(void *priv, unsigned long handle,
			       const void *mem)
{
	(void)priv;
	WARN_ON_ONCE(mem != handle_to_object(handle)->data);
}

static u64 ideal_total_pages(void *priv)
{
	struct ideal_pool *pool = priv;
	u64 bytes = atomic64_read(&pool->bytes);

	return DIV_ROUND_UP(bytes, PAGE_SIZE);
}

static int ideal_check(void *priv)
{
	struct ideal_pool *pool = priv;
	struct ideal_object *object;
	u64 bytes = 0, left;
	int err = 0;

	spin_lock(&pool->lock);
	/* every object has a byte at least, so a longer list is a loop */
	left = atomic64_read(&pool->bytes);
	list_for_each_entry(object, &pool->objects, link) {
		if (!left-- || !object->size || object->size > PAGE_SIZE ||
		    object->link.next->prev != &object->link) {
			err = -EUCLEAN;
			break;
		}
		bytes += object->size;
	}
	if (bytes != (u64)atomic64_read(&pool->bytes))
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
	.total_pages = ideal_total_pages,
	.check = ideal_check,
};
