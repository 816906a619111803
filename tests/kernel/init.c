/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The init of the guest: performs the events of /dev/vdb on anonymous memory
 * under this kernel's own zswap, and prints its counters at the checkpoints.
 * Built static; run.py builds the image and reads what is printed.
 *
 * Of the kernel's command line it takes
 *	zd.jobs=COMPRESSOR:ZPOOL:EVERY:batch|single|wait|race[,...]
 *	zd.maxpool=PERCENT
 * and does one job after the other, each with a fresh swap device, so that the
 * pool is empty when it starts. batch pages whole ranges out; wait lets zswap's
 * shrink worker come to its end whenever a page was refused; in race this
 * program has a worker's priority, else every worker goes before it: the
 * compaction of z3fold has then been done when the next event comes.
 *
 * The lines printed, all of them beginning with "ZD ":
 *	job N compressor=C zpool=Z release=R build=B totalram_pages=T
 *	job N absent=C			this kernel has no such compressor
 *	at EVENT NAME=VALUE ...		the counters after that many events
 *	end bad=B kept=K		contents that came back wrong, pages that
 *					madvise would not page out
 *	done
 *	fail WHAT
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/swap.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#ifndef MADV_PAGEOUT
#define MADV_PAGEOUT 21
#endif

#define PAGE		4096
#define AHEAD		64 /* pages read at once from the image */
#define ZSWAP		"/sys/module/zswap/parameters/"
#define ZSWAP_DEBUG	"/sys/kernel/debug/zswap"

enum { STORE = 1, LOAD = 2, INVALIDATE = 3 };

/* The image: one page of this, the events, the pages. pack() in traces.py. */
struct header {
	uint64_t magic, events, slots, pages, first_page;
};
#define MAGIC 0x3174736575676473ull

struct event {
	uint32_t op_slot; /* op in the upper 4 bits */
	uint32_t page;
};

static struct header head;
static struct event *events;
static unsigned char *ahead; /* AHEAD pages from page ahead_first on */
static uint64_t ahead_first = UINT64_MAX;
static int image, pagemap;

static char *memory;	 /* a page for each slot */
static uint64_t *digest; /* of a slot's content, 0: the slot is empty */
static long bad, kept, cache_hits;
static unsigned int pause_us; /* after an invalidate */

static void __attribute__((noreturn)) power_off(void)
{
	fflush(stdout);
	sync();
	reboot(RB_POWER_OFF);
	for (;;)
		pause();
}

static void __attribute__((noreturn)) fail(const char *what)
{
	printf("ZD fail %s: %s\n", what, strerror(errno));
	power_off();
}

/* Page-aligned memory that is never paged out itself. */
static void *locked(size_t bytes)
{
	void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);

	if (p == MAP_FAILED || mlock(p, bytes))
		fail("memory");
	return p;
}

static int put(const char *path, const char *value)
{
	int fd = open(path, O_WRONLY);
	int ok = fd >= 0 && write(fd, value, strlen(value)) > 0;

	if (fd >= 0)
		close(fd);
	return ok ? 0 : -1;
}

static char *get(const char *path, char *buf, size_t size)
{
	int fd = open(path, O_RDONLY);
	ssize_t n = fd < 0 ? 0 : read(fd, buf, size - 1);

	if (fd >= 0)
		close(fd);
	buf[n < 0 ? 0 : n] = 0;
	buf[strcspn(buf, "\n")] = 0;
	return buf;
}

/* The value of NAME= on the command line, or NULL. */
static char *option(char *cmdline, const char *name)
{
	char *p = strstr(cmdline, name);

	return p ? p + strlen(name) : NULL;
}

static void read_at(void *buf, size_t bytes, uint64_t off)
{
	size_t done, step;

	for (done = 0; done < bytes; done += step) {
		step = bytes - done < 1 << 20 ? bytes - done : 1 << 20;
		if (pread(image, (char *)buf + done, step, off + done) !=
		    (ssize_t)step)
			fail("image");
	}
}

/* Pages come numbered by first use, so what follows is wanted next. */
static unsigned char *content(uint64_t page)
{
	uint64_t n = AHEAD;

	if (page >= head.pages)
		fail("page number");
	if (page < ahead_first || page >= ahead_first + AHEAD) {
		if (page + n > head.pages)
			n = head.pages - page;
		read_at(ahead, n * PAGE, head.first_page + page * PAGE);
		ahead_first = page;
	}
	return ahead + (page - ahead_first) * PAGE;
}

