/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ops-families.c - a call of each hash, compressor and allocator
 *
 * The one file of the benches that sees behind the public header: a model gives no
 * way to a single call, and one through it would measure the model.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ops.h"
#include "registry.h"
#include "zswap/ops.h"

/* The largest that every allocator takes: xvmalloc's. */
#define OBJECT_MAX 4092u

static int refused(const char *why)
{
	fprintf(stderr, "bench-ops: %s\n", why);
	return -1;
}

/*----------------------------------------------------------------- hashes */

static int hash_round(struct ops *ops, const char *name)
{
	const struct zhash_key key = { .k0 = 1, .k1 = 2 };
	struct registry_hash hash;
	struct zswap_digest digest;
	char why[REGISTRY_WORD_MAX];
	double begun;

	if (registry_hash(name, &hash, why, sizeof(why)))
		return refused(why);
	begun = ops_clock();
	for (unsigned int i = 0; i < ops->nr; i++)
		hash.ops->digest(&key, ops_page(ops, i), &digest);
	ops_note(ops, "hash", name, (ops_clock() - begun) / ops->nr);
	return 0;
}

/*------------------------------------------------------------ compressors */

/* Compresses all pages to @out, which has a page for each, and back. */
static int compressor_calls(struct ops *ops, const char *name,
			    const struct zcomp_ops *comp, void *ctx,
			    uint8_t *out, unsigned int *length)
{
	static uint8_t page[OPS_PAGE];
	unsigned int nr = 0;
	double begun;

	begun = ops_clock();
	for (unsigned int i = 0; i < ops->nr; i++)
		if (comp->compress(ctx, ops_page(ops, i),
				   out + (size_t)i * OPS_PAGE, &length[i]))
			length[i] = 0;
	ops_note(ops, "compress", name, (ops_clock() - begun) / ops->nr);
	begun = ops_clock();
	for (unsigned int i = 0; i < ops->nr; i++) {
		if (!length[i])
			continue;
		if (comp->decompress(ctx, out + (size_t)i * OPS_PAGE, length[i],
				     page))
			return refused("a compressor cannot read what it wrote");
		nr++;
	}
	if (nr)
		ops_note(ops, "decompress", name, (ops_clock() - begun) / nr);
	return 0;
}

static int compressor_round(struct ops *ops, const char *name)
{
	struct registry_compressor comp;
	unsigned int *length = calloc(ops->nr, sizeof(*length));
	uint8_t *out = malloc((size_t)ops->nr * OPS_PAGE);
	char why[REGISTRY_WORD_MAX] = "out of memory";
	void *ctx = NULL;
	int err = -1;

	if (length && out &&
	    !registry_compressor(name, &comp, why, sizeof(why)))
		ctx = comp.ops->create_ctx(&comp.params);
	if (!ctx) {
		refused(why);
	} else {
		err = compressor_calls(ops, name, comp.ops, ctx, out, length);
		comp.ops->destroy_ctx(ctx);
	}
	for (unsigned int i = 0; !err && !strcmp(name, "lz4") && i < ops->nr; i++)
		ops->length[i] = length[i] ? length[i] : OPS_PAGE;
	free(length);
	free(out);
	return err;
}

/*------------------------------------------------------------- allocators */

/* Frees go through the objects by a stride that is prime to any number of them. */
#define STRIDE 7919u

static int zpool_round(struct ops *ops, const char *name)
{
	const struct zpool_config config = { .chain_size = 8 };
	unsigned long *handle = calloc(ops->nr, sizeof(*handle));
	char why[REGISTRY_WORD_MAX] = "out of memory";
	const struct zpool_ops *zpool;
	void *pool = NULL;
	double begun;
	int err = 0;

	if (handle && !registry_zpool(name, &zpool, why, sizeof(why)))
		pool = zpool->create(&config);
	if (!pool) {
		free(handle);
		return refused(why);
	}
	begun = ops_clock();
	for (unsigned int i = 0; i < ops->nr && !err; i++)
		err = zpool->malloc(pool, min(ops->length[i], OBJECT_MAX),
				    &handle[i]);
	ops_note(ops, "malloc", name, (ops_clock() - begun) / ops->nr);
	begun = ops_clock();
	for (unsigned int i = 0; i < ops->nr && !err; i++)
		zpool->free(pool, &handle[(size_t)i * STRIDE % ops->nr]);
	ops_note(ops, "free", name, (ops_clock() - begun) / ops->nr);
	/* after an error its objects still live, and the program ends */
	if (!err)
		zpool->destroy(pool);
	free(handle);
	return err ? refused("an allocator refused") : 0;
}

int ops_families(struct ops *ops)
{
	static int (*const round[REGISTRY_NR_KINDS])(struct ops *ops,
						     const char *name) = {
		[REGISTRY_HASH] = hash_round,
		[REGISTRY_COMPRESSOR] = compressor_round,
		[REGISTRY_ZPOOL] = zpool_round,
	};
	/* compressors first: their lengths are the allocators' sizes */
	static const enum registry_kind kinds[] = {
		REGISTRY_HASH, REGISTRY_COMPRESSOR, REGISTRY_ZPOOL,
	};
	const char *name;
	int err = 0;

	for (unsigned int k = 0; k < 3; k++)
		for (unsigned int i = 0;
		     !err && (name = registry_name(kinds[k], i)); i++)
			err = round[kinds[k]](ops, name);
	return err;
}
