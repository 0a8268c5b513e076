/* SPDX-License-Identifier: BSD-3-Clause */
/* What a front end has to be told to use our sockets. */
#ifndef DM_FRONTEND_H
#define DM_FRONTEND_H

#include "args.h"

/* Print QEMU's arguments. 0 or a negative errno. */
int dm_frontend_qemu(const struct dm_args *args, struct dm_error *err);

#endif
