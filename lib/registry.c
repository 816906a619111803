/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * registry.c - from a word "name[:key=value]..." to an ops table and its options
 *
 * To add a member, add its line to the table of its kind.
 */
#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "policy/policy.h"
#include "registry.h"
#include "zcomp/zcomp.h"
#include "zhash/zhash.h"
#include "zpool/zpool.h"
#include "zswap/zswap.h"

/* Names are short; this bounds the row of the edit distance. */
#define NAME_MAX_LEN 31u
/* A suggestion further away than this helps nobody. */
#define EDITS_MAX 3u
#define SHARERS_MIN 2
#define SHARERS_MAX INT_MAX
#define SCAN_MAX INT_MAX
#define MEMORY_MIN 4096
#define MEMORY_MAX (64L << 30)

static const struct {
	const struct zcomp_ops *ops;
	const char *summary;
} compressors[] = {
	{ &zcomp_lz4, "LZ4, byte for byte the kernel's (6.1 to 7.2)" },
	{ &zcomp_liblz4, "LZ4 as liblz4 makes it: on about 3 % of pages 1-5 "
			 "bytes less than the kernel's" },
	{ &zcomp_lzo, "LZO1X-1, byte for byte the kernel's (6.1 to 7.2)" },
	{ &zcomp_lzo_rle, "LZO1X-1 with runs of zeros, byte for byte the "
			  "kernel's (6.1 to 7.2)" },
	{ &zcomp_liblzo2, "LZO1X-1 as liblzo2 makes it: most pages differ "
			  "from the kernel's" },
	{ &zcomp_lz4hc, "LZ4 by liblz4's HC encoder; level=3..12, 9 is nearest "
			"to the kernel's" },
	{ &zcomp_zstd, "zstd with the kernel's parameters; level=1..22, 3 is "
		       "the kernel's; lib=PATH: by that libzstd" },
	{ &zcomp_deflate, "deflate with the kernel's parameters" },
	{ &zcomp_none, "copies: every page counts as incompressible" },
};

static const struct {
	const struct zpool_ops *ops;
	const char *summary;
} zpools[] = {
	{ &zpool_zsmalloc, "size classes over chains of pages, the kernel's" },
	{ &zpool_zbud, "two objects a page, until Linux 6.14" },
	{ &zpool_z3fold, "three objects a page, until Linux 6.14" },
	{ &zpool_xvmalloc, "zram's before 3.4, TLSF inside pages; takes no "
			   "object over 4092 bytes, so no raw page" },
	{ &zpool_kmalloc, "the kernel's general size classes (SLUB, one CPU)" },
	{ &zpool_ideal, "no fragmentation: bytes rounded up to pages; in no "
			"kernel" },
};

static const struct {
	const struct zhash_ops *ops;
	const char *summary;
} hashes[] = {
	{ &zhash_xxh64, "XXH64, 64 bits" },
	{ &zhash_xxh3_64, "XXH3, 64 bits; not in the kernel" },
	{ &zhash_xxh3_128, "XXH3, 128 bits; not in the kernel" },
	{ &zhash_xxh3_128_seed, "XXH3, 128 bits, keyed by its seed, but no "
				"MAC; not in the kernel" },
	{ &zhash_crc32c, "CRC-32C, 32 bits" },
	{ &zhash_jhash2, "Jenkins lookup3 with KSM's old seed, 32 bits" },
	{ &zhash_siphash_1_3, "SipHash-1-3, 64 bits, keyed; the kernel gives "
			      "only 32 bits of it" },
	{ &zhash_siphash_2_4_128, "SipHash-2-4, 128 bits, keyed; not in the "
				  "kernel at this length" },
};

static const struct zswap_policy_ops *const policies[] = {
	&policy_none,
	&policy_always,
	&policy_memcg,
	&policy_second_sight,
	&policy_adaptive,
	&policy_ksm,
	&policy_fold,
	&policy_zram_dedup,
	&policy_same_page_sharing,
};

