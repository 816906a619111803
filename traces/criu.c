/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * criu.c - the memory in a directory of CRIU images
 *
 * pagemap-*.img: u32 common magic, u32 pagemap magic, then messages, each a u32
 * length and that many bytes of protobuf (CRIU's images/pagemap.proto): first the
 * head with the number of the pages image (1), then entries: address (1), pages
 * (2, or 5 since CRIU 4), in_parent (3), flags (4). pages-<number>.img: the pages
 * of all entries that are present, in their order. Pages that are in a parent's
 * images, or left behind lazily, are not in the directory and not in the trace.
 * All little-endian.
 *
 * Processes come in the order of their images' names, each page is one store.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "trace-internal.h"

#define MAGIC_COMMON 0x54564319u
#define MAGIC_PAGEMAP 0x56084025u
#define HEAD 8
#define PAGES_MAX (1ull << 40)

#define FLAG_PARENT 1u
#define FLAG_PRESENT 4u

#define FIELD_MAX 5	/* of an entry; 1 of the head */

/**
 * struct images - what is known of a directory while it is read
 * @names: of the pagemap images, sorted
 * @ids:   of the pages images read so far
 */
struct images {
	struct trace *trace;
	const struct trace_why *why;
	int dir;
	char **names;
	size_t nr, room;
	uint32_t *ids;
	size_t nr_ids, ids_room;
};

/* ---- the directory ---- */

/* pagemap-1.img, pagemap-shmem-1.img; packed ones end in .zst */
static bool is_pagemap(const char *name)
{
	size_t len = strlen(name);

	if (len > 4 && !strcmp(name + len - 4, ".zst"))
		len -= 4;
	return !strncmp(name, "pagemap-", 8) && len > 12 &&
	       !strncmp(name + len - 4, ".img", 4);
}

static DIR *open_dir(int fd)
{
	int again = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = again < 0 ? NULL : fdopendir(again);

	if (!dir && again >= 0)
		close(again);
	return dir;
}

/* An ops directory is one whatever else lies in it. */
static bool criu_probe(int fd, const struct trace_map *map)
{
	struct dirent *entry;
	bool found = false;
	DIR *dir;

	(void)map;
	if (!faccessat(fd, "ops.csv", F_OK, 0) ||
	    !faccessat(fd, "ops.csv.zst", F_OK, 0))
		return false;
	dir = open_dir(fd);
	if (!dir)
		return false;
	while (!found && (entry = readdir(dir)))
		found = is_pagemap(entry->d_name) ||
			!strcmp(entry->d_name, "inventory.img");
	closedir(dir);
	return found;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static int list_pagemaps(struct images *im)
{
	struct trace *trace = im->trace;
	DIR *dir = open_dir(im->dir);
	struct dirent *entry;
	int ret = 0;

	if (!dir)
		return trace_fail(im->why, -errno, "%s: cannot list: %m",
				  trace->path);
	while (!ret && (entry = readdir(dir))) {
		if (!is_pagemap(entry->d_name))
			continue;
		if (im->nr == im->room)
			ret = trace_grow(trace, &im->names, &im->room,
					 sizeof(*im->names), im->why);
		if (ret)
			break;
		im->names[im->nr] = strdup(entry->d_name);
		if (!im->names[im->nr])
			ret = trace_fail(im->why, -ENOMEM, "%s: %m",
					 trace->path);
		else
			im->nr++;
	}
	closedir(dir);
	if (!ret && !im->nr)
		ret = trace_fail(im->why, -EINVAL,
				 "%s: holds no CRIU pagemap image (pagemap-*.img)",
				 trace->path);
	if (!ret)
		qsort(im->names, im->nr, sizeof(*im->names), by_name);
	return ret;
}

/* Maps @name; -ENOENT comes without a message. */
static int map_image(struct images *im, const char *name, const char *label,
		     struct trace_map *map)
{
	int fd, ret = trace_open_regular(im->dir, name, label, &fd, im->why);

	if (ret)
		return ret;
	ret = trace_map(map, fd, label, im->why);
	close(fd);
	return ret;
}

/* ---- a pagemap image ---- */

/**
 * struct pagemap - one such image while it is read
 * @at:    bytes read
 * @id:    the number of its pages image
 * @pages: those that are in there
 */
struct pagemap {
	const char *label;
	const uint8_t *data;
	uint64_t size, at;
	uint64_t id, pages;
};

/* A varint of the message that ends at @end; false when it does not fit */
static bool read_varint(struct pagemap *pm, uint64_t end, uint64_t *value)
{
	unsigned int shift;

	*value = 0;
	for (shift = 0; shift < 70 && pm->at < end; shift += 7) {
		uint8_t byte = pm->data[pm->at++];

		if (shift < 64)
			*value |= (uint64_t)(byte & 0x7f) << shift;
		if (!(byte & 0x80))
			return true;
	}
	return false;
}

/*
 * The next message: its numbers to @fields, a bit in *@seen for each. None of
 * the known fields is anything but a varint; an unknown one could say how the
 * pages are stored (compressed, say), so it is not passed over.
 */
static int read_message(struct images *im, struct pagemap *pm,
			uint64_t fields[FIELD_MAX + 1], unsigned int known,
			unsigned int *seen)
{
	uint64_t start = pm->at, left = pm->size - start, end, key;

	*seen = 0;
	if (left < 4 || trace_le32(pm->data + start) > left - 4)
		return trace_fail(im->why, -EINVAL,
				  "%s: truncated: ends within a message (at byte %" PRIu64 ")",
				  pm->label, start);
	end = start + 4 + trace_le32(pm->data + start);
	pm->at += 4;
	while (pm->at < end) {
		if (!read_varint(pm, end, &key))
			goto bad;
		if (key >> 3 < 1 || key >> 3 > known || key & 7)
			return trace_fail(im->why, -EINVAL,
					  "%s: field %" PRIu64 " of type %d is unknown: from a newer CRIU? (message at byte %" PRIu64 ")",
					  pm->label, key >> 3, (int)(key & 7),
					  start);
		if (!read_varint(pm, end, &fields[key >> 3]))
			goto bad;
		*seen |= 1u << (key >> 3);
	}
	return 0;
bad:
	return trace_fail(im->why, -EINVAL,
			  "%s: a message is cut off (at byte %" PRIu64 ")",
			  pm->label, start);
}

static int read_entry(struct images *im, struct pagemap *pm)
{
	uint64_t field[FIELD_MAX + 1] = { 0 }, start = pm->at, nr;
	unsigned int seen;
	int ret = read_message(im, pm, field, FIELD_MAX, &seen);

	if (ret)
		return ret;
	nr = seen & 1u << 5 ? field[5] : field[2];
	if (!(seen & 1u << 1) || !(seen & (1u << 2 | 1u << 5)) ||
	    nr > PAGES_MAX - pm->pages)
		return trace_fail(im->why, -EINVAL,
				  "%s: an entry of %" PRIu64 " pages (message at byte %" PRIu64 ")",
				  pm->label, nr, start);
	/* before there were flags, what is not the parent's is present */
	if (field[3] || field[4] & FLAG_PARENT ||
	    (seen & 1u << 4 && !(field[4] & FLAG_PRESENT)))
		return 0;
	pm->pages += nr;
	return 0;
}

static int read_pagemap(struct images *im, struct pagemap *pm)
{
	uint64_t field[FIELD_MAX + 1] = { 0 };
	unsigned int seen;
	int ret;

	if (pm->size < HEAD || trace_le32(pm->data) != MAGIC_COMMON ||
	    trace_le32(pm->data + 4) != MAGIC_PAGEMAP)
		return trace_fail(im->why, -EINVAL,
				  "%s: is no CRIU pagemap image of version 1.1 (at byte 0)",
				  pm->label);
	pm->at = HEAD;
	ret = read_message(im, pm, field, 1, &seen);
	pm->id = field[1];
	if (!ret && (!seen || pm->id > UINT32_MAX))
		ret = trace_fail(im->why, -EINVAL,
				 "%s: does not say which pages image is its (message at byte %d)",
				 pm->label, HEAD);
	while (!ret && pm->at < pm->size)
		ret = read_entry(im, pm);
	return ret;
}

/* ---- the pages ---- */

static int add_id(struct images *im, const struct pagemap *pm)
{
	size_t i;
	int ret;

	for (i = 0; i < im->nr_ids; i++)
		if (im->ids[i] == pm->id)
			return trace_fail(im->why, -EINVAL,
					  "%s: names pages-%" PRIu64 ".img, as another pagemap does (message at byte %d)",
					  pm->label, pm->id, HEAD);
	if (im->nr_ids == im->ids_room) {
		ret = trace_grow(im->trace, &im->ids, &im->ids_room,
				 sizeof(*im->ids), im->why);
		if (ret)
			return ret;
	}
	im->ids[im->nr_ids++] = pm->id;
	return 0;
}

static int map_pages(struct images *im, const struct pagemap *pm,
		     struct trace_map *map, char **label)
{
	static const char *const suffix[] = { "", ".zst" };
	char name[32];
	size_t i;
	int ret;

	for (i = 0; i < 2; i++) {
		snprintf(name, sizeof(name), "pages-%" PRIu64 ".img%s",
			 pm->id, suffix[i]);
		free(*label);
		*label = trace_join(im->trace->path, name);
		if (!*label)
			return trace_fail(im->why, -ENOMEM, "%s: %m",
					  im->trace->path);
		ret = map_image(im, name, *label, map);
		if (ret != -ENOENT)
			return ret;
	}
	return trace_fail(im->why, -EINVAL,
			  "%s: pages-%" PRIu64 ".img, that it names, is missing (message at byte %d)",
			  pm->label, pm->id, HEAD);
}

static int add_pages(struct images *im, const struct pagemap *pm)
{
	struct trace_map *map;
	char *label = NULL;
	uint64_t i;
	int ret;

	ret = add_id(im, pm);
	if (ret || !pm->pages)
		return ret;
	map = trace_add_map(im->trace, im->why);
	ret = map ? map_pages(im, pm, map, &label) : -ENOMEM;
	if (!ret && map->size != pm->pages * TRACE_PAGE_SIZE)
		ret = trace_fail(im->why, -EINVAL,
				 "%s: has %" PRIu64 " bytes, its pagemap names %" PRIu64 " pages (at byte %" PRIu64 ")",
				 label, map->size, pm->pages, map->size);
	for (i = 0; i < pm->pages && !ret; i++)
		ret = trace_add_page(im->trace, map->data +
				     i * TRACE_PAGE_SIZE, im->why);
	free(label);
	return ret;
}

static int read_images(struct images *im, const char *name)
{
	char *label = trace_join(im->trace->path, name);
	struct trace_map map = { 0 };
	struct pagemap pm = { .label = label };
	int ret;

	if (!label)
		return trace_fail(im->why, -ENOMEM, "%s: %m", im->trace->path);
	ret = map_image(im, name, label, &map);
	if (ret == -ENOENT)
		trace_fail(im->why, ret, "%s: cannot open: %m", label);
	if (!ret) {
		pm.data = map.data;
		pm.size = map.size;
		ret = read_pagemap(im, &pm);
	}
	if (!ret)
		ret = add_pages(im, &pm);
	trace_unmap(&map);
	free(label);
	return ret;
}

static int criu_open(struct trace *trace, int fd, const struct trace_why *why)
{
	struct images im = { .trace = trace, .why = why, .dir = fd };
	size_t i;
	int ret;

	ret = list_pagemaps(&im);
	for (i = 0; i < im.nr && !ret; i++)
		ret = read_images(&im, im.names[i]);
	if (!ret)
		ret = trace_index_done(trace, why);
	for (i = 0; i < im.nr; i++)
		free(im.names[i]);
	free(im.names);
	free(im.ids);
	return ret;
}

const struct trace_reader trace_criu = {
	.name = "criu",
	.vantage = "image",
	.directory = true,
	.probe = criu_probe,
	.open = criu_open,
	.next = trace_index_next,
};
