/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cmd-export.c - zdedup export: a trace in another format
 *
 * An ops directory is made under a temporary name and renamed when both of its
 * files are whole and on disk.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <glib.h>

#include "../traces/trace.h"
#include "cmd.h"
#include "export.h"
#include "options.h"
#include "output.h"
#include "progress.h"

#define WHY_MAX 1024u

/**
 * struct ops - an ops directory in the making
 * @path:  its name to be; @paths: ops.csv, pages.raw, and the temporary directory
 * @names: number + 1 of each page of the trace in the new one, by first use
 */
struct ops {
	const char *path;
	char *paths[OUTPUT_PATHS_MAX];
	FILE *list, *pages;
	uint64_t *names;
	uint64_t nr_pages;
};

static int failed(const struct ops *ops)
{
	cmd_error("%s: %s", ops->path, strerror(errno ? errno : EIO));
	return CMD_INPUT;
}

static int begin(struct ops *ops, const struct trace *trace)
{
	const struct trace_summary *sum = trace_summary(trace);
	mode_t mask = umask(0);

	umask(mask);
	ops->names = g_try_new0(uint64_t, sum->nr_pages + 1);
	if (!ops->names) {
		errno = ENOMEM;
		return failed(ops);
	}
	/* rename takes the place of an empty directory, and of nothing else */
	if (!access(ops->path, F_OK) && rmdir(ops->path))
		return failed(ops);
	ops->paths[2] = g_strdup_printf("%s.XXXXXX", ops->path);
	if (!mkdtemp(ops->paths[2])) {
		int error = errno;

		g_clear_pointer(&ops->paths[2], g_free);
		errno = error;
		return failed(ops);
	}
	ops->paths[0] = g_build_filename(ops->paths[2], "ops.csv", NULL);
	ops->paths[1] = g_build_filename(ops->paths[2], "pages.raw", NULL);
	output_guard((const char *const *)ops->paths, OUTPUT_PATHS_MAX);
	/* mkdtemp makes 0700; the directory is to have what mkdir would give */
	if (chmod(ops->paths[2], 0777 & ~mask))
		return failed(ops);
	ops->list = fopen(ops->paths[0], "w");
	ops->pages = ops->list ? fopen(ops->paths[1], "w") : NULL;
	if (!ops->pages)
		return failed(ops);
	fprintf(ops->list, "seq,time_us,op,slot,page%s%s%s\n",
		sum->has_type ? ",type" : "", sum->has_memcg ? ",memcg" : "",
		sum->has_folio ? ",folio" : "");
	return CMD_OK;
}

static int write_event(struct ops *ops, const struct trace *trace,
		       const struct trace_event *ev)
{
	static const char *const words[] = { "store", "load", "invalidate" };
	const struct trace_summary *sum = trace_summary(trace);

	errno = 0;
	fprintf(ops->list, "%" PRIu64 ",%" PRIu64 ",%s,%" PRIu64 ",", ev->seq,
		ev->time_us, words[ev->op], ev->slot);
	if (ev->page != TRACE_NO_PAGE) {
		uint64_t *name = &ops->names[ev->page];

		if (!*name) {
			*name = ++ops->nr_pages;
			fwrite(trace_page(trace, ev->page), TRACE_PAGE_SIZE, 1,
			       ops->pages);
		}
		fprintf(ops->list, "%" PRIu64, *name - 1);
	}
	if (sum->has_type)
		fprintf(ops->list, ",%u", ev->type);
	if (sum->has_memcg)
		fprintf(ops->list, ",%" PRIu32, ev->memcg);
	if (sum->has_folio)
		fprintf(ops->list, ",%" PRIu64, ev->folio);
	fputc('\n', ops->list);
	if (ferror(ops->list) || ferror(ops->pages))
		return failed(ops);
	return CMD_OK;
}

static int write_events(struct ops *ops, struct trace *trace)
{
	struct trace_event ev;
	char why[WHY_MAX] = "";
	int got, status = CMD_OK;

	progress_start("export", trace_summary(trace)->events);
	while (!status && (got = trace_next(trace, &ev, why, sizeof(why)))) {
		if (got < 0) {
			cmd_error("%s", why);
			status = CMD_INPUT;
		} else {
			status = write_event(ops, trace, &ev);
			progress_at(ev.seq + 1);
		}
	}
	progress_wipe();
	return status;
}

static int close_file(FILE **file)
{
	int bad = fflush(*file) || output_sync(*file);

	bad |= fclose(*file) != 0;
	*file = NULL;
	return bad;
}

static int finish(struct ops *ops, int status)
{
	errno = 0;
	if (!status && (close_file(&ops->list) || close_file(&ops->pages) ||
			rename(ops->paths[2], ops->path)))
		status = failed(ops);
	if (ops->list)
		fclose(ops->list);
	if (ops->pages)
		fclose(ops->pages);
	if (status && ops->paths[2]) {
		if (ops->paths[1]) {
			unlink(ops->paths[0]);
			unlink(ops->paths[1]);
		}
		rmdir(ops->paths[2]);
	}
	output_guard(NULL, 0);
	for (int i = 0; i < OUTPUT_PATHS_MAX; i++)
		g_free(ops->paths[i]);
	g_free(ops->names);
	return status;
}

