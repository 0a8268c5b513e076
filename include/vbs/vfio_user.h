/* SPDX-License-Identifier: BSD-3-Clause */
/**
 * @file vfio_user.h
 * @brief A host: serve a PCI function over a vfio-user socket.
 *
 * One server has one UNIX socket, one VM and one function. QEMU's
 * vfio-user-pci (10.1 or newer) is a client of it. Guest RAM that the client
 * shares by file descriptor is mapped; the rest cannot be reached.
 *
 * When a client goes, its memory and its eventfds go with it, the device keeps
 * its state, and the server waits for the next one.
 */
#ifndef VBS_VFIO_USER_H
#define VBS_VFIO_USER_H

#include <stdint.h>

#include <vbs/version.h>

VBS_BEGIN_DECLS

struct event_base;
struct pci_vdev;
struct vbs_vfio_user;
struct vmctx;

/** Serve one client, then end: a listening socket is closed for it. */
#define VBS_VFIO_USER_ONCE 0x1u
/**
 * Doorbell page: the client maps the notification registers, and a kick is a
 * store into memory that nobody is told of. The queues are looked at from time
 * to time instead, up to 32 ms apart while nothing comes.
 */
#define VBS_VFIO_USER_DOORBELL_PAGE 0x2u

/** How to serve. All zero is a good default. */
struct vbs_vfio_user_options {
	/**
	 * How long to keep looking at a queue after its last chain, in
	 * microseconds, with notifications off, before waiting for a kick.
	 */
	uint32_t poll_us;
	/** VBS_VFIO_USER_* bits. */
	uint32_t flags;
	uint32_t reserved[6];
};

/**
 * @brief Make a server and its VM. It does not listen yet.
 *
 * @param base      Event loop of the control thread.
 * @param opts      Options, copied; NULL for the defaults.
 * @param[out] out  The server, freed with vbs_vfio_user_free().
 *
 * @return 0, -EINVAL or -ENOMEM.
 *
 * @since 0.1
 */
VBS_API int vbs_vfio_user_new(struct event_base *base,
			      const struct vbs_vfio_user_options *opts,
			      struct vbs_vfio_user **out);

/** @brief The server's VM, to make the function in. @since 0.1 */
VBS_API struct vmctx *vbs_vfio_user_vm(struct vbs_vfio_user *srv);

/**
 * @brief Serve a function on a socket.
 *
 * @param srv  Server.
 * @param dev  Function of vbs_vfio_user_vm(); the caller frees it after the
 *             server has been stopped.
 * @param fd   A listening or a connected UNIX stream socket (told apart with
 *             SO_ACCEPTCONN). The server's from the call on, also if it fails.
 *
 * @return 0, or
 * @retval -EINVAL   The function is not of this VM, or is being served.
 * @retval -ENOTSOCK @p fd is not a UNIX stream socket.
 * @retval -ENOMEM   Out of memory.
 *
 * @since 0.1
 */
VBS_API int vbs_vfio_user_serve(struct vbs_vfio_user *srv, struct pci_vdev *dev,
				int fd);

/**
 * @brief Have a function called when a server has nothing more to serve.
 *
 * That is when the client of a connected socket, or the one client of
 * VBS_VFIO_USER_ONCE, has gone.
 *
 * @param srv  Server; not serving yet.
 * @param fn   Called once, from the event loop, after the client's resources
 *             have gone. It may stop the loop but not free the server.
 * @param arg  Handed to @p fn.
 *
 * @since 0.1
 */
VBS_API void vbs_vfio_user_on_end(struct vbs_vfio_user *srv,
				  void (*fn)(void *arg), void *arg);

/**
 * @brief Close the socket and let the client's resources go.
 *
 * Nothing happens if nothing is served. vbs_vfio_user_serve() may follow.
 *
 * @par Locking
 * The control thread only, and not from a callback of the function.
 *
 * @since 0.1
 */
VBS_API void vbs_vfio_user_stop(struct vbs_vfio_user *srv);

/**
 * @brief Free a server and its VM. The function has been freed before.
 *
 * @param srv  Server; NULL does nothing.
 *
 * @since 0.1
 */
VBS_API void vbs_vfio_user_free(struct vbs_vfio_user *srv);

VBS_END_DECLS

#endif
