/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cmd-gen.c - zdedup gen: a trace from numbers, or many from one
 *
 * docs/GEN.md says what each word means and how exactly it is met.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/random.h>

#include <glib.h>

#include "../traces/trace-writer.h"
#include "cmd.h"
#include "gen.h"
#include "options.h"
#include "output.h"
#include "progress.h"

#define WHY_MAX 1024u
#define UNSET UINT64_MAX
#define WINDOW_LOG 20	/* made pages repeat nothing from far away */

/**
 * struct gen - the command line, and the run
 * @from:    the trace to blow up, NULL: none
 * @lengths: names of the lengths that facts carry
 */
struct gen {
	const char *output, *from, *zipf, *mode;
	bool facts;
	uint64_t seed, events, pages, slots, loads, invalidates;
	uint64_t dedupe, working_set, compress, chunk, near, hostile;
	uint64_t zero, same_filled, cgroups;
	uint64_t times, interleave, shared;
	GPtrArray *lengths;
	struct gen_options o;
	char *info;
	struct trace_writer *writer;
};

static uint64_t or_else(uint64_t value, uint64_t otherwise)
{
	return value == UNSET ? otherwise : value;
}

/* "0.99" in hundredths */
static bool parse_hundredths(const char *text, uint64_t *value)
{
	uint64_t whole = 0, part = 0;
	int digits = 0;

	if (!g_ascii_isdigit(*text))
		return false;
	for (; g_ascii_isdigit(*text) && whole < 1000; text++)
		whole = whole * 10 + (uint64_t)(*text - '0');
	if (*text == '.')
		for (text++; g_ascii_isdigit(*text) && digits < 2; digits++)
			part = part * 10 + (uint64_t)(*text++ - '0');
	*value = whole * 100 + (digits == 1 ? part * 10 : part);
	return !*text;
}

static int usage(const char *what)
{
	return cmd_usage("gen", "%s", what);
}

/* How many events of each kind: from all of them, or from the stores. */
static int choose_events(struct gen *g)
{
	uint64_t loads = or_else(g->loads, 30);
	uint64_t invalidates = or_else(g->invalidates, 30);
	uint64_t events = or_else(g->events, 100000), stores;

	if (g->events != UNSET && g->pages != UNSET)
		return usage("--events and --pages cannot both be given");
	/* what is not there cannot be loaded or freed */
	stores = loads + invalidates < 100 ? 100 - loads - invalidates : 0;
	if (loads > stores || invalidates > stores)
		return cmd_usage("gen", "more --%s than stores, which are %" PRIu64 " %%",
				 loads > stores ? "loads" : "invalidates",
				 stores);
	if (g->pages != UNSET) {
		g->o.stores = g->pages;
		g->o.loads = g->pages * loads / stores;
		g->o.invalidates = g->pages * invalidates / stores;
	} else {
		g->o.loads = events * loads / 100;
		g->o.invalidates = events * invalidates / 100;
		g->o.stores = events - g->o.loads - g->o.invalidates;
	}
	g->o.slots = or_else(g->slots, 16384);
	return CMD_OK;
}

