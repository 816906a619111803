/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * record-maps.h - where a process can have pages that the kernel would swap out
 */
#ifndef SIM_RECORD_MAPS_H
#define SIM_RECORD_MAPS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include <glib.h>

/**
 * struct record_range - one mapping worth a look
 * @shared: swap-backed memory that others may map, too. A page of it is known by
 *          device, inode and offset, whoever maps it
 */
struct record_range {
	uint64_t start, end;
	uint64_t offset, device, inode;
	bool shared;
};

/*
 * Fills @ranges (struct record_range) from /proc/PID/smaps, in the order of their
 * addresses. 0 or a negative errno.
 */
int record_maps(pid_t pid, GArray *ranges);

#endif /* SIM_RECORD_MAPS_H */
