/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * swap-disk.h - a swap disk that writes down what a kernel does to it
 *
 * Each page but the first one, which holds the swap header, is a slot: a write is
 * a store, a read a load, a discard an invalidate. The disk goes before the trace:
 * what a guest reads and writes never depends on whether it could be recorded. A
 * flush is a promise about the recording, too, and fails when that cannot be kept.
 * One thread at a time.
 */
#ifndef SIM_SWAP_DISK_H
#define SIM_SWAP_DISK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/**
 * struct swap_disk_options - a disk to be
 * @trace:  the .zdt to write; must not exist yet
 * @info:   "key=value\n" lines for it, or NULL
 * @size:   bytes, a multiple of 4096 and at least two pages
 * @every:  after that many events they are safe from kill -9
 * @window_log: of the trace's writer, which see
 * @in_file: bytes are kept in a file without a name in $TMPDIR, else in memory
 * @lost:   called once, with one line, when an event could not be recorded: the
 *          trace stays incomplete, the disk goes on
 */
struct swap_disk_options {
	const char *trace, *info;
	uint64_t size, every;
	unsigned int window_log;
	bool in_file;
	void (*lost)(const char *why);
};

struct swap_disk;

/* 0, or a negative errno with one line in @why. */
int swap_disk_open(const struct swap_disk_options *options,
		   struct swap_disk **out, char *why, size_t size);

/* The caller keeps ranges within the disk. 0 or a negative errno, of the disk. */
int swap_disk_read(struct swap_disk *disk, void *buf, uint32_t count,
		   uint64_t offset);
int swap_disk_write(struct swap_disk *disk, const void *buf, uint32_t count,
		    uint64_t offset);
/* Reads as zero afterwards. A page in part: only if @zero, as a write of zeros. */
int swap_disk_discard(struct swap_disk *disk, uint32_t count, uint64_t offset,
		      bool zero);

/*
 * 0: the events of all that was answered so far outlive this machine's crash. -EIO:
 * some are lost; it is the only request that a recording's failure is an error of.
 */
int swap_disk_flush(struct swap_disk *disk);

/* Ends the trace, and frees. NULL is allowed. */
void swap_disk_close(struct swap_disk *disk);

#endif /* SIM_SWAP_DISK_H */