static int choose_contents(struct gen *g)
{
	struct gen_options *o = &g->o;
	bool working_set = g->working_set != UNSET;

	if (g->mode && strcmp(g->mode, "repeat") &&
	    strcmp(g->mode, "working_set"))
		return cmd_usage("gen", "unknown --dedupe-mode '%s' (repeat or working_set)",
				 g->mode);
	o->repeat = g->mode ? !strcmp(g->mode, "repeat") : !working_set;
	if (o->repeat && working_set)
		return usage("--dedupe-working-set-percentage is for --dedupe-mode working_set");
	o->dedupe = or_else(g->dedupe, 0);
	o->working_set = or_else(g->working_set, 5);
	if (!o->repeat && o->dedupe + o->working_set > 100)
		return usage("--dedupe-percentage and --dedupe-working-set-percentage are more than 100 together");
	o->compress = or_else(g->compress, 50);
	o->chunk = or_else(g->chunk, 512);
	o->near = or_else(g->near, 0);
	o->hostile = or_else(g->hostile, 0);
	if (o->near + o->hostile > 99)
		return usage("--near-percentage and --hostile leave no plain page");
	o->zero = or_else(g->zero, 0);
	o->same_filled = or_else(g->same_filled, 0);
	if (o->zero + o->same_filled > 100)
		return usage("--zero-percentage and --same-filled-percentage are more than 100 together");
	o->cgroups = or_else(g->cgroups, 0);
	if (g->zipf && (!parse_hundredths(g->zipf, &o->zipf) ||
			o->zipf > GEN_ZIPF_MAX))
		return cmd_usage("gen", "--zipf '%s' is not a number from 0 to 4 with two decimals",
				 g->zipf);
	o->seed = g->seed;
	return CMD_OK;
}

/* --from takes none of the words that make a trace from nothing, and back. */
static int check_mixture(const struct gen *g)
{
	const uint64_t made[] = {
		g->events, g->pages, g->slots, g->loads, g->invalidates,
		g->dedupe, g->working_set, g->compress, g->chunk, g->near,
		g->hostile, g->zero, g->same_filled, g->cgroups,
	};
	bool any = g->zipf || g->mode || g->facts || g->lengths->len;

	for (unsigned int i = 0; i < G_N_ELEMENTS(made); i++)
		any |= made[i] != UNSET;
	if (g->from && any)
		return usage("--from takes only --times, --interleave, --shared-copies and --seed");
	if (!g->from && (g->times != UNSET || g->interleave != UNSET ||
			 g->shared != UNSET))
		return usage("--times, --interleave and --shared-copies need --from TRACE");
	if (g->from && g->times == UNSET)
		return usage("--from needs --times K");
	if (g->lengths->len && !g->facts)
		return usage("--length needs --facts");
	if (g->lengths->len > TRACE_LENGTHS_MAX)
		return usage("too many times --length");
	for (guint i = 0; i < g->lengths->len; i++) {
		const char *name = g_ptr_array_index(g->lengths, i);

		if (!strchr(name, '@') || strchr(name, '\n'))
			return cmd_usage("gen", "--length '%s' is not COMPRESSOR@KERNEL",
					 name);
	}
	return CMD_OK;
}

/* All that decides the trace, in the words of the command line */
static void describe(struct gen *g, const char *vantage)
{
	const struct gen_options *o = &g->o;

	if (g->from) {
		g->info = g_strdup_printf("vantage=%s\ngen=--times %" PRIu64
			" --interleave %" PRIu64 " --shared-copies %" PRIu64
			" --seed %" PRIu64 "\n", vantage, g->times,
			or_else(g->interleave, 0), or_else(g->shared, 0),
			g->seed);
		return;
	}
	g->info = g_strdup_printf("vantage=%s\ngen=stores %" PRIu64 " loads %"
		PRIu64 " invalidates %" PRIu64 " --slots %" PRIu64
		" --dedupe-mode %s --dedupe-percentage %" PRIu64
		" --dedupe-working-set-percentage %" PRIu64
		" --buffer-compress-percentage %" PRIu64
		" --buffer-compress-chunk %" PRIu64 " --near-percentage %"
		PRIu64 " --hostile %" PRIu64 " --zero-percentage %" PRIu64
		" --same-filled-percentage %" PRIu64 " --zipf %" PRIu64
		".%02" PRIu64 " --cgroups %" PRIu64 " --seed %" PRIu64 "\n",
		vantage, o->stores, o->loads, o->invalidates, o->slots,
		o->repeat ? "repeat" : "working_set", o->dedupe,
		o->working_set, o->compress, o->chunk, o->near, o->hostile,
		o->zero, o->same_filled, o->zipf / 100, o->zipf % 100,
		o->cgroups, o->seed);
}

