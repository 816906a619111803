/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * record-pages.c - the pages of one process, at one moment
 *
 * /proc/PID/pagemap says which are there, /proc/PID/mem reads those. A page that is
 * not there is not touched: reading it would make one (the kernel's pagemap.rst).
 *
 * Not process_vm_readv: it pins what it reads (FOLL_PIN), and since Linux 5.19 a page
 * shared by fork or KSM is copied before it is pinned (gup_must_unshare). Looking at
 * the sharing would have ended it.
 */
#include "record-pages.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include <glib.h>

#include "../traces/trace.h"
#include "cmd.h"
#include "record-maps.h"

#define CHUNK 512u	/* pages */

/* Bits of a pagemap entry. */
#define PM_FRAME ((1ull << 55) - 1)	/* 0 without CAP_SYS_ADMIN */
#define PM_SOFT_DIRTY (1ull << 55)
#define PM_EXCLUSIVE (1ull << 56)	/* mapped once */
#define PM_GUARD (1ull << 58)
#define PM_FILE (1ull << 61)		/* of a file, or of shared memory */
#define PM_SWAPPED (1ull << 62)
#define PM_PRESENT (1ull << 63)

/* PAGEMAP_SCAN of Linux 6.7, which the headers of older systems do not have. */
struct scan_region {
	uint64_t start, end, categories;
};

struct scan {
	uint64_t size, flags, start, end, walk_end, regions, nr_regions, max_pages;
	uint64_t inverted, mask, anyof, returned;
};

#define SCAN_IOCTL _IOWR('f', 16, struct scan)
#define SCAN_ZERO_PAGE (1ull << 5)

/**
 * struct record_reader
 * @no_scan: the kernel has no PAGEMAP_SCAN
 * @pm:      pagemap of the chunk
 * @zero:    of the chunk: the kernel's zero page, where @no_scan is not set
 * @wanted:  indices of the pages to be read, @bytes: they
 */
struct record_reader {
	struct record_slots *slots;
	bool skip_swapped, no_scan;
	bool (*interrupted)(void);
	struct record_page_counts counts;
	GArray *ranges, *objects;
	int pagemap, mem;
	uint64_t pm[CHUNK];
	bool zero[CHUNK], got[CHUNK];
	unsigned int wanted[CHUNK], nr_wanted;
	unsigned char bytes[CHUNK][TRACE_PAGE_SIZE];
};

/* Shared memory has a space of its own, from the top down. */
struct object {
	uint64_t device, inode;
};

struct record_reader *record_reader_new(struct record_slots *slots,
					bool skip_swapped,
					bool (*interrupted)(void))
{
	struct record_reader *reader = g_new0(struct record_reader, 1);

	reader->slots = slots;
	reader->skip_swapped = skip_swapped;
	reader->interrupted = interrupted;
	reader->ranges = g_array_new(FALSE, FALSE, sizeof(struct record_range));
	reader->objects = g_array_new(FALSE, FALSE, sizeof(struct object));
	return reader;
}

void record_reader_free(struct record_reader *reader)
{
	if (!reader)
		return;
	g_array_free(reader->ranges, TRUE);
	g_array_free(reader->objects, TRUE);
	g_free(reader);
}

struct record_page_counts
record_reader_counts(const struct record_reader *reader)
{
	return reader->counts;
}

uint64_t record_clock_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

static uint32_t object_space(struct record_reader *reader,
			     const struct record_range *range)
{
	struct object object = { range->device, range->inode };

	for (guint i = 0; i < reader->objects->len; i++)
		if (!memcmp(&g_array_index(reader->objects, struct object, i),
			    &object, sizeof(object)))
			return UINT32_MAX - i;
	g_array_append_val(reader->objects, object);
	return UINT32_MAX - (reader->objects->len - 1);
}

static struct record_key key_of(const struct record_range *range,
				uint32_t space, uint64_t address)
{
	struct record_key key = { .space = space };

	key.number = (range->shared ? address - range->start + range->offset :
		      address) / TRACE_PAGE_SIZE;
	return key;
}

/*
 * A page that was only read so far is the kernel's one zero page: no page of the
 * process, and never swapped. Marks those of the chunk.
 */
static void find_zero_pages(struct record_reader *reader, uint64_t start,
			    unsigned int nr)
{
	struct scan_region regions[CHUNK];
	struct scan scan = {
		.size = sizeof(scan),
		.start = start,
		.end = start + (uint64_t)nr * TRACE_PAGE_SIZE,
		.regions = (uintptr_t)regions,
		.nr_regions = CHUNK,
		.mask = SCAN_ZERO_PAGE,
		.returned = SCAN_ZERO_PAGE,
	};
	int found = reader->no_scan ? 0 :
		    ioctl(reader->pagemap, SCAN_IOCTL, &scan);

	memset(reader->zero, 0, sizeof(reader->zero));
	reader->no_scan |= found < 0;
	for (int i = 0; i < found; i++)
		for (uint64_t at = regions[i].start; at < regions[i].end;
		     at += TRACE_PAGE_SIZE)
			reader->zero[(at - start) / TRACE_PAGE_SIZE] = true;
}

static bool is_page(const struct record_reader *reader,
		    const struct record_range *range, unsigned int i)
{
	uint64_t pm = reader->pm[i];

	if (pm & PM_GUARD || reader->zero[i])
		return false;
	if (range->shared)
		return pm & PM_PRESENT;
	/* a private mapping of a file: only what was copied on write is ours */
	return pm & (PM_PRESENT | PM_SWAPPED) && !(pm & PM_FILE);
}

/*
 * Soft-dirty bits are of one process's page tables, so they tell nothing of pages
 * that others may write; and a page may lose its bit with its contents (MADV_DONTNEED
 * and a read), but then it is the zero page, mapped more than once.
 */
static bool is_clean(const struct record_subject *subject, uint64_t pm)
{
	return subject->clean && !(pm & (PM_SOFT_DIRTY | PM_FILE)) &&
	       pm & (PM_EXCLUSIVE | PM_SWAPPED);
}

static void choose(struct record_reader *reader,
		   const struct record_subject *subject,
		   const struct record_range *range, uint32_t space,
		   uint64_t start, unsigned int nr)
{
	reader->nr_wanted = 0;
	for (unsigned int i = 0; i < nr; i++) {
		uint64_t pm = reader->pm[i];
		struct record_key key = key_of(range, space,
				start + (uint64_t)i * TRACE_PAGE_SIZE);

		if (!is_page(reader, range, i))
			continue;
		if (pm & PM_SWAPPED && reader->skip_swapped) {
			record_slots_keep(reader->slots, &key);
			reader->counts.skipped++;
			continue;
		}
		if (!record_slots_need(reader->slots, &key,
				       is_clean(subject, pm)))
			continue;
		reader->counts.swapped += pm & PM_SWAPPED ? 1 : 0;
		if (pm & PM_PRESENT && pm & PM_FRAME)
			reader->counts.frames_seen = true;
		reader->wanted[reader->nr_wanted++] = i;
	}
}

/* How many of the wanted pages from the @first on lie one after the other? */
static unsigned int run_of(const struct record_reader *reader,
			   unsigned int first)
{
	unsigned int i = first + 1;

	while (i < reader->nr_wanted &&
	       reader->wanted[i] == reader->wanted[i - 1] + 1)
		i++;
	return i - first;
}

/* 0 or a negative errno; a page that cannot be read is left out */
static int read_wanted(struct record_reader *reader, uint64_t start)
{
	memset(reader->got, 0, sizeof(reader->got));
	for (unsigned int i = 0; i < reader->nr_wanted; i++) {
		uint64_t at = start + (uint64_t)reader->wanted[i] *
				      TRACE_PAGE_SIZE;
		ssize_t got = pread(reader->mem, reader->bytes[i],
				    run_of(reader, i) * TRACE_PAGE_SIZE,
				    (off_t)at);

		if (!got)	/* its memory is gone, and so is the process */
			return -ESRCH;
		if (got < 0 && errno != EIO && errno != EFAULT)
			return -errno;
		if (got < TRACE_PAGE_SIZE)
			reader->counts.unreadable++;
		for (; got >= TRACE_PAGE_SIZE; got -= TRACE_PAGE_SIZE) {
			reader->got[i] = true;
			i += got >= 2 * TRACE_PAGE_SIZE;
		}
	}
	return 0;
}

static bool all_zero(const unsigned char *bytes)
{
	return !bytes[0] && !memcmp(bytes, bytes + 1, TRACE_PAGE_SIZE - 1);
}

static int hand_over(struct record_reader *reader,
		     const struct record_subject *subject,
		     const struct record_range *range, uint32_t space,
		     uint64_t start)
{
	int status = CMD_OK;

	for (unsigned int i = 0; i < reader->nr_wanted && !status; i++) {
		uint64_t pm = reader->pm[reader->wanted[i]];
		bool alone = pm & PM_EXCLUSIVE;
		struct record_key key = key_of(range, space, start +
				(uint64_t)reader->wanted[i] * TRACE_PAGE_SIZE);
		uint64_t pfn = 0;

		if (!reader->got[i])
			continue;
		/* before Linux 6.7 the zero page looks like any shared one */
		if (reader->no_scan && !range->shared && pm & PM_PRESENT &&
		    !alone && all_zero(reader->bytes[i]))
			continue;
		if (!range->shared && pm & PM_PRESENT && !alone)
			pfn = pm & PM_FRAME;
		status = record_slots_page(reader->slots, &key, subject->memcg,
					   pfn, reader->bytes[i]);
	}
	return status;
}

static int read_range(struct record_reader *reader,
		      const struct record_subject *subject,
		      const struct record_range *range, uint64_t start_us)
{
	uint32_t space = range->shared ? object_space(reader, range) :
					 subject->space;
	int err = 0;

	for (uint64_t at = range->start; at < range->end && !err;
	     at += (uint64_t)CHUNK * TRACE_PAGE_SIZE) {
		uint64_t left = (range->end - at) / TRACE_PAGE_SIZE;
		unsigned int nr = (unsigned int)MIN(left, CHUNK);
		ssize_t got = pread(reader->pagemap, reader->pm, nr * sizeof(uint64_t),
				    (off_t)(at / TRACE_PAGE_SIZE *
					    sizeof(uint64_t)));

		if (got <= 0)	/* 0: its memory is gone, so is the process */
			return got < 0 ? -errno : -ESRCH;
		if (reader->interrupted())
			return 0;
		nr = (unsigned int)((size_t)got / sizeof(uint64_t));
		find_zero_pages(reader, at, nr);
		choose(reader, subject, range, space, at, nr);
		record_slots_time(reader->slots,
				  record_clock_us() - start_us);
		err = read_wanted(reader, at);
		if (!err)
			err = hand_over(reader, subject, range, space, at);
	}
	return err;
}

static int open_of(pid_t pid, const char *name)
{
	g_autofree char *path = g_strdup_printf("/proc/%d/%s", (int)pid, name);
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

int record_read(struct record_reader *reader,
		const struct record_subject *subject, uint64_t start_us)
{
	int err = record_maps(subject->pid, reader->ranges);

	if (err)
		return err;
	reader->pagemap = open_of(subject->pid, "pagemap");
	if (reader->pagemap < 0)
		return reader->pagemap;
	reader->mem = open_of(subject->pid, "mem");
	if (reader->mem < 0)
		err = reader->mem;
	for (guint i = 0; i < reader->ranges->len && !err; i++)
		err = read_range(reader, subject,
				 &g_array_index(reader->ranges,
						struct record_range, i),
				 start_us);
	if (reader->mem >= 0)
		close(reader->mem);
	close(reader->pagemap);
	return err;
}

int record_soft_dirty_clear(pid_t pid)
{
	g_autofree char *path = g_strdup_printf("/proc/%d/clear_refs",
						(int)pid);
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	int err = 0;

	if (fd < 0)
		return -errno;
	if (write(fd, "4", 1) != 1)
		err = -errno;
	close(fd);
	return err;
}

static bool soft_dirty(int fd, const volatile char *page)
{
	uint64_t pm = 0;
	off_t at = (off_t)((uintptr_t)page / TRACE_PAGE_SIZE * sizeof(pm));

	return pread(fd, &pm, sizeof(pm), at) == sizeof(pm) &&
	       pm & PM_SOFT_DIRTY;
}

bool record_soft_dirty_works(void)
{
	volatile char *page = mmap(NULL, TRACE_PAGE_SIZE,
				   PROT_READ | PROT_WRITE,
				   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	bool works = false;

	if (page != MAP_FAILED && fd >= 0) {
		*page = 1;
		works = soft_dirty(fd, page) &&
			!record_soft_dirty_clear(getpid()) &&
			!soft_dirty(fd, page);
		*page = 2;
		works = works && soft_dirty(fd, page);
	}
	if (fd >= 0)
		close(fd);
	if (page != MAP_FAILED)
		munmap((void *)page, TRACE_PAGE_SIZE);
	return works;
}
