/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Random calls against an oracle (oracle.h): policies, hashes cut until they
 * collide, allocators, and compressors that change under the load.
 *
 * ZDEDUP_TEST_SEED and ZDEDUP_TEST_OPS (operations in all) repeat or extend a run.
 */
#include "oracle.h"

#define DEFAULT_OPS 3200000u
#define RUNS 72u	/* 5 policies, 5 hashes, 2 allocators; 10 with lz4; 12 of older kernels */

static uint64_t seed;
static uint64_t ops;

static void oracle_run_kernel(const char *kernel, const char *dedup,
			      const char *hash, const char *compressor,
			      const char *zpool, unsigned int run)
{
	static struct oracle o;
	struct zdedup_config config;
	/* lz4 costs several times as much */
	uint64_t n = ops / RUNS / (strcmp(compressor, "none") ? 4 : 1);
	uint64_t i;

	zdedup_config_init(&config);
	config.kernel = kernel;
	config.dedup = dedup;
	config.hash = hash;
	config.compressor = compressor;
	config.zpool = zpool;
	config.verify = run % 2;
	assert_int_equal(oracle_init(&o, &config, seed, run), 0);
	for (i = 0; i < n; i++) {
		oracle_step(&o);
		if (i % 64 == 0)
			oracle_check(&o);
	}
	oracle_end(&o);
	assert_int_equal(compat_nr_allocated(), 0);
	assert_int_equal(compat_nr_warnings(), 0);
}

static void oracle_run(const char *dedup, const char *hash,
		       const char *compressor, const char *zpool,
		       unsigned int run)
{
	oracle_run_kernel("7.2", dedup, hash, compressor, zpool, run);
}

static void every_hash_and_zpool(const char *dedup, unsigned int run)
{
	static const char *const hash[] = {
		"xxh64", "xxh64:bits=0", "xxh64:bits=1", "xxh64:bits=4",
		"xxh64:bits=8",
	};
	static const char *const zpool[] = { "zsmalloc", "ideal" };
	unsigned int h, z;

	for (h = 0; h < 5; h++)
		for (z = 0; z < 2; z++)
			oracle_run(dedup, hash[h], "none", zpool[z], run++);
	/* twice with real lengths */
	oracle_run(dedup, "xxh64", "lz4", "zsmalloc", run++);
	oracle_run(dedup, "xxh64:bits=4", "lz4", "ideal", run++);
}

static void none_equals_the_oracle(void **unused)
{
	(void)unused;
	every_hash_and_zpool("none", 0);
}

static void always_equals_the_oracle(void **unused)
{
	(void)unused;
	every_hash_and_zpool("always", 12);
}

static void memcg_equals_the_oracle(void **unused)
{
	(void)unused;
	every_hash_and_zpool("memcg", 24);
}

static void ksm_equals_the_oracle(void **unused)
{
	(void)unused;
	every_hash_and_zpool("ksm:pages=16:every=3", 48);
}

static void fold_equals_the_oracle(void **unused)
{
	(void)unused;
	every_hash_and_zpool("fold:every=20", 60);
}

/* "none" does not compress, so older kernels would refuse every page of it. */
static void older_kernels_equal_the_oracle(void **unused)
{
	static const char *const kernel[] = { "6.12", "6.1" };
	static const char *const dedup[] = { "none", "always",
					     "ksm:pages=16:every=3" };
	unsigned int k, d, run = 36;

	(void)unused;
	for (k = 0; k < 2; k++) {
		for (d = 0; d < 3; d++) {
			oracle_run_kernel(kernel[k], dedup[d], "xxh64", "lz4",
					  "zsmalloc", run++);
			oracle_run_kernel(kernel[k], dedup[d], "xxh64:bits=4",
					  "lz4", "ideal", run++);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(none_equals_the_oracle),
		cmocka_unit_test(always_equals_the_oracle),
		cmocka_unit_test(memcg_equals_the_oracle),
		cmocka_unit_test(ksm_equals_the_oracle),
		cmocka_unit_test(fold_equals_the_oracle),
		cmocka_unit_test(older_kernels_equal_the_oracle),
	};

	seed = env_number("ZDEDUP_TEST_SEED", 20261121);
	ops = env_number("ZDEDUP_TEST_OPS", DEFAULT_OPS);
	printf("# ZDEDUP_TEST_SEED=%llu ZDEDUP_TEST_OPS=%llu\n",
	       (unsigned long long)seed, (unsigned long long)ops);
	fflush(stdout);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
