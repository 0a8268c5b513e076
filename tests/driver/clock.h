/* SPDX-License-Identifier: BSD-3-Clause */
/* Milliseconds of the monotonic clock, and how long a wait may take at most. */
#ifndef DRV_CLOCK_H
#define DRV_CLOCK_H

#include <stdint.h>
#include <time.h>

#define DRV_TIMEOUT_MS 10000

static inline int64_t
drv_now_ms(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* What is left until end, for poll(2). */
static inline int
drv_ms_left(int64_t end)
{
	int64_t left = end - drv_now_ms();

	return left > 0 ? (int)left : 0;
}

#endif
