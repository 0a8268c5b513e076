/* SPDX-License-Identifier: BSD-3-Clause */
/* Makes the devices and their sockets, and serves until a signal. */
#ifndef DM_RUN_H
#define DM_RUN_H

#include "args.h"
#include "service.h"

/* 0 after SIGTERM, SIGINT or the last front end; else a negative errno, said
 * why. */
int dm_run(const struct dm_args *args, const struct dm_activation *activation);

#endif
