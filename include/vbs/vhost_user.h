/* SPDX-License-Identifier: BSD-3-Clause */
/**
 * @file vhost_user.h
 * @brief A host: serve the virtqueues of a device over a vhost-user socket.
 *
 * One server has one UNIX socket, one VM and one function, which must be a
 * virtio device; of its PCI side nothing is used. Any vhost-user front end is
 * a client of it: QEMU, User-mode Linux, DPDK, libblkio, crosvm, Cloud
 * Hypervisor. Guest RAM must be shared by file descriptor.
 *
 * What is no message of the protocol, or needs a feature that has not been
 * negotiated, ends the connection. A request that cannot be done is answered
 * with a number other than 0 if the front end has asked for an answer
 * (REPLY_ACK), and the connection goes on; else it ends. GET_CONFIG of what is
 * not there is answered with no bytes. The log has one line about it.
 *
 * When a front end goes, all that it lent goes with it, the device is reset,
 * and the server waits for the next one.
 */
#ifndef VBS_VHOST_USER_H
#define VBS_VHOST_USER_H

#include <stdint.h>

#include <vbs/version.h>

VBS_BEGIN_DECLS

struct event_base;
struct pci_vdev;
struct vbs_vhost_user;
struct vmctx;

/** Serve one front end, then end: a listening socket is closed for it. */
#define VBS_VHOST_USER_ONCE 0x1u

/** How to serve. All zero is a good default. */
struct vbs_vhost_user_options {
	/**
	 * How long to keep looking at a ring after its last chain, in
	 * microseconds, before waiting for a kick, or, where there is no kick
	 * descriptor, looking less and less often, up to 32 ms apart.
	 */
	uint32_t poll_us;
	/** VBS_VHOST_USER_* bits. */
	uint32_t flags;
	uint32_t reserved[6];
};

/**
 * @brief Make a server and its VM. It does not listen yet.
 *
 * @param base      Event loop of the control thread.
 * @param opts      Options, copied; NULL for the defaults.
 * @param[out] out  The server, freed with vbs_vhost_user_free().
 *
 * @return 0, -EINVAL or -ENOMEM.
 *
 * @since 0.1
 */
VBS_API int vbs_vhost_user_new(struct event_base *base,
			       const struct vbs_vhost_user_options *opts,
			       struct vbs_vhost_user **out);

/** @brief The server's VM, to make the function in. @since 0.1 */
VBS_API struct vmctx *vbs_vhost_user_vm(struct vbs_vhost_user *srv);

/**
 * @brief Serve a virtio device on a socket.
 *
 * @param srv  Server.
 * @param dev  Function of vbs_vhost_user_vm(); the caller frees it after the
 *             server has been stopped.
 * @param fd   A listening or a connected UNIX stream socket (told apart with
 *             SO_ACCEPTCONN). The server's from the call on, also if it fails.
 *
 * @return 0, or
 * @retval -EINVAL   The function is not of this VM, is being served, or is no
 *                   virtio device.
 * @retval -ENOTSOCK @p fd is not a UNIX stream socket.
 * @retval -EMFILE   Out of file descriptors.
 * @retval -ENOMEM   Out of memory.
 *
 * @since 0.1
 */
VBS_API int vbs_vhost_user_serve(struct vbs_vhost_user *srv,
				 struct pci_vdev *dev, int fd);

/**
 * @brief Have a function called when a server has nothing more to serve.
 *
 * That is when the front end of a connected socket, or the one front end of
 * VBS_VHOST_USER_ONCE, has gone. A program that connects again stops the
 * server and serves the next socket, from the event loop but not from @p fn.
 *
 * @param srv  Server; not serving yet.
 * @param fn   Called once, from the event loop, after the front end's
 *             resources have gone. It may stop the loop but not free the
 *             server.
 * @param arg  Handed to @p fn.
 *
 * @since 0.1
 */
VBS_API void vbs_vhost_user_on_end(struct vbs_vhost_user *srv,
				   void (*fn)(void *arg), void *arg);

/**
 * @brief Close the socket and let the front end's resources go.
 *
 * Nothing happens if nothing is served. vbs_vhost_user_serve() may follow,
 * after vbs_vhost_user_on_end() if that is wanted again.
 *
 * @par Locking
 * The control thread only, and not from a callback of the function.
 *
 * @since 0.1
 */
VBS_API void vbs_vhost_user_stop(struct vbs_vhost_user *srv);

/**
 * @brief Free a server and its VM. The function has been freed before.
 *
 * @param srv  Server; NULL does nothing.
 *
 * @since 0.1
 */
VBS_API void vbs_vhost_user_free(struct vbs_vhost_user *srv);

VBS_END_DECLS

#endif