static int export_ops(struct trace *trace,
		      const struct export_options *options)
{
	struct ops ops = { .path = options->output };
	int status;

	if (!trace_summary(trace)->has_pages) {
		cmd_error("%s: carries no bytes, which an ops directory needs (format %s)",
			  trace_path(trace), trace_format(trace));
		return CMD_INPUT;
	}
	status = begin(&ops, trace);
	if (!status)
		status = write_events(&ops, trace);
	return finish(&ops, status);
}

/* @fingerprint, @lengths: it takes --key-file, --digest and --keep-words; --lengths */
static const struct export_format {
	const char *name;
	int (*fn)(struct trace *trace, const struct export_options *options);
	bool fingerprint, lengths;
} formats[] = {
	{ "ops", export_ops, false, false },
	{ "fingerprint", export_fingerprint, true, true },
	{ "libcachesim-csv", export_libcachesim_csv, false, true },
	{ "oracle-general", export_oracle_general, false, true },
};

static const struct export_format *find_format(const char *name)
{
	for (size_t i = 0; i < G_N_ELEMENTS(formats); i++)
		if (!strcmp(formats[i].name, name))
			return &formats[i];
	return NULL;
}

static int unknown_format(const char *name)
{
	g_autoptr(GString) all = g_string_new(NULL);

	for (size_t i = 0; i < G_N_ELEMENTS(formats); i++)
		g_string_append_printf(all, "%s%s", i ? ", " : "",
				       formats[i].name);
	return cmd_usage("export", "unknown --to '%s' (%s)", name, all->str);
}

/* Options that the format has no use for are a mistake. */
static int check_options(const struct export_format *format,
			 const struct export_options *o)
{
	const char *wrong = NULL;

	if (o->lengths && !format->lengths)
		wrong = "--lengths";
	else if (o->key_file && !format->fingerprint)
		wrong = "--key-file";
	else if (o->digest && !format->fingerprint)
		wrong = "--digest";
	else if (o->keep_words && !format->fingerprint)
		wrong = "--keep-words";
	if (!wrong)
		return CMD_OK;
	return cmd_usage("export", "%s does not go with --to %s", wrong,
			 format->name);
}

static int check_input_format(const char *name)
{
	const char *names[64] = { NULL };

	for (unsigned int i = 0; i < G_N_ELEMENTS(names) - 1 &&
	     trace_format_name(i); i++)
		names[i] = trace_format_name(i);
	if (name && !options_among(name, names))
		return cmd_usage("export", "unknown --input-format '%s'", name);
	return CMD_OK;
}

static int export_trace(const char *path, const char *input_format,
			const struct export_format *format,
			const struct export_options *o)
{
	struct trace *trace;
	char why[WHY_MAX] = "";
	int status;

	if (trace_open(path, input_format, &trace, why, sizeof(why))) {
		cmd_error("%s", why);
		return CMD_INPUT;
	}
	status = format->fn(trace, o);
	trace_close(trace);
	return status;
}

int cmd_export(int argc, char **argv)
{
	const char *to = NULL, *input_format = NULL, *path;
	struct export_options o = { 0 };
	const struct option_spec specs[] = {
		{ "--to", "FORMAT", OPTION_STRING, &to, "ops, fingerprint, libcachesim-csv or oracle-general; must be given", 0, 0 },
		{ "--key-file", "FILE", OPTION_STRING, &o.key_file, "fingerprint: digests keyed by its bytes, 16 or more", 0, 0 },
		{ "--digest", "HASH", OPTION_STRING, &o.digest, "fingerprint: instead, digests of this index, which keep no secret", 0, 0 },
		{ "--keep-words", NULL, OPTION_TRUE, &o.keep_words, "fingerprint: with the words of same-filled pages, which are content", 0, 0 },
		{ "--lengths", "NAME[@KERNEL],...", OPTION_STRING, &o.lengths, "by which compressors; fingerprint: the kernel's, else lz4", 0, 0 },
		{ "--input-format", "NAME", OPTION_STRING, &input_format, "do not probe the trace's content", 0, 0 },
		{ "-o", "OUT", OPTION_STRING, &o.output, "must be given", 0, 0 },
		{ NULL, NULL, OPTION_STRING, NULL, NULL, 0, 0 },
	};
	const struct option_table table = {
		.command = "export",
		.usage = "export --to FORMAT TRACE -o OUT [options]",
		.specs = specs,
		.operand = "TRACE",
		.examples = "A fingerprint trace has no page's bytes; docs/SHARING.md says what it still tells.\n\n"
			    "examples:\n  zdedup export --to ops swap.zdt -o swap-trace\n"
			    "  head -c 32 /dev/urandom >key\n"
			    "  zdedup export --to fingerprint --key-file key swap.zdt -o shared.zdt\n"
			    "  zdedup export --to oracle-general --lengths zstd swap.zdt -o swap.oracleGeneral\n",
	};
	const struct export_format *format;
	int status;

	switch (options_parse(&table, argc, argv, &path)) {
	case OPTIONS_HELP:
		return CMD_OK;
	case OPTIONS_WRONG:
		return CMD_USAGE;
	default:
		break;
	}
	if (!to || !o.output)
		return cmd_usage("export", "no %s given",
				 to ? "-o OUT" : "--to FORMAT");
	format = find_format(to);
	if (!format)
		return unknown_format(to);
	status = check_options(format, &o);
	if (!status)
		status = check_input_format(input_format);
	if (!status)
		status = export_trace(path, input_format, format, &o);
	return status;
}
