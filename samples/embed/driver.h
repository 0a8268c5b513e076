/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DRIVER_H
#define DRIVER_H

#include <stdbool.h>

struct vmm;

/* Find the device and bring it up, with one queue. False if it refuses. */
bool driver_start(struct vmm *vmm);

/*
 * Send len bytes of text and wait; copy what comes back to answer, which has
 * room for as much. Returns the bytes that the device wrote, or -1.
 */
int driver_request(struct vmm *vmm, const char *text, char *answer, int len);

#endif
