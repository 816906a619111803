/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * record-maps.c - where a process can have pages that the kernel would swap out
 *
 * smaps instead of maps, because only its VmFlags tell hugetlb and device mappings
 * for sure (proc(5)).
 */
#include "record-maps.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The kernel's own pages, mapped into each process: not the process's memory. */
static bool special(const char *name)
{
	static const char *const names[] = {
		"[vdso]", "[vvar", "[vsyscall]", "[vectors]", "[sigpage]",
		"[uprobes]",
	};

	for (size_t i = 0; i < G_N_ELEMENTS(names); i++)
		if (g_str_has_prefix(name, names[i]))
			return true;
	return false;
}

/*
 * Shared memory goes to swap only where no file stands behind it: what shmem made
 * itself (MAP_SHARED | MAP_ANONYMOUS, memfd, System V) and POSIX shared memory.
 */
static bool swap_backed(const char *name)
{
	static const char *const prefixes[] = {
		"/dev/zero (deleted)", "/memfd:", "/SYSV", "/dev/shm/",
	};

	for (size_t i = 0; i < G_N_ELEMENTS(prefixes); i++)
		if (g_str_has_prefix(name, prefixes[i]))
			return true;
	return false;
}

/* "55d0-55e0 rw-p 00000000 fe:00 123   /path"; false: not such a line */
static bool parse_header(const char *line, struct record_range *range,
			 bool *wanted)
{
	unsigned int major, minor;
	char perms[5] = "";
	int at = 0;

	if (sscanf(line, "%" SCNx64 "-%" SCNx64 " %4s %" SCNx64 " %x:%x %" SCNu64 " %n",
		   &range->start, &range->end, perms, &range->offset, &major,
		   &minor, &range->inode, &at) != 7)
		return false;
	range->device = (uint64_t)major << 32 | minor;
	range->shared = perms[3] == 's';
	/* PROT_NONE: no reading where the process itself may not */
	*wanted = perms[0] == 'r' && !special(line + at) &&
		  (!range->shared || swap_backed(line + at));
	return true;
}

/* hugetlb is never swapped; io, pf, mm: pages of a device, or no pages at all */
static bool flags_allow(const char *flags)
{
	static const char *const never[] = { " ht", " io", " pf", " mm" };

	for (size_t i = 0; i < G_N_ELEMENTS(never); i++)
		if (strstr(flags, never[i]))
			return false;
	return true;
}

int record_maps(pid_t pid, GArray *ranges)
{
	g_autofree char *path = g_strdup_printf("/proc/%d/smaps", (int)pid);
	FILE *file = fopen(path, "re");
	struct record_range range = { 0 };
	bool wanted = false;
	char *line = NULL;
	size_t size = 0;
	int err = 0;

	if (!file)
		return -errno;
	g_array_set_size(ranges, 0);
	while (getline(&line, &size, file) > 0) {
		if (g_str_has_prefix(line, "VmFlags:")) {
			if (wanted && flags_allow(line + strlen("VmFlags:")))
				g_array_append_val(ranges, range);
			wanted = false;
		} else if (!g_ascii_isupper(line[0])) {
			parse_header(line, &range, &wanted);
		}
	}
	if (ferror(file))
		err = -errno;
	free(line);
	fclose(file);
	return err;
}
