/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * replay-options.c - what one run is told, by replay once and by sweep in lists
 */
#include "replay-options.h"

#include <string.h>

#include "../traces/trace.h"
#include "cmd.h"
#include "zdedup.h"

void replay_options_init(struct replay_options *o)
{
	*o = (struct replay_options){
		.kernel = "7.2", .compressor = "lz4", .zpool = "zsmalloc",
		.hash = "xxh64", .dedup = "none",
		.compare = "bytes", .charge = "full", .writeback = "sole",
		.seed = 1,
		.max_pool_percent = 20, .accept_threshold_percent = 90,
		.format = "text",
	};
}

unsigned int replay_config_specs(struct replay_options *o,
				 struct option_spec *specs)
{
	const struct option_spec all[] = {
		{ "--kernel", "7.2", OPTION_STRING, &o->kernel, "whose behaviour; 7.2", 0, 0 },
		{ "--compressor", "NAME[:level=N]", OPTION_STRING, &o->compressor, "lz4", 0, 0 },
		{ "--zpool", "NAME", OPTION_STRING, &o->zpool, "allocator; zsmalloc", 0, 0 },
		{ "--hash", "NAME", OPTION_STRING, &o->hash, "of the dedup index; xxh64", 0, 0 },
		{ "--dedup", "POLICY", OPTION_STRING, &o->dedup, "none", 0, 0 },
		{ "--compare", "bytes|compressed|trust", OPTION_STRING, &o->compare, "how a candidate is confirmed; bytes", 0, 0 },
		{ "--charge", "full|first|split", OPTION_STRING, &o->charge, "what a sharer pays; full", 0, 0 },
		{ "--domain", "global|group|memcg", OPTION_STRING, &o->domain, "who may share with whom; global", 0, 0 },
		{ "--writeback", "sole|rotate|all", OPTION_STRING, &o->writeback, "of shared contents; sole", 0, 0 },
		{ "--memcg-config", "FILE", OPTION_STRING, &o->memcg_config, "key file: [id] parent=, zswap.max=, zswap.writeback=, group=", 0, 0 },
		{ "--seed", "N", OPTION_NUMBER, &o->seed, "of whatever is random; 1", 0, UINT64_MAX },
		{ "--totalram", "SIZE", OPTION_SIZE, &o->totalram, "the machine's memory; no pool limit unless given", 0, 0 },
		{ "--max-pool-percent", "N", OPTION_NUMBER, &o->max_pool_percent, "20", 0, 100 },
		{ "--accept-threshold-percent", "N", OPTION_NUMBER, &o->accept_threshold_percent, "90", 0, 100 },
	};

	G_STATIC_ASSERT(G_N_ELEMENTS(all) <= REPLAY_CONFIG_MAX);
	memcpy(specs, all, sizeof(all));
	return G_N_ELEMENTS(all);
}

int replay_options_among(const char *command, const char *option,
			 const char *value, const char *const *values)
{
	g_autofree char *all = NULL;
	const char *near;

	if (options_among(value, values))
		return CMD_OK;
	near = options_nearest(value, values);
	all = g_strjoinv(", ", (char **)values);
	if (near)
		return cmd_usage(command, "unknown %s '%s' (did you mean '%s'?)",
				 option, value, near);
	return cmd_usage(command, "%s '%s' is not in this build, which has: %s",
			 option, value, all);
}

/* The names of a kind, NULL-ended; g_free the array. */
static const char **names_of(const char *(*name)(unsigned int i))
{
	GPtrArray *names = g_ptr_array_new();
	unsigned int i = 0;

	do
		g_ptr_array_add(names, (gpointer)name(i));
	while (name(i++));
	return (const char **)g_ptr_array_free(names, FALSE);
}

static const char *kernel_name(unsigned int i)
{
	return zdedup_name(ZDEDUP_KERNELS, i);
}

static int check_domain(const char *command, struct replay_options *o)
{
	static const char *const domains[] = { "global", "group", "memcg", NULL };
	bool memcg = g_str_has_prefix(o->dedup, "memcg");

	if (!o->domain)
		o->domain = memcg ? "memcg" : "global";
	if (replay_options_among(command, "--domain", o->domain, domains))
		return CMD_USAGE;
	if (memcg && strcmp(o->domain, "memcg"))
		return cmd_usage(command, "--domain '%s' does not go with --dedup '%s', which shares inside a memcg only",
				 o->domain, o->dedup);
	if (!strcmp(o->domain, "group") && !o->memcg_config)
		return cmd_usage(command, "--domain group needs --memcg-config, a file that says which memcgs are one");
	return CMD_OK;
}

int replay_options_check(const char *command, struct replay_options *o)
{
	static const char *const compares[] = { "bytes", "compressed", "trust", NULL };
	static const char *const charges[] = { "full", "first", "split", NULL };
	static const char *const writebacks[] = { "sole", "rotate", "all", NULL };
	g_autofree const char **kernels = names_of(kernel_name);
	g_autofree const char **inputs = names_of(trace_format_name);

	if (check_domain(command, o) ||
	    replay_options_among(command, "--kernel", o->kernel, kernels) ||
	    replay_options_among(command, "--compare", o->compare, compares) ||
	    replay_options_among(command, "--charge", o->charge, charges) ||
	    replay_options_among(command, "--writeback", o->writeback,
				 writebacks) ||
	    (o->input_format &&
	     replay_options_among(command, "--input-format", o->input_format,
				  inputs)))
		return CMD_USAGE;
	if (o->facts && o->keep_facts)
		return cmd_usage(command, "--facts and --keep-facts do not go together");
	if (o->totalram && !replay_totalram_pages(o))
		return cmd_usage(command, "--totalram is less than a page");
	return CMD_OK;
}

char *replay_facts_path(const char *facts, bool keep_facts, const char *path)
{
	size_t len = strlen(path);

	if (facts)
		return g_strdup(facts);
	if (!keep_facts)
		return NULL;
	/* beside a directory, not in it */
	while (len > 1 && path[len - 1] == '/')
		len--;
	return g_strdup_printf("%.*s.facts", (int)len, path);
}

uint64_t replay_totalram_pages(const struct replay_options *options)
{
	return options->totalram / ZDEDUP_PAGE_SIZE;
}

/* The name of a word goes up to its options. */
bool replay_dedups(const struct replay_options *options)
{
	const char *word = options->dedup;

	return strncmp(word, "none", 4) || (word[4] && word[4] != ':');
}
