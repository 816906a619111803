/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * lengths.h - facts of pages for those who export them: class, compressed lengths,
 * the digest of an index
 */
#ifndef SIM_LENGTHS_H
#define SIM_LENGTHS_H

#include "../traces/trace.h"

struct lengths;

/*
 * @list: "lz4,zstd@6.12": compressors, each by the kernel named or by all of them;
 * NULL: the kernel's compressors by all kernels, or of a trace without bytes
 * all lengths that it carries. @hash: of the digests, NULL: none. 0 and *out, or
 * a status after one line.
 */
int lengths_new(const struct trace *trace, const char *list, const char *hash,
		struct lengths **out);
void lengths_free(struct lengths *lengths);

/* The names, as in struct trace_summary. */
unsigned int lengths_nr(const struct lengths *lengths);
const char *const *lengths_names(const struct lengths *lengths);
/* Fills *out: class and word, lengths, and with a hash the digest. */
void lengths_get(const struct lengths *lengths, uint64_t page,
		 struct trace_facts *out);

#endif /* SIM_LENGTHS_H */
