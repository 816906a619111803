/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test-registry.c - words, their options and the messages about wrong ones
 */
#include <errno.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "registry.h"

#define WHY_SIZE 512

/* Parses @word as any kind that has words; the result is of no interest. */
static int parse(enum registry_kind kind, const char *word, char *why,
		 size_t size)
{
	struct registry_compressor compressor;
	struct registry_policy policy;
	struct registry_hash hash;
	const struct zpool_ops *zpool;

	switch (kind) {
	case REGISTRY_COMPRESSOR:
		return registry_compressor(word, &compressor, why, size);
	case REGISTRY_ZPOOL:
		return registry_zpool(word, &zpool, why, size);
	case REGISTRY_HASH:
		return registry_hash(word, &hash, why, size);
	case REGISTRY_POLICY:
		return registry_policy(word, &policy, why, size);
	default:
		fail_msg("kind %d has no words", kind);
		return 0;
	}
}

/* @word is refused, with exactly this message. */
static void refused(enum registry_kind kind, const char *word,
		    const char *message)
{
	char why[WHY_SIZE] = "untouched";

	assert_int_equal(parse(kind, word, why, sizeof(why)), -EINVAL);
	assert_string_equal(why, message);
}

static void test_validate(void **state)
{
	char why[WHY_SIZE] = "";

	(void)state;
	if (registry_validate(why, sizeof(why)))
		fail_msg("%s", why);
}

static void test_every_name_parses(void **state)
{
	(void)state;
	for (unsigned int kind = 0; kind < REGISTRY_NR_KINDS; kind++) {
		unsigned int i;
		const char *name;

		assert_non_null(registry_kind_name(kind));
		for (i = 0; (name = registry_name(kind, i)); i++) {
			assert_true(*registry_summary(kind, i));
			assert_string_equal(registry_nearest(kind, name), name);
			if (kind != REGISTRY_KERNEL)
				assert_int_equal(parse(kind, name, NULL, 0), 0);
		}
		assert_true(i > 0);
		assert_null(registry_name(kind, UINT_MAX));
		assert_string_equal(registry_summary(kind, i), "");
	}
	assert_null(registry_name(REGISTRY_NR_KINDS, 0));
	assert_string_equal(registry_name(REGISTRY_KERNEL, 0), "7.2");
	assert_string_equal(registry_name(REGISTRY_COMPRESSOR, 0), "lz4");
	assert_string_equal(registry_name(REGISTRY_HASH, 0), "xxh64");
}

static void test_compressor(void **state)
{
	struct registry_compressor out;

	(void)state;
	assert_int_equal(registry_compressor("lz4", &out, NULL, 0), 0);
	assert_string_equal(out.ops->name, "lz4");
	assert_int_equal(out.params.level, 0);
	assert_int_equal(registry_compressor("zstd", &out, NULL, 0), 0);
	assert_int_equal(out.params.level, 3);
	assert_int_equal(registry_compressor("zstd:level=1", &out, NULL, 0), 0);
	assert_string_equal(out.ops->name, "zstd");
	assert_int_equal(out.params.level, 1);
	assert_int_equal(registry_compressor("zstd:level=22", &out, NULL, 0),
			 0);
	assert_int_equal(out.params.level, 22);
	assert_int_equal(registry_compressor("lz4hc", &out, NULL, 0), 0);
	assert_int_equal(out.params.level, 9);
	/* the rest of the parameters is not the word's */
	assert_int_equal(out.params.size_hint, 0);
	assert_string_equal(out.params.lib, "");
}

