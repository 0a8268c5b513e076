/* SPDX-License-Identifier: BSD-3-Clause */
/**
 * @file iothread.h
 * @brief Threads that serve virtqueues, each with an event loop of its own.
 */
#ifndef VBS_IOTHREAD_H
#define VBS_IOTHREAD_H

#include <vbs/version.h>

VBS_BEGIN_DECLS

struct event_base;
struct vbs_iothread;
struct vqueue_info;

/**
 * @brief Start a thread that runs an event loop.
 *
 * @param name      Shown by ps and top; at most 15 characters are kept.
 * @param[out] out  The thread, owned by the caller.
 *
 * @return 0, or
 * @retval -ENOMEM  Out of memory.
 * @retval -EAGAIN  The system gives no more threads.
 *
 * @since 0.1
 */
VBS_API int vbs_iothread_new(const char *name, struct vbs_iothread **out);

/**
 * @brief Stop and join a thread. No queue uses it any more.
 *
 * @param thr  Thread; NULL does nothing. Not called from that thread.
 *
 * @since 0.1
 */
VBS_API void vbs_iothread_free(struct vbs_iothread *thr);

/**
 * @brief The thread's event loop. Events may be added to it from any thread.
 *
 * @since 0.1
 */
VBS_API struct event_base *vbs_iothread_base(struct vbs_iothread *thr);

/**
 * @brief Have a queue served by a thread instead of the control thread.
 *
 * @param vq   Queue; linked up, before the driver sees the device.
 * @param thr  Thread; must outlive the device.
 *
 * @return 0, or
 * @retval -EINVAL  The queue is not linked up.
 * @retval -ENOMEM  Out of memory.
 *
 * @since 0.1
 */
VBS_API int vbs_vq_set_iothread(struct vqueue_info *vq,
				struct vbs_iothread *thr);

VBS_END_DECLS

#endif
