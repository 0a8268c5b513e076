// SPDX-License-Identifier: BSD-3-Clause
/*
 * How fast this machine's time stamp counter runs, in kHz. Under software
 * emulation the guest's is the same one, but what the guest measures of it
 * depends on when QEMU was let run: on a busy machine it was wrong by a factor
 * of sixty, and the guest's clock with it.
 */
#include <stdint.h>
#include <stdio.h>
#include <time.h>
#include <x86intrin.h>

struct moment {
	uint64_t tsc;
	uint64_t ns;
};

static uint64_t
clock_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC_RAW, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

/* Both counters at once: the try that was least disturbed. */
static struct moment
moment_now(void)
{
	struct moment best = { 0, 0 };
	uint64_t least = UINT64_MAX;

	for (int i = 0; i < 100; i++) {
		uint64_t before = __rdtsc();
		uint64_t ns = clock_ns();
		uint64_t after = __rdtsc();

		if (after - before >= least)
			continue;
		least = after - before;
		best.tsc = before + least / 2;
		best.ns = ns;
	}
	return best;
}

int
main(void)
{
	struct timespec pause = { 0, 50000000 };
	struct moment first = moment_now();
	struct moment last;

	nanosleep(&pause, NULL);
	last = moment_now();
	printf("%llu\n", (unsigned long long)((last.tsc - first.tsc) *
					      1000000u / (last.ns - first.ns)));
	return 0;
}