/* A path that names no file says that the whole of it reached the loader. */
static void test_lib(void **state)
{
	char word[REGISTRY_WORD_MAX], message[WHY_SIZE];
	struct registry_compressor out;
	char path[ZCOMP_LIB_MAX];

	(void)state;
	memset(&out, 0x5a, sizeof(out));
	assert_int_equal(registry_compressor("zstd:lib=/no/such=file", &out,
					     NULL, 0), -EINVAL);
	assert_int_equal(out.params.level, 0x5a5a5a5a);
	refused(REGISTRY_COMPRESSOR, "zstd:lib=/no/such=file",
		"compressor 'zstd': /no/such=file: cannot open shared object "
		"file: No such file or directory");
	refused(REGISTRY_COMPRESSOR, "zstd:level=2:lib=no-such-file",
		"compressor 'zstd': ./no-such-file: cannot open shared object "
		"file: No such file or directory");
	refused(REGISTRY_COMPRESSOR, "zstd:lib=/a:level=23",
		"compressor 'zstd:lib=/a:level=23': level must be a number "
		"from 1 to 22");

	/* the longest that is a path, and one byte more */
	memset(path, 'a', sizeof(path) - 1);
	path[0] = '/';
	path[sizeof(path) - 1] = '\0';
	snprintf(word, sizeof(word), "zstd:lib=%s", path);
	snprintf(message, sizeof(message), "compressor 'zstd': %s: cannot open "
		 "shared object file: No such file or directory", path);
	refused(REGISTRY_COMPRESSOR, word, message);
	snprintf(word, sizeof(word), "zstd:lib=%sa", path);
	snprintf(message, sizeof(message), "compressor '%s': lib must be a "
		 "path of at most 191 bytes", word);
	refused(REGISTRY_COMPRESSOR, word, message);
}

static void test_zpool(void **state)
{
	const struct zpool_ops *out;

	(void)state;
	assert_int_equal(registry_zpool("ideal", &out, NULL, 0), 0);
	assert_string_equal(out->name, "ideal");
	refused(REGISTRY_ZPOOL, "ideal:x=1",
		"zpool 'ideal:x=1': ideal takes no option");
}

static void test_hash(void **state)
{
	struct registry_hash out;

	(void)state;
	assert_int_equal(registry_hash("xxh64", &out, NULL, 0), 0);
	assert_string_equal(out.ops->name, "xxh64");
	assert_int_equal(out.bits, 64);
	assert_int_equal(registry_hash("crc32c:bits=0", &out, NULL, 0), 0);
	assert_string_equal(out.ops->name, "crc32c");
	assert_int_equal(out.bits, 0);
	assert_int_equal(registry_hash("xxh3-128:bits=128", &out, NULL, 0), 0);
	assert_int_equal(out.bits, 128);
	refused(REGISTRY_HASH, "crc32c:bits=33",
		"hash 'crc32c:bits=33': bits must be a number from 0 to 32");
}

static void test_policy(void **state)
{
	struct registry_policy out;

	(void)state;
	assert_int_equal(registry_policy("always", &out, NULL, 0), 0);
	assert_string_equal(out.ops->name, "always");
	assert_int_equal(out.params.sharers_max, INT_MAX);
	assert_int_equal(registry_policy("memcg:sharers=2", &out, NULL, 0), 0);
	assert_string_equal(out.ops->name, "memcg");
	assert_int_equal(out.params.sharers_max, 2);
	assert_int_equal(registry_policy("always:sharers=2147483647", &out,
					 NULL, 0), 0);
	assert_int_equal(out.params.sharers_max, INT_MAX);
	assert_int_equal(registry_policy("none", &out, NULL, 0), 0);
	assert_int_equal(registry_policy("ksm:every=7:pages=2147483647", &out,
					 NULL, 0), 0);
	assert_int_equal(out.params.scan_every, 7);
	assert_int_equal(out.params.scan_pages, INT_MAX);
	assert_int_equal(registry_policy("ksm:sharers=3", &out, NULL, 0), 0);
	assert_int_equal(out.params.scan_every, 20);
	assert_int_equal(out.params.scan_pages, 100);
	assert_int_equal(registry_policy("fold:every=1", &out, NULL, 0), 0);
	assert_int_equal(out.params.scan_every, 1);
	assert_int_equal(out.params.scan_pages, 0);
	assert_int_equal(registry_policy("adaptive", &out, NULL, 0), 0);
	assert_int_equal(out.params.scan_every, 0);
	refused(REGISTRY_POLICY, "ksm:pages=0",
		"policy 'ksm:pages=0': pages must be a number from 1 to "
		"2147483647");
	refused(REGISTRY_POLICY, "fold:every=2147483648",
		"policy 'fold:every=2147483648': every must be a number from "
		"1 to 2147483647");
	refused(REGISTRY_POLICY, "fold:pages=3",
		"policy 'fold:pages=3': fold has no option 'pages' but "
		"'sharers' and 'every'");
	refused(REGISTRY_POLICY, "ksm:memory=4K",
		"policy 'ksm:memory=4K': ksm has no option 'memory' but "
		"'sharers', 'pages' and 'every'");
	refused(REGISTRY_POLICY, "none:sharers=2",
		"policy 'none:sharers=2': none takes no option");
	refused(REGISTRY_POLICY, "always:sharers=1",
		"policy 'always:sharers=1': sharers must be a number from 2 to "
		"2147483647");
	refused(REGISTRY_POLICY, "always:sharers=2147483648",
		"policy 'always:sharers=2147483648': sharers must be a number "
		"from 2 to 2147483647");
}