static int open_writer(struct gen *g, struct trace_writer_options *options)
{
	const char *temporary;
	char why[WHY_MAX] = "";

	options->info = g->info;
	if (trace_writer_open(g->output, options, &g->writer, why,
			      sizeof(why))) {
		cmd_error("%s", why);
		return CMD_INPUT;
	}
	temporary = trace_writer_temporary(g->writer);
	output_guard(&temporary, 1);
	return CMD_OK;
}

static int close_writer(struct gen *g, int status)
{
	char why[WHY_MAX] = "";

	progress_wipe();
	if (status) {
		trace_writer_abandon(g->writer);
	} else if (trace_writer_close(g->writer, why, sizeof(why))) {
		cmd_error("%s", why);
		status = CMD_INPUT;
	}
	output_guard(NULL, 0);
	return status;
}

static int write_stream(struct gen *g, struct gen_stream *stream)
{
	uint8_t bytes[TRACE_PAGE_SIZE];
	struct trace_facts facts;
	struct trace_event ev;
	uint64_t content = 0;
	char why[WHY_MAX] = "";
	bool has_page;
	int ret = 0;

	while (!ret && gen_stream_next(stream, &ev, &content)) {
		has_page = ev.page != TRACE_NO_PAGE;
		if (has_page && !g->facts)
			gen_page(&g->o, content, bytes);
		else if (has_page)
			gen_facts(&g->o, content, g->lengths->len, &facts);
		ret = trace_write_event(g->writer, &ev,
					has_page && !g->facts ? bytes : NULL,
					has_page && g->facts ? &facts : NULL,
					why, sizeof(why));
		progress_at(ev.seq + 1);
	}
	if (ret)
		cmd_error("%s", why);
	return ret ? CMD_INPUT : CMD_OK;
}

static void print_stream(const struct gen *g, const struct gen_counts *n,
			 uint64_t pages)
{
	const struct gen_options *o = &g->o;

	printf("%s: %" PRIu64 " events (%" PRIu64 " stores, %" PRIu64
	       " loads, %" PRIu64 " invalidates), %" PRIu64 " pages\n",
	       g->output, o->stores + o->loads + o->invalidates, o->stores,
	       o->loads, o->invalidates, pages);
	printf("stores: %" PRIu64 " zero, %" PRIu64 " same-filled, %" PRIu64
	       " duplicates, %" PRIu64 " new (%" PRIu64 " near, %" PRIu64
	       " hostile)\nseed: %" PRIu64 "\n", n->zero, n->same_filled,
	       n->duplicates, n->pages, n->near, n->hostile, o->seed);
}

static int generate(struct gen *g)
{
	struct trace_writer_options options = {
		.has_memcg = g->o.cgroups,
		.has_pages = !g->facts,
		.has_facts = g->facts,
		.digest = g->facts ? "generated" : NULL,
		.window_log = WINDOW_LOG,
	};
	struct gen_stream *stream = gen_stream_new(&g->o);
	uint64_t pages;
	int status;

	if (!stream) {
		cmd_error("%s: not enough memory for %" PRIu64 " slots",
			  g->output, g->o.slots);
		return CMD_INPUT;
	}
	if (g->facts && !g->lengths->len) {
		g_ptr_array_add(g->lengths, (gpointer)"lz4@7.2");
		g_ptr_array_add(g->lengths, (gpointer)"zstd@7.2");
	}
	options.lengths = (const char *const *)g->lengths->pdata;
	options.nr_lengths = g->lengths->len;
	describe(g, "slots");
	status = open_writer(g, &options);
	if (!status) {
		progress_start("gen", g->o.stores + g->o.loads +
			       g->o.invalidates);
		status = write_stream(g, stream);
		pages = trace_writer_pages(g->writer);
		status = close_writer(g, status);
		if (!status)
			print_stream(g, gen_stream_counts(stream), pages);
	}
	gen_stream_free(stream);
	return status;
}

