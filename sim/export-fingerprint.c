/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * export-fingerprint.c - a .zdt with facts and no bytes; docs/SHARING.md says what
 * it still tells
 *
 * A content's identity is its number in the file: all 4096 bytes were compared.
 * The digest is HMAC-SHA-256 (RFC 2104) cut to 128 bits, with GLib's code: nobody
 * without the key can say whether a page that he has is in the trace, and nobody
 * at all can make two pages of one digest. Cut so it is as hard to forge as
 * 128 bits are (RFC 2104, section 5), and by accident no two contents of a TiB
 * meet (1e-22).
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include <glib.h>

#include "../traces/trace-writer.h"
#include "cmd.h"
#include "export.h"
#include "lengths.h"
#include "output.h"
#include "pages.h"
#include "progress.h"

#define WHY_MAX 1024u
#define KEY_MIN 16u
#define KEY_MAX 65536u
#define KEYED "hmac-sha256-128:keyed"
#define SHA256_BYTES 32

/**
 * struct fingerprint - one export
 * @mac:   with the key in it, to be copied; NULL: the digests are an index's
 * @names: number + 1 of each content in the new file
 */
struct fingerprint {
	const struct export_options *options;
	struct trace *trace;
	struct lengths *lengths;
	struct pages *pages;
	struct trace_writer *writer;
	GHmac *mac;
	uint64_t *names;
	uint64_t events, nr_pages;
};

static int read_key(struct fingerprint *f)
{
	const char *path = f->options->key_file;
	g_autofree uint8_t *key = g_malloc(KEY_MAX + 1);
	FILE *file = fopen(path, "r");
	size_t len = 0;
	int error = 0;

	if (file) {
		len = fread(key, 1, KEY_MAX + 1, file);
		error = ferror(file) ? errno : 0;
		fclose(file);
	}
	if (!file || error)
		cmd_error("%s: %s", path, g_strerror(error ? error : errno));
	else if (len < KEY_MIN)
		cmd_error("%s: holds %zu bytes, a key has at least %u", path,
			  len, KEY_MIN);
	else if (len > KEY_MAX)
		cmd_error("%s: holds more than %u bytes, is this a key?", path,
			  KEY_MAX);
	else
		f->mac = g_hmac_new(G_CHECKSUM_SHA256, key, len);
	memset(key, 0, KEY_MAX + 1);
	return f->mac ? CMD_OK : CMD_INPUT;
}

static void keyed_digest(const struct fingerprint *f, const void *bytes,
			 uint8_t digest[16])
{
	GHmac *mac = g_hmac_copy(f->mac);
	uint8_t all[SHA256_BYTES];
	gsize len = sizeof(all);

	g_hmac_update(mac, bytes, TRACE_PAGE_SIZE);
	g_hmac_get_digest(mac, all, &len);
	g_hmac_unref(mac);
	memcpy(digest, all, 16);
}

static void get_facts(const struct fingerprint *f, uint64_t page,
		      struct trace_facts *facts)
{
	lengths_get(f->lengths, page, facts);
	if (f->mac)
		keyed_digest(f, trace_page(f->trace, page), facts->digest);
	if (!f->options->keep_words)
		facts->word = 0;
}

static int copy_event(struct fingerprint *f, struct trace_event *ev)
{
	struct trace_facts facts, *new = NULL;
	char why[WHY_MAX] = "";
	uint64_t *name;

	if (ev->page != TRACE_NO_PAGE) {
		name = &f->names[pages_content(f->pages, ev->page)];
		if (!*name) {
			get_facts(f, ev->page, &facts);
			new = &facts;
			*name = ++f->nr_pages;
		}
		ev->page = *name - 1;
	}
	if (trace_write_event(f->writer, ev, NULL, new, why, sizeof(why))) {
		cmd_error("%s", why);
		return CMD_INPUT;
	}
	progress_at(++f->events);
	return CMD_OK;
}

static int copy_events(struct fingerprint *f)
{
	struct trace_event ev;
	char why[WHY_MAX] = "";
	int got, status = CMD_OK;

	progress_start("export", trace_summary(f->trace)->events);
	while (!status && (got = trace_next(f->trace, &ev, why, sizeof(why)))) {
		if (got < 0) {
			cmd_error("%s", why);
			status = CMD_INPUT;
		} else {
			status = copy_event(f, &ev);
		}
	}
	progress_wipe();
	return status;
}

/* Of what is known of the recording only the vantage goes along: the rest may name names. */
static int open_writer(struct fingerprint *f)
{
	const struct trace_summary *sum = trace_summary(f->trace);
	g_autofree char *info = g_strdup_printf("vantage=%s\n", sum->vantage);
	const struct trace_writer_options options = {
		.has_type = sum->has_type,
		.has_memcg = sum->has_memcg,
		.has_folio = sum->has_folio,
		.has_order = sum->has_order,
		.has_facts = true,
		.digest = f->mac ? KEYED : f->options->digest,
		.nr_lengths = lengths_nr(f->lengths),
		.lengths = lengths_names(f->lengths),
		.info = info,
	};
	char why[WHY_MAX] = "";
	const char *temporary;

	if (trace_writer_open(f->options->output, &options, &f->writer, why,
			      sizeof(why))) {
		cmd_error("%s", why);
		return CMD_INPUT;
	}
	temporary = trace_writer_temporary(f->writer);
	output_guard(&temporary, 1);
	return CMD_OK;
}

static int prepare(struct fingerprint *f)
{
	const struct trace_summary *sum = trace_summary(f->trace);
	const char *reason;
	int status;

	if (!sum->has_pages) {
		cmd_error("%s: carries no bytes, of which fingerprints are made (format %s)",
			  trace_path(f->trace), trace_format(f->trace));
		return CMD_INPUT;
	}
	status = lengths_new(f->trace, f->options->lengths, f->options->digest,
			     &f->lengths);
	if (!status && f->options->key_file)
		status = read_key(f);
	if (status)
		return status;
	f->pages = pages_new(f->trace, &reason);
	f->names = g_try_new0(uint64_t, sum->nr_pages + 1);
	if (!f->pages || !f->names) {
		cmd_error("%s: %s", trace_path(f->trace),
			  f->pages ? "out of memory" : reason);
		return CMD_INPUT;
	}
	return open_writer(f);
}

static int finish(struct fingerprint *f, int status)
{
	char why[WHY_MAX] = "";

	if (status) {
		trace_writer_abandon(f->writer);
	} else if (trace_writer_close(f->writer, why, sizeof(why))) {
		cmd_error("%s", why);
		status = CMD_INPUT;
	}
	output_guard(NULL, 0);
	if (!status)
		printf("%s: %" PRIu64 " events, %" PRIu64
		       " contents, %u lengths of each, digests by %s\n",
		       f->options->output, f->events, f->nr_pages,
		       lengths_nr(f->lengths),
		       f->mac ? KEYED : f->options->digest);
	lengths_free(f->lengths);
	pages_free(f->pages);
	g_free(f->names);
	g_clear_pointer(&f->mac, g_hmac_unref);
	return status;
}

int export_fingerprint(struct trace *trace,
		       const struct export_options *options)
{
	struct fingerprint f = { .options = options, .trace = trace };
	int status;

	if (!options->key_file == !options->digest)
		return cmd_usage("export", "--to fingerprint takes either --key-file FILE or --digest HASH");
	status = prepare(&f);
	if (!status)
		status = copy_events(&f);
	return finish(&f, status);
}
