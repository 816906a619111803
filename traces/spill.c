/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * spill.c - files as mappings; compressed ones unpacked to disk first
 *
 * The content decides, not the name: a file that begins with zstd's magic number
 * (RFC 8878, 3.1.1) is unpacked, under every format. An image whose first page
 * happens to begin so has to be compressed to be read.
 */
#define _GNU_SOURCE	/* memfd_create() */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zstd.h>
#include <zstd_errors.h>

#include "trace-internal.h"

#define ZSTD_MAGIC 0xfd2fb528u
#define SKIPPABLE_MAGIC 0x184d2a50u	/* and the 15 numbers after it */
#define WINDOW_LOG_MAX 31		/* all that zstd --ultra --long can write */

static const char *kind_of(mode_t mode)
{
	switch (mode & S_IFMT) {
	case S_IFDIR:
		return "directory";
	case S_IFCHR:
		return "character device";
	case S_IFBLK:
		return "block device";
	case S_IFIFO:
		return "pipe";
	default:
		return "special file";
	}
}

/*
 * Opens @name, a regular file, or (as a trace itself, not within one) a
 * directory. -ENOENT is left without a message when @dirfd is a directory's: the
 * caller has a second name to try.
 */
int trace_open_regular(int dirfd, const char *name, const char *label,
		       int *out, const struct trace_why *why)
{
	struct stat st;
	int fd, ret;

	/* O_NONBLOCK: a pipe without a writer would block here, for ever */
	fd = openat(dirfd, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0) {
		ret = -errno;
		if (ret == -ENOENT && dirfd != AT_FDCWD)
			return ret;
		return trace_fail(why, ret, "%s: cannot open: %m", label);
	}

	if (fstat(fd, &st)) {
		ret = trace_fail(why, -errno, "%s: cannot examine: %m", label);
		goto fail;
	}
	if (!S_ISREG(st.st_mode) &&
	    !(S_ISDIR(st.st_mode) && dirfd == AT_FDCWD)) {
		ret = trace_fail(why, -EINVAL,
				 "%s: is a %s, not a regular file%s", label,
				 kind_of(st.st_mode),
				 dirfd == AT_FDCWD ? " or a directory" : "");
		goto fail;
	}
	*out = fd;
	return 0;
fail:
	close(fd);
	return ret;
}

/* Whether @fd holds zstd frames; pzstd and others put skippable ones in front. */
static bool is_zstd(int fd)
{
	uint8_t head[8];
	off_t at = 0;

	for (;;) {
		ssize_t n = pread(fd, head, sizeof(head), at);

		if (n < 4)
			return false;
		if (trace_le32(head) == ZSTD_MAGIC)
			return true;
		if ((trace_le32(head) & ~15u) != SKIPPABLE_MAGIC || n < 8)
			return false;
		at += 8 + (off_t)trace_le32(head + 4);
	}
}

static const char *temp_dir(void)
{
	const char *dir = getenv("TMPDIR");

	return dir && *dir ? dir : "/tmp";
}

/* What is small stays in memory: no disk is needed, and none can be full. */
#define IN_MEMORY (4u << 20)

/*
 * A file without a name, for @size bytes (UINT64_MAX: nobody knows), so that it
 * goes with its last mapping.
 */
int trace_temp_file(uint64_t size, const char *label,
		    const struct trace_why *why)
{
	const char *dir = temp_dir();
	char *path;
	int fd, ret;

	if (size <= IN_MEMORY) {
		fd = memfd_create("zdedup", MFD_CLOEXEC);
		if (fd >= 0)
			return fd;
	}
	path = trace_join(dir, "zdedup-XXXXXX");
	if (!path)
		return trace_fail(why, -ENOMEM, "%s: %m", label);
	fd = mkstemp(path);
	if (fd < 0) {
		ret = trace_fail(why, -errno,
				 "%s: no temporary file to unpack to: %m (in %s)",
				 label, dir);
	} else {
		unlink(path);
		fcntl(fd, F_SETFD, FD_CLOEXEC);
		ret = fd;
	}
	free(path);
	return ret;
}

