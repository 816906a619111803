/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * record-helper.c - a process whose pages are known, for record.sh
 *
 * usage: record-helper FILE [SECONDS [bare]]
 *
 * "bare": without the zero pages. Pages begin with "TAG-KIND-NUMBER-VERSION;". Prints "PID CHILD" when all are there.
 * SIGUSR1 makes the changes named in change(), SIGUSR2 those in change_back(); each
 * prints a line. Ends with SIGTERM or after SECONDS. FILE is made.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PAGE 4096u
#define SAME 0x21454d41535f445aull	/* "ZD_SAME!" */

static unsigned char *text, *noise, *shared;
static uint64_t state = 88172645463325252ull;

static unsigned char *map(unsigned int pages, int flags, int fd)
{
	void *at = mmap(NULL, (size_t)pages * PAGE, PROT_READ | PROT_WRITE,
			flags, fd, 0);

	if (at == MAP_FAILED) {
		perror("mmap");
		exit(1);
	}
	return at;
}

static void tag(unsigned char *page, const char *kind, unsigned int number,
		unsigned int version)
{
	char word[64];
	int len = snprintf(word, sizeof(word), "TAG-%s-%u-%u;", kind, number,
			   version);

	memcpy(page, word, (size_t)len);
	memset(word, 0, sizeof(word));
}

static void fill_random(unsigned char *page)
{
	for (unsigned int i = 0; i < PAGE; i += 8) {
		state ^= state << 13;
		state ^= state >> 7;
		state ^= state << 17;
		memcpy(page + i, &state, 8);
	}
}

static unsigned char *make(unsigned int pages, const char *kind, int flags,
			   int fd)
{
	unsigned char *at = map(pages, flags, fd);

	for (unsigned int i = 0; i < pages; i++) {
		fill_random(at + i * PAGE);
		tag(at + i * PAGE, kind, i, 1);
	}
	return at;
}

static void make_files(const char *path)
{
	int fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
	volatile unsigned char *file;
	unsigned int sum = 0;

	if (fd < 0 || ftruncate(fd, 8 * PAGE)) {
		perror(path);
		exit(1);
	}
	make(8, "file", MAP_SHARED, fd);	/* goes to the file, not to swap */
	file = map(8, MAP_PRIVATE, fd);
	for (unsigned int i = 0; i < 8; i++)
		sum += file[i * PAGE];
	tag((unsigned char *)(uintptr_t)file + 2 * PAGE, "copied", 2, 1);
	tag((unsigned char *)(uintptr_t)file + 5 * PAGE, "copied", 5, 1);
	close(fd);
}

static void make_anonymous(bool bare)
{
	const int flags = MAP_PRIVATE | MAP_ANONYMOUS;
	volatile unsigned char *zero = map(3, flags, -1);
	volatile unsigned char *read_only = map(5, flags, -1);
	unsigned char *same = map(4, flags, -1), *none;
	const uint64_t word = SAME;
	unsigned int sum = 0;

	map(7, flags, -1);	/* never touched */
	for (unsigned int i = 0; i < 3 && !bare; i++)
		zero[i * PAGE] = 0;
	for (unsigned int i = 0; i < 5; i++)
		sum += read_only[i * PAGE];
	for (unsigned int i = 0; i < 4 * PAGE; i += 8)
		memcpy(same + i, &word, 8);
	text = map(6, flags, -1);
	for (unsigned int i = 0; i < 6; i++) {
		for (unsigned int j = 0; j < PAGE; j++)
			text[i * PAGE + j] = (unsigned char)("plain text\n"[j % 11]);
		tag(text + i * PAGE, "text", i, 1);
	}
	noise = make(10, "noise", flags, -1);
	none = make(9, "none", flags, -1);
	mprotect(none, 9 * PAGE, PROT_NONE);
	shared = make(5, "shared", MAP_SHARED | MAP_ANONYMOUS, -1);
}

static void change(pid_t child)
{
	if (!child) {		/* the child's copy only */
		tag(text, "text", 0, 2);
		return;
	}
	tag(text + 2 * PAGE, "text", 2, 2);
	tag(shared + PAGE, "shared", 1, 2);
	munmap(noise + 4 * PAGE, PAGE);
}

static void change_back(pid_t child)
{
	if (!child)
		return;
	make(1, "new", MAP_PRIVATE | MAP_ANONYMOUS, -1);
	tag(text + 2 * PAGE, "text", 2, 1);
}

int main(int argc, char **argv)
{
	struct timespec wait = { 3600, 0 };
	unsigned char *busy;
	sigset_t set;
	pid_t child;
	int signal;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigaddset(&set, SIGUSR2);
	sigaddset(&set, SIGTERM);
	sigprocmask(SIG_BLOCK, &set, NULL);
	if (argc < 2)
		return 2;
	if (argc > 2)
		wait.tv_sec = atoi(argv[2]);
	make_files(argv[1]);
	make_anonymous(argc > 3);
	child = fork();
	if (!child)
		prctl(PR_SET_PDEATHSIG, SIGKILL);
	busy = make(1, child ? "busy" : "childs", MAP_PRIVATE | MAP_ANONYMOUS,
		    -1);
	if (child) {
		printf("%d %d\n", (int)getpid(), (int)child);
		fflush(stdout);
	}
	for (unsigned int i = 0;; i++) {
		struct timespec tick = { 0, 20000000 };

		signal = sigtimedwait(&set, NULL, &tick);
		if (child)	/* never the same twice */
			memcpy(busy + 64, &i, sizeof(i));
		if (signal == SIGTERM || i / 50 >= (unsigned int)wait.tv_sec)
			break;
		if (signal == SIGUSR1)
			change(child);
		if (signal == SIGUSR2)
			change_back(child);
		if (signal > 0 && child) {
			printf("%d\n", signal);
			fflush(stdout);
		}
	}
	if (child) {
		kill(child, SIGKILL);
		waitpid(child, NULL, 0);
	}
	return 0;
}