static uint64_t digest_of(const void *p)
{
	const uint64_t *w = p;
	uint64_t h = 14695981039346656037ull;
	int i;

	for (i = 0; i < PAGE / 8; i++) {
		h = (h ^ w[i]) * 1099511628211ull;
		h ^= h >> 32;
	}
	return h | 1;
}

/* Still mapped, or again? */
static int present(uint32_t slot)
{
	uint64_t entry;

	if (pread(pagemap, &entry, 8,
		  ((uintptr_t)memory / PAGE + slot) * 8) != 8)
		fail("pagemap");
	return entry >> 63;
}

static void fill(uint32_t slot, uint32_t page)
{
	char *m = memory + (uint64_t)slot * PAGE;

	memcpy(m, content(page), PAGE);
	digest[slot] = digest_of(m);
}

/* The range of slots goes out in address order. */
static void page_out(uint32_t slot, uint32_t n)
{
	uint32_t i;
	int tries;

	if (madvise(memory + (uint64_t)slot * PAGE, (size_t)n * PAGE,
		    MADV_PAGEOUT))
		fail("MADV_PAGEOUT");
	for (i = slot; i < slot + n; i++) {
		for (tries = 0; present(i) && tries < 3; tries++)
			madvise(memory + (uint64_t)i * PAGE, PAGE,
				MADV_PAGEOUT);
		kept += present(i);
	}
}

static int in_memory(uint32_t slot)
{
	unsigned char resident = 0;

	mincore(memory + (uint64_t)slot * PAGE, PAGE, &resident);
	return resident & 1;
}

/*
 * A page that went to the device stays in the swap cache until memory is
 * short. Reading it back then costs no pswpin: count these.
 */
static void load(uint32_t slot)
{
	if (!digest[slot])
		return;
	cache_hits += !present(slot) && in_memory(slot);
	bad += digest_of(memory + (uint64_t)slot * PAGE) != digest[slot];
}

/*
 * While a page is being written its slot cannot be freed, and an invalidate
 * would leave it to reclaim.
 */
static void wait_for_device(void)
{
	char line[256];
	long writing = 1;
	FILE *f;

	while (writing) {
		/* brings in what each CPU has counted for itself */
		put("/proc/sys/vm/stat_refresh", "1");
		f = fopen("/proc/vmstat", "r");
		if (!f)
			fail("/proc/vmstat");
		while (fgets(line, sizeof(line), f))
			if (sscanf(line, "nr_writeback %ld", &writing) == 1)
				break;
		fclose(f);
		if (writing)
			usleep(500);
	}
}

static long written_back(void)
{
	char value[32];

	return atol(get(ZSWAP_DEBUG "/written_back_pages", value,
			sizeof(value)));
}

/* A refused page has queued the worker. It is done when it writes no more. */
static void wait_for_worker(void)
{
	long before, now = written_back();

	do {
		before = now;
		usleep(10000);
		now = written_back();
	} while (now != before);
}

static void invalidate(uint32_t slot)
{
	madvise(memory + (uint64_t)slot * PAGE, PAGE, MADV_DONTNEED);
	digest[slot] = 0;
	if (pause_us)
		usleep(pause_us);
}

static void counters(uint64_t event)
{
	char line[256], path[320], value[64];
	struct dirent *e;
	DIR *d = opendir(ZSWAP_DEBUG);
	FILE *f = fopen("/proc/vmstat", "r");

	if (!d || !f)
		fail("counters");
	printf("ZD at %llu", (unsigned long long)event);
	while ((e = readdir(d))) {
		if (e->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), ZSWAP_DEBUG "/%s", e->d_name);
		printf(" %s=%s", e->d_name, get(path, value, sizeof(value)));
	}
	while (fgets(line, sizeof(line), f)) {
		if (strncmp(line, "pswp", 4) && strncmp(line, "zswp", 4) &&
		    strncmp(line, "swpin", 5) && strncmp(line, "swpout", 6))
			continue;
		line[strcspn(line, "\n")] = 0;
		*strchr(line, ' ') = '=';
		printf(" %s", line);
	}
	printf(" swap_cache_hits=%ld\n", cache_hits);
	fflush(stdout);
	closedir(d);
	fclose(f);
}