static int write_all(int fd, const uint8_t *data, size_t len)
{
	while (len) {
		ssize_t n = write(fd, data, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		data += n;
		len -= n;
	}
	return 0;
}

int trace_pwrite_all(int fd, const void *data, size_t len, uint64_t at)
{
	const uint8_t *p = data;

	while (len) {
		ssize_t n = pwrite(fd, p, len, at);

		if (n < 0 && errno == EINTR)
			continue;
		/* some file systems take nothing, and give no reason */
		if (n <= 0)
			return n ? -errno : -EIO;
		p += n;
		at += n;
		len -= n;
	}
	return 0;
}

/**
 * struct unpack - one decompression from file to file
 * @dir:   where @to lies
 * @read:  bytes of @from read, @written: bytes of @to written
 * @state: zstd's last answer, 0 exactly between two frames
 */
struct unpack {
	const char *label, *dir;
	int from, to;
	ZSTD_DStream *zds;
	uint8_t *in, *out;
	uint64_t read, written;
	size_t state;
};

static int unpack_chunk(struct unpack *u, size_t len,
			const struct trace_why *why)
{
	ZSTD_inBuffer in = { u->in, len, 0 };
	ZSTD_outBuffer out = { u->out, ZSTD_DStreamOutSize(), 0 };
	int ret;

	do {
		out.pos = 0;
		u->state = ZSTD_decompressStream(u->zds, &out, &in);
		if (ZSTD_isError(u->state)) {
			ret = ZSTD_getErrorCode(u->state) ==
			      ZSTD_error_memory_allocation ? -ENOMEM : -EINVAL;
			return trace_fail(why, ret,
					  "%s: cannot unpack: %s (near byte %" PRIu64 ")",
					  u->label,
					  ZSTD_getErrorName(u->state),
					  u->read - len + in.pos);
		}
		ret = write_all(u->to, u->out, out.pos);
		if (ret)
			return trace_fail(why, ret,
					  "%s: cannot unpack: %m (in %s, after %" PRIu64 " bytes)",
					  u->label, u->dir, u->written);
		u->written += out.pos;
		/* zstd keeps a frame's last byte until all output is out */
	} while (in.pos < in.size);
	return 0;
}

static int unpack_all(struct unpack *u, const struct trace_why *why)
{
	for (;;) {
		ssize_t n = read(u->from, u->in, ZSTD_DStreamInSize());
		int ret;

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return trace_fail(why, -errno,
					  "%s: cannot read: %m (at byte %" PRIu64 ")",
					  u->label, u->read);
		if (!n)
			break;
		u->read += n;
		ret = unpack_chunk(u, n, why);
		if (ret)
			return ret;
	}
	if (u->state)
		return trace_fail(why, -EINVAL,
				  "%s: truncated: the zstd data ends within a frame (at byte %" PRIu64 ")",
				  u->label, u->read);
	return 0;
}

/* The descriptor of a temporary file with the content of @fd, or -errno */
static int unpack(int fd, const char *label, const struct trace_why *why)
{
	struct unpack u = { .label = label, .from = fd, .state = 1 };
	int ret;

	u.dir = temp_dir();
	u.to = trace_temp_file(UINT64_MAX, label, why);
	if (u.to < 0)
		return u.to;

	u.zds = ZSTD_createDStream();
	u.in = malloc(ZSTD_DStreamInSize());
	u.out = malloc(ZSTD_DStreamOutSize());
	if (!u.zds || !u.in || !u.out) {
		ret = trace_fail(why, -ENOMEM, "%s: %m", label);
	} else {
		ZSTD_DCtx_setParameter(u.zds, ZSTD_d_windowLogMax,
				       WINDOW_LOG_MAX);
		ret = unpack_all(&u, why);
	}
	free(u.out);
	free(u.in);
	ZSTD_freeDStream(u.zds);
	if (!ret)
		return u.to;
	close(u.to);
	return ret;
}

/* Maps the file behind @fd, which stays the caller's. */
int trace_map(struct trace_map *map, int fd, const char *label,
	      const struct trace_why *why)
{
	int from = fd, ret = 0;
	struct stat st;
	void *data;

	if (is_zstd(fd)) {
		from = unpack(fd, label, why);
		if (from < 0)
			return from;
	}
	if (fstat(from, &st)) {
		ret = trace_fail(why, -errno, "%s: cannot examine: %m", label);
		goto out;
	}
	if (st.st_size) {
		data = mmap(NULL, st.st_size, PROT_READ, MAP_PRIVATE, from, 0);
		if (data == MAP_FAILED) {
			ret = trace_fail(why, -errno, "%s: cannot map: %m",
					 label);
			goto out;
		}
		map->data = data;
		map->size = st.st_size;
	}
out:
	if (from != fd)
		close(from);
	return ret;
}

/*
 * Maps @size zero bytes that may be written to. They are a file's, so that what
 * they take is disk, and allocated, so that a full disk is an error here and no
 * SIGBUS later.
 */
int trace_map_temp(struct trace_map *map, size_t size, const char *label,
		   const struct trace_why *why)
{
	const char *dir = temp_dir();
	int fd = trace_temp_file(UINT64_MAX, label, why);
	void *data;
	int ret;

	if (fd < 0)
		return fd;
	do {
		ret = -posix_fallocate(fd, 0, size);
	} while (ret == -EINTR);
	if (ret) {
		trace_fail(why, ret,
			   "%s: no room for merged pages: %m (in %s)", label,
			   dir);
		goto out;
	}
	data = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (data == MAP_FAILED) {
		ret = trace_fail(why, -errno, "%s: cannot map: %m", label);
		goto out;
	}
	map->data = data;
	map->size = size;
out:
	close(fd);
	return ret;
}

void trace_unmap(struct trace_map *map)
{
	if (map->data)
		munmap((void *)map->data, map->size);
	map->data = NULL;
	map->size = 0;
}

/* Gives the touched pages back; they are read again where they are needed. */
void trace_map_drop(const struct trace_map *map)
{
	if (map->data)
		madvise((void *)map->data, map->size, MADV_DONTNEED);
}

int trace_check_pages(const struct trace_map *map, const char *label,
		      const struct trace_why *why)
{
	uint64_t rest = map->size % TRACE_PAGE_SIZE;

	if (!rest)
		return 0;
	return trace_fail(why, -EINVAL,
			  "%s: is not made of %d-byte pages (%" PRIu64 " bytes: %" PRIu64 " pages and %" PRIu64 " bytes)",
			  label, TRACE_PAGE_SIZE, map->size,
			  map->size / TRACE_PAGE_SIZE, rest);
}
