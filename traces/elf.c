/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * elf.c - ELF64 cores: gcore and the kernel's, QEMU's dump-guest-memory, vmcore
 *
 * The pages are those of the PT_LOAD segments, cut at the addresses' page
 * boundaries wherever they lie in the file. A page that begins within p_filesz
 * and ends within p_memsz is stored, its rest zero as the gABI says; pages past
 * p_filesz are not in the file and not stored. The address is the physical one
 * where the core has any, else the virtual one.
 */
#include <elf.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "trace-internal.h"

#define EHDR sizeof(Elf64_Ehdr)
#define PHDR sizeof(Elf64_Phdr)
#define SHDR sizeof(Elf64_Shdr)

_Static_assert(sizeof(Elf64_Ehdr) == 64 && sizeof(Elf64_Phdr) == 56 &&
	       sizeof(Elf64_Shdr) == 64, "the gABI's sizes");

/* Fields by their place in the file; the host's order may be another. */
#define FIELD32(p, type, name) trace_le32((p) + offsetof(type, name))
#define FIELD64(p, type, name) trace_le64((p) + offsetof(type, name))
#define FIELD16(p, type, name)					\
	((uint32_t)((p)[offsetof(type, name)] |			\
		    (p)[offsetof(type, name) + 1] << 8))

/* Programs and libraries are no memory, though a page of memory can look so. */
static bool elf_probe(int fd, const struct trace_map *map)
{
	const uint8_t *p = map->data;
	unsigned int type;

	(void)fd;
	if (map->size < EI_NIDENT + 2 || memcmp(p, ELFMAG, SELFMAG))
		return false;
	type = p[EI_DATA] == ELFDATA2MSB ? p[EI_NIDENT + 1] : p[EI_NIDENT];
	return type == ET_CORE;
}

static int check_header(const struct trace *trace, const struct trace_why *why)
{
	const uint8_t *p = trace->pages.data;
	const char *path = trace->path;

	if (trace->pages.size < EHDR)
		return trace_fail(why, -EINVAL,
				  "%s: truncated: ends within the ELF header (at byte %" PRIu64 ")",
				  path, trace->pages.size);
	if (memcmp(p, ELFMAG, SELFMAG))
		return trace_fail(why, -EINVAL,
				  "%s: is no ELF file (at byte 0)", path);
	if (p[EI_CLASS] != ELFCLASS64)
		return trace_fail(why, -EINVAL,
				  "%s: an ELF file of class %d, must be 64-bit (at byte %d)",
				  path, p[EI_CLASS], EI_CLASS);
	if (p[EI_DATA] != ELFDATA2LSB)
		return trace_fail(why, -EINVAL,
				  "%s: an ELF file of byte order %d, must be little-endian (at byte %d)",
				  path, p[EI_DATA], EI_DATA);
	if (FIELD16(p, Elf64_Ehdr, e_type) != ET_CORE)
		return trace_fail(why, -EINVAL,
				  "%s: an ELF file of type %" PRIu32 ", not a core (at byte %d)",
				  path, FIELD16(p, Elf64_Ehdr, e_type),
				  (int)offsetof(Elf64_Ehdr, e_type));
	if (FIELD16(p, Elf64_Ehdr, e_phentsize) != PHDR)
		return trace_fail(why, -EINVAL,
				  "%s: program headers of %" PRIu32 " bytes, must be %d (at byte %d)",
				  path, FIELD16(p, Elf64_Ehdr, e_phentsize),
				  (int)PHDR,
				  (int)offsetof(Elf64_Ehdr, e_phentsize));
	return 0;
}

