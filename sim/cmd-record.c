/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cmd-record.c - zdedup record: which way, and record vm: nbdkit serves the disk,
 * QEMU runs the guest
 *
 * All that is left of this program is nbdkit: it makes the socket in a folder of
 * its own, runs QEMU, and ends with it.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "cmd.h"
#include "options.h"
#include "record.h"

#define PLUGIN "nbdkit-zdedup-plugin.so"
#define SERIAL "zdedup-swap"	/* virtio's serial numbers have 20 bytes */

/* The plugin that was built beside this program; else the one nbdkit knows. */
static char *find_plugin(void)
{
	g_autofree char *self = g_file_read_link("/proc/self/exe", NULL);
	g_autofree char *dir = self ? g_path_get_dirname(self) : NULL;
	char *beside = dir ? g_build_filename(dir, PLUGIN, NULL) : NULL;

	if (beside && !access(beside, R_OK))
		return beside;
	g_free(beside);
	return g_strdup("zdedup");
}

/* The words of QEMU's line; nbdkit's shell puts its socket in. */
static char *qemu_line(char **words)
{
	GString *line = g_string_new(NULL);
	struct utsname uts;

	if (!*words || **words == '-') {
		uname(&uts);
		g_string_append_printf(line, "qemu-system-%s", uts.machine);
	}
	for (; *words; words++) {
		g_autofree char *quoted = g_shell_quote(*words);

		if (line->len)
			g_string_append_c(line, ' ');
		g_string_append(line, quoted);
	}
	g_string_append(line, " -drive if=none,id=" SERIAL
			",format=raw,discard=unmap,file.driver=nbd,file.server.type=unix,file.server.path=\"$unixsocket\""
			" -device virtio-blk,drive=" SERIAL ",serial=" SERIAL);
	return g_string_free(line, FALSE);
}

static void print_guest(FILE *f)
{
	fputs("In the guest, as root:\n"
	      "  echo N > /sys/module/zswap/parameters/enabled\n"
	      "  echo 0 > /proc/sys/vm/page-cluster\n"
	      "  echo never > /sys/kernel/mm/transparent_hugepage/enabled\n"
	      "  swapoff -a\n"
	      "  mkswap /dev/disk/by-id/virtio-" SERIAL "\n"
	      "  swapon -p 100 /dev/disk/by-id/virtio-" SERIAL "\n"
	      "then run what should be recorded, and shut the guest down.\n", f);
}

static void print_line(GPtrArray *words)
{
	for (guint i = 0; g_ptr_array_index(words, i); i++) {
		g_autofree char *quoted =
			g_shell_quote(g_ptr_array_index(words, i));

		printf("%s%s", i ? " " : "", quoted);
	}
	printf("\n");
}

/* Only comes back when it fails. */
static int run(GPtrArray *words)
{
	print_guest(stderr);
	fflush(stderr);
	execvp("nbdkit", (char **)words->pdata);
	cmd_error("nbdkit: %s%s", strerror(errno),
		  errno == ENOENT ? " (Debian: apt-get install nbdkit)" : "");
	return CMD_INPUT;
}

static int start(const char *output, uint64_t size, bool print, char **qemu)
{
	g_autoptr(GPtrArray) words = g_ptr_array_new_with_free_func(g_free);

	g_ptr_array_add(words, g_strdup("nbdkit"));
	g_ptr_array_add(words, g_strdup("-f"));
	g_ptr_array_add(words, g_strdup("-U"));
	g_ptr_array_add(words, g_strdup("-"));
	g_ptr_array_add(words, find_plugin());
	g_ptr_array_add(words, g_strdup_printf("trace=%s", output));
	g_ptr_array_add(words, g_strdup_printf("size=%" PRIu64, size));
	g_ptr_array_add(words, g_strdup("--run"));
	g_ptr_array_add(words, qemu_line(qemu));
	g_ptr_array_add(words, NULL);
	if (print) {
		print_line(words);
		print_guest(stdout);
		return CMD_OK;
	}
	if (!access(output, F_OK)) {
		cmd_error("%s: is there already; a recording does not replace it",
			  output);
		return CMD_INPUT;
	}
	return run(words);
}

int record_vm(int argc, char **argv)
{
	const char *output = "swap.zdt", *operand;
	uint64_t size = 512ull << 20;
	bool print = false;
	int nr = 1;
	const struct option_spec specs[] = {
		{ "--size", "SIZE", OPTION_SIZE, &size, "of the swap disk (512M)", 0, 0 },
		{ "-o", "OUT.zdt", OPTION_STRING, &output, "the trace; must not exist (swap.zdt)", 0, 0 },
		{ "--print", NULL, OPTION_TRUE, &print, "print the command, do not run it", 0, 0 },
		{ NULL, NULL, OPTION_STRING, NULL, NULL, 0, 0 },
	};
	const struct option_table table = {
		.command = "record vm",
		.usage = "record vm [--size SIZE] [-o OUT.zdt] [--print] [-- [QEMU] ARGUMENTS...]",
		.specs = specs,
		.examples = "Runs QEMU with one virtio disk more, for the guest to swap on, and records that.\n"
			    "docs/RECORD.md tells all of it.\n\nexamples:\n"
			    "  zdedup record vm -o my.zdt -- -m 512 -nographic -drive file=debian.qcow2,if=virtio\n"
			    "  zdedup replay my.zdt --dedup always\n",
	};

	/* what follows "--" is QEMU's */
	while (nr < argc && strcmp(argv[nr], "--"))
		nr++;
	switch (options_parse(&table, nr, argv, &operand)) {
	case OPTIONS_HELP:
		return CMD_OK;
	case OPTIONS_WRONG:
		return CMD_USAGE;
	default:
		break;
	}
	if (size % 4096 || size < 8192)
		return cmd_usage("record vm", "--size: a multiple of 4096, at least 8192");
	if (nr + 1 >= argc && !print)
		return cmd_usage("record vm", "no guest: give QEMU's arguments after '--', or --print");
	return start(output, size, print, nr < argc ? argv + nr + 1 : argv + argc);
}

int cmd_record(int argc, char **argv)
{
	if (argc > 1 && !strcmp(argv[1], "vm"))
		return record_vm(argc - 1, argv + 1);
	if (argc == 2 && (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h")))
		printf("usage: zdedup record vm [--help] ...: the swapping of a virtual machine; or\n");
	if (argc < 2)
		return cmd_usage("record", "what is to be recorded?");
	return record_process(argc, argv);
}