const char *registry_kind_name(enum registry_kind kind)
{
	switch (kind) {
	case REGISTRY_KERNEL:
		return "kernel";
	case REGISTRY_COMPRESSOR:
		return "compressor";
	case REGISTRY_ZPOOL:
		return "zpool";
	case REGISTRY_HASH:
		return "hash";
	case REGISTRY_POLICY:
		return "policy";
	case REGISTRY_NR_KINDS:
		break;
	}
	return NULL;
}

const char *registry_name(enum registry_kind kind, unsigned int i)
{
	switch (kind) {
	case REGISTRY_KERNEL:
		return zswap_behaviour_at(i) ? zswap_behaviour_at(i)->kernel :
					       NULL;
	case REGISTRY_COMPRESSOR:
		return i < ARRAY_SIZE(compressors) ? compressors[i].ops->name :
						    NULL;
	case REGISTRY_ZPOOL:
		return i < ARRAY_SIZE(zpools) ? zpools[i].ops->name : NULL;
	case REGISTRY_HASH:
		return i < ARRAY_SIZE(hashes) ? hashes[i].ops->name : NULL;
	case REGISTRY_POLICY:
		return i < ARRAY_SIZE(policies) ? policies[i]->name : NULL;
	case REGISTRY_NR_KINDS:
		break;
	}
	return NULL;
}

static const char *raw_summary(enum registry_kind kind, unsigned int i)
{
	if (!registry_name(kind, i))
		return NULL;
	switch (kind) {
	case REGISTRY_KERNEL:
		return zswap_behaviour_at(i)->summary;
	case REGISTRY_COMPRESSOR:
		return compressors[i].summary;
	case REGISTRY_ZPOOL:
		return zpools[i].summary;
	case REGISTRY_HASH:
		return hashes[i].summary;
	case REGISTRY_POLICY:
		return policies[i]->summary;
	case REGISTRY_NR_KINDS:
		break;
	}
	return NULL;
}

const char *registry_summary(enum registry_kind kind, unsigned int i)
{
	const char *summary = raw_summary(kind, i);

	return summary ? summary : "";
}

/*-------------------------------------------------------------- messages */

/*
 * One line in @why. A word may come from anywhere, so what cannot be printed
 * becomes '?': no newline, and nothing that a terminal would obey.
 */
static int __attribute__((format(printf, 3, 4)))
refuse(char *why, size_t size, const char *format, ...)
{
	va_list args;

	if (!why || !size)
		return -EINVAL;
	va_start(args, format);
	vsnprintf(why, size, format, args);
	va_end(args);
	for (unsigned char *c = (unsigned char *)why; *c; c++) {
		if (*c < ' ' || *c == 0x7f)
			*c = '?';
	}
	return -EINVAL;
}

/* Levenshtein's distance, one row at a time; @b has at most NAME_MAX_LEN bytes. */
static unsigned int edit_distance(const char *a, const char *b)
{
	unsigned int row[NAME_MAX_LEN + 1];
	size_t len = strlen(b);

	for (size_t j = 0; j <= len; j++)
		row[j] = j;
	for (size_t i = 0; a[i]; i++) {
		unsigned int diagonal = row[0];

		row[0] = i + 1;
		for (size_t j = 0; j < len; j++) {
			unsigned int edits = diagonal + (a[i] != b[j]);

			if (edits > row[j] + 1)
				edits = row[j] + 1;
			if (edits > row[j + 1] + 1)
				edits = row[j + 1] + 1;
			diagonal = row[j + 1];
			row[j + 1] = edits;
		}
	}
	return row[len];
}

const char *registry_nearest(enum registry_kind kind, const char *word)
{
	const char *nearest = NULL;
	unsigned int least = EDITS_MAX + 1;
	const char *name;

	for (unsigned int i = 0; (name = registry_name(kind, i)); i++) {
		unsigned int edits = edit_distance(word, name);

		/* of two equally near, the table's first */
		if (edits < least) {
			least = edits;
			nearest = name;
		}
	}
	return nearest && 2 * least <= strlen(word) ? nearest : NULL;
}

/*--------------------------------------------------------------- parsing */