/* Where the program headers are and how many; the table lies in the file. */
static int find_segments(const struct trace *trace, uint64_t *at, uint64_t *nr,
			 const struct trace_why *why)
{
	const uint8_t *p = trace->pages.data;
	uint64_t size = trace->pages.size;
	uint64_t shoff = FIELD64(p, Elf64_Ehdr, e_shoff);

	*at = FIELD64(p, Elf64_Ehdr, e_phoff);
	*nr = FIELD16(p, Elf64_Ehdr, e_phnum);
	if (*nr == PN_XNUM) {
		if (shoff < EHDR || shoff > size || size - shoff < SHDR)
			return trace_fail(why, -EINVAL,
					  "%s: the number of segments should be in section 0, at byte %" PRIu64 " of %" PRIu64 " (at byte %d)",
					  trace->path, shoff, size,
					  (int)offsetof(Elf64_Ehdr, e_shoff));
		*nr = FIELD32(p + shoff, Elf64_Shdr, sh_info);
	}
	if (*at > size || *nr > (size - *at) / PHDR)
		return trace_fail(why, -EINVAL,
				  "%s: truncated: %" PRIu64 " program headers do not fit (at byte %" PRIu64 " of %" PRIu64 ")",
				  trace->path, *nr, *at, size);
	return 0;
}

static int check_segment(const struct trace *trace, uint64_t i,
			 const struct trace_extent *x,
			 const struct trace_why *why)
{
	uint64_t size = trace->pages.size;

	if (x->filesz > x->memsz)
		return trace_fail(why, -EINVAL,
				  "%s: %" PRIu64 " bytes for %" PRIu64 " of memory (segment %" PRIu64 ")",
				  trace->path, x->filesz, x->memsz, i);
	if (x->offset > size || x->filesz > size - x->offset)
		return trace_fail(why, -EINVAL,
				  "%s: truncated: %" PRIu64 " bytes at byte %" PRIu64 " of %" PRIu64 " (segment %" PRIu64 ")",
				  trace->path, x->filesz, x->offset, size, i);
	if (x->memsz > UINT64_MAX - x->address)
		return trace_fail(why, -EINVAL,
				  "%s: %" PRIu64 " bytes of memory at address 0x%" PRIx64 " (segment %" PRIu64 ")",
				  trace->path, x->memsz, x->address, i);
	return 0;
}

/* The kernel's cores of processes and gcore leave p_paddr 0. */
static bool has_physical(const uint8_t *table, uint64_t nr)
{
	uint64_t i;

	for (i = 0; i < nr; i++, table += PHDR)
		if (FIELD32(table, Elf64_Phdr, p_type) == PT_LOAD &&
		    FIELD64(table, Elf64_Phdr, p_paddr))
			return true;
	return false;
}

static int elf_open(struct trace *trace, int fd, const struct trace_why *why)
{
	struct trace_extent *x = NULL;
	uint64_t at, nr, i;
	size_t used = 0, room = 0;
	const uint8_t *p;
	bool physical;
	int ret;

	(void)fd;
	ret = check_header(trace, why);
	if (!ret)
		ret = find_segments(trace, &at, &nr, why);
	if (ret)
		return ret;

	p = trace->pages.data + at;
	physical = has_physical(p, nr);
	for (i = 0; i < nr; i++, p += PHDR) {
		if (FIELD32(p, Elf64_Phdr, p_type) != PT_LOAD ||
		    !FIELD64(p, Elf64_Phdr, p_filesz))
			continue;
		if (used == room)
			ret = trace_grow(trace, &x, &room, sizeof(*x), why);
		if (ret)
			break;
		x[used].address = physical ? FIELD64(p, Elf64_Phdr, p_paddr) :
					     FIELD64(p, Elf64_Phdr, p_vaddr);
		x[used].offset = FIELD64(p, Elf64_Phdr, p_offset);
		x[used].filesz = FIELD64(p, Elf64_Phdr, p_filesz);
		x[used].memsz = FIELD64(p, Elf64_Phdr, p_memsz);
		ret = check_segment(trace, i, &x[used++], why);
		if (ret)
			break;
	}
	if (!ret)
		ret = trace_add_extents(trace, x, used, why);
	free(x);
	return ret;
}

const struct trace_reader trace_elf = {
	.name = "elf",
	.vantage = "image",
	.probe = elf_probe,
	.open = elf_open,
	.next = trace_index_next,
};
