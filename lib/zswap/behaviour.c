/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * behaviour.c - one row per kernel version
 *
 * The newest is the straight path of zswap.c; a row says where one differs.
 */
#include <linux/kernel.h>
#include <linux/string.h>

#include "zswap/zswap.h"

static const struct zswap_behaviour zswap_behaviours[] = {
	{
		.kernel = "7.2",
		.summary = "zsmalloc alone, incompressible pages kept raw",
		.zpools = "zsmalloc",
		.lacks = "same_filled_pages duplicate_entry",
		.zstd_versions = "1.5.7",
		.zstd_hint = 1 << 18,
		.chain_size = 8,
		.entry_bytes = 56,
		.node_bytes = 576,
		.shrink_batch = 1,
		.zero_map = true,
		.keeps_raw = true,
		.large_folios = true,
		.own_lru = true,
	},
	{
		.kernel = "6.12",
		.summary = "zsmalloc and zbud, incompressible pages refused",
		.zpools = "zsmalloc zbud",
		.lacks = "same_filled_pages duplicate_entry "
			 "stored_incompressible_pages decompress_fail",
		.zstd_versions = "1.5.2 1.5.4",
		.chain_size = 8,
		.entry_bytes = 56,
		.node_bytes = 576,
		.shrink_batch = 1,
		.zero_map = true,
		.own_lru = true,
	},
	{
		.kernel = "6.1",
		.summary = "frontswap: loads keep the entry, same-filled pages "
			   "are words, zbud and z3fold reclaim by themselves",
		.zpools = "zbud z3fold zsmalloc",
		.lacks = "stored_incompressible_pages decompress_fail "
			 "reject_compress_fail swpout_zero swpin_zero zswpwb",
		.zstd_versions = "1.4.10",
		.chain_size = 4,
		.used_percent = true,
		.header_bytes = 8,
		.entry_bytes = 64,
		.same_filled = true,
		.frontswap = true,
		.freed_batch = 64,
	},
};

const struct zswap_behaviour *zswap_behaviour_at(unsigned int i)
{
	return i < ARRAY_SIZE(zswap_behaviours) ? &zswap_behaviours[i] : NULL;
}

const struct zswap_behaviour *zswap_behaviour_find(const char *kernel)
{
	const struct zswap_behaviour *b;
	unsigned int i;

	for (i = 0; (b = zswap_behaviour_at(i)); i++)
		if (!strcmp(b->kernel, kernel))
			return b;
	return NULL;
}

bool zswap_word_in(const char *list, const char *word)
{
	size_t len = strlen(word);
	const char *at = list;

	while (len && (at = strstr(at, word))) {
		bool starts = at == list || at[-1] == ' ';

		if (starts && (!at[len] || at[len] == ' '))
			return true;
		at += len;
	}
	return false;
}
