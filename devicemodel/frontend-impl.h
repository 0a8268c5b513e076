/* SPDX-License-Identifier: BSD-3-Clause */
/* What the front ends share: a plan of what is to be printed. */
#ifndef DM_FRONTEND_IMPL_H
#define DM_FRONTEND_IMPL_H

#include <stdbool.h>
#include <stdio.h>

#include "args.h"
#include "base/error.h"
#include "devices/devices.h"
#include "socket.h"

/* Guest RAM of what is printed; people change it. */
#define FRONTEND_MEMORY_MIB 512

struct frontend_device {
	const struct dm_slot *slot;
	const char *type; /* vhost-user's word for it, or "" */
	struct dm_shape shape;
	bool multifunction;
	char id[16];                    /* "vbs-3.0" */
	char path[DM_SOCKET_PATH_SIZE]; /* absolute */
};

struct frontend_plan {
	const struct dm_args *args;
	unsigned int cpus; /* one for each queue of the widest device */
	unsigned int n;
	struct frontend_device *device;
};

/*
 * Write what belongs to a plan. 0, or a negative errno, and then nothing of
 * what has been written is shown.
 */
typedef int (*frontend_print_fn)(const struct frontend_plan *plan, FILE *out,
				 struct dm_error *err);

int frontend_print_qemu(const struct frontend_plan *plan, FILE *out,
			struct dm_error *err);
int frontend_print_libvirt(const struct frontend_plan *plan, FILE *out,
			   struct dm_error *err);
int frontend_print_uml(const struct frontend_plan *plan, FILE *out,
		       struct dm_error *err);
int frontend_print_crosvm(const struct frontend_plan *plan, FILE *out,
			  struct dm_error *err);
int frontend_print_cloud_hypervisor(const struct frontend_plan *plan, FILE *out,
				    struct dm_error *err);

/* Write text as one word of a shell. */
void frontend_quote(FILE *out, const char *text);

/* The values of QEMU's options for a device. */
struct frontend_qemu {
	char *chardev; /* or NULL */
	char *device;
};

/* 0 or a negative errno; freed with frontend_qemu_deinit(). */
int frontend_qemu_init(struct frontend_qemu *qemu,
		       const struct frontend_plan *plan,
		       const struct frontend_device *d, struct dm_error *err);
void frontend_qemu_deinit(struct frontend_qemu *qemu);

/*
 * What a device that was loaded is, which only the device itself knows: it is
 * made, and freed again. 0 or a negative errno.
 */
int frontend_probe(const struct dm_slot *slot, struct dm_shape *shape,
		   struct dm_error *err);

#endif
