/* SPDX-License-Identifier: BSD-3-Clause */
/* What a front end has to be told to use our sockets. */
#ifndef DM_FRONTEND_H
#define DM_FRONTEND_H

#include "base/error.h"

struct dm_args;

#define DM_FRONTEND_NAMES "qemu, libvirt, uml, crosvm, cloud-hypervisor"

/* Is there one of this name? 0 or -EINVAL. */
int dm_frontend_check(const char *name, struct dm_error *err);

/* Print what a person has to type or paste. 0 or a negative errno. */
int dm_frontend(const struct dm_args *args, struct dm_error *err);

#endif