/*
 * How many of the events from i on can be paged out as one range: stores to
 * slots that follow each other, up to the next checkpoint.
 */
static uint64_t range(uint64_t i, uint64_t every)
{
	uint64_t n, end = (i / every + 1) * every;

	if (end > head.events)
		end = head.events;
	for (n = 1; i + n < end; n++)
		if (events[i + n].op_slot != events[i].op_slot + n)
			break;
	return n;
}

static void perform(uint64_t every, const char *mode)
{
	int batch = !strcmp(mode, "batch"), wait = !strcmp(mode, "wait");
	int race = !strcmp(mode, "race");
	uint64_t i, k, n;

	counters(0);
	for (i = 0; i < head.events; i += n) {
		uint32_t slot = events[i].op_slot & 0x0fffffff;

		n = 1;
		switch (events[i].op_slot >> 28) {
		case STORE:
			if (batch)
				n = range(i, every);
			for (k = 0; k < n; k++)
				fill(slot + k, events[i + k].page);
			page_out(slot, n);
			if (wait && in_memory(slot))
				wait_for_worker();
			if (!race && (batch || in_memory(slot)))
				wait_for_device();
			break;
		case LOAD:
			load(slot);
			break;
		case INVALIDATE:
			invalidate(slot);
			break;
		}
		if ((i + n) % every == 0 || i + n == head.events)
			counters(i + n);
	}
	printf("ZD end bad=%ld kept=%ld\n", bad, kept);
}

/* The modules' order follows from trying: a missing symbol is ENOENT. */
static void load_modules(void)
{
	char path[320];
	struct dirent *e;
	int pass, fd;
	DIR *d;

	for (pass = 0; pass < 6; pass++) {
		d = opendir("/mods");
		while (d && (e = readdir(d))) {
			snprintf(path, sizeof(path), "/mods/%s", e->d_name);
			if (e->d_name[0] == '.')
				continue;
			fd = open(path, O_RDONLY | O_CLOEXEC);
			if (fd < 0)
				continue;
			if (!syscall(SYS_finit_module, fd, "", 0) ||
			    errno == EEXIST)
				unlink(path);
			close(fd);
		}
		if (d)
			closedir(d);
	}
}

static void set_up(void)
{
	int tty, i;

	mkdir("/proc", 0755);
	mkdir("/sys", 0755);
	mkdir("/dev", 0755);
	mount("proc", "/proc", "proc", 0, NULL);
	mount("sys", "/sys", "sysfs", 0, NULL);
	mount("dev", "/dev", "devtmpfs", 0, NULL);
	mount("dbg", "/sys/kernel/debug", "debugfs", 0, NULL);
	tty = open("/dev/console", O_RDWR);
	for (i = 0; tty >= 0 && i < 3; i++)
		dup2(tty, i);
	load_modules();
	for (i = 0; i < 100 && access("/dev/vdb", R_OK); i++)
		usleep(100000);
	/* the firmware leaves the cursor in the middle of a line */
	printf("\n");
	/* single pages, and none that nobody asked for */
	put("/sys/kernel/mm/transparent_hugepage/enabled", "never");
	put("/proc/sys/vm/page-cluster", "0");
}

