/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * swap.c - swap devices: slot locks, zero map, and the bytes on "disk"
 *
 * The disk is an unlinked temporary file, made when the first page is written to
 * it, so a model whose pool has no limit never touches one.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>
#include <unistd.h>

#include <linux/bitops.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "env/env.h"

int swap_device_create(u64 nr_slots, struct swap_device **out)
{
	struct swap_device *dev = kzalloc(sizeof(*dev), GFP_KERNEL);

	if (!dev)
		return -ENOMEM;
	dev->nr_slots = nr_slots;
	dev->fd = -1;
	mutex_init(&dev->fd_lock);
	dev->word = kvcalloc(DIV_ROUND_UP(nr_slots, SWAP_WORD_SLOTS),
			     sizeof(*dev->word), GFP_KERNEL);
	if (!dev->word) {
		swap_device_destroy(dev);
		return -ENOMEM;
	}
	*out = dev;
	return 0;
}

void swap_device_destroy(struct swap_device *dev)
{
	if (dev->fd >= 0)
		close(dev->fd);
	kvfree(dev->word);
	kfree(dev);
}

bool swap_trylock(struct swap_device *dev, u64 offset)
{
	return !test_and_set_bit(offset % SWAP_WORD_SLOTS,
				 &swap_word(dev, offset)->locked);
}

void swap_lock(struct swap_device *dev, u64 offset)
{
	while (!swap_trylock(dev, offset))
		sched_yield();
}

void swap_unlock(struct swap_device *dev, u64 offset)
{
	clear_bit_unlock(offset % SWAP_WORD_SLOTS,
			 &swap_word(dev, offset)->locked);
}

static int swap_device_open(struct swap_device *dev)
{
	const char *dir = getenv("TMPDIR");
	char path[4096];
	int fd;

	if (!dir || !*dir || strlen(dir) > sizeof(path) - 32)
		dir = "/tmp";
	fd = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (fd < 0) {
		strcpy(path, dir);
		strcat(path, "/zdedup-swap-XXXXXX");
		fd = mkostemp(path, O_CLOEXEC);
		if (fd < 0)
			return -errno;
		unlink(path);
	}
	dev->fd = fd;
	return 0;
}

static int swap_device_fd(struct swap_device *dev)
{
	int err = 0;

	mutex_lock(&dev->fd_lock);
	if (dev->fd < 0)
		err = swap_device_open(dev);
	mutex_unlock(&dev->fd_lock);
	return err ? err : dev->fd;
}

int swap_device_write(struct zdedup *zd, struct swap_device *dev, u64 offset,
		      const void *page)
{
	size_t done = 0;
	int fd = -1;

	if (page)
		fd = swap_device_fd(dev);
	if (page && fd < 0)
		return fd;
	while (page && done < PAGE_SIZE) {
		ssize_t n = pwrite(fd, (const char *)page + done,
				   PAGE_SIZE - done,
				   (off_t)(offset * PAGE_SIZE + done));

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n ? -errno : -EIO;
		done += n;
	}
	atomic_long_inc(&zd->pswpout);
	if (!test_and_set_bit(offset % SWAP_WORD_SLOTS,
			      &swap_word(dev, offset)->filled))
		atomic_long_inc(&zd->live_device);
	return 0;
}

int swap_device_read(struct zdedup *zd, struct swap_device *dev, u64 offset,
		     void *page)
{
	size_t done = 0;

	while (page && done < PAGE_SIZE) {
		ssize_t n = pread(dev->fd, (char *)page + done,
				  PAGE_SIZE - done,
				  (off_t)(offset * PAGE_SIZE + done));

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n ? -errno : -EIO;
		done += n;
	}
	atomic_long_inc(&zd->pswpin);
	return 0;
}

bool swap_slot_clear(struct zdedup *zd, struct swap_device *dev, u64 offset)
{
	struct swap_word *word = swap_word(dev, offset);
	unsigned int bit = offset % SWAP_WORD_SLOTS;
	bool held = false;

	if (test_bit(bit, &word->zero)) {
		clear_bit(bit, &word->zero);
		atomic_long_dec(&zd->live_zero);
		held = true;
	}
	if (test_bit(bit, &word->filled)) {
		clear_bit(bit, &word->filled);
		atomic_long_dec(&zd->live_device);
		held = true;
	}
	return held;
}

void swap_slot_set_zero(struct zdedup *zd, struct swap_device *dev, u64 offset)
{
	swap_slot_clear(zd, dev, offset);
	set_bit(offset % SWAP_WORD_SLOTS, &swap_word(dev, offset)->zero);
	atomic_long_inc(&zd->live_zero);
}
