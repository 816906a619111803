/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * faulty-io.c - to be preloaded: a disk that fails under a whole program
 *
 * FAULTY_HOW=EIO|ENOSPC|SHORT|HALF|EINTR and FAULTY_AT=N, as unit/faulty-io.h says.
 * FAULTY_CALLS=FILE: it is made when call N was reached.
 */
#define _GNU_SOURCE	/* RTLD_NEXT */
#include <string.h>

#include "unit/faulty-io.h"

static void __attribute__((constructor)) take_orders(void)
{
	static const char *const names[] = {
		[FAULTY_EIO] = "EIO", [FAULTY_FULL] = "ENOSPC",
		[FAULTY_SHORT] = "SHORT", [FAULTY_HALF] = "HALF",
		[FAULTY_INTR] = "EINTR",
	};
	const char *how = getenv("FAULTY_HOW"), *at = getenv("FAULTY_AT");

	for (size_t i = 0; how && at && i < sizeof(names) / sizeof(*names); i++)
		if (names[i] && !strcmp(names[i], how))
			faulty_io.how = i;
	faulty_io.at = at ? strtoul(at, NULL, 10) : 0;
}

static void __attribute__((destructor)) report(void)
{
	const char *path = getenv("FAULTY_CALLS");
	int fd;

	if (!path || !faulty_io.at || faulty_io.calls < faulty_io.at)
		return;
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
	if (fd >= 0)
		close(fd);
}
