/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * swap-disk.c - a swap disk that writes down what a kernel does to it
 *
 * Only slots that hold a page have events: a disk is read in places that nobody
 * wrote (who looks for a partition table does), and discarded as a whole at swapon.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "../traces/trace-writer.h"
#include "swap-disk.h"

#define PAGE TRACE_PAGE_SIZE
#define WHY_MAX 1024u
/* The last ten bytes of the first page, see union swap_header of the kernel */
#define SIGNATURE "SWAPSPACE2"
#define SIGNATURE_LEN 10u

/**
 * struct swap_disk - one disk
 * @memory: its bytes, NULL when they are in @fd
 * @used:   per page: it holds a page of the guest
 * @writer: NULL once an event was lost
 * @unsafe: events since the last flush
 */
struct swap_disk {
	struct swap_disk_options options;
	uint8_t *memory;
	int fd;
	bool *used;
	uint64_t nr_pages, unsafe;
	struct timespec start;
	struct trace_writer *writer;
};

/* ---- the bytes ---- */

static int temporary_file(uint64_t size)
{
	const char *dir = getenv("TMPDIR");
	char *name;
	int fd;

	if (asprintf(&name, "%s/zdedup-swap-XXXXXX",
		     dir && *dir ? dir : "/tmp") < 0)
		return -ENOMEM;
	fd = mkostemp(name, O_CLOEXEC);
	if (fd >= 0)
		unlink(name);
	free(name);
	if (fd < 0)
		return -errno;
	while (ftruncate(fd, (off_t)size)) {
		int error = -errno;

		if (error == -EINTR)
			continue;
		close(fd);
		return error;
	}
	return fd;
}

static int get_bytes(const struct swap_disk *d, void *buf, size_t count,
		     uint64_t offset)
{
	ssize_t n;

	if (d->memory) {
		memcpy(buf, d->memory + offset, count);
		return 0;
	}
	for (char *p = buf; count; p += n, count -= n, offset += n) {
		n = pread(d->fd, p, count, (off_t)offset);
		if (n < 0 && errno == EINTR)
			n = 0;
		else if (n <= 0)
			return n ? -errno : -EIO;
	}
	return 0;
}

static int put_bytes(struct swap_disk *d, const void *buf, size_t count,
		     uint64_t offset)
{
	ssize_t n;

	if (d->memory) {
		memcpy(d->memory + offset, buf, count);
		return 0;
	}
	for (const char *p = buf; count; p += n, count -= n, offset += n) {
		n = pwrite(d->fd, p, count, (off_t)offset);
		if (n < 0 && errno == EINTR)
			n = 0;
		else if (n <= 0)
			return n ? -errno : -EIO;
	}
	return 0;
}

static int drop_bytes(struct swap_disk *d, uint64_t count, uint64_t offset)
{
	if (!d->memory) {
		while (fallocate(d->fd,
				 FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
				 (off_t)offset, (off_t)count))
			if (errno != EINTR)
				return -errno;
		return 0;
	}
	/* the host's own pages may be larger */
	if (madvise(d->memory + offset, count, MADV_DONTNEED))
		memset(d->memory + offset, 0, count);
	return 0;
}

/* ---- the trace ---- */

static uint64_t now_us(const struct swap_disk *d)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)((now.tv_sec - d->start.tv_sec) * 1000000 +
			  (now.tv_nsec - d->start.tv_nsec) / 1000);
}

/* The file stays as it is, without its end: that is how it shows. */
static void lose(struct swap_disk *d, const char *why)
{
	trace_writer_abandon(d->writer);
	d->writer = NULL;
	d->options.lost(why);
}

static void flush(struct swap_disk *d, bool sync)
{
	char why[WHY_MAX] = "";

	if (d->writer && trace_writer_flush(d->writer, sync, why, sizeof(why)))
		lose(d, why);
	d->unsafe = 0;
}

static void record(struct swap_disk *d, enum trace_op op, uint64_t page,
		   const void *bytes)
{
	const struct trace_event ev = {
		.time_us = now_us(d), .slot = page, .page = TRACE_NO_PAGE,
		.op = op,
	};
	char why[WHY_MAX] = "";

	if (!d->writer)
		return;
	if (trace_write_event(d->writer, &ev, bytes, NULL, why, sizeof(why)))
		lose(d, why);
	else if (++d->unsafe >= d->options.every)
		flush(d, false);
}

static void free_slot(struct swap_disk *d, uint64_t page)
{
	if (!d->used[page])
		return;
	d->used[page] = false;
	record(d, TRACE_INVALIDATE, page, NULL);
}

/* A new swap header: nothing that was there before is in use any more. */
static void header_written(struct swap_disk *d, const uint8_t *bytes)
{
	if (memcmp(bytes + PAGE - SIGNATURE_LEN, SIGNATURE, SIGNATURE_LEN))
		return;
	for (uint64_t page = 1; page < d->nr_pages; page++)
		free_slot(d, page);
}

/* ---- the disk ---- */

/* The part of page offset / PAGE that a request of @count bytes covers */
static uint32_t part(uint64_t offset, uint32_t count)
{
	uint32_t left = PAGE - offset % PAGE;

	return count < left ? count : left;
}