/* A word to be parsed as one of @kind, and where to say what is wrong with it. */
struct request {
	enum registry_kind kind;
	const char *word;
	char *why;
	size_t size;
};

/* What is wrong with an option of the request's word. */
static int __attribute__((format(printf, 2, 3)))
refuse_word(const struct request *r, const char *format, ...)
{
	char what[2 * REGISTRY_WORD_MAX];
	va_list args;

	va_start(args, format);
	vsnprintf(what, sizeof(what), format, args);
	va_end(args);
	return refuse(r->why, r->size, "%s '%s': %s",
		      registry_kind_name(r->kind), r->word, what);
}

/*
 * What to add to a complaint about an option behind lib=PATH: a path with a ':'
 * in it comes here as such an option.
 */
static const char *path_hint(const struct registry_word *parsed,
			     unsigned int nr_before)
{
	if (nr_before && !strcmp(parsed->option[nr_before - 1].key, "lib"))
		return " (a path here cannot hold ':')";
	return "";
}

/* Splits one "key=value" in place. */
static int split_option(const struct request *r, char *text,
			struct registry_word *out)
{
	struct zswap_option *option = &out->option[out->nr_options];
	const char *hint = path_hint(out, out->nr_options);
	char *equals = strchr(text, '=');

	if (!*text)
		return refuse_word(r, "an option is empty%s", hint);
	if (equals == text)
		return refuse_word(r, "a value has no option%s", hint);
	if (!equals || !equals[1])
		return refuse_word(r, "option '%.*s' has no value%s",
				   (int)strcspn(text, "="), text, hint);
	if (out->nr_options == REGISTRY_OPTIONS_MAX)
		return refuse_word(r, "more than %d options",
				   REGISTRY_OPTIONS_MAX);
	*equals = '\0';
	for (unsigned int i = 0; i < out->nr_options; i++) {
		if (!strcmp(out->option[i].key, text))
			return refuse_word(r, "option '%s' twice", text);
	}
	option->key = text;
	option->value = equals + 1;
	out->nr_options++;
	return 0;
}

/* Splits the word; nothing is known yet of its name or its options. */
static int split_word(const struct request *r, struct registry_word *out)
{
	size_t len = r->word ? strnlen(r->word, REGISTRY_WORD_MAX) : 0;
	char *next;

	if (!len)
		return refuse(r->why, r->size, "the name of a %s is empty",
			      registry_kind_name(r->kind));
	if (len >= REGISTRY_WORD_MAX)
		return refuse(r->why, r->size,
			      "%s '%.20s...': longer than %d bytes",
			      registry_kind_name(r->kind), r->word,
			      REGISTRY_WORD_MAX - 1);
	memcpy(out->buf, r->word, len + 1);
	out->name = out->buf;
	out->nr_options = 0;

	next = strchr(out->buf, ':');
	if (next == out->buf)
		return refuse_word(r, "its name is empty");
	while (next) {
		char *text = next + 1;
		int err;

		*next = '\0';
		next = strchr(text, ':');
		if (next)
			*next = '\0';
		err = split_option(r, text, out);
		if (err)
			return err;
	}
	return 0;
}

/* Splits the word and finds its name; *index is its place in the table. */
static int find(const struct request *r, struct registry_word *parsed,
		unsigned int *index)
{
	const char *name, *nearest;
	int err = split_word(r, parsed);

	if (err)
		return err;
	for (*index = 0; (name = registry_name(r->kind, *index)); ++*index) {
		if (!strcmp(name, parsed->name))
			return 0;
	}
	nearest = registry_nearest(r->kind, parsed->name);
	if (nearest)
		return refuse(r->why, r->size,
			      "unknown %s '%s' (did you mean '%s'?)",
			      registry_kind_name(r->kind), parsed->name,
			      nearest);
	return refuse(r->why, r->size, "unknown %s '%s'",
		      registry_kind_name(r->kind), parsed->name);
}

/*
 * A plain decimal number: no space, no plus, no leading zero, so that a value
 * has one spelling. One too long for a long comes out of strtol as LONG_MIN or
 * LONG_MAX, which are out of every option's range.
 */
