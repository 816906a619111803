/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * floor.c - the least that any replayer must do
 *
 * One pass over an ops directory: parse the line, look for a same-filled page,
 * compress by liblz4, malloc and copy; at a load decompress and free. No digest,
 * no tree, no counters, no allocator model, no checks of what a load returns:
 * whatever zdedup takes beyond this is its own.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <lz4.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bench.h"

#define PAGE 4096u

/* What a slot holds: nothing (len 0), a word to fill with, or len bytes at mem. */
struct slot {
	void *mem;
	uint64_t fill;
	uint32_t len;
};

#define FILLED UINT32_MAX

struct map {
	const char *mem;
	size_t size;
};

struct floor {
	struct map ops, pages;
	struct slot *slot;
	uint64_t nr_slots;
	void *lz4;
	char image[PAGE], page[PAGE];
};

static int map_file(const char *dir, const char *name, struct map *map)
{
	char path[PATH_MAX];
	struct stat st;
	int fd;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0 || !st.st_size) {
		fprintf(stderr, "bench: %s: %s\n", path,
			errno ? strerror(errno) : "is empty");
		if (fd >= 0)
			close(fd);
		return -1;
	}
	map->size = (size_t)st.st_size;
	map->mem = mmap(NULL, map->size, PROT_READ, MAP_PRIVATE, fd, 0);
	close(fd);
	if (map->mem == MAP_FAILED) {
		perror("bench: mmap");
		return -1;
	}
	return 0;
}

static void drop(struct slot *slot)
{
	free(slot->mem);
	slot->mem = NULL;
	slot->len = 0;
}

/* The word that the whole page repeats: true and *fill. */
static int same_filled(const uint64_t *word, uint64_t *fill)
{
	unsigned int i;

	/* most pages differ at their ends, so the last word goes first */
	if (word[0] != word[PAGE / 8 - 1])
		return 0;
	for (i = 1; i < PAGE / 8; i++)
		if (word[i] != word[0])
			return 0;
	*fill = word[0];
	return 1;
}

static void store(struct floor *fl, struct slot *slot, const char *page)
{
	const void *from = fl->image;
	int len;

	drop(slot);
	if (same_filled((const void *)page, &slot->fill)) {
		slot->len = FILLED;
		return;
	}
	len = LZ4_compress_fast_extState(fl->lz4, page, fl->image, PAGE, PAGE,
					 1);
	if (len <= 0 || len >= (int)PAGE) {
		from = page;
		len = PAGE;
	}
	slot->mem = malloc((size_t)len);
	if (!slot->mem)
		abort();
	memcpy(slot->mem, from, (size_t)len);
	slot->len = (uint32_t)len;
}

static void load(struct floor *fl, struct slot *slot)
{
	unsigned int i;

	if (slot->len == FILLED) {
		for (i = 0; i < PAGE; i += 8)
			memcpy(fl->page + i, &slot->fill, 8);
	} else if (slot->len == PAGE) {
		memcpy(fl->page, slot->mem, PAGE);
	} else if (slot->len &&
		   LZ4_decompress_safe(slot->mem, fl->page, (int)slot->len,
				       PAGE) != (int)PAGE) {
		abort();
	}
	drop(slot);
}

static int grow(struct floor *fl, uint64_t slot)
{
	uint64_t nr = fl->nr_slots ? fl->nr_slots : 1024;
	struct slot *mem;

	while (nr <= slot)
		nr *= 2;
	mem = realloc(fl->slot, nr * sizeof(*mem));
	if (!mem)
		return -1;
	memset(mem + fl->nr_slots, 0, (nr - fl->nr_slots) * sizeof(*mem));
	fl->slot = mem;
	fl->nr_slots = nr;
	return 0;
}

/* Reads digits at *p up to @end and steps over the comma or line end after them. */
static uint64_t number(const char **p, const char *end)
{
	uint64_t n = 0;

	while (*p < end && **p >= '0' && **p <= '9')
		n = n * 10 + (uint64_t)(*(*p)++ - '0');
	if (*p < end && **p == ',')
		(*p)++;
	return n;
}

/* One line at *p: what to do (s, l, i), or 0 when it is none. */
static char parse(const char **p, const char *end, uint64_t *slot,
		  uint64_t *page)
{
	const char *comma, *eol;
	char op;

	eol = memchr(*p, '\n', (size_t)(end - *p));
	if (!eol)
		eol = end;
	number(p, eol);
	number(p, eol);
	op = *p < eol ? **p : 0;
	comma = memchr(*p, ',', (size_t)(eol - *p));
	if (!comma)
		return 0;
	*p = comma + 1;
	*slot = number(p, eol);
	*page = number(p, eol);
	*p = eol < end ? eol + 1 : end;
	return op;
}

static int replay(struct floor *fl, int work, struct floor_counts *counts)
{
	static const char header[] = "seq,time_us,op,slot,page";
	const char *p = fl->ops.mem, *end = p + fl->ops.size;
	uint64_t slot = 0, page = 0, nr_pages = fl->pages.size / PAGE;

	if (fl->ops.size < sizeof(header) ||
	    memcmp(p, header, sizeof(header) - 1))
		return -1;
	p = memchr(p, '\n', fl->ops.size);
	for (p = p ? p + 1 : end; p < end; counts->events++) {
		char op = parse(&p, end, &slot, &page);

		if (slot >= counts->slots)
			counts->slots = slot + 1;
		if (slot >= fl->nr_slots && (slot >> 40 || grow(fl, slot)))
			return -1;
		switch (op) {
		case 's':
			if (page >= nr_pages)
				return -1;
			counts->stores++;
			if (work)
				store(fl, &fl->slot[slot],
				      fl->pages.mem + page * PAGE);
			break;
		case 'l':
			counts->loads++;
			if (work)
				load(fl, &fl->slot[slot]);
			break;
		case 'i':
			counts->invalidates++;
			if (work)
				drop(&fl->slot[slot]);
			break;
		default:
			return -1;
		}
	}
	return 0;
}

int floor_run(const char *dir, int work, struct floor_counts *counts)
{
	struct floor fl = { .slot = NULL };
	uint64_t i;
	int err;

	memset(counts, 0, sizeof(*counts));
	if (map_file(dir, "ops.csv", &fl.ops))
		return -1;
	if (map_file(dir, "pages.raw", &fl.pages)) {
		munmap((void *)fl.ops.mem, fl.ops.size);
		return -1;
	}
	fl.lz4 = malloc((size_t)LZ4_sizeofState());
	err = fl.lz4 ? replay(&fl, work, counts) : -1;
	if (err)
		fprintf(stderr, "bench: %s: event %llu is not one\n", dir,
			(unsigned long long)counts->events);
	for (i = 0; i < fl.nr_slots; i++)
		free(fl.slot[i].mem);
	free(fl.slot);
	free(fl.lz4);
	munmap((void *)fl.ops.mem, fl.ops.size);
	munmap((void *)fl.pages.mem, fl.pages.size);
	return err;
}
