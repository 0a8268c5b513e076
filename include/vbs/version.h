/* SPDX-License-Identifier: BSD-3-Clause */
/**
 * @file version.h
 * @brief Which libvbs this is, and how its names are exported.
 */
#ifndef VBS_VERSION_H
#define VBS_VERSION_H

#define VBS_VERSION_MAJOR 0
#define VBS_VERSION_MINOR 1
#define VBS_VERSION_PATCH 0

/** Number that a loadable device carries; the loader compares it (pci.h). */
#define VBS_DEVICE_ABI 1

#ifdef __cplusplus
#define VBS_BEGIN_DECLS extern "C" {
#define VBS_END_DECLS   }
#else
#define VBS_BEGIN_DECLS
#define VBS_END_DECLS
#endif

/** Marks what the shared library exports. */
#define VBS_API __attribute__((visibility("default")))

VBS_BEGIN_DECLS

/**
 * @brief The version of the library at run time.
 *
 * @return "MAJOR.MINOR.PATCH"; a string constant, never freed.
 *
 * @since 0.1
 */
VBS_API const char *vbs_version(void);

VBS_END_DECLS

#endif
