/* SPDX-License-Identifier: BSD-3-Clause */
/* What hardly ever happens, kept out of the way of what does. */
#ifndef BASE_UNLIKELY_H
#define BASE_UNLIKELY_H

#define likely(x)   __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)

/* A function that is called when something unlikely has happened. */
#define COLD __attribute__((noinline, cold))

/* One that would be in the way of what calls it. */
#define APART __attribute__((noinline))

/* One that is part of each of its callers, whatever the compiler thinks. */
#define INLINED static inline __attribute__((always_inline))

#endif
