/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test-golden-zstd.c - zstd and deflate against the lengths that the kernels had
 *
 * ../shared/data/golden/IMAGE-KERNEL-COMPRESSOR.txt.zst holds a line "page length"
 * for each page of ../shared/data/IMAGE.raw.zst that a kernel's zswap gave to its
 * allocator: 0 when the compressor failed, 4096 where 7.2 kept the page raw.
 * ZDEDUP_SHARED names another folder than ../shared. ZDEDUP_LIBZSTD is the folder
 * that tests/kernel/get-libzstd.sh has filled, for the kernels whose zstd is not
 * the one that this program is linked with. What is missing is said and skipped.
 */
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

/* A file as it is; NULL: not there. */
static char *slurp(const char *path, size_t *size)
{
	FILE *file = fopen(path, "rb");
	char *bytes;
	long end;

	if (!file)
		return NULL;
	assert_int_equal(fseek(file, 0, SEEK_END), 0);
	end = ftell(file);
	assert_true(end > 0);
	rewind(file);
	bytes = malloc(end);
	assert_non_null(bytes);
	assert_int_equal(fread(bytes, 1, end, file), end);
	fclose(file);
	*size = end;
	return bytes;
}

/* The contents of shared/data/@name.zst and a zero byte; skips when not there. */
static char *shared_file(const char *name, size_t *size)
{
	const char *shared = getenv("ZDEDUP_SHARED");
	ZSTD_outBuffer out = { 0 };
	ZSTD_DCtx *dctx = ZSTD_createDCtx();
	ZSTD_inBuffer in = { 0 };
	char path[1024];
	void *packed;
	size_t left;

	snprintf(path, sizeof(path), "%s/data/%s.zst",
		 shared ? shared : "../shared", name);
	packed = slurp(path, &in.size);
	if (!packed) {
		ZSTD_freeDCtx(dctx);
		print_message("# no %s (ZDEDUP_SHARED says where else)\n",
			      path);
		skip();
	}
	assert_non_null(dctx);
	in.src = packed;
	/* the files were made from a pipe, so their frames have no size */
	do {
		if (out.pos == out.size) {
			out.size += 16 << 20;
			out.dst = realloc(out.dst, out.size + 1);
			assert_non_null(out.dst);
		}
		left = ZSTD_decompressStream(dctx, &out, &in);
		assert_false(ZSTD_isError(left));
	} while (in.pos < in.size || (left && out.pos == out.size));
	assert_int_equal(left, 0);
	ZSTD_freeDCtx(dctx);
	free(packed);
	((char *)out.dst)[out.pos] = '\0';
	*size = out.pos;
	return out.dst;
}

static bool same_filled(const char *page)
{
	return !memcmp(page, page + 8, PAGE - 8);
}

/* Pages, and what is wrong with them. */
struct tally {
	unsigned int pages, differ;
};

static void compare(struct registry_compressor *comp, const char *image,
		    const char *kernel, struct tally *tally)
{
	char name[128], *raw, *golden, *line;
	size_t raw_size, golden_size;
	void *ctx;

	snprintf(name, sizeof(name), "%s.raw", image);
	raw = shared_file(name, &raw_size);
	snprintf(name, sizeof(name), "golden/%s-%s-%s.txt", image, kernel,
		 comp->ops->name);
	golden = shared_file(name, &golden_size);
	ctx = comp->ops->create_ctx(&comp->params);
	assert_non_null(ctx);
	for (line = strtok(golden, "\n"); line; line = strtok(NULL, "\n")) {
		unsigned int page, length, dlen = 0;
		char out[PAGE];

		assert_int_equal(sscanf(line, "%u %u", &page, &length), 2);
		assert_true((page + 1ul) * PAGE <= raw_size);
		/* 6.1 has them in the file, but asked no compressor */
		if (!strcmp(kernel, "6.1") && same_filled(raw + page * PAGE))
			continue;
		if (comp->ops->compress(ctx, raw + (size_t)page * PAGE, out,
					&dlen))
			dlen = strcmp(kernel, "7.2") ? 0 : PAGE;
		tally->pages++;
		tally->differ += dlen != length;
	}
	comp->ops->destroy_ctx(ctx);
	free(golden);
	free(raw);
}

/* Both images have these lengths, page by page. */
static void equals_kernel(const char *word, const char *kernel,
			  unsigned int hint)
{
	struct registry_compressor comp;
	struct tally tally = { 0 };
	char why[512];

	if (registry_compressor(word, &comp, why, sizeof(why)))
		fail_msg("%s", why);
	comp.params.size_hint = hint;
	compare(&comp, "mix", kernel, &tally);
	compare(&comp, "adv", kernel, &tally);
	print_message("# %s, Linux %s: %u pages, %u differ\n",
		      comp.ops->version(&comp.params), kernel, tally.pages,
		      tally.differ);
	assert_true(tally.pages > 16000);
	assert_int_equal(tally.differ, 0);
}

/*
 * The word for a zstd of @version or, where that is said to be equal, up to
 * @last; skips when there is none.
 */
static void zstd_word(char *word, size_t size, const char *version,
		      unsigned int first, unsigned int last)
{
	const char *dir = getenv("ZDEDUP_LIBZSTD");
	char path[200];
	FILE *file;

	snprintf(word, size, "zstd");
	if (ZSTD_versionNumber() >= first && ZSTD_versionNumber() <= last)
		return;
	snprintf(path, sizeof(path), "%s/libzstd-%s.so", dir ? dir : "",
		 version);
	file = dir ? fopen(path, "rb") : NULL;
	if (!file) {
		print_message("# linked with libzstd %s, and no libzstd-%s.so "
			      "(tests/kernel/get-libzstd.sh DIR gets it; "
			      "ZDEDUP_LIBZSTD=DIR)\n",
			      ZSTD_versionString(), version);
		skip();
	}
	fclose(file);
	snprintf(word, size, "zstd:lib=%s", path);
}

static void test_zstd_6_1(void **state)
{
	char word[REGISTRY_WORD_MAX];

	(void)state;
	zstd_word(word, sizeof(word), "1.4.10", 10410, 10410);
	equals_kernel(word, "6.1", 0);
}

/* The kernel's is 1.5.2; 1.5.4 makes the same bytes. */
static void test_zstd_6_12(void **state)
{
	char word[REGISTRY_WORD_MAX];

	(void)state;
	zstd_word(word, sizeof(word), "1.5.2", 10502, 10504);
	equals_kernel(word, "6.12", 0);
}

static void test_zstd_7_2(void **state)
{
	char word[REGISTRY_WORD_MAX];

	(void)state;
	zstd_word(word, sizeof(word), "1.5.7", 10507, 10507);
	equals_kernel(word, "7.2", 1 << 18);
}

static void test_deflate_6_1(void **state)
{
	(void)state;
	equals_kernel("deflate", "6.1", 0);
}

static void test_deflate_6_12(void **state)
{
	(void)state;
	equals_kernel("deflate", "6.12", 0);
}

static void test_deflate_7_2(void **state)
{
	(void)state;
	equals_kernel("deflate", "7.2", 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_zstd_6_1),
		cmocka_unit_test(test_zstd_6_12),
		cmocka_unit_test(test_zstd_7_2),
		cmocka_unit_test(test_deflate_6_1),
		cmocka_unit_test(test_deflate_6_12),
		cmocka_unit_test(test_deflate_7_2),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