static void open_image(void)
{
	size_t bytes;

	/* O_DIRECT: the page cache stays out of it */
	image = open("/dev/vdb", O_RDONLY | O_DIRECT);
	pagemap = open("/proc/self/pagemap", O_RDONLY);
	if (image < 0 || pagemap < 0)
		fail("/dev/vdb");
	ahead = locked(AHEAD * PAGE);
	read_at(ahead, PAGE, 0);
	memcpy(&head, ahead, sizeof(head));
	if (head.magic != MAGIC)
		fail("the image's magic");
	bytes = head.first_page - PAGE;
	events = locked(bytes);
	read_at(events, bytes, PAGE);
	digest = locked((head.slots * 8 / PAGE + 1) * PAGE);
	memory = mmap(NULL, head.slots * PAGE, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (memory == MAP_FAILED)
		fail("memory");
	madvise(memory, head.slots * PAGE, MADV_NOHUGEPAGE);
}

/* What mkswap(8) writes, for the whole of /dev/vda. */
static void make_swap(void)
{
	static unsigned char page[PAGE];
	uint32_t *info = (uint32_t *)(page + 1024);
	int fd = open("/dev/vda", O_WRONLY);
	off_t bytes = fd < 0 ? -1 : lseek(fd, 0, SEEK_END);

	if (bytes < 2 * PAGE)
		fail("/dev/vda");
	info[0] = 1;
	info[1] = bytes / PAGE - 1;
	memcpy(page + PAGE - 10, "SWAPSPACE2", 10);
	if (pwrite(fd, page, PAGE, 0) != PAGE || fsync(fd))
		fail("/dev/vda");
	close(fd);
}

/* What the kernel's pool limit is a percentage of. */
static long totalram_pages(void)
{
	char line[256];
	long managed, sum = 0;
	FILE *f = fopen("/proc/zoneinfo", "r");

	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, " managed %ld", &managed) == 1)
			sum += managed;
	if (f)
		fclose(f);
	return sum;
}

static void job(int number, char *spec)
{
	char *compressor = strtok(spec, ":"), *zpool = strtok(NULL, ":");
	char *every = strtok(NULL, ":"), *mode = strtok(NULL, ":");
	struct sched_param param = { 0 };
	const char *build;
	char now[64], pool[64];
	struct utsname uts;
	int i;

	if (!mode)
		fail("zd.jobs");
	/* 7.x has one allocator and no such parameter */
	if (!access(ZSWAP "zpool", W_OK) && put(ZSWAP "zpool", zpool))
		fail(zpool);
	if (put(ZSWAP "compressor", compressor)) {
		printf("ZD job %d absent=%s\n", number, compressor);
		return;
	}
	uname(&uts);
	get(ZSWAP "compressor", now, sizeof(now));
	get(ZSWAP "zpool", pool, sizeof(pool));
	/* "#1 SMP ... Debian 6.1.170-3 (date)": 6.1's release tells less */
	build = strstr(uts.version, "Debian ");
	build = build ? build + strlen("Debian ") : "?";
	printf("ZD job %d compressor=%s zpool=%s release=%s build=%.*s "
	       "totalram_pages=%ld\n",
	       number, now, *pool ? pool : "zsmalloc", uts.release,
	       (int)strcspn(build, " "), build, totalram_pages());

	make_swap();
	if (swapon("/dev/vda", 0))
		fail("swapon");
	sched_setscheduler(0, strcmp(mode, "race") ? SCHED_IDLE : SCHED_OTHER,
			   &param);
	/* the lowest priority has a share, too: only sleep gives way to all */
	pause_us = strcmp(zpool, "z3fold") || !strcmp(mode, "race") ? 0 : 1000;
	bad = kept = cache_hits = 0;
	memset(digest, 0, head.slots * 8);
	perform(strtoull(every, NULL, 10), mode);
	madvise(memory, head.slots * PAGE, MADV_DONTNEED);
	if (swapoff("/dev/vda"))
		fail("swapoff");
	for (i = 0; i < 50; i++) {
		get(ZSWAP_DEBUG "/stored_pages", now, sizeof(now));
		if (!strcmp(now, "0"))
			return;
		usleep(100000);
	}
	fail("pages are left after swapoff");
}

int main(void)
{
	static char cmdline[4096];
	char *jobs, *maxpool, *spec, *next;
	int number = 0;

	set_up();
	get("/proc/cmdline", cmdline, sizeof(cmdline));
	jobs = option(cmdline, "zd.jobs=");
	maxpool = option(cmdline, "zd.maxpool=");
	if (!jobs || !maxpool)
		fail("command line");
	maxpool = strndup(maxpool, strcspn(maxpool, " "));
	jobs = strndup(jobs, strcspn(jobs, " "));
	if (put(ZSWAP "max_pool_percent", maxpool) || put(ZSWAP "enabled", "Y"))
		fail("zswap");
	/* nothing of this program may be swapped, only its memory for slots */
	mlockall(MCL_CURRENT);
	open_image();
	for (spec = jobs; spec; spec = next) {
		next = strchr(spec, ',');
		if (next)
			*next++ = 0;
		job(number++, spec);
	}
	printf("ZD done\n");
	power_off();
}
