/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The init of a guest that is recorded: the host's programs over 9p, below a
 * writable layer in memory; swap on /dev/vda; runs /out/workload there.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/swap.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define PAGE 4096
#define SECONDS_MAX 240 /* of the workload: what was recorded by then is enough */

static void __attribute__((noreturn)) power_off(void)
{
	fflush(stdout);
	sync();
	reboot(RB_POWER_OFF);
	for (;;)
		pause();
}

static void __attribute__((noreturn)) fail(const char *what)
{
	printf("RECORD fail %s: %s\n", what, strerror(errno));
	power_off();
}

static void put(const char *path, const char *value)
{
	int fd = open(path, O_WRONLY);

	if (fd < 0 || write(fd, value, strlen(value)) < 0)
		fail(path);
	close(fd);
}

/* The modules' order follows from trying: a missing symbol is ENOENT. */
static void load_modules(void)
{
	char path[320];
	struct dirent *e;
	int pass, fd;
	DIR *d;

	for (pass = 0; pass < 6; pass++) {
		d = opendir("/mods");
		while (d && (e = readdir(d))) {
			if (e->d_name[0] == '.')
				continue;
			snprintf(path, sizeof(path), "/mods/%s", e->d_name);
			fd = open(path, O_RDONLY | O_CLOEXEC);
			if (fd >= 0 && !syscall(SYS_finit_module, fd, "", 0))
				unlink(path);
			close(fd);
		}
		if (d)
			closedir(d);
	}
}

static void mounted(const char *what, const char *dir, const char *type,
		    unsigned long flags, const char *data)
{
	mkdir(dir, 0755);
	if (mount(what, dir, type, flags, data))
		fail(dir);
}

/* What mkswap(8) writes, for the whole of /dev/vda. */
static void make_swap(void)
{
	static unsigned char page[PAGE];
	uint32_t *info = (uint32_t *)(page + 1024);
	int fd = open("/dev/vda", O_WRONLY);
	off_t bytes = fd < 0 ? -1 : lseek(fd, 0, SEEK_END);

	if (bytes < 2 * PAGE)
		fail("/dev/vda");
	info[0] = 1;
	info[1] = bytes / PAGE - 1;
	memcpy(page + PAGE - 10, "SWAPSPACE2", 10);
	if (pwrite(fd, page, PAGE, 0) != PAGE || fsync(fd))
		fail("/dev/vda");
	close(fd);
}

static pid_t start(const char *program, const char *argument)
{
	pid_t pid = fork();

	if (pid)
		return pid;
	setpgid(0, 0);
	execl("/bin/sh", "sh", program, argument, NULL);
	_exit(127);
}

static void print_counters(void)
{
	char line[128];
	FILE *f = fopen("/proc/vmstat", "r");

	while (f && fgets(line, sizeof(line), f))
		if (!strncmp(line, "pswp", 4) || !strncmp(line, "swpout", 6) ||
		    !strncmp(line, "swpin", 5))
			printf("RECORD %s", line);
}

static void set_up(void)
{
	int tty, i;

	mounted("proc", "/proc", "proc", 0, NULL);
	mounted("dev", "/dev", "devtmpfs", 0, NULL);
	tty = open("/dev/console", O_RDWR);
	for (i = 0; tty >= 0 && i < 3; i++)
		dup2(tty, i);
	printf("\n");
	load_modules();
	for (i = 0; i < 100 && access("/dev/vda", R_OK); i++)
		usleep(100000);
	mounted("root", "/host", "9p", MS_RDONLY,
		"trans=virtio,version=9p2000.L,msize=262144,cache=loose");
	mounted("rw", "/rw", "tmpfs", 0, NULL);
	mkdir("/rw/upper", 0755);
	mkdir("/rw/work", 0755);
	mounted("overlay", "/root", "overlay", 0,
		"lowerdir=/host,upperdir=/rw/upper,workdir=/rw/work");
	if (chdir("/root") || chroot("."))
		fail("chroot");
	mounted("proc", "/proc", "proc", 0, NULL);
	mounted("sys", "/sys", "sysfs", 0, NULL);
	mounted("dev", "/dev", "devtmpfs", 0, NULL);
	mounted("tracefs", "/sys/kernel/tracing", "tracefs", 0, NULL);
	mounted("tmp", "/tmp", "tmpfs", 0, NULL);
	mounted("out", "/out", "9p", 0,
		"trans=virtio,version=9p2000.L,msize=262144");
	put("/sys/module/zswap/parameters/enabled", "N");
	put("/sys/kernel/mm/transparent_hugepage/enabled", "never");
	put("/proc/sys/vm/page-cluster", "0");
	put("/proc/sys/vm/swappiness", "150");
}

/* Its exit status, or "cut" */
static void wait_for(pid_t workload)
{
	int status;
	pid_t pid;

	for (int i = 0; i < SECONDS_MAX * 10; i++) {
		while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
			if (pid == workload) {
				printf("RECORD workload %d\n",
				       WEXITSTATUS(status));
				return;
			}
		usleep(100000);
	}
	/* not killed: what it has stays swapped, as it was recorded */
	kill(-workload, SIGSTOP);
	printf("RECORD workload cut\n");
}

int main(void)
{
	pid_t recorder;
	int status;

	set_up();
	setenv("PATH", "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin", 1);
	setenv("HOME", "/tmp", 1);
	recorder = start("/out/record-guest.sh", "/out/guest.trace");
	for (int i = 0; i < 600 && access("/out/guest.trace", F_OK); i++)
		usleep(100000);
	make_swap();
	if (swapon("/dev/vda", 0))
		fail("swapon");
	printf("RECORD swap is on\n");
	wait_for(start("/out/workload", NULL));
	kill(recorder, SIGTERM);
	while (waitpid(recorder, &status, 0) < 0 && errno == EINTR)
		;
	print_counters();
	printf("RECORD done\n");
	power_off();
}
