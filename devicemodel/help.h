/* SPDX-License-Identifier: BSD-3-Clause */
/* What vbs-dm says about itself. */
#ifndef DM_HELP_H
#define DM_HELP_H

#include "base/error.h"

void dm_help(void);
void dm_list(void);
void dm_version(void);

/* The options of one device. 0 or -EINVAL. */
int dm_help_device(const char *name, struct dm_error *err);

#endif
