/* SPDX-License-Identifier: BSD-3-Clause */
/* --print-capabilities, as management programs ask for it. */
#ifndef DM_CAPABILITIES_H
#define DM_CAPABILITIES_H

#include "base/error.h"

/* Print what a device can do; NULL if nobody has said which. 0 or -errno. */
int dm_capabilities(const char *device, struct dm_error *err);

#endif