static bool parse_integer(const char *text, long min, long max, long *out)
{
	const char *digits = text + (*text == '-');
	char *end;
	long value;

	if (*digits < '0' || *digits > '9')
		return false;
	if (*digits == '0' && (digits[1] || digits != text))
		return false;
	value = strtol(text, &end, 10);
	if (*end || value < min || value > max)
		return false;
	*out = value;
	return true;
}

static int take_none(const struct request *r,
		     const struct registry_word *parsed)
{
	if (parsed->nr_options)
		return refuse_word(r, "%s takes no option", parsed->name);
	return 0;
}

/* The one option that the member has; *value stays when the word lacks it. */
static int take_one(const struct request *r,
		    const struct registry_word *parsed, const char *key,
		    long min, long max, long *value)
{
	for (unsigned int i = 0; i < parsed->nr_options; i++) {
		const struct zswap_option *option = &parsed->option[i];

		if (strcmp(option->key, key))
			return refuse_word(r, "%s has no option '%s' but '%s'",
					   parsed->name, option->key, key);
		if (!parse_integer(option->value, min, max, value))
			return refuse_word(r, "%s must be a number from %ld "
					   "to %ld", key, min, max);
	}
	return 0;
}

static int take_lib(const struct request *r, const char *path,
		    struct zcomp_params *params)
{
	size_t len = strlen(path);

	if (len >= sizeof(params->lib))
		return refuse_word(r, "lib must be a path of at most %zu bytes",
				   sizeof(params->lib) - 1);
	memcpy(params->lib, path, len);
	return 0;
}

/* "level" and "lib", of a member that has both. */
static int take_level_and_lib(const struct request *r,
			      const struct registry_word *parsed,
			      const struct zcomp_ops *ops, long *level,
			      struct zcomp_params *params)
{
	for (unsigned int i = 0; i < parsed->nr_options; i++) {
		const struct zswap_option *option = &parsed->option[i];
		int err = 0;

		if (!strcmp(option->key, "lib"))
			err = take_lib(r, option->value, params);
		else if (strcmp(option->key, "level"))
			err = refuse_word(r, "%s has no option '%s' but "
					  "'level' and 'lib'%s", parsed->name,
					  option->key, path_hint(parsed, i));
		else if (!parse_integer(option->value, ops->level_min,
					ops->level_max, level))
			err = refuse_word(r, "level must be a number from %d "
					  "to %d", ops->level_min,
					  ops->level_max);
		if (err)
			return err;
	}
	return 0;
}

int registry_compressor(const char *word, struct registry_compressor *out,
			char *why, size_t size)
{
	const struct request r = { REGISTRY_COMPRESSOR, word, why, size };
	char reason[2 * REGISTRY_WORD_MAX] = "";
	struct zcomp_params params = { 0 };
	const struct zcomp_ops *ops;
	struct registry_word parsed;
	unsigned int i;
	long level;
	int err;

	err = find(&r, &parsed, &i);
	if (err)
		return err;
	ops = compressors[i].ops;
	level = ops->level_default;
	if (ops->has_level && ops->has_lib)
		err = take_level_and_lib(&r, &parsed, ops, &level, &params);
	else if (ops->has_level)
		err = take_one(&r, &parsed, "level", ops->level_min,
			       ops->level_max, &level);
	else
		err = take_none(&r, &parsed);
	if (err)
		return err;
	params.level = level;
	if (ops->prepare && ops->prepare(&params, reason, sizeof(reason)))
		return refuse(why, size, "%s '%s': %s",
			      registry_kind_name(r.kind), parsed.name, reason);
	out->ops = ops;
	out->params = params;
	return 0;
}

int registry_zpool(const char *word, const struct zpool_ops **out, char *why,
		   size_t size)
{
	const struct request r = { REGISTRY_ZPOOL, word, why, size };
	struct registry_word parsed;
	unsigned int i;
	int err;

	err = find(&r, &parsed, &i);
	if (err)
		return err;
	err = take_none(&r, &parsed);
	if (err)
		return err;
	*out = zpools[i].ops;
	return 0;
}