static void test_nearest(void **state)
{
	(void)state;
	refused(REGISTRY_COMPRESSOR, "lz5",
		"unknown compressor 'lz5' (did you mean 'lz4'?)");
	refused(REGISTRY_COMPRESSOR, "zst:level=3",
		"unknown compressor 'zst' (did you mean 'zstd'?)");
	refused(REGISTRY_HASH, "sipash-1-3",
		"unknown hash 'sipash-1-3' (did you mean 'siphash-1-3'?)");
	refused(REGISTRY_ZPOOL, "slob", "unknown zpool 'slob'");
	assert_string_equal(registry_nearest(REGISTRY_ZPOOL, "zmalloc"),
			    "zsmalloc");
	/* 3 edits are near, 4 are not, nor is more than half the word */
	assert_string_equal(registry_nearest(REGISTRY_ZPOOL, "zsmallocxyz"),
			    "zsmalloc");
	assert_null(registry_nearest(REGISTRY_ZPOOL, "zsmallocwxyz"));
	assert_string_equal(registry_nearest(REGISTRY_COMPRESSOR, "lz"), "lz4");
	assert_null(registry_nearest(REGISTRY_COMPRESSOR, "l55"));
	assert_null(registry_nearest(REGISTRY_COMPRESSOR, ""));
	assert_string_equal(registry_nearest(REGISTRY_KERNEL, "7.3"), "7.2");
}

static void test_grammar(void **state)
{
	static const struct {
		const char *word, *what;
	} bad[] = {
		{ "zstd:", "an option is empty" },
		{ "zstd::level=3", "an option is empty" },
		{ "zstd:level=3:", "an option is empty" },
		{ "zstd:=3", "a value has no option" },
		{ "zstd:=", "a value has no option" },
		{ "zstd:level", "option 'level' has no value" },
		{ "zstd:level=", "option 'level' has no value" },
		{ "zstd:level=3:level=3", "option 'level' twice" },
		{ "zstd:lever=3", "zstd has no option 'lever' but 'level' and "
				  "'lib'" },
		{ "lz4hc:lib=a", "lz4hc has no option 'lib' but 'level'" },
		{ "lz4:lib=a", "lz4 takes no option" },
		{ "zstd:lib=", "option 'lib' has no value" },
		{ "zstd:lib=/a:/b", "option '/b' has no value (a path here "
				    "cannot hold ':')" },
		{ "zstd:lib=/a:", "an option is empty (a path here cannot "
				  "hold ':')" },
		{ "zstd:lib=/a:=b", "a value has no option (a path here cannot "
				    "hold ':')" },
		{ "zstd:lib=/a:/b=c", "zstd has no option '/b' but 'level' and "
				      "'lib' (a path here cannot hold ':')" },
		{ "zstd:lib=/a:level=3:b", "option 'b' has no value" },
		{ "lz4:level=1", "lz4 takes no option" },
		{ ":level=3", "its name is empty" },
		{ ":", "its name is empty" },
		{ "zstd:a=1:b=1:c=1:d=1:e=1:f=1:g=1:h=1:i=1",
		  "more than 8 options" },
	};
	char message[WHY_SIZE];

	(void)state;
	for (unsigned int i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		snprintf(message, sizeof(message), "compressor '%s': %s",
			 bad[i].word, bad[i].what);
		refused(REGISTRY_COMPRESSOR, bad[i].word, message);
	}
	refused(REGISTRY_COMPRESSOR, "", "the name of a compressor is empty");
	refused(REGISTRY_COMPRESSOR, NULL, "the name of a compressor is empty");
	refused(REGISTRY_COMPRESSOR, "=", "unknown compressor '='");
	refused(REGISTRY_COMPRESSOR, "LZ4 ", "unknown compressor 'LZ4 '");
}

