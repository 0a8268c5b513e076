/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Little-endian loads and stores at host addresses, aligned or not.
 *
 * The device runs in another thread or process, so a field that both sides
 * touch is accessed atomically whenever its address allows that: a torn value
 * then comes from the test that wants one, never from us.
 */
#ifndef DRV_BYTES_H
#define DRV_BYTES_H

#include <endian.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

static inline bool
drv_is_aligned(const void *p, uintptr_t size)
{
	return ((uintptr_t)p & (size - 1)) == 0;
}

/* What the device stored with release order, as far as it did. */
static inline uint16_t
drv_load16(const void *p)
{
	uint16_t v;

	if (drv_is_aligned(p, sizeof(v)))
		v = __atomic_load_n((const uint16_t *)p, __ATOMIC_ACQUIRE);
	else
		memcpy(&v, p, sizeof(v));
	return le16toh(v);
}

static inline uint32_t
drv_load32(const void *p)
{
	uint32_t v;

	if (drv_is_aligned(p, sizeof(v)))
		v = __atomic_load_n((const uint32_t *)p, __ATOMIC_ACQUIRE);
	else
		memcpy(&v, p, sizeof(v));
	return le32toh(v);
}

static inline uint64_t
drv_load64(const void *p)
{
	uint64_t v;

	if (drv_is_aligned(p, sizeof(v)))
		v = __atomic_load_n((const uint64_t *)p, __ATOMIC_ACQUIRE);
	else
		memcpy(&v, p, sizeof(v));
	return le64toh(v);
}

/* Everything stored before is visible to a device that loads this value. */
static inline void
drv_store16(void *p, uint16_t v)
{
	v = htole16(v);
	if (drv_is_aligned(p, sizeof(v)))
		__atomic_store_n((uint16_t *)p, v, __ATOMIC_RELEASE);
	else
		memcpy(p, &v, sizeof(v));
}

static inline void
drv_store32(void *p, uint32_t v)
{
	v = htole32(v);
	if (drv_is_aligned(p, sizeof(v)))
		__atomic_store_n((uint32_t *)p, v, __ATOMIC_RELEASE);
	else
		memcpy(p, &v, sizeof(v));
}

static inline void
drv_store64(void *p, uint64_t v)
{
	v = htole64(v);
	if (drv_is_aligned(p, sizeof(v)))
		__atomic_store_n((uint64_t *)p, v, __ATOMIC_RELEASE);
	else
		memcpy(p, &v, sizeof(v));
}

/*
 * Order an earlier store at p before every later load. An atomic addition of
 * nothing, as the thread sanitizer does not know fences.
 */
static inline void
drv_store_load_barrier(void *p)
{
	if (drv_is_aligned(p, sizeof(uint16_t)))
		(void)__atomic_fetch_add((uint16_t *)p, 0, __ATOMIC_SEQ_CST);
}

#endif
