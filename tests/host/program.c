// SPDX-License-Identifier: BSD-3-Clause
/* vbs-dm as a child process, for tests. */
#include <check.h>
#include <dirent.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "host/program.h"

#define PROGRAM "devicemodel/vbs-dm"

static char path[4096]; /* of the program */
static char start_dir[4096], dir[4096];

void
program_enter(void)
{
	const char *other = getenv("VBS_DM"); /* a full path */
	const char *tmp = getenv("TMPDIR");

	ck_assert_ptr_nonnull(getcwd(start_dir, sizeof(start_dir)));
	ck_assert_ptr_nonnull(getcwd(path, sizeof(path) - sizeof(PROGRAM) - 1));
	(void)strcat(path, "/" PROGRAM);
	if (other && strlen(other) < sizeof(path))
		(void)strcpy(path, other);
	(void)snprintf(dir, sizeof(dir), "%s/vbs-dm.XXXXXX", tmp ? tmp : ".");
	ck_assert_ptr_nonnull(mkdtemp(dir));
	ck_assert_int_eq(chdir(dir), 0);
}

void
program_leave(void)
{
	ck_assert_int_eq(chdir(start_dir), 0);
	ck_assert_int_eq(rmdir(dir), 0);
}

void
program_start_as(struct program *p, const char *const *args, int n,
		 void (*prepare)(void *arg), void *arg)
{
	char *argv[PROGRAM_MAX_ARGS + 2] = { path };
	int ends[2], argc = 1;
	char line[512];

	while (*args && argc <= PROGRAM_MAX_ARGS)
		argv[argc++] = (char *)*args++;
	ck_assert_int_eq(pipe(ends), 0);
	p->pid = fork();
	ck_assert_int_ge(p->pid, 0);
	if (p->pid == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL); /* a case may fail */
		(void)dup2(ends[1], STDOUT_FILENO);
		(void)close(ends[0]);
		(void)close(ends[1]);
		prepare(arg);
		(void)execv(path, argv);
		_exit(127);
	}
	(void)close(ends[1]);
	p->out = fdopen(ends[0], "r");
	while (n-- > 0)
		ck_assert_ptr_nonnull(fgets(line, sizeof(line), p->out));
}

static void
take_fd(void *arg)
{
	const int *fd = arg;

	if (*fd >= 0)
		(void)dup2(*fd, PROGRAM_FD);
}

void
program_start(struct program *p, const char *const *args, int n, int fd)
{
	program_start_as(p, args, n, take_fd, &fd);
}

void
program_wait(struct program *p)
{
	int status;

	ck_assert_int_eq(waitpid(p->pid, &status, 0), p->pid);
	p->pid = 0;
	ck_assert(WIFEXITED(status));
	ck_assert_int_eq(WEXITSTATUS(status), 0);
	(void)fclose(p->out);
}

void
program_end(struct program *p, int sig)
{
	ck_assert_int_eq(kill(p->pid, sig), 0);
	program_wait(p);
}

void
program_kill(struct program *p)
{
	if (p->pid <= 0)
		return;
	(void)kill(p->pid, SIGKILL);
	(void)waitpid(p->pid, NULL, 0);
	p->pid = 0;
	(void)fclose(p->out);
}

/* Lines of a file in /proc that begin with a word. */
static int
count_lines(const struct program *p, const char *file, const char *word,
	    long *number)
{
	char name[64], line[4096];
	FILE *f;
	int n = 0;

	(void)snprintf(name, sizeof(name), "/proc/%d/%s", (int)p->pid, file);
	f = fopen(name, "r");
	ck_assert_ptr_nonnull(f);
	while (fgets(line, sizeof(line), f)) {
		if (strncmp(line, word, strlen(word)) != 0)
			continue;
		*number = strtol(line + strlen(word), NULL, 10);
		n++;
	}
	(void)fclose(f);
	return n;
}

static int
count_entries(const struct program *p, const char *folder)
{
	char name[64];
	DIR *d;
	int n = 0;

	(void)snprintf(name, sizeof(name), "/proc/%d/%s", (int)p->pid, folder);
	d = opendir(name);
	ck_assert_ptr_nonnull(d);
	while (readdir(d))
		n++;
	(void)closedir(d);
	return n - 2;
}

void
program_use(const struct program *p, struct program_use *use)
{
	long number;

	use->fds = count_entries(p, "fd");
	use->threads = count_entries(p, "task");
	use->maps = count_lines(p, "maps", "", &number);
	(void)count_lines(p, "status", "VmRSS:", &use->rss_kb);
}

unsigned int
program_rounds(unsigned int quick)
{
	const char *text = getenv("VBS_ROUNDS");
	unsigned long n = text ? strtoul(text, NULL, 10) : 0;

	return n ? (unsigned int)n : quick;
}
