/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * faulty-io.h - a disk that fails: the calls that write files, one of which can be
 * made to go wrong
 *
 * Included once, by a test program or by what is preloaded into zdedup, it stands in
 * front of libc's functions; only calls for regular files (and rename) count. A
 * memory-only file counts, too: what holds for a disk is to hold for it.
 */
#ifndef FAULTY_IO_H
#define FAULTY_IO_H

#ifndef _GNU_SOURCE
#error "RTLD_NEXT, fallocate"
#endif
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* SHORT, then: a write takes half, and the ones after it nothing; HALF: goes on. */
enum faulty_how {
	FAULTY_NONE, FAULTY_EIO, FAULTY_FULL, FAULTY_SHORT, FAULTY_HALF,
	FAULTY_INTR, FAULTY_NOTHING,
};

/**
 * struct faulty_io - what is to go wrong
 * @at:    the call that does, from 1; FULL, SHORT and NOTHING: and all after it
 * @calls: how many there have been, not counting those with FAULTY_NONE
 * @syncs: files made durable; @dir_syncs: directories
 */
static struct faulty_io {
	enum faulty_how how;
	unsigned long at, calls, syncs, dir_syncs;
} faulty_io;

static inline bool faulty_regular(int fd)
{
	struct stat st;

	return !fstat(fd, &st) && S_ISREG(st.st_mode);
}

/* 0 or the error of this call; @len: of a write, which may get shorter; else NULL */
static inline int faulty_call(size_t *len)
{
	bool now, after;

	if (faulty_io.how == FAULTY_NONE)
		return 0;
	now = ++faulty_io.calls == faulty_io.at;
	after = faulty_io.calls > faulty_io.at;
	switch (faulty_io.how) {
	case FAULTY_EIO:
		return now ? EIO : 0;
	case FAULTY_INTR:
		return now ? EINTR : 0;
	case FAULTY_FULL:
		return now || after ? ENOSPC : 0;
	case FAULTY_SHORT:
	case FAULTY_HALF:
		if (now && len && *len > 1)
			*len /= 2;
		return len && after && faulty_io.how == FAULTY_SHORT ? ENOSPC :
		       0;
	case FAULTY_NOTHING:
		if ((now || after) && len)
			*len = 0;
		return 0;
	default:
		return 0;
	}
}

/* libc's own, under the name for large files where there is one */
static inline void *faulty_next(const char *large, const char *name)
{
	void *f = large ? dlsym(RTLD_NEXT, large) : NULL;

	if (!f)
		f = dlsym(RTLD_NEXT, name);
	if (!f)
		abort();
	return f;
}

#define FAULTY(large, name, type, ...) \
	({ \
		static type (*next)(__VA_ARGS__); \
		if (!next) \
			next = (type (*)(__VA_ARGS__)) \
				faulty_next(large, name); \
		next; \
	})

/* -1 with errno, from the function around it, if the call is to fail */
#define FAULTY_FAIL(counts, len) \
	do { \
		int faulty_error = (counts) ? faulty_call(len) : 0; \
		if (faulty_error) { \
			errno = faulty_error; \
			return -1; \
		} \
	} while (0)

ssize_t write(int fd, const void *buf, size_t len)
{
	FAULTY_FAIL(faulty_regular(fd), &len);
	return FAULTY(NULL, "write", ssize_t, int, const void *, size_t)
		(fd, buf, len);
}

ssize_t pwrite(int fd, const void *buf, size_t len, off_t at)
{
	FAULTY_FAIL(faulty_regular(fd), &len);
	return FAULTY("pwrite64", "pwrite", ssize_t, int, const void *, size_t,
		      off_t)(fd, buf, len, at);
}

/* Takes no room. */
int ftruncate(int fd, off_t size)
{
	FAULTY_FAIL(faulty_regular(fd) && faulty_io.how != FAULTY_FULL, NULL);
	return FAULTY("ftruncate64", "ftruncate", int, int, off_t)(fd, size);
}

int fallocate(int fd, int mode, off_t at, off_t len)
{
	FAULTY_FAIL(faulty_regular(fd), NULL);
	return FAULTY("fallocate64", "fallocate", int, int, int, off_t, off_t)
		(fd, mode, at, len);
}

int posix_fallocate(int fd, off_t at, off_t len)
{
	int error = faulty_regular(fd) ? faulty_call(NULL) : 0;

	return error ? error :
	       FAULTY("posix_fallocate64", "posix_fallocate", int, int, off_t,
		      off_t)(fd, at, len);
}

/* Of directories, too. No test outlives a power cut: the real disk is not waited for. */
int fsync(int fd)
{
	FAULTY_FAIL(true, NULL);
	if (faulty_regular(fd))
		faulty_io.syncs++;
	else
		faulty_io.dir_syncs++;
	return 0;
}

int fdatasync(int fd)
{
	return fsync(fd);
}

/* A rename is never interrupted. */
int rename(const char *from, const char *to)
{
	FAULTY_FAIL(faulty_io.how != FAULTY_INTR, NULL);
	return FAULTY(NULL, "rename", int, const char *, const char *)
		(from, to);
}

#endif /* FAULTY_IO_H */
