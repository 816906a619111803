/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Out of memory at every place, one after the other, once and for ever: as the
 * kernel's fail-nth does it. A fixed scenario runs with the first allocation
 * failing, then the second ..., until none was left to fail.
 */
#include "oracle.h"

#define SCENARIO_OPS 400u
#define SCENARIO_SEED 20261121u
#define SCENARIOS 3u	/* one meets not every place */

static unsigned long injections;

static void config_of(struct zdedup_config *config, const char *dedup)
{
	zdedup_config_init(config);
	config->dedup = dedup;
	/* two bits: collisions, so that undoing one has company in the bucket */
	config->hash = "xxh64:bits=2";
	config->compressor = "none";
	config->zpool = "zsmalloc";
	config->verify = true;
}

/* True while there was an allocation left to fail. */
static bool scenario_fails(const char *dedup, unsigned int scenario,
			   unsigned long nth, bool for_ever)
{
	unsigned long allocated = compat_nr_allocated();
	static struct oracle o;
	struct zdedup_config config;
	bool happened = false;
	unsigned int i;

	config_of(&config, dedup);
	assert_int_equal(oracle_init(&o, &config, SCENARIO_SEED, scenario),
			 0);
	o.injecting = true;
	compat_fail_alloc(nth, for_ever);
	for (i = 0; i < SCENARIO_OPS; i++) {
		oracle_step(&o);
		/* the one call that met it, and now and then what came after */
		if (!happened && compat_fail_happened()) {
			happened = true;
			oracle_check(&o);
		} else if (happened && i % 32 == 0) {
			oracle_check(&o);
		}
	}
	compat_fail_alloc(0, false);
	o.injecting = false;
	/* memory is back: it works again */
	for (i = 0; i < 8; i++)
		oracle_step(&o);
	oracle_end(&o);
	assert_int_equal(compat_nr_allocated(), allocated);
	assert_int_equal(compat_nr_warnings(), 0);
	injections += happened;
	return happened;
}

static void scenario_survives(const char *dedup, bool for_ever)
{
	unsigned long nth, before = injections;
	unsigned int i;

	for (i = 0; i < SCENARIOS; i++) {
		nth = 1;
		while (scenario_fails(dedup, i, nth, for_ever))
			nth++;
		/* one that hardly allocates would show next to nothing */
		assert_true(nth > SCENARIO_OPS / 2);
	}
	printf("# dedup %s: %lu injections, each failing %s\n", dedup,
	       injections - before, for_ever ? "for ever" : "once");
	fflush(stdout);
}

static void none_survives_one_failure(void **unused)
{
	(void)unused;
	scenario_survives("none", false);
}

static void none_survives_lasting_failure(void **unused)
{
	(void)unused;
	scenario_survives("none", true);
}

static void always_survives_one_failure(void **unused)
{
	(void)unused;
	scenario_survives("always", false);
}

static void always_survives_lasting_failure(void **unused)
{
	(void)unused;
	scenario_survives("always", true);
}

static void ksm_survives_one_failure(void **unused)
{
	(void)unused;
	scenario_survives("ksm:pages=16:every=3", false);
}

static void ksm_survives_lasting_failure(void **unused)
{
	(void)unused;
	scenario_survives("ksm:pages=16:every=3", true);
}

/* lz4 as well: its contexts are allocated at this time */
static void create_fails_at_each_allocation(void **unused)
{
	static const char *const comp[] = { "none", "lz4", "zstd" };
	struct zdedup_config config;
	unsigned long nth;
	unsigned int c, for_ever;
	static struct oracle o;
	int err;

	(void)unused;
	for (c = 0; c < 3; c++) {
		for (for_ever = 0; for_ever < 2; for_ever++) {
			for (nth = 1;; nth++) {
				config_of(&config, "always");
				config.compressor = comp[c];
				compat_fail_alloc(nth, for_ever);
				err = oracle_init(&o, &config, 1, 0);
				if (!compat_fail_happened())
					break;
				compat_fail_alloc(0, false);
				injections++;
				if (!err)
					oracle_end(&o);
				else
					assert_int_equal(err, -ENOMEM);
				assert_int_equal(compat_nr_allocated(), 0);
			}
			compat_fail_alloc(0, false);
			assert_int_equal(err, 0);
			assert_true(nth > 3);
			oracle_end(&o);
		}
	}
	assert_int_equal(compat_nr_warnings(), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(create_fails_at_each_allocation),
		cmocka_unit_test(none_survives_one_failure),
		cmocka_unit_test(none_survives_lasting_failure),
		cmocka_unit_test(always_survives_one_failure),
		cmocka_unit_test(always_survives_lasting_failure),
		cmocka_unit_test(ksm_survives_one_failure),
		cmocka_unit_test(ksm_survives_lasting_failure),
	};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);

	printf("# %lu injections in all\n", injections);
	return failed;
}