static int write_from(struct gen *g, const struct gen_from *from)
{
	const struct trace_summary *sum = trace_summary(from->trace);
	struct trace_writer_options options = {
		.has_type = sum->has_type,
		.has_memcg = sum->has_memcg,
		.has_folio = sum->has_folio,
		.has_order = sum->has_order,
		.has_pages = sum->has_pages,
		.has_facts = !sum->has_pages,
		.digest = sum->has_pages ? NULL : sum->digest,
		.lengths = sum->lengths,
		.nr_lengths = sum->has_pages ? 0 : sum->nr_lengths,
	};
	char why[WHY_MAX] = "";
	uint64_t pages;
	int status;

	describe(g, sum->vantage);
	status = open_writer(g, &options);
	if (status)
		return status;
	progress_start("gen", sum->events * from->times);
	if (gen_from_write(from, g->writer, why, sizeof(why))) {
		cmd_error("%s", why);
		status = CMD_INPUT;
	}
	pages = trace_writer_pages(g->writer);
	status = close_writer(g, status);
	if (!status)
		printf("%s: %" PRIu64 " events (%" PRIu64 " stores, %" PRIu64
		       " loads, %" PRIu64 " invalidates), %" PRIu64
		       " pages\nseed: %" PRIu64 "\n", g->output,
		       sum->events * from->times, sum->stores * from->times,
		       sum->loads * from->times,
		       sum->invalidates * from->times, pages, g->seed);
	return status;
}

static int blow_up(struct gen *g)
{
	struct gen_from from = {
		.seed = g->seed,
		.times = g->times,
		.interleave = or_else(g->interleave, 0),
		.shared = or_else(g->shared, 0),
	};
	char why[WHY_MAX] = "";
	const char *reason;
	int status = CMD_INPUT;

	if (trace_open(g->from, NULL, &from.trace, why, sizeof(why))) {
		cmd_error("%s", why);
		return CMD_INPUT;
	}
	reason = gen_from_check(&from);
	if (reason)
		cmd_error("%s: %s", g->from, reason);
	else
		status = write_from(g, &from);
	trace_close(from.trace);
	return status;
}

static int choose(struct gen *g)
{
	int status;

	if (!g->output)
		return usage("no -o OUT.zdt given");
	status = check_mixture(g);
	if (!status && g->seed == UNSET) {
		/* 63 bits, so that --seed takes it back */
		if (getrandom(&g->seed, sizeof(g->seed), 0) !=
		    sizeof(g->seed)) {
			cmd_error("no random seed: %s", strerror(errno));
			return CMD_INPUT;
		}
		g->seed >>= 1;
	}
	if (!status && !g->from)
		status = choose_events(g);
	if (!status && !g->from)
		status = choose_contents(g);
	return status;
}

