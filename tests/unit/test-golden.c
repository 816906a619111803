/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test-golden.c - each page's size against the one that a real kernel stored
 *
 * A golden file has a line "page size" for each page of an image that reached the
 * allocator of a running kernel, or would have but for the compressor: data/golden
 * and the images in data/ of the shared folder, ../shared beside the source root
 * unless ZDEDUP_SHARED names another. Without them the tests are skipped, and
 * test-zcomp's known bytes are what holds the encoders.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <zstd.h>

#include "registry.h"

#define PAGE 4096
#define SHOWN 5u	/* differences shown of a file */

/*
 * What a kernel has instead of a size where the compressor was not asked or failed:
 * 6.1 keeps same-filled pages without it, 7.2 keeps what does not fit as it is.
 */
enum how { SAME_FILLED_APART, PLAIN, RAW_WHEN_TOO_LARGE };

/* To add a file, add its line. @word is what the registry is asked for. */
static const struct golden {
	const char *image;
	const char *kernel;
	const char *compressor;
	const char *word;
	enum how how;
} golden[] = {
	{ "adv", "6.1", "lz4", "lz4", SAME_FILLED_APART },
	{ "adv", "7.2", "lz4", "lz4", RAW_WHEN_TOO_LARGE },
	{ "adv", "6.12", "lzo", "lzo", PLAIN },
	{ "adv", "6.12", "lzo-rle", "lzo-rle", PLAIN },
	{ "adv", "7.2", "lzo-rle", "lzo-rle", RAW_WHEN_TOO_LARGE },
	{ "mix", "6.1", "lz4", "lz4", SAME_FILLED_APART },
	{ "mix", "6.12", "lz4", "lz4", PLAIN },
	{ "mix", "7.2", "lz4", "lz4", RAW_WHEN_TOO_LARGE },
	{ "mix", "6.1", "lzo", "lzo", SAME_FILLED_APART },
	{ "mix", "6.12", "lzo", "lzo", PLAIN },
	{ "mix", "7.2", "lzo", "lzo", RAW_WHEN_TOO_LARGE },
	{ "mix", "6.12", "lzo-rle", "lzo-rle", PLAIN },
	{ "mix", "7.2", "lzo-rle", "lzo-rle", RAW_WHEN_TOO_LARGE },
};

#define NR_GOLDEN (sizeof(golden) / sizeof(golden[0]))

/* A file's bytes, unpacked, and a zero byte behind them. */
struct bytes {
	char path[512];
	char *data;
	size_t len;
};

static void bytes_free(struct bytes *b)
{
	free(b->data);
	memset(b, 0, sizeof(*b));
}

static void unpack_more(struct bytes *b, ZSTD_DCtx *dctx, ZSTD_inBuffer *in,
			size_t *room)
{
	ZSTD_outBuffer out;
	size_t err;

	if (*room - b->len < 1 << 20) {
		*room = 2 * *room + (1 << 22);
		b->data = realloc(b->data, *room);
		assert_non_null(b->data);
	}
	out = (ZSTD_outBuffer){ b->data, *room - 1, b->len };
	err = ZSTD_decompressStream(dctx, &out, in);
	if (ZSTD_isError(err))
		fail_msg("%s: %s", b->path, ZSTD_getErrorName(err));
	b->len = out.pos;
}

/* False: there is no such file. */
static bool unpack(struct bytes *b, const char *name)
{
	const char *shared = getenv("ZDEDUP_SHARED");
	static char piece[1 << 16];
	ZSTD_DCtx *dctx;
	size_t room = 0, n;
	FILE *f;

	bytes_free(b);
	snprintf(b->path, sizeof(b->path), "%s/data/%s.zst",
		 shared ? shared : "../shared", name);
	f = fopen(b->path, "r");
	if (!f)
		return false;
	dctx = ZSTD_createDCtx();
	assert_non_null(dctx);
	/* the images were packed with a window of 27 bits */
	ZSTD_DCtx_setParameter(dctx, ZSTD_d_windowLogMax, 27);
	while ((n = fread(piece, 1, sizeof(piece), f))) {
		ZSTD_inBuffer in = { piece, n, 0 };

		while (in.pos < in.size)
			unpack_more(b, dctx, &in, &room);
	}
	assert_false(ferror(f));
	fclose(f);
	/* the last of the output may still be inside */
	for (size_t before = b->len + 1; before != b->len;) {
		ZSTD_inBuffer in = { NULL, 0, 0 };

		before = b->len;
		unpack_more(b, dctx, &in, &room);
	}
	ZSTD_freeDCtx(dctx);
	b->data[b->len] = 0;
	return true;
}