int swap_disk_read(struct swap_disk *d, void *buf, uint32_t count,
		   uint64_t offset)
{
	uint8_t whole[PAGE];
	uint32_t n;
	int ret;

	for (uint8_t *p = buf; count; p += n, count -= n, offset += n) {
		uint64_t page = offset / PAGE;
		const uint8_t *bytes = p;

		n = part(offset, count);
		ret = get_bytes(d, p, n, offset);
		if (ret)
			return ret;
		/* a page that is read piece by piece is loaded once */
		if (!page || !d->used[page] || offset % PAGE)
			continue;
		/* without the rest it is a load all the same, of unknown bytes */
		if (n < PAGE)
			bytes = get_bytes(d, whole, PAGE, page * PAGE) ? NULL :
				whole;
		record(d, TRACE_LOAD, page, bytes);
	}
	return 0;
}

/* Some or all bytes of one page; @bytes NULL: zeros */
static int write_part(struct swap_disk *d, const uint8_t *bytes, uint32_t n,
		      uint64_t offset)
{
	uint64_t page = offset / PAGE;
	uint8_t whole[PAGE];
	int ret;

	if (n < PAGE || !bytes) {
		ret = get_bytes(d, whole, PAGE, page * PAGE);
		if (ret)
			return ret;
		if (bytes)
			memcpy(whole + offset % PAGE, bytes, n);
		else
			memset(whole + offset % PAGE, 0, n);
		bytes = whole;
	}
	ret = put_bytes(d, bytes, PAGE, page * PAGE);
	if (ret) {
		/* half of it may be there: no load can say any more of what */
		free_slot(d, page);
		return ret;
	}
	if (page) {
		d->used[page] = true;
		record(d, TRACE_STORE, page, bytes);
	} else if (offset % PAGE + n == PAGE) {
		header_written(d, bytes);
	}
	return 0;
}

int swap_disk_write(struct swap_disk *d, const void *buf, uint32_t count,
		    uint64_t offset)
{
	const uint8_t *p = buf;
	uint32_t n;

	for (; count; p += n, count -= n, offset += n) {
		int ret;

		n = part(offset, count);
		ret = write_part(d, p, n, offset);
		if (ret)
			return ret;
	}
	return 0;
}

int swap_disk_discard(struct swap_disk *d, uint32_t count, uint64_t offset,
		      bool zero)
{
	uint64_t page, nr;
	uint32_t n;
	int ret;

	for (; count; count -= n, offset += n) {
		n = part(offset, count);
		if (n < PAGE) {
			ret = zero ? write_part(d, NULL, n, offset) : 0;
			if (ret)
				return ret;
			continue;
		}
		nr = count / PAGE;
		n = (uint32_t)nr * PAGE;
		ret = drop_bytes(d, n, offset);
		/* the guest is done with them, even where they still lie there */
		for (page = offset / PAGE; nr; nr--, page++)
			free_slot(d, page);
		if (ret)
			return ret;
	}
	return 0;
}

int swap_disk_flush(struct swap_disk *d)
{
	flush(d, true);
	return d->writer ? 0 : -EIO;
}

/* ---- beginning and end ---- */

static void free_disk(struct swap_disk *d)
{
	if (d->memory)
		munmap(d->memory, d->options.size);
	if (d->fd >= 0)
		close(d->fd);
	free(d->used);
	free(d);
}

static int make_room(struct swap_disk *d)
{
	void *memory;

	d->used = calloc(d->nr_pages, sizeof(*d->used));
	if (!d->used)
		return -ENOMEM;
	if (d->options.in_file) {
		d->fd = temporary_file(d->options.size);
		return d->fd < 0 ? d->fd : 0;
	}
	memory = mmap(NULL, d->options.size, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (memory == MAP_FAILED)
		return -errno;
	d->memory = memory;
	return 0;
}

int swap_disk_open(const struct swap_disk_options *options,
		   struct swap_disk **out, char *why, size_t size)
{
	const struct trace_writer_options o = {
		.has_pages = true, .in_place = true, .info = options->info,
		.window_log = options->window_log,
	};
	struct swap_disk *d;
	int ret;

	if (options->size < 2 * PAGE || options->size % PAGE ||
	    options->size / PAGE - 1 > TRACE_SLOT_MAX) {
		snprintf(why, size, "a swap disk is some pages of 4096 bytes, at least two, not %llu bytes",
			 (unsigned long long)options->size);
		return -EINVAL;
	}
	d = calloc(1, sizeof(*d));
	if (d) {
		d->fd = -1;
		d->options = *options;
		d->nr_pages = options->size / PAGE;
		clock_gettime(CLOCK_MONOTONIC, &d->start);
	}
	ret = d ? make_room(d) : -ENOMEM;
	if (ret)
		snprintf(why, size, "no room for a disk of %llu bytes: %s",
			 (unsigned long long)options->size, strerror(-ret));
	else
		ret = trace_writer_open(options->trace, &o, &d->writer, why,
					size);
	/* an empty recording, too, is one that can be salvaged */
	if (!ret) {
		ret = trace_writer_flush(d->writer, true, why, size);
		if (ret)
			unlink(options->trace);
	}
	if (!ret) {
		*out = d;
	} else if (d) {
		trace_writer_abandon(d->writer);
		free_disk(d);
	}
	return ret;
}

void swap_disk_close(struct swap_disk *d)
{
	char why[WHY_MAX] = "";

	if (!d)
		return;
	if (d->writer && trace_writer_close(d->writer, why, sizeof(why))) {
		d->writer = NULL;
		d->options.lost(why);
	}
	free_disk(d);
}
