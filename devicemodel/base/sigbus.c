// SPDX-License-Identifier: BSD-3-Clause
/*
 * A front end may cut off the file behind guest memory at any time; whatever
 * thread touches it next gets a SIGBUS. That is the end of that guest, but not
 * of the others that this process serves. Nor is an image that is cut off: who
 * touches one says so before, and is told.
 */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

#include "base/sigbus.h"

/* What a thread is about to touch. */
struct guard {
	uintptr_t start;
	size_t bytes;
	sigjmp_buf out;
};

static _Thread_local struct guard *guard;

/* Put zeroes around an address. A huge page can only be replaced as one. */
static int
replace_page(void *addr)
{
	const size_t sizes[] = { (size_t)sysconf(_SC_PAGESIZE), 2u << 20,
				 1u << 30 };

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		size_t inside = (uintptr_t)addr & (sizes[i] - 1);

		if (mmap((char *)addr - inside, sizes[i],
			 PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1,
			 0) != MAP_FAILED)
			return 0;
		if (errno != EINVAL)
			break;
	}
	return -errno;
}

static bool
is_guarded(const void *addr)
{
	return guard && (uintptr_t)addr - guard->start < guard->bytes;
}

static void
on_sigbus(int sig, siginfo_t *info, void *context)
{
	const ucontext_t *interrupted = context;
	int err = errno;

	if (info->si_code > 0 && is_guarded(info->si_addr)) {
		/* A jump leaves signals blocked as they are in here. */
		(void)pthread_sigmask(SIG_SETMASK, &interrupted->uc_sigmask,
				      NULL);
		siglongjmp(guard->out, 1);
	}
	/* Anything else, such as broken RAM, is for the kernel to end. */
	if (info->si_code != BUS_ADRERR || replace_page(info->si_addr) < 0)
		(void)signal(sig, SIG_DFL);
	errno = err;
}

int
dm_sigbus_survive(void)
{
	struct sigaction action = { .sa_flags = SA_SIGINFO | SA_RESTART };

	action.sa_sigaction = on_sigbus;
	(void)sigemptyset(&action.sa_mask);
	return sigaction(SIGBUS, &action, NULL) < 0 ? -errno : 0;
}

int
dm_sigbus_guard(const void *map, size_t bytes, void (*run)(void *arg),
		void *arg)
{
	struct guard here = { .start = (uintptr_t)map, .bytes = bytes };

	if (sigsetjmp(here.out, 0) != 0) {
		guard = NULL;
		return -EIO;
	}
	guard = &here;
	run(arg);
	guard = NULL;
	return 0;
}
