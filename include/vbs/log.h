/* SPDX-License-Identifier: BSD-3-Clause */
/**
 * @file log.h
 * @brief Where the messages of one VM go.
 *
 * A logger belongs to a VM (struct vmctx): two VMs in one process can log to
 * two places. A message is one line without a newline. What a guest can
 * provoke is said once per device and reset, so a guest cannot flood a log.
 * Guest memory contents are never logged.
 */
#ifndef VBS_LOG_H
#define VBS_LOG_H

#include <vbs/version.h>

VBS_BEGIN_DECLS

struct vmctx;

enum vbs_log_level {
	VBS_LOG_ERROR,   /**< something was lost or refused */
	VBS_LOG_WARNING, /**< a guest or a peer broke its protocol */
	VBS_LOG_INFO,    /**< a person would like to know */
	VBS_LOG_DEBUG,   /**< for whoever debugs a driver or a device */
};

/**
 * @brief Takes one message.
 *
 * Called from any thread, also at the same time from several; must not call
 * back into libvbs.
 *
 * @param arg    What was given to vbs_log_set().
 * @param level  How much it matters.
 * @param line   The text, without a newline; valid during the call.
 */
typedef void (*vbs_log_fn)(void *arg, enum vbs_log_level level,
			   const char *line);

/**
 * @brief Choose where the messages of a VM go, and which.
 *
 * The default is stderr, warnings and errors.
 *
 * @param ctx    VM.
 * @param fn     Receiver; NULL for stderr.
 * @param arg    Handed to @p fn; the caller keeps it alive as long as the VM.
 * @param level  The least important level that is delivered.
 *
 * @par Locking
 * To be called before the VM has devices.
 *
 * @since 0.1
 */
VBS_API void vbs_log_set(struct vmctx *ctx, vbs_log_fn fn, void *arg,
			 enum vbs_log_level level);

/**
 * @brief Log one line for a VM.
 *
 * @param ctx    VM.
 * @param level  How much it matters.
 * @param fmt    As for printf(3); at most 255 bytes of the result are kept.
 *
 * @par Locking
 * None needed; any thread.
 *
 * @since 0.1
 */
VBS_API void vbs_log(struct vmctx *ctx, enum vbs_log_level level,
		     const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

VBS_END_DECLS

#endif
