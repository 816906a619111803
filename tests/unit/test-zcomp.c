/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test-zcomp.c - the contract of struct zcomp_ops, on every compressor of the
 * registry
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include <cmocka.h>
#include <dlfcn.h>
#include <lz4.h>
#include <lz4hc.h>
#include <lzo/lzo1x.h>
#include <stdlib.h>
#include <unistd.h>
#include <zlib.h>
#define ZSTD_STATIC_LINKING_ONLY
#include <zstd.h>

#include "compat/custom.h"
#include "registry.h"
#include "zcomp/zcomp.h"

#define PAGE 4096
#define NR_MIXED 1000
#define NR_CORRUPTIONS 20000
#define WHY_SIZE 512
/* the source size for which Linux 7.2 asks for a level's set */
#define HINT_7_2 (1u << 18)

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

/* zstd with a kernel's hint, which is no part of the word. */
static void open_hinted(struct member *m, const char *word, unsigned int hint)
{
	open_member(m, word);
	m->ops->destroy_ctx(m->ctx);
	m->params.size_hint = hint;
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

static void some_round_trips(struct member *m, unsigned int nr_mixed)
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
	for (uint64_t seed = 0; seed < nr_mixed; seed++) {
		fill(page, seed % NR_CONTENTS, seed);
		/* cut in something else, at any place */
		if (seed % 3)
			memset(page + rng() % PAGE / 2, seed, rng() % PAGE / 2);
		round_trip(m, page, &dlen);
	}
}