int registry_hash(const char *word, struct registry_hash *out, char *why,
		  size_t size)
{
	const struct request r = { REGISTRY_HASH, word, why, size };
	struct registry_word parsed;
	unsigned int i;
	long bits;
	int err;

	err = find(&r, &parsed, &i);
	if (err)
		return err;
	bits = hashes[i].ops->bits;
	err = take_one(&r, &parsed, "bits", 0, bits, &bits);
	if (err)
		return err;
	out->ops = hashes[i].ops;
	out->bits = bits;
	return 0;
}

/* A plain decimal number, which may end in K, M or G. */
static bool parse_size(const char *text, long min, long max, u64 *out)
{
	static const char units[] = "KMG";
	size_t len = strlen(text);
	char digits[24];
	const char *unit;
	long value;
	int shift = 0;

	unit = len ? strchr(units, text[len - 1]) : NULL;
	if (unit) {
		shift = 10 * (int)(unit - units + 1);
		len--;
	}
	if (!len || len >= sizeof(digits))
		return false;
	memcpy(digits, text, len);
	digits[len] = '\0';
	if (!parse_integer(digits, 0, max >> shift, &value) ||
	    value << shift < min)
		return false;
	*out = (u64)value << shift;
	return true;
}

/* What a policy's word may have. */
static const char *policy_options(const struct zswap_policy_ops *ops)
{
	if (ops->memory_default)
		return "'sharers' and 'memory'";
	if (ops->scan_pages)
		return "'sharers', 'pages' and 'every'";
	return ops->scan_every ? "'sharers' and 'every'" : "'sharers'";
}

/* "pages" or "every", of those that scan. */
static int take_scan_option(const struct request *r,
			    const struct zswap_option *option, u32 *out)
{
	long number;

	if (!parse_integer(option->value, 1, SCAN_MAX, &number))
		return refuse_word(r, "%s must be a number from 1 to %d",
				   option->key, SCAN_MAX);
	*out = number;
	return 0;
}

static int take_policy_option(const struct request *r,
			      const struct registry_word *parsed,
			      const struct zswap_option *option,
			      const struct zswap_policy_ops *ops,
			      struct zswap_policy_params *params)
{
	long sharers;

	if (!strcmp(option->key, "pages") && ops->scan_pages)
		return take_scan_option(r, option, &params->scan_pages);
	if (!strcmp(option->key, "every") && ops->scan_every)
		return take_scan_option(r, option, &params->scan_every);
	if (!strcmp(option->key, "memory") && ops->memory_default) {
		if (!parse_size(option->value, MEMORY_MIN, MEMORY_MAX,
				&params->memory))
			return refuse_word(r, "memory must be a size from 4K "
					   "to 64G");
		return 0;
	}
	if (strcmp(option->key, "sharers"))
		return refuse_word(r, "%s has no option '%s' but %s",
				   parsed->name, option->key,
				   policy_options(ops));
	if (!parse_integer(option->value, SHARERS_MIN, SHARERS_MAX, &sharers))
		return refuse_word(r, "sharers must be a number from %d to %d",
				   SHARERS_MIN, SHARERS_MAX);
	params->sharers_max = sharers;
	return 0;
}

int registry_policy(const char *word, struct registry_policy *out, char *why,
		    size_t size)
{
	const struct request r = { REGISTRY_POLICY, word, why, size };
	struct registry_policy found;
	struct registry_word parsed;
	unsigned int i;
	int err;

	err = find(&r, &parsed, &i);
	if (err)
		return err;
	found.ops = policies[i];
	found.params.sharers_max = SHARERS_MAX;
	found.params.memory = found.ops->memory_default;
	found.params.scan_pages = found.ops->scan_pages;
	found.params.scan_every = found.ops->scan_every;
	/* what looks nothing up shares nothing: there is nothing to cap */
	if (!found.ops->looks_up)
		err = take_none(&r, &parsed);
	for (i = 0; !err && i < parsed.nr_options; i++)
		err = take_policy_option(&r, &parsed, &parsed.option[i],
					 found.ops, &found.params);
	if (!err)
		*out = found;
	return err;
}

