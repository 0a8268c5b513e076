/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Loads from and stores to memory that somebody else writes at the same time.
 *
 * Each load happens once: the value that was checked is the value that is
 * used. Virtio 1.x rings are little-endian; so are legacy rings of x86 guests,
 * the only legacy guests that are served.
 */
#ifndef BASE_LOAD_H
#define BASE_LOAD_H

#include <endian.h>
#include <stdint.h>
#include <string.h>

static inline uint16_t
guest_load16(const uint16_t *p)
{
	return le16toh(__atomic_load_n(p, __ATOMIC_RELAXED));
}

/* Nothing that the program loads later can be older than this value. */
static inline uint16_t
guest_load16_acquire(const uint16_t *p)
{
	return le16toh(__atomic_load_n(p, __ATOMIC_ACQUIRE));
}

static inline void
guest_store16(uint16_t *p, uint16_t val)
{
	__atomic_store_n(p, htole16(val), __ATOMIC_RELAXED);
}

/* Whoever sees this value sees all that was stored before. */
static inline void
guest_store16_release(uint16_t *p, uint16_t val)
{
	__atomic_store_n(p, htole16(val), __ATOMIC_RELEASE);
}

/* Orders stores before it against loads after it: only a full fence does. */
static inline void
full_fence(void)
{
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
}

/* Eight bytes of anything, aligned. */
typedef uint64_t __attribute__((may_alias)) guest_u64;

static inline uint64_t
guest_load64(const void *p)
{
	return le64toh(__atomic_load_n((const guest_u64 *)p, __ATOMIC_RELAXED));
}

static inline uint64_t
guest_load64_acquire(const void *p)
{
	return le64toh(__atomic_load_n((const guest_u64 *)p, __ATOMIC_ACQUIRE));
}

static inline void
guest_store64(void *p, uint64_t val)
{
	__atomic_store_n((guest_u64 *)p, htole64(val), __ATOMIC_RELAXED);
}

/*
 * Copy 16 bytes at any alignment into two registers. The empty asm keeps the
 * compiler from going back to the source for either of them.
 */
static inline void
guest_load128(const void *src, uint64_t *lo, uint64_t *hi)
{
	uint64_t a, b;

	memcpy(&a, src, sizeof(a));
	memcpy(&b, (const uint8_t *)src + sizeof(a), sizeof(b));
	__asm__ volatile("" : "+r"(a), "+r"(b));
	*lo = le64toh(a);
	*hi = le64toh(b);
}

#endif
