/* SPDX-License-Identifier: BSD-3-Clause */
/* Makes the devices and their sockets, and serves until a signal. */
#ifndef DM_RUN_H
#define DM_RUN_H

#include "args.h"

/* 0 after SIGTERM or SIGINT; else a negative errno, said why. */
int dm_run(const struct dm_args *args);

#endif