/*------------------------------------------------------------ validation */

static bool zcomp_whole(const struct zcomp_ops *ops)
{
	/* level 0 stands for the default, so it cannot be one */
	if (ops->has_level && (ops->level_min > ops->level_default ||
			       ops->level_default > ops->level_max ||
			       !ops->level_default))
		return false;
	/* options are taken as none, level, or level and lib */
	if (ops->has_lib && (!ops->has_level || !ops->prepare))
		return false;
	return ops->version && ops->create_ctx && ops->destroy_ctx &&
	       ops->compress && ops->decompress;
}

static bool zpool_whole(const struct zpool_ops *ops)
{
	return ops->create && ops->destroy && ops->malloc && ops->free &&
	       ops->obj_write && ops->obj_read_begin && ops->obj_read_end &&
	       ops->account && ops->check &&
	       !ops->set_name == !ops->shrink;
}

static bool zhash_whole(const struct zhash_ops *ops)
{
	return ops->digest &&
	       (ops->bits == 32 || ops->bits == 64 || ops->bits == 128);
}

static bool member_whole(enum registry_kind kind, unsigned int i)
{
	switch (kind) {
	case REGISTRY_KERNEL:
		return true;
	case REGISTRY_COMPRESSOR:
		return zcomp_whole(compressors[i].ops);
	case REGISTRY_ZPOOL:
		return zpool_whole(zpools[i].ops);
	case REGISTRY_HASH:
		return zhash_whole(hashes[i].ops);
	case REGISTRY_POLICY:
		return policies[i]->lookup &&
		       !policies[i]->create == !policies[i]->destroy &&
		       (policies[i]->create || !policies[i]->memory_default) &&
		       (policies[i]->scan_every || !policies[i]->scan_pages);
	case REGISTRY_NR_KINDS:
		break;
	}
	return false;
}

static size_t kind_length(enum registry_kind kind)
{
	static const size_t length[] = {
		[REGISTRY_COMPRESSOR] = ARRAY_SIZE(compressors),
		[REGISTRY_ZPOOL] = ARRAY_SIZE(zpools),
		[REGISTRY_HASH] = ARRAY_SIZE(hashes),
		[REGISTRY_POLICY] = ARRAY_SIZE(policies),
	};
	size_t kernels = 0;

	if (kind != REGISTRY_KERNEL)
		return length[kind];
	while (zswap_behaviour_at(kernels))
		kernels++;
	return kernels;
}

/* A name must survive the grammar of words: no ':', '=', ',' and no space. */
static bool name_sound(const char *name)
{
	size_t len = name ? strlen(name) : 0;

	return len && len <= NAME_MAX_LEN &&
	       strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789.-") == len;
}

static int validate_kind(enum registry_kind kind, char *why, size_t size)
{
	const char *kind_name = registry_kind_name(kind);

	for (unsigned int i = 0; i < kind_length(kind); i++) {
		const char *name = registry_name(kind, i);
		const char *summary;

		if (!name_sound(name))
			return refuse(why, size, "%s number %u: bad name",
				      kind_name, i);
		for (unsigned int j = 0; j < i; j++) {
			if (!strcmp(name, registry_name(kind, j)))
				return refuse(why, size, "%s '%s': there twice",
					      kind_name, name);
		}
		summary = registry_summary(kind, i);
		if (!*summary || strchr(summary, '\n'))
			return refuse(why, size,
				      "%s '%s': its summary is not one line",
				      kind_name, name);
		if (!member_whole(kind, i))
			return refuse(why, size,
				      "%s '%s': its table is not whole",
				      kind_name, name);
	}
	return 0;
}

int registry_validate(char *why, size_t size)
{
	for (unsigned int kind = 0; kind < REGISTRY_NR_KINDS; kind++) {
		int err = validate_kind(kind, why, size);

		if (err)
			return err;
	}
	return 0;
}