static void round_trips(struct member *m)
{
	some_round_trips(m, NR_MIXED);
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
			some_round_trips(&m, NR_MIXED / 10);
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

/* Bytes that no encoder made, biased to low values as codes of instructions are. */
static void survives_noise(struct member *m)
{
	unsigned char noise[PAGE];

	rng_state = 5;
	for (unsigned int i = 0; i < NR_CORRUPTIONS / 4; i++) {
		unsigned int len = 1 + rng() % (i % 4 ? 40 : PAGE);
		unsigned char mask = rng() % 3 ? 0xff : 0x1f;
		int err;

		fill_random(noise, len);
		for (unsigned int k = 0; k < len; k++)
			noise[k] &= mask;
		err = decompress_at_edge(m, noise, len);
		assert_true(err == 0 || err == -EINVAL);
	}
}

static void test_noise(void **state)
{
	(void)state;
	on_each(survives_noise);
}

/* zlib with crypto/deflate.c's parameters, whatever the lengths. */
static unsigned int plain_deflate(const void *in, unsigned int len, void *out,
				  size_t size)
{
	z_stream z = { 0 };

	assert_int_equal(deflateInit2(&z, 6, Z_DEFLATED, -11, 8,
				      Z_DEFAULT_STRATEGY), Z_OK);
	z.next_in = (z_const Bytef *)in;
	z.avail_in = len;
	z.next_out = out;
	z.avail_out = size;
	assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
	deflateEnd(&z);
	return z.total_out;
}

/* Good data of another length than a page: one byte less, one more, a bomb. */
static void test_other_lengths(void **state)
{
	static const char *const lzos[] = { "lzo", "lzo-rle", "liblzo2" };
	static const unsigned int lengths[] = { 1, PAGE - 1, PAGE + 1, 1 << 18 };
	static unsigned char in[1 << 18], out[1 << 18], plain[1 << 18];
	static unsigned char work[LZO1X_1_MEM_COMPRESS];
	struct member m;

	(void)state;
	for (unsigned int i = 0; i < 4; i++) {
		lzo_uint lzo_len;
		int len = LZ4_compress_default((char *)in, (char *)out,
					       lengths[i], sizeof(out));

		assert_in_range(len, 1, PAGE);
		open_member(&m, "lz4");
		assert_int_equal(decompress_at_edge(&m, out, len), -EINVAL);
		close_member(&m);
		len = ZSTD_compress(out, sizeof(out), in, lengths[i], 3);
		assert_in_range(len, 1, PAGE);
		open_member(&m, "zstd");
		assert_int_equal(decompress_at_edge(&m, out, len), -EINVAL);
		close_member(&m);
		assert_int_equal(lzo1x_1_compress(in, lengths[i], out, &lzo_len,
						  work), LZO_E_OK);
		assert_in_range(lzo_len, 1, PAGE);
		len = plain_deflate(in, lengths[i], plain, sizeof(plain));
		assert_in_range(len, 1, PAGE);
		open_member(&m, "deflate");
		assert_int_equal(decompress_at_edge(&m, plain, len), -EINVAL);
		close_member(&m);
		for (unsigned int k = 0; k < 3; k++) {
			open_member(&m, lzos[k]);
			assert_int_equal(decompress_at_edge(&m, out, lzo_len),
					 -EINVAL);
			close_member(&m);
		}
	}
	open_member(&m, "none");
	assert_int_equal(m.ops->decompress(m.ctx, in, PAGE + 1, dst), -EINVAL);
	close_member(&m);
	open_member(&m, "lz4");
	assert_int_equal(m.ops->decompress(m.ctx, in, UINT32_MAX, dst), -EINVAL);
	close_member(&m);
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
	open_hinted(&m, "zstd", HINT_7_2);
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

/* Sets @cctx to the set, and to nothing else. */
static void set_set(ZSTD_CCtx *cctx, ZSTD_compressionParameters cp)
{
	const struct {
		ZSTD_cParameter param;
		int value;
	} set[] = {
		{ ZSTD_c_windowLog, cp.windowLog },
		{ ZSTD_c_chainLog, cp.chainLog },
		{ ZSTD_c_hashLog, cp.hashLog },
		{ ZSTD_c_searchLog, cp.searchLog },
		{ ZSTD_c_minMatch, cp.minMatch },
		{ ZSTD_c_targetLength, cp.targetLength },
		{ ZSTD_c_strategy, cp.strategy },
	};

	for (unsigned int i = 0; i < 7; i++)
		assert_false(ZSTD_isError(
			ZSTD_CCtx_setParameter(cctx, set[i].param,
					       set[i].value)));
}

/* The member makes the bytes that libzstd makes of the set. */
static void makes_set(struct member *m, ZSTD_compressionParameters cp)
{
	ZSTD_CCtx *cctx = ZSTD_createCCtx();
	unsigned char page[PAGE];

	assert_non_null(cctx);
	set_set(cctx, cp);
	for (uint64_t seed = 0; seed < 120; seed++) {
		unsigned int dlen = 0;
		size_t len;

		fill(page, seed % RANDOM, seed);
		assert_int_equal(m->ops->compress(m->ctx, page, dst, &dlen), 0);
		len = ZSTD_compress2(cctx, src, PAGE, page, PAGE);
		assert_int_equal(dlen, len);
		assert_memory_equal(dst, src, len);
	}
	ZSTD_freeCCtx(cctx);
}

/*
 * Level 3 of each kernel is the set that was seen in it, and any level is what
 * the kernel's way makes of its table: the long form, set one by one.
 */
static void test_zstd_sets(void **state)
{
	static const struct {
		unsigned int hint;
		ZSTD_compressionParameters set;
	} seen[] = {
		{ 0, { 12, 12, 13, 1, 5, 0, ZSTD_dfast } },
		{ HINT_7_2, { 12, 12, 13, 1, 4, 0, ZSTD_dfast } },
	};
	struct member m;

	(void)state;
	for (unsigned int i = 0; i < 2; i++) {
		open_hinted(&m, "zstd", seen[i].hint);
		makes_set(&m, seen[i].set);
		close_member(&m);
		for (int level = 1; level <= m.ops->level_max; level++) {
			char word[64];

			snprintf(word, sizeof(word), "zstd:level=%d", level);
			open_hinted(&m, word, seen[i].hint);
			makes_set(&m, ZSTD_getCParams(level, seen[i].hint, 0));
			close_member(&m);
		}
	}
}

/* The hint, and the level, reach the encoder: some page shows it. */
static void differ(const char *word1, unsigned int hint1, const char *word2,
		   unsigned int hint2)
{
	unsigned int len1, len2, differing = 0;
	unsigned char page[PAGE];
	struct member m1, m2;

	open_hinted(&m1, word1, hint1);
	open_hinted(&m2, word2, hint2);
	for (uint64_t seed = 0; seed < 120; seed++) {
		fill(page, seed % RANDOM, seed);
		assert_int_equal(m1.ops->compress(m1.ctx, page, dst, &len1), 0);
		assert_int_equal(m2.ops->compress(m2.ctx, page, dst, &len2), 0);
		differing += len1 != len2;
	}
	assert_true(differing);
	close_member(&m1);
	close_member(&m2);
}

static void test_parameters_take_effect(void **state)
{
	(void)state;
	differ("zstd", 0, "zstd", HINT_7_2);
	differ("zstd", HINT_7_2, "zstd:level=1", HINT_7_2);
	differ("lz4hc", 0, "lz4hc:level=3", 0);
	differ("lz4hc", 0, "lz4hc:level=12", 0);
}

/*------------------------------------------------- libraries given by path */

static void fake_path(char *path, size_t size, const char *name)
{
	const char *fakes = getenv("ZDEDUP_FAKES");

	snprintf(path, size, "%s/fake-zstd-%s.so", fakes, name);
}

/* "zstd:lib=@path" is refused, for a reason that has @part in it. */
static void lib_refused(const char *path, const char *part)
{
	struct registry_compressor found;
	char word[REGISTRY_WORD_MAX], why[WHY_SIZE] = "";

	snprintf(word, sizeof(word), "zstd:lib=%s", path);
	assert_int_equal(registry_compressor(word, &found, why, sizeof(why)),
			 -EINVAL);
	if (!strstr(why, path) || !strstr(why, part) || strchr(why, '\n'))
		fail_msg("no '%s' in: %s", part, why);
}

static void test_lib_errors(void **state)
{
	char path[REGISTRY_WORD_MAX];
	Dl_info info;

	(void)state;
	if (!getenv("ZDEDUP_FAKES")) {
		print_message("# ZDEDUP_FAKES, the folder of the fake "
			      "libraries, is not set (meson test does)\n");
		skip();
	}
	lib_refused("/nowhere/libzstd.so", "No such file");
	lib_refused("/", "directory");
	lib_refused("/proc/self/cmdline", "file too short");
	lib_refused("/proc/self/exe", "cannot dynamically load");
	assert_true(dladdr(dlsym(RTLD_DEFAULT, "LZ4_versionString"), &info));
	lib_refused(info.dli_fname, "not a libzstd");
	fake_path(path, sizeof(path), "old");
	lib_refused(path, "libzstd 1.3.99 is too old");
	fake_path(path, sizeof(path), "new");
	lib_refused(path, "libzstd 2.0.0 is too new");
	fake_path(path, sizeof(path), "hollow");
	lib_refused(path, "has no ZSTD_compress2");
}

/* All the work is the given library's, and the linked one's goes on as before. */
static void test_lib_does_the_work(void **state)
{
	char path[REGISTRY_WORD_MAX - 16], word[REGISTRY_WORD_MAX];
	unsigned char page[PAGE];
	struct member fake, linked;
	unsigned int version, dlen;

	(void)state;
	if (!getenv("ZDEDUP_FAKES")) {
		print_message("# ZDEDUP_FAKES, the folder of the fake "
			      "libraries, is not set (meson test does)\n");
		skip();
	}
	fake_path(path, sizeof(path), "good");
	snprintf(word, sizeof(word), "zstd:lib=%s", path);
	open_member(&fake, word);
	open_member(&linked, "zstd");
	assert_string_equal(fake.params.lib, path);
	assert_string_equal(fake.ops->version(&fake.params),
			    "libzstd of the test");
	assert_ptr_equal(fake.ops->version(&fake.params),
			 fake.ops->version(&fake.params));
	fill(page, TEXT, 1);
	assert_int_equal(fake.ops->compress(fake.ctx, page, dst, &dlen), 0);
	assert_int_equal(dlen, sizeof(version));
	memcpy(&version, dst, sizeof(version));
	assert_int_equal(version, 10499);
	memset(page, dst[0], PAGE);
	assert_int_equal(decompress_at_edge(&fake, &version, dlen), 0);
	assert_memory_equal(dst, page, PAGE);
	round_trips(&linked);
	close_member(&fake);
	close_member(&linked);
}

/* Any thread may prepare and ask at any time; the file is opened once. */
static void *prepare_thread(void *arg)
{
	struct zcomp_params params = { 0 };
	char why[WHY_SIZE];

	snprintf(params.lib, sizeof(params.lib), "%s", (const char *)arg);
	for (unsigned int i = 0; i < 1000; i++) {
		if (zcomp_zstd.prepare(&params, why, sizeof(why)))
			return NULL;
	}
	return (void *)zcomp_zstd.version(&params);
}

static void test_lib_opened_once(void **state)
{
	char linked[] = "/proc/self/fd/4294967295";
	pthread_t thread[4];
	void *version[4];
	Dl_info info;
	int fd;

	(void)state;
	assert_true(dladdr(dlsym(RTLD_DEFAULT, "ZSTD_versionString"), &info));
	fd = open(info.dli_fname, O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	snprintf(linked, sizeof(linked), "/proc/self/fd/%d", fd);
	for (unsigned int i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&thread[i], NULL,
						prepare_thread, linked), 0);
	for (unsigned int i = 0; i < 4; i++)
		pthread_join(thread[i], &version[i]);
	close(fd);
	assert_non_null(version[0]);
	for (unsigned int i = 1; i < 4; i++)
		assert_ptr_equal(version[i], version[0]);
	/* by its path it is in the table now, though the path leads nowhere */
	assert_non_null(prepare_thread(linked));
	assert_string_equal(version[0],
			    zcomp_zstd.version(&(struct zcomp_params){ 0 }));
}

/*--------------------------------------------------------------- deflate */

/*
 * The kernel's bytes, and its limit: what needs 4096 bytes is refused. Random
 * bytes behind ever more zeros come to every length around it.
 */
static void test_deflate_limit(void **state)
{
	unsigned int dlen, fits = 0, exact = 0, beyond = 0;
	unsigned char page[PAGE], plain[2 * PAGE];
	struct member m;

	(void)state;
	open_member(&m, "deflate");
	for (uint64_t seed = 0; seed < 600; seed++) {
		unsigned int len;
		int err;

		rng_state = seed;
		fill_random(page, PAGE);
		memset(page, 0, 40 + seed % 40);
		len = plain_deflate(page, PAGE, plain, sizeof(plain));
		err = m.ops->compress(m.ctx, page, dst, &dlen);
		assert_int_equal(err, len < PAGE ? 0 : -EINVAL);
		if (!err) {
			assert_int_equal(dlen, len);
			assert_memory_equal(dst, plain, len);
		}
		fits += len == PAGE - 1;
		exact += len == PAGE;
		beyond += len == PAGE + 1;
	}
	assert_true(fits && exact && beyond);
	for (uint64_t seed = 0; seed < 300; seed++) {
		fill(page, seed % RANDOM, seed);
		assert_int_equal(m.ops->compress(m.ctx, page, dst, &dlen), 0);
		assert_int_equal(dlen, plain_deflate(page, PAGE, plain,
						     sizeof(plain)));
		assert_memory_equal(dst, plain, dlen);
	}
	close_member(&m);
}

static void test_lz4hc_bytes(void **state)
{
	unsigned char page[PAGE];
	unsigned int dlen;
	struct member m;

	(void)state;
	open_member(&m, "lz4hc");
	for (uint64_t seed = 0; seed < 120; seed++) {
		int plain;

		fill(page, seed % RANDOM, seed);
		plain = LZ4_compress_HC((char *)page, (char *)src, PAGE, PAGE,
					9);
		assert_int_equal(m.ops->compress(m.ctx, page, dst, &dlen), 0);
		assert_int_equal(dlen, plain);
		assert_memory_equal(dst, src, plain);
	}
	close_member(&m);
}

/*------------------------------------------- the kernel's lz4, lzo, lzo-rle */

/* liblz4 is what it says; lz4 is never shorter, and longer by a match at the end. */
static void test_lz4_bytes(void **state)
{
	unsigned char page[PAGE], plain[PAGE];
	struct member kernel, lib;
	unsigned int dlen, longer = 0;

	(void)state;
	open_member(&kernel, "lz4");
	open_member(&lib, "liblz4");
	for (uint64_t seed = 0; seed < 300; seed++) {
		int len;

		fill(page, seed % RANDOM, seed);
		len = LZ4_compress_fast((char *)page, (char *)plain, PAGE, PAGE,
					1);
		assert_int_equal(lib.ops->compress(lib.ctx, page, dst, &dlen),
				 0);
		assert_int_equal(dlen, len);
		assert_memory_equal(dst, plain, len);
		assert_int_equal(kernel.ops->compress(kernel.ctx, page, dst,
						      &dlen), 0);
		assert_in_range(dlen, len, len + 5);
		longer += dlen != (unsigned int)len;
	}
	assert_in_range(longer, 1, 30);
	close_member(&kernel);
	close_member(&lib);
}

/*
 * What no library makes: the bytes of pages made here, as the encoders gave them
 * when they had passed all of test-golden.
 */
static const struct known {
	const char *name;
	enum content content;
	unsigned int bytes;	/* of 40 pages */
	uint64_t digest;
} known[] = {
	{ "lz4", ZERO, 1040, 0x64ede6334041e235u },
	{ "lz4", TEXT, 82265, 0x45dd2f4439f94c7fu },
	{ "lz4", HALF_RANDOM, 72614, 0x0877e45b69b5e6c4u },
	{ "lz4", CODE, 129685, 0x88bfb28bdac6884eu },
	{ "lzo", ZERO, 1760, 0xb7368f5661ca1165u },
	{ "lzo", TEXT, 61610, 0xe116698bbed6a29eu },
	{ "lzo", HALF_RANDOM, 74221, 0xaab7c01e8e78dc3cu },
	{ "lzo", CODE, 129037, 0x21a99e1bd227a466u },
	{ "lzo-rle", ZERO, 1640, 0x7c5f36631d1ba14du },
	{ "lzo-rle", TEXT, 61134, 0xa85f170917cca854u },
	{ "lzo-rle", HALF_RANDOM, 73784, 0xff371d8f5529c281u },
	{ "lzo-rle", CODE, 128574, 0xeecfbb20b1cbd288u },
};

static void test_known_bytes(void **state)
{
	unsigned char page[PAGE];

	(void)state;
	for (unsigned int i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		const struct known *k = &known[i];
		/* FNV-1a, 64 bits */
		uint64_t digest = 0xcbf29ce484222325u;
		unsigned int bytes = 0, dlen;
		struct member m;

		open_member(&m, k->name);
		for (uint64_t seed = 0; seed < 40; seed++) {
			fill(page, k->content, seed);
			/* zero bytes in runs of all lengths */
			for (unsigned int at = seed; at < PAGE - 60; at += 200)
				memset(page + at, 0, at % 60);
			assert_int_equal(m.ops->compress(m.ctx, page, dst,
							 &dlen), 0);
			for (unsigned int n = 0; n < dlen; n++)
				digest = (digest ^ dst[n]) * 0x100000001b3u;
			bytes += dlen;
		}
		close_member(&m);
		if (bytes != k->bytes || digest != k->digest)
			fail_msg("%s, content %u: %u bytes, digest 0x%016llx",
				 k->name, k->content, bytes,
				 (unsigned long long)digest);
	}
}

/*
 * A page whose only match but zeros stands @from_end bytes before its end and has
 * @len bytes: zero bytes, 48 random ones, and in them a repetition of those from
 * the tenth on. So close behind a match, each position is tried.
 */
static void fill_late_match(unsigned char *p, unsigned int from_end,
			    unsigned int len)
{
	unsigned int start = PAGE - 48;

	rng_state = 11;
	memset(p, 0, PAGE);
	fill_random(p + start, 48);
	memcpy(p + PAGE - from_end, p + start + 10, len);
	/* and no byte more at either side */
	p[PAGE - from_end - 1] = ~p[start + 9];
	p[PAGE - from_end + len] = ~p[start + 10 + len];
}

/* Where the search ends, and with it the last match that is found. */
static void test_search_end(void **state)
{
	static const struct {
		const char *name;
		unsigned int from_end;
		unsigned int len;
		unsigned int size;
	} row[] = {
		{ "liblz4", 13, 8, 65 },
		{ "liblz4", 12, 7, 66 },
		{ "lz4", 13, 8, 65 },
		{ "lz4", 12, 7, 70 },
		{ "lzo", 21, 8, 73 },
		{ "lzo", 20, 8, 78 },
		{ "lzo-rle", 21, 8, 64 },
		{ "lzo-rle", 20, 8, 69 },
	};
	unsigned char page[PAGE];
	struct member m;
	unsigned int dlen;

	(void)state;
	for (unsigned int i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		fill_late_match(page, row[i].from_end, row[i].len);
		open_member(&m, row[i].name);
		assert_int_equal(round_trip(&m, page, &dlen), 0);
		if (dlen != row[i].size)
			fail_msg("%s: a match of %u bytes at -%u: %u bytes",
				 row[i].name, row[i].len, row[i].from_end, dlen);
		close_member(&m);
	}
}

/* 32 random bytes, @len more that repeat them, and random ones. */
static void fill_early_match(unsigned char *p, unsigned int len)
{
	rng_state = 7;
	fill_random(p, PAGE);
	for (unsigned int i = 32; i < 32 + len; i++)
		p[i] = p[i - 32];
	p[32 + len] = ~p[len];
}

/* The sizes of such a page, counted by the formats' rules; @len is at most 33. */
static unsigned int early_match_lz4(unsigned int len)
{
	unsigned int last = PAGE - 32 - len;

	return 1 + 1 + 32 + 2 + (len >= 19) + 1 + (last - 15) / 255 + 1 + last;
}

static unsigned int early_match_lzo(unsigned int len)
{
	unsigned int last = PAGE - 32 - len;

	return 2 + 32 + (len <= 8 ? 2 : 3) + 2 + (last - 19) / 255 + last + 3;
}

/* Exactly 4096 bytes are a success, one more is none; dst's guards stand by. */
static void test_full_page(void **state)
{
	static const struct {
		const char *name;
		unsigned int (*size)(unsigned int len);
		unsigned int header;
	} row[] = {
		{ "lz4", early_match_lz4, 0 },
		{ "lzo", early_match_lzo, 0 },
		{ "lzo-rle", early_match_lzo, 2 },
	};
	unsigned char page[PAGE];
	unsigned int dlen;

	(void)state;
	for (unsigned int i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		unsigned int refused = 0, full = 0, less = 0;
		struct member m;

		open_member(&m, row[i].name);
		for (unsigned int len = 9; len <= 33; len++) {
			unsigned int size = row[i].size(len) + row[i].header;
			int err;

			fill_early_match(page, len);
			err = round_trip(&m, page, &dlen);
			assert_int_equal(err, size > PAGE ? -EINVAL : 0);
			if (!err)
				assert_int_equal(dlen, size);
			refused += size > PAGE;
			full += size == PAGE;
			less += size < PAGE;
		}
		assert_true(refused && full && less);
		close_member(&m);
	}
}

/*
 * Matches as short and as far away as they can be: in the second half each one
 * with its 19 literals takes a byte more in lzo than it stands for, so that the
 * room may give out at any instruction of the last groups.
 */
static void fill_expanding(unsigned char *p, unsigned int seed)
{
	unsigned int at = 18, half = 2200 + seed % 128;

	rng_state = seed;
	fill_random(p, PAGE);
	/* 18 literals take a byte less, which makes up for what follows */
	for (; at < half; at += 4 + (rng() % 8 < seed % 9 ? 18 : 19))
		memcpy(p + at, p + at - 12, 4);
	for (; at < PAGE - 24; at += 4 + (at < 3900 ? 19 : 1 + rng() % 20))
		memcpy(p + at, p + rng() % (at - 2060), 4);
}

static void test_room(void **state)
{
	static const char *const names[] = { "lz4", "lzo", "lzo-rle" };
	unsigned char page[PAGE];
	unsigned int dlen;

	(void)state;
	for (unsigned int i = 0; i < 3; i++) {
		unsigned int refused = 0, kept = 0;
		struct member m;

		open_member(&m, names[i]);
		for (unsigned int seed = 0; seed < 4000; seed++) {
			fill_expanding(page, seed);
			if (round_trip(&m, page, &dlen))
				refused++;
			else
				kept++;
		}
		assert_true(refused > 100 && kept > 100);
		close_member(&m);
	}
}

static bool lzo2_decodes(const unsigned char *data, unsigned int slen,
			 unsigned char *page)
{
	lzo_uint len = PAGE;

	return lzo1x_decompress_safe(data, slen, page, &len, NULL) ==
	       LZO_E_OK && len == PAGE;
}

/* Our streams are the format that others read, and theirs we read. */
static void test_other_decoders(void **state)
{
	static unsigned char work[LZO1X_999_MEM_COMPRESS];
	unsigned char page[PAGE], plain[PAGE], packed[2 * PAGE];
	struct member lz4, lzo, rle;
	unsigned int dlen, nr_lzo = 0;

	(void)state;
	open_member(&lz4, "lz4");
	open_member(&lzo, "lzo");
	open_member(&rle, "lzo-rle");
	for (uint64_t seed = 0; seed < 300; seed++) {
		lzo_uint len;

		fill(page, seed % RANDOM, seed);
		assert_int_equal(lz4.ops->compress(lz4.ctx, page, packed,
						   &dlen), 0);
		assert_int_equal(LZ4_decompress_safe((char *)packed,
						     (char *)plain, dlen,
						     PAGE), PAGE);
		assert_memory_equal(plain, page, PAGE);
		/* some of the pages of code are too much for lzo */
		if (!lzo.ops->compress(lzo.ctx, page, packed, &dlen)) {
			assert_true(lzo2_decodes(packed, dlen, plain));
			assert_memory_equal(plain, page, PAGE);
			/* the second format's decoder reads the first */
			assert_int_equal(decompress_at_edge(&rle, packed, dlen),
					 0);
			assert_memory_equal(dst, page, PAGE);
			nr_lzo++;
		}
		/* an encoder that knows every instruction */
		assert_int_equal(lzo1x_999_compress(page, PAGE, packed, &len,
						    work), LZO_E_OK);
		assert_int_equal(decompress_at_edge(&lzo, packed, len), 0);
		assert_memory_equal(dst, page, PAGE);
	}
	assert_in_range(nr_lzo, 280, 300);
	close_member(&lz4);
	close_member(&lzo);
	close_member(&rle);
}

/* On damaged streams, ours says what liblzo2 says, but for headers and odd ends. */
static void test_lzo_agrees(void **state)
{
	static unsigned char work[LZO1X_999_MEM_COMPRESS];
	unsigned char page[PAGE], plain[PAGE], packed[2 * PAGE], bad[2 * PAGE];
	unsigned int good = 0, refused = 0;
	struct member lzo;
	lzo_uint dlen = 0;

	(void)state;
	open_member(&lzo, "lzo");
	for (unsigned int i = 0; i < NR_CORRUPTIONS; i++) {
		unsigned int len;
		bool theirs;
		int ours;

		if (i % 50 == 0) {
			fill(page, i / 50 % RANDOM, i);
			assert_int_equal(lzo1x_999_compress(page, PAGE, packed,
							    &dlen, work),
					 LZO_E_OK);
			assert_in_range(dlen, 1, PAGE);
		}
		len = dlen;
		memcpy(bad, packed, len);
		corrupt(bad, &len);
		if (bad[0] == 17)
			continue;
		theirs = lzo2_decodes(bad, len, plain);
		ours = decompress_at_edge(&lzo, bad, len);
		if (!theirs) {
			assert_int_equal(ours, -EINVAL);
			refused++;
		} else if (ours) {
			/* an end of another length is none for the kernel */
			assert_true(len >= 3 && bad[len - 3] != 17);
		} else {
			assert_memory_equal(dst, plain, PAGE);
			good++;
		}
	}
	assert_true(good > NR_CORRUPTIONS / 10);
	assert_true(refused > NR_CORRUPTIONS / 10);
	close_member(&lzo);
}

/* The header, and the instruction for a run of zero bytes, laid out by hand. */
static void test_lzo_rle_format(void **state)
{
	/* 5 zero bytes, a run of 2051, one of 2020, 20 zero bytes, the end */
	static const unsigned char zero[] = {
		0x11, 0x01, 0x02, 0x00, 0x00, 0x00, 0x00, 0x00, 0x1f, 0xfc,
		0xff, 0xff, 0x18, 0xfc, 0xff, 0xfc, 0x00, 0x02, 0x00, 0x00,
		0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
		0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x11, 0x00,
		0x00
	};
	unsigned char page[PAGE], packed[PAGE], bad[sizeof(zero)];
	struct member m;
	unsigned int dlen;

	(void)state;
	open_member(&m, "lzo-rle");
	memset(page, 0, PAGE);
	assert_int_equal(m.ops->compress(m.ctx, page, dst, &dlen), 0);
	assert_int_equal(dlen, sizeof(zero));
	assert_memory_equal(dst, zero, sizeof(zero));
	assert_int_equal(decompress_at_edge(&m, zero, sizeof(zero)), 0);
	assert_memory_equal(dst, page, PAGE);
	/* in the first format, and in one that nobody knows, it is nothing */
	for (unsigned int version = 0; version < 256; version++) {
		memcpy(bad, zero, sizeof(zero));
		bad[1] = version;
		assert_int_equal(decompress_at_edge(&m, bad, sizeof(bad)),
				 version == 1 ? 0 : -EINVAL);
	}
	/* no zero runs: nothing but the version is against it */
	fill(page, TEXT, 1);
	assert_int_equal(m.ops->compress(m.ctx, page, packed, &dlen), 0);
	for (unsigned int version = 0; version < 256; version++) {
		packed[1] = version;
		assert_int_equal(decompress_at_edge(&m, packed, dlen),
				 version <= 1 ? 0 : -EINVAL);
	}
	close_member(&m);
}

static void test_versions(void **state)
{
	const struct zcomp_params params = { 0 };
	char version[64];

	(void)state;
	assert_string_equal(zcomp_lz4.version(&params), "zdedup lz4 1");
	assert_string_equal(zcomp_lzo.version(&params), "zdedup lzo 1");
	assert_string_equal(zcomp_lzo_rle.version(&params),
			    "zdedup lzo-rle 1");
	snprintf(version, sizeof(version), "liblzo2 %s", lzo_version_string());
	assert_string_equal(zcomp_liblzo2.version(&params), version);
	snprintf(version, sizeof(version), "liblz4 %s", LZ4_versionString());
	assert_string_equal(zcomp_liblz4.version(&params), version);
	assert_string_equal(zcomp_lz4hc.version(&params), version);
	snprintf(version, sizeof(version), "libzstd %s", ZSTD_versionString());
	assert_string_equal(zcomp_zstd.version(&params), version);
	assert_string_equal(zcomp_none.version(&params), "none");
	snprintf(version, sizeof(version), "zlib %s", zlibVersion());
	assert_string_equal(zcomp_deflate.version(&params), version);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_deterministic),
		cmocka_unit_test(test_truncated),
		cmocka_unit_test(test_other_lengths),
		cmocka_unit_test(test_no_memory),
		cmocka_unit_test(test_zstd_frame),
		cmocka_unit_test(test_zstd_sets),
		cmocka_unit_test(test_parameters_take_effect),
		cmocka_unit_test(test_lib_errors),
		cmocka_unit_test(test_lib_does_the_work),
		cmocka_unit_test(test_lib_opened_once),
		cmocka_unit_test(test_deflate_limit),
		cmocka_unit_test(test_lz4hc_bytes),
		cmocka_unit_test(test_lz4_bytes),
		cmocka_unit_test(test_known_bytes),
		cmocka_unit_test(test_search_end),
		cmocka_unit_test(test_full_page),
		cmocka_unit_test(test_room),
		cmocka_unit_test(test_other_decoders),
		cmocka_unit_test(test_lzo_agrees),
		cmocka_unit_test(test_lzo_rle_format),
		cmocka_unit_test(test_versions),
		/* these take longest */
		cmocka_unit_test(test_levels),
		cmocka_unit_test(test_corruption),
		cmocka_unit_test(test_noise),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