int cmd_gen(int argc, char **argv)
{
	struct gen g = {
		.seed = UNSET, .events = UNSET, .pages = UNSET, .slots = UNSET,
		.loads = UNSET, .invalidates = UNSET, .dedupe = UNSET,
		.working_set = UNSET, .compress = UNSET, .chunk = UNSET,
		.near = UNSET, .hostile = UNSET, .zero = UNSET,
		.same_filled = UNSET, .cgroups = UNSET, .times = UNSET,
		.interleave = UNSET, .shared = UNSET,
		.lengths = g_ptr_array_new(),
	};
	const struct option_spec specs[] = {
		{ "-o", "OUT.zdt", OPTION_STRING, &g.output, "must be given", 0, 0 },
		{ "--seed", "N", OPTION_NUMBER, &g.seed, "same seed and options, same trace; drawn if not given", 0, INT64_MAX },
		{ "--events", "N", OPTION_NUMBER, &g.events, "of all kinds (100000)", 1, 1ull << 40 },
		{ "--pages", "N", OPTION_NUMBER, &g.pages, "that are stored, instead of --events", 1, GEN_PAGES_MAX },
		{ "--slots", "N", OPTION_NUMBER, &g.slots, "filled first, then kept about full (16384)", 1, 1ull << 30 },
		{ "--loads", "P", OPTION_NUMBER, &g.loads, "percentage of the events (30)", 0, 50 },
		{ "--invalidates", "P", OPTION_NUMBER, &g.invalidates, "percentage of the events (30)", 0, 50 },
		{ "--zipf", "THETA", OPTION_STRING, &g.zipf, "how much loads and overwrites prefer some slots (0: not at all)", 0, 0 },
		{ "--cgroups", "N", OPTION_NUMBER, &g.cgroups, "that store; the i-th gets 1/i of the first's (0)", 0, 65535 },
		{ "--dedupe-percentage", "P", OPTION_NUMBER, &g.dedupe, "stores that repeat a content (0)", 0, 100 },
		{ "--dedupe-mode", "MODE", OPTION_STRING, &g.mode, "repeat (the last one) or working_set", 0, 0 },
		{ "--dedupe-working-set-percentage", "P", OPTION_NUMBER, &g.working_set, "size of the set that is repeated, of the stores (5)", 0, 100 },
		{ "--buffer-compress-percentage", "P", OPTION_NUMBER, &g.compress, "how much of a page is zeroes (50)", 0, 100 },
		{ "--buffer-compress-chunk", "BYTES", OPTION_NUMBER, &g.chunk, "random bytes, zeroes, each so often (512)", 16, TRACE_PAGE_SIZE },
		{ "--near-percentage", "P", OPTION_NUMBER, &g.near, "new pages a few bits from an earlier one (0)", 0, 99 },
		{ "--hostile", "P", OPTION_NUMBER, &g.hostile, "new pages at the borders of sizes and classes (0)", 0, 99 },
		{ "--zero-percentage", "P", OPTION_NUMBER, &g.zero, "of the stores (0)", 0, 100 },
		{ "--same-filled-percentage", "P", OPTION_NUMBER, &g.same_filled, "of the stores (0)", 0, 100 },
		{ "--facts", NULL, OPTION_TRUE, &g.facts, "no bytes: made-up digests and lengths, for speed", 0, 0 },
		{ "--length", "NAME@KERNEL", OPTION_LIST, &g.lengths, "that --facts carry (lz4@7.2, zstd@7.2)", 0, 0 },
		{ "--from", "TRACE", OPTION_STRING, &g.from, "copies of this one instead", 0, 0 },
		{ "--times", "K", OPTION_NUMBER, &g.times, "how many copies", 1, GEN_TIMES_MAX },
		{ "--interleave", "N", OPTION_NUMBER, &g.interleave, "N events of each copy in turn (0: one after the other)", 0, 1u << 20 },
		{ "--shared-copies", "P", OPTION_NUMBER, &g.shared, "percentage of the contents that all copies share (0)", 0, 100 },
		{ NULL, NULL, OPTION_STRING, NULL, NULL, 0, 0 },
	};
	const struct option_table table = {
		.command = "gen",
		.usage = "gen -o OUT.zdt [options]\n       zdedup gen --from TRACE --times K -o OUT.zdt [options]",
		.specs = specs,
		.examples = "examples:\n  zdedup gen --dedupe-percentage 40 --zipf 0.99 -o made.zdt\n  zdedup gen --from swap.zdt --times 20 -o large.zdt\n  zdedup gen --facts --events 10000000 --slots 1000000 -o fast.zdt\n",
	};
	const char *operand;
	int status;

	switch (options_parse(&table, argc, argv, &operand)) {
	case OPTIONS_HELP:
		status = CMD_OK;
		break;
	case OPTIONS_WRONG:
		status = CMD_USAGE;
		break;
	default:
		status = choose(&g);
		if (!status)
			status = g.from ? blow_up(&g) : generate(&g);
		break;
	}
	g_ptr_array_free(g.lengths, TRUE);
	g_free(g.info);
	return status;
}
