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
	int bad = fflush(*file) || fsync(fileno(*file));

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

static int export_ops(struct trace *trace, const char *path)
{
	struct ops ops = { .path = path };
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

int cmd_export(int argc, char **argv)
{
	static const char *const formats[] = { "ops", NULL };
	const char *to = NULL, *input_format = NULL, *output = NULL, *path;
	const struct option_spec specs[] = {
		{ "--to", "FORMAT", OPTION_STRING, &to, "ops; must be given", 0, 0 },
		{ "--input-format", "NAME", OPTION_STRING, &input_format, "do not probe the trace's content", 0, 0 },
		{ "-o", "OUT", OPTION_STRING, &output, "must be given", 0, 0 },
		{ NULL, NULL, OPTION_STRING, NULL, NULL, 0, 0 },
	};
	const struct option_table table = {
		.command = "export",
		.usage = "export --to FORMAT TRACE -o OUT",
		.specs = specs,
		.operand = "TRACE",
		.examples = "examples:\n  zdedup export --to ops swap.zdt -o swap-trace\n",
	};
	const char *names[64] = { NULL };
	char why[WHY_MAX] = "";
	struct trace *trace;
	int status;

	switch (options_parse(&table, argc, argv, &path)) {
	case OPTIONS_HELP:
		return CMD_OK;
	case OPTIONS_WRONG:
		return CMD_USAGE;
	default:
		break;
	}
	if (!to || !output)
		return cmd_usage("export", "no %s given",
				 to ? "-o OUT" : "--to FORMAT");
	if (!options_among(to, formats))
		return cmd_usage("export", "unknown --to '%s' (ops)", to);
	for (unsigned int i = 0; i < G_N_ELEMENTS(names) - 1 &&
	     trace_format_name(i); i++)
		names[i] = trace_format_name(i);
	if (input_format && !options_among(input_format, names))
		return cmd_usage("export", "unknown --input-format '%s'",
				 input_format);
	if (trace_open(path, input_format, &trace, why, sizeof(why))) {
		cmd_error("%s", why);
		return CMD_INPUT;
	}
	status = export_ops(trace, output);
	trace_close(trace);
	return status;
}