static bool same_filled(const unsigned char *page)
{
	return !memcmp(page, page + 8, PAGE - 8);
}

/* What the kernel would have in its file for this page. */
static unsigned int size_of(const struct golden *g,
			    const struct registry_compressor *comp, void *ctx,
			    const unsigned char *page)
{
	static unsigned char dst[PAGE];
	unsigned int dlen = 0;
	int err;

	if (g->how == SAME_FILLED_APART && same_filled(page))
		return 0;
	err = comp->ops->compress(ctx, page, dst, &dlen);
	assert_true(!err || err == -EINVAL);
	if (err)
		return g->how == RAW_WHEN_TOO_LARGE ? PAGE : 0;
	return dlen;
}

/* Kept from one test to the next: the table is in the order of the images. */
static struct bytes image, list;

static unsigned int compare(const struct golden *g,
			    const struct registry_compressor *comp, void *ctx)
{
	unsigned int pages = 0, differ = 0, used;
	unsigned long page, size;
	long last = -1;

	for (const char *at = list.data; *at; at += used) {
		unsigned int ours;

		if (sscanf(at, "%lu %lu\n%n", &page, &size, &used) != 2)
			fail_msg("%s: not a line: %.20s", list.path, at);
		/* each page once: a list cannot count for more than it has */
		assert_true((long)page > last);
		last = page;
		assert_true((page + 1) * PAGE <= image.len);
		ours = size_of(g, comp, ctx,
			       (unsigned char *)image.data + page * PAGE);
		if (ours != size && differ++ < SHOWN)
			print_message("# page %lu: the kernel has %lu, we have %u\n",
				      page, size, ours);
		pages++;
	}
	print_message("# %s-%s-%s: %u pages, %u differ\n", g->image, g->kernel,
		      g->compressor, pages, differ);
	/* all but zero pages, which no list of 6.12 and 7.2 has */
	assert_true(pages > image.len / PAGE * 4 / 5);
	return differ;
}

/* False: one of the two files is not there; it has been said which. */
static bool load(const struct golden *g)
{
	static const char *loaded = "";
	char name[64];

	snprintf(name, sizeof(name), "%s.raw", g->image);
	if (strcmp(loaded, g->image)) {
		loaded = "";
		if (!unpack(&image, name))
			goto missing;
		loaded = g->image;
	}
	snprintf(name, sizeof(name), "golden/%s-%s-%s.txt", g->image,
		 g->kernel, g->compressor);
	if (unpack(&list, name))
		return true;
missing:
	print_message("# missing: data/%s.zst of the shared folder\n", name);
	return false;
}

static void test_golden(void **state)
{
	const struct golden *g = *state;
	struct registry_compressor comp;
	unsigned int differ;
	char why[256];
	void *ctx;

	if (!load(g))
		skip();
	if (registry_compressor(g->word, &comp, why, sizeof(why)))
		fail_msg("%s", why);
	ctx = comp.ops->create_ctx(&comp.params);
	assert_non_null(ctx);
	differ = compare(g, &comp, ctx);
	comp.ops->destroy_ctx(ctx);
	assert_int_equal(differ, 0);
}

int main(void)
{
	static struct CMUnitTest tests[NR_GOLDEN];
	static char names[NR_GOLDEN][64];
	int failed;

	for (unsigned int i = 0; i < NR_GOLDEN; i++) {
		snprintf(names[i], sizeof(names[i]), "golden %s %s %s",
			 golden[i].image, golden[i].kernel,
			 golden[i].compressor);
		tests[i].name = names[i];
		tests[i].test_func = test_golden;
		tests[i].initial_state = (void *)&golden[i];
	}
	failed = _cmocka_run_group_tests("golden", tests, NR_GOLDEN, NULL,
					 NULL);
	bytes_free(&image);
	bytes_free(&list);
	return failed;
}
