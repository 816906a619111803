/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * nbdkit-plugin.c - nbdkit-zdedup-plugin.so: a recording swap disk over NBD
 *
 * nbdkit does the protocol, this file hands on: swap-disk.c is the disk.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NBDKIT_API_VERSION 2
#include <nbdkit-plugin.h>

#include "swap-disk.h"

/* Events, and so the disk's state, have one order. */
#define THREAD_MODEL NBDKIT_THREAD_MODEL_SERIALIZE_ALL_REQUESTS
#define EVERY 1024
#define WHY_MAX 1024u

static struct swap_disk_options options = {
	.size = 512ull << 20, .every = EVERY,
};
static char *trace;
static struct swap_disk *disk;

static void report_loss(const char *why)
{
	nbdkit_error("THE RECORDING IS INCOMPLETE FROM HERE ON, the disk goes on: %s; keep what there is with: zdedup import --salvage",
		     why);
}

static int zdedup_config(const char *key, const char *value)
{
	int64_t size;

	if (!strcmp(key, "trace")) {
		free(trace);
		/* nbdkit changes its directory when it goes to the background */
		trace = nbdkit_absolute_path(value);
		return trace ? 0 : -1;
	}
	if (!strcmp(key, "size")) {
		size = nbdkit_parse_size(value);
		options.size = size < 0 ? 0 : (uint64_t)size;
		return size < 0 ? -1 : 0;
	}
	if (!strcmp(key, "every")) {
		if (nbdkit_parse_uint64_t("every", value, &options.every))
			return -1;
		if (options.every)
			return 0;
		nbdkit_error("every: at least 1");
		return -1;
	}
	if (!strcmp(key, "backing")) {
		options.in_file = !strcmp(value, "file");
		if (options.in_file || !strcmp(value, "memory"))
			return 0;
		nbdkit_error("backing: 'memory' or 'file', not '%s'", value);
		return -1;
	}
	nbdkit_error("unknown parameter '%s'", key);
	return -1;
}

static int zdedup_config_complete(void)
{
	if (trace)
		return 0;
	nbdkit_error("no trace=OUT.zdt given");
	return -1;
}

static int zdedup_get_ready(void)
{
	char why[WHY_MAX] = "", info[256];

	snprintf(info, sizeof(info),
		 "vantage=device\nrecorder=nbdkit-zdedup-plugin %s\ndisk_bytes=%" PRIu64 "\n",
		 ZDEDUP_VERSION, options.size);
	options.trace = trace;
	options.info = info;
	options.lost = report_loss;
	if (!swap_disk_open(&options, &disk, why, sizeof(why)))
		return 0;
	nbdkit_error("%s", why);
	return -1;
}

static void zdedup_cleanup(void)
{
	swap_disk_close(disk);
	disk = NULL;
}

static void zdedup_unload(void)
{
	free(trace);
}

static void *zdedup_open(int readonly)
{
	(void)readonly;
	return NBDKIT_HANDLE_NOT_NEEDED;
}

static int64_t zdedup_get_size(void *handle)
{
	(void)handle;
	return (int64_t)options.size;
}

/* There is one disk, and a flush is of all of it. */
static int zdedup_can_multi_conn(void *handle)
{
	(void)handle;
	return 1;
}

static int answer(int ret)
{
	if (!ret)
		return 0;
	nbdkit_set_error(-ret);
	nbdkit_error("the disk: %s", strerror(-ret));
	return -1;
}

static int zdedup_pread(void *handle, void *buf, uint32_t count,
			uint64_t offset, uint32_t flags)
{
	(void)handle;
	(void)flags;
	return answer(swap_disk_read(disk, buf, count, offset));
}

static int zdedup_pwrite(void *handle, const void *buf, uint32_t count,
			 uint64_t offset, uint32_t flags)
{
	(void)handle;
	(void)flags;
	return answer(swap_disk_write(disk, buf, count, offset));
}

static int zdedup_trim(void *handle, uint32_t count, uint64_t offset,
		       uint32_t flags)
{
	(void)handle;
	(void)flags;
	return answer(swap_disk_discard(disk, count, offset, false));
}

static int zdedup_zero(void *handle, uint32_t count, uint64_t offset,
		       uint32_t flags)
{
	(void)handle;
	(void)flags;
	return answer(swap_disk_discard(disk, count, offset, true));
}

/* Also what nbdkit calls after a request with FUA */
static int zdedup_flush(void *handle, uint32_t flags)
{
	(void)handle;
	(void)flags;
	return answer(swap_disk_flush(disk));
}

static struct nbdkit_plugin plugin = {
	.name = "zdedup",
	.longname = "zdedup recording swap disk",
	.version = ZDEDUP_VERSION,
	.description = "A swap disk that writes every page out, page in and discard to a .zdt trace",
	.config = zdedup_config,
	.config_complete = zdedup_config_complete,
	.config_help = "trace=OUT.zdt         (required) the trace to write; must not exist\n"
		       "size=SIZE             bytes of the disk, 512M when not given\n"
		       "backing=memory|file   where they are kept; file: unnamed, in $TMPDIR\n"
		       "every=N               events are safe from kill -9 after N, 1024 when not given",
	.magic_config_key = "trace",
	.get_ready = zdedup_get_ready,
	.cleanup = zdedup_cleanup,
	.unload = zdedup_unload,
	.open = zdedup_open,
	.get_size = zdedup_get_size,
	.can_multi_conn = zdedup_can_multi_conn,
	.pread = zdedup_pread,
	.pwrite = zdedup_pwrite,
	.trim = zdedup_trim,
	.zero = zdedup_zero,
	.flush = zdedup_flush,
	.errno_is_preserved = 0,
};

NBDKIT_REGISTER_PLUGIN(plugin)
