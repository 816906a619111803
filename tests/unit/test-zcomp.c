/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test-zcomp.c - the contract of struct zcomp_ops, on every compressor of the
 * registry
 */
#define _GNU_SOURCE
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include <cmocka.h>
#include <lz4.h>
#define ZSTD_STATIC_LINKING_ONLY
#include <zstd.h>

#include "compat/custom.h"
#include "registry.h"
#include "zcomp/zcomp.h"

#define PAGE 4096
#define NR_MIXED 1000
#define NR_CORRUPTIONS 20000

/*
 * A page between two that may not be touched: whoever writes before or after
 * dst, or reads past the end of a source that is pushed against the end of src,
 * does not live to be reported.
 */
static unsigned char *dst, *src;

static uint64_t rng_state;

static uint64_t rng(void)
{
	rng_state = rng_state * 6364136223846793005u + 1442695040888963407u;
	return rng_state >> 32 ^ rng_state;
}

static unsigned char *guarded_page(void)
{
	unsigned char *map = mmap(NULL, 3 * PAGE, PROT_NONE,
				  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (map == MAP_FAILED ||
	    mprotect(map + PAGE, PAGE, PROT_READ | PROT_WRITE))
		return NULL;
	return map + PAGE;
}

static int setup(void **state)
{
	(void)state;
	dst = guarded_page();
	src = guarded_page();
	return dst && src ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	munmap(dst - PAGE, 3 * PAGE);
	munmap(src - PAGE, 3 * PAGE);
	return 0;
}

/*----------------------------------------------------------------- pages */

enum content {
	ZERO,
	SAME_FILLED,
	TEXT,
	HALF_RANDOM,
	CODE,
	RANDOM,
	NR_CONTENTS,
};

static void fill_random(unsigned char *p, unsigned int len)
{
	for (unsigned int i = 0; i < len; i++)
		p[i] = rng() >> 24;
}

static void fill_text(unsigned char *p)
{
	static const char *const words[] = { "the ",  "swap ",	"page ", "of ",
					     "a ",    "pool\n", "is ",	 "not ",
					     "kept ", "twice ", "and ",	 "so " };
	unsigned int n = 0;

	while (n < PAGE) {
		const char *word = words[rng() % 12];

		for (; *word && n < PAGE; word++)
			p[n++] = *word;
	}
}

/* Few opcodes, register bytes, and displacements whose high bytes are alike. */
static void fill_code(unsigned char *p)
{
	static const unsigned char opcode[] = { 0x48, 0x89, 0x8b, 0xe8,
						0x0f, 0x83, 0xc3, 0x55 };

	for (unsigned int i = 0; i < PAGE; i += 8) {
		uint64_t r = rng();

		p[i] = opcode[r & 7];
		p[i + 1] = opcode[r >> 3 & 7];
		p[i + 2] = 0xc0 | (r >> 6 & 0x3f);
		p[i + 3] = opcode[r >> 12 & 3];
		p[i + 4] = r >> 16;
		p[i + 5] = r >> 24 & 0x0f;
		p[i + 6] = r & 1 << 20 ? 0xff : 0;
		p[i + 7] = p[i + 6];
	}
}

static void fill(unsigned char *p, enum content content, uint64_t seed)
{
	uint64_t word;

	rng_state = seed;
	memset(p, 0, PAGE);
	switch (content) {
	case SAME_FILLED:
		word = rng();
		for (unsigned int i = 0; i < PAGE; i += sizeof(word))
			memcpy(p + i, &word, sizeof(word));
		break;
	case TEXT:
		fill_text(p);
		break;
	case HALF_RANDOM:
		fill_random(p + seed % (PAGE / 2), PAGE / 2);
		break;
	case CODE:
		fill_code(p);
		break;
	case RANDOM:
		fill_random(p, PAGE);
		break;
	default:
		break;
	}
}

/*--------------------------------------------------------------- helpers */

/* A member with one of its levels. */
struct member {
	const struct zcomp_ops *ops;
	struct zcomp_params params;
	void *ctx;
};

static void open_member(struct member *m, const char *word)
{
	struct registry_compressor found;

	assert_int_equal(registry_compressor(word, &found, NULL, 0), 0);
	m->ops = found.ops;
	m->params = found.params;
	m->ctx = m->ops->create_ctx(&m->params);
	assert_non_null(m->ctx);
}

static void close_member(struct member *m)
{
	m->ops->destroy_ctx(m->ctx);
}

/* Runs @test on every member at its default level. */
static void on_each(void (*test)(struct member *m))
{
	const char *name;

	for (unsigned int i = 0;
	     (name = registry_name(REGISTRY_COMPRESSOR, i)); i++) {
		unsigned long before = compat_nr_allocated();
		struct member m;

		open_member(&m, name);
		test(&m);
		close_member(&m);
		assert_int_equal(compat_nr_allocated(), before);
	}
}

/* Decompresses a copy of the @slen bytes that ends where src's page ends. */
static int decompress_at_edge(struct member *m, const void *data,
			      unsigned int slen)
{
	unsigned char *at = src + PAGE - slen;

	memcpy(at, data, slen);
	return m->ops->decompress(m->ctx, at, slen, dst);
}

/* 0 and *dlen when @page fits, with all that the contract says of it. */
static int round_trip(struct member *m, const unsigned char *page,
		      unsigned int *dlen)
{
	unsigned char packed[PAGE];
	int err;

	*dlen = 0;
	err = m->ops->compress(m->ctx, page, dst, dlen);
	if (err) {
		assert_int_equal(err, -EINVAL);
		return err;
	}
	assert_in_range(*dlen, 1, PAGE);
	memcpy(packed, dst, *dlen);
	memset(dst, 0xa5, PAGE);
	assert_int_equal(decompress_at_edge(m, packed, *dlen), 0);
	assert_memory_equal(dst, page, PAGE);
	return 0;
}

/*----------------------------------------------------------------- tests */

static void round_trips(struct member *m)
{
	unsigned char page[PAGE];
	unsigned int dlen;
	bool copies = m->ops == &zcomp_none;

	for (enum content c = 0; c < NR_CONTENTS; c++) {
		int err;

		fill(page, c, 1);
		err = round_trip(m, page, &dlen);
		/* random bytes do not fit; all else is made smaller */
		assert_int_equal(err, c == RANDOM && !copies ? -EINVAL : 0);
		if (copies)
			assert_int_equal(dlen, PAGE);
		else if (c != RANDOM)
			assert_in_range(dlen, 1, PAGE - 256);
	}
	for (uint64_t seed = 0; seed < NR_MIXED; seed++) {
		fill(page, seed % NR_CONTENTS, seed);
		/* cut in something else, at any place */
		if (seed % 3)
			memset(page + rng() % PAGE / 2, seed, rng() % PAGE / 2);
		round_trip(m, page, &dlen);
	}
}

static void test_round_trip(void **state)
{
	(void)state;
	on_each(round_trips);
}

static void test_levels(void **state)
{
	const struct zcomp_ops *ops;
	const char *name;

	(void)state;
	for (unsigned int i = 0;
	     (name = registry_name(REGISTRY_COMPRESSOR, i)); i++) {
		struct member m;

		open_member(&m, name);
		ops = m.ops;
		close_member(&m);
		for (int level = ops->level_min;
		     ops->has_level && level <= ops->level_max; level++) {
			char word[64];

			snprintf(word, sizeof(word), "%s:level=%d", name,
				 level);
			open_member(&m, word);
			assert_int_equal(m.params.level, level);
			round_trips(&m);
			close_member(&m);
		}
	}
}

/* Neither what came before nor what was in dst changes the bytes. */
static void is_deterministic(struct member *m)
{
	unsigned char page[PAGE], first[PAGE];
	unsigned int len1, len2;

	for (uint64_t seed = 0; seed < 60; seed++) {
		void *fresh = m->ops->create_ctx(&m->params);
		int err;

		assert_non_null(fresh);
		fill(page, seed % NR_CONTENTS, seed);
		memset(dst, 0, PAGE);
		err = m->ops->compress(fresh, page, dst, &len1);
		memcpy(first, dst, PAGE);
		memset(dst, 0xff, PAGE);
		assert_int_equal(m->ops->compress(m->ctx, page, dst, &len2),
				 err);
		if (!err) {
			assert_int_equal(len1, len2);
			assert_memory_equal(dst, first, len1);
		}
		m->ops->destroy_ctx(fresh);
	}
}

static void test_deterministic(void **state)
{
	(void)state;
	on_each(is_deterministic);
}

static void refuses_truncated(struct member *m)
{
	static const enum content contents[] = { ZERO, TEXT, CODE };
	unsigned char page[PAGE], packed[PAGE];
	unsigned int dlen;

	for (unsigned int i = 0; i < 3; i++) {
		fill(page, contents[i], 3);
		assert_int_equal(m->ops->compress(m->ctx, page, packed, &dlen),
				 0);
		for (unsigned int slen = 0; slen < dlen; slen++)
			assert_int_equal(decompress_at_edge(m, packed, slen),
					 -EINVAL);
		/* and the context is as good as before */
		assert_int_equal(decompress_at_edge(m, packed, dlen), 0);
		assert_memory_equal(dst, page, PAGE);
	}
}

static void test_truncated(void **state)
{
	(void)state;
	on_each(refuses_truncated);
}

/* Bits and bytes changed, stretches doubled, tails cut: the guards must hold. */
static void corrupt(unsigned char *p, unsigned int *len)
{
	unsigned int at = rng() % *len;

	switch (rng() % 5) {
	case 0:
		p[at] ^= 1u << rng() % 8;
		break;
	case 1:
		p[at] = rng() >> 8;
		break;
	case 2:
		p[at] = 0xff;
		break;
	case 3:
		memmove(p + at, p, *len - at);
		break;
	case 4:
		*len = at + 1;
		break;
	}
}

static void survives_corruption(struct member *m)
{
	unsigned char page[PAGE], packed[PAGE], bad[PAGE];
	unsigned int dlen = 0, refused = 0;

	for (unsigned int i = 0; i < NR_CORRUPTIONS; i++) {
		unsigned int len;
		int err;

		if (i % 100 == 0) {
			fill(page, i / 100 % RANDOM, i);
			err = m->ops->compress(m->ctx, page, packed, &dlen);
			assert_int_equal(err, 0);
		}
		len = dlen;
		memcpy(bad, packed, len);
		for (unsigned int n = 1 + rng() % 4; n; n--)
			corrupt(bad, &len);
		err = decompress_at_edge(m, bad, len);
		assert_true(err == 0 || err == -EINVAL);
		refused += err != 0;
	}
	/* else the corruption above does not corrupt */
	assert_true(refused > NR_CORRUPTIONS / 10);
	assert_int_equal(decompress_at_edge(m, packed, dlen), 0);
	assert_memory_equal(dst, page, PAGE);
}

static void test_corruption(void **state)
{
	(void)state;
	on_each(survives_corruption);
}

/* Good data of another length than a page: one byte less, one more, a bomb. */
static void test_other_lengths(void **state)
{
	static const unsigned int lengths[] = { 1, PAGE - 1, PAGE + 1, 1 << 18 };
	static char in[1 << 18], out[1 << 18];
	struct member lz4, zstd, none;

	(void)state;
	open_member(&lz4, "lz4");
	open_member(&zstd, "zstd");
	open_member(&none, "none");
	for (unsigned int i = 0; i < 4; i++) {
		int len = LZ4_compress_default(in, out, lengths[i],
					       sizeof(out));

		assert_in_range(len, 1, PAGE);
		assert_int_equal(decompress_at_edge(&lz4, out, len), -EINVAL);
		len = ZSTD_compress(out, sizeof(out), in, lengths[i], 3);
		assert_in_range(len, 1, PAGE);
		assert_int_equal(decompress_at_edge(&zstd, out, len), -EINVAL);
	}
	assert_int_equal(none.ops->decompress(none.ctx, in, PAGE + 1, dst),
			 -EINVAL);
	assert_int_equal(lz4.ops->decompress(lz4.ctx, in, UINT32_MAX, dst),
			 -EINVAL);
	close_member(&lz4);
	close_member(&zstd);
	close_member(&none);
}

static void test_no_memory(void **state)
{
	const char *name;

	(void)state;
	for (unsigned int i = 0;
	     (name = registry_name(REGISTRY_COMPRESSOR, i)); i++) {
		struct registry_compressor found;
		unsigned long before = compat_nr_allocated();
		unsigned long nth;
		void *ctx = NULL;

		assert_int_equal(registry_compressor(name, &found, NULL, 0), 0);
		for (nth = 1; !ctx; nth++) {
			compat_fail_alloc(nth, false);
			ctx = found.ops->create_ctx(&found.params);
			assert_int_equal(!ctx, compat_fail_happened());
			if (!ctx)
				assert_int_equal(compat_nr_allocated(), before);
		}
		compat_fail_alloc(0, false);
		/* a member with memory of its own asked us for it */
		if (found.ops != &zcomp_none)
			assert_true(nth > 2);
		found.ops->destroy_ctx(ctx);
		assert_int_equal(compat_nr_allocated(), before);
	}
}

/* The kernel's frame: magic, size in a single segment, no checksum, no dictionary. */
static void test_zstd_frame(void **state)
{
	static const unsigned char header[] = { 0x28, 0xb5, 0x2f, 0xfd, 0x60,
						0x00, 0x0f };
	unsigned char page[PAGE];
	unsigned int dlen;
	struct member m;

	(void)state;
	open_member(&m, "zstd");
	for (uint64_t seed = 0; seed < 300; seed++) {
		size_t plain;

		fill(page, seed % RANDOM, seed);
		assert_int_equal(m.ops->compress(m.ctx, page, dst, &dlen), 0);
		assert_memory_equal(dst, header, sizeof(header));
		/* the set of 7.2 gives what plain level 3 gives */
		plain = ZSTD_compress(src, PAGE, page, PAGE, 3);
		assert_int_equal(dlen, plain);
		assert_memory_equal(dst, src, plain);
	}
	assert_true(m.ops->level_max <= ZSTD_maxCLevel());
	close_member(&m);
}

/* Both words are liblz4's encoder at acceleration 1. */
static void test_lz4_bytes(void **state)
{
	unsigned char page[PAGE];
	struct member m[2];
	unsigned int dlen;

	(void)state;
	open_member(&m[0], "lz4");
	open_member(&m[1], "liblz4");
	for (uint64_t seed = 0; seed < 300; seed++) {
		int plain;

		fill(page, seed % RANDOM, seed);
		plain = LZ4_compress_fast((char *)page, (char *)src, PAGE, PAGE,
					  1);
		for (unsigned int i = 0; i < 2; i++) {
			assert_int_equal(m[i].ops->compress(m[i].ctx, page, dst,
							    &dlen), 0);
			assert_int_equal(dlen, plain);
			assert_memory_equal(dst, src, plain);
		}
	}
	close_member(&m[0]);
	close_member(&m[1]);
}

static void test_versions(void **state)
{
	const struct zcomp_params params = { 0 };
	char version[64];

	(void)state;
	snprintf(version, sizeof(version), "liblz4 %s", LZ4_versionString());
	assert_string_equal(zcomp_lz4.version(&params), version);
	assert_string_equal(zcomp_liblz4.version(&params), version);
	snprintf(version, sizeof(version), "libzstd %s", ZSTD_versionString());
	assert_string_equal(zcomp_zstd.version(&params), version);
	assert_string_equal(zcomp_none.version(&params), "none");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_levels),
		cmocka_unit_test(test_deterministic),
		cmocka_unit_test(test_truncated),
		cmocka_unit_test(test_corruption),
		cmocka_unit_test(test_other_lengths),
		cmocka_unit_test(test_no_memory),
		cmocka_unit_test(test_zstd_frame),
		cmocka_unit_test(test_lz4_bytes),
		cmocka_unit_test(test_versions),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