static void test_numbers(void **state)
{
	static const char *const bad[] = {
		"0",  "23",  "-1", "+3",  " 3",	 "3 ",	"03",	"-0", "0x3",
		"3=", "3.0", "1e0", "3a", "three", "-", "",
		"18446744073709551619", "9223372036854775808",
		"-9223372036854775809",
	};
	char word[64], why[WHY_SIZE];
	struct registry_compressor out;

	(void)state;
	for (unsigned int i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		memset(&out, 0x5a, sizeof(out));
		snprintf(word, sizeof(word), "zstd:level=%s", bad[i]);
		if (!registry_compressor(word, &out, why, sizeof(why)))
			fail_msg("'%s' is %d", word, out.params.level);
	}
	assert_int_equal(parse(REGISTRY_HASH, "xxh64:bits=00", NULL, 0),
			 -EINVAL);
}

static void test_long_words(void **state)
{
	char word[4 * REGISTRY_WORD_MAX], why[WHY_SIZE];

	(void)state;
	memset(word, 'z', sizeof(word));
	word[sizeof(word) - 1] = '\0';
	refused(REGISTRY_HASH, word,
		"hash 'zzzzzzzzzzzzzzzzzzzz...': longer than 255 bytes");
	word[REGISTRY_WORD_MAX] = '\0';
	refused(REGISTRY_HASH, word,
		"hash 'zzzzzzzzzzzzzzzzzzzz...': longer than 255 bytes");
	/* the longest that is read at all */
	word[REGISTRY_WORD_MAX - 1] = '\0';
	assert_int_equal(parse(REGISTRY_HASH, word, why, sizeof(why)),
			 -EINVAL);
	assert_memory_equal(why, "unknown hash 'zzzz", 18);
	assert_int_equal(strlen(why), strlen("unknown hash ''") + 255);
	/* and the longest message that one can cause is cut, not lost */
	memcpy(word, "zstd:", 5);
	assert_int_equal(parse(REGISTRY_COMPRESSOR, word, why, sizeof(why)),
			 -EINVAL);
	assert_int_equal(strlen(why), WHY_SIZE - 1);
}

/* One line: what a word smuggles in does not reach the terminal. */
static void test_messages_are_one_line(void **state)
{
	char why[8] = "aaaaaaa";

	(void)state;
	refused(REGISTRY_COMPRESSOR, "a\nb\033[1m\177",
		"unknown compressor 'a?b?[1m?'");
	/* a small buffer is filled and ended, none is no fault */
	assert_int_equal(parse(REGISTRY_ZPOOL, "x", why, sizeof(why)),
			 -EINVAL);
	assert_string_equal(why, "unknown");
	memset(why, 'a', sizeof(why));
	assert_int_equal(parse(REGISTRY_ZPOOL, "x", why, 0), -EINVAL);
	assert_int_equal(why[0], 'a');
	assert_int_equal(parse(REGISTRY_ZPOOL, "x", NULL, 0), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_validate),
		cmocka_unit_test(test_every_name_parses),
		cmocka_unit_test(test_compressor),
		cmocka_unit_test(test_lib),
		cmocka_unit_test(test_zpool),
		cmocka_unit_test(test_hash),
		cmocka_unit_test(test_policy),
		cmocka_unit_test(test_nearest),
		cmocka_unit_test(test_grammar),
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_long_words),
		cmocka_unit_test(test_messages_are_one_line),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
