/* SPDX-License-Identifier: BSD-3-Clause */
/* Little-endian values in byte arrays, at any alignment. */
#ifndef BASE_BYTES_H
#define BASE_BYTES_H

#include <endian.h>
#include <stdint.h>
#include <string.h>

/* The value of n bytes, 1..8, in the low bytes. */
static inline uint64_t
bytes_get(const uint8_t *p, int n)
{
	uint64_t val = 0;

	memcpy(&val, p, (size_t)n);
	return le64toh(val);
}

static inline void
bytes_put(uint8_t *p, int n, uint64_t val)
{
	val = htole64(val);
	memcpy(p, &val, (size_t)n);
}

/* All ones, n bytes wide: what a register that does not exist reads as. */
static inline uint64_t
bytes_ones(int n)
{
	return n >= 8 ? UINT64_MAX : (UINT64_C(1) << (n * 8)) - 1;
}

#endif
