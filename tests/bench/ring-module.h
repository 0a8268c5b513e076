/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Device sides that are not of this tree, nor needed to build it: modules that
 * build-peers.sh makes of what the machine has, beside the benchmark.
 */
#ifndef BENCH_RING_MODULE_H
#define BENCH_RING_MODULE_H

#include "bench/ring-peer.h"

#define MODULE_MAX_PEERS 4

/* What a module has under the name "ring_module". */
struct ring_module {
	const char *version; /* of the peer's code */
	const struct ring_peer *peers[MODULE_MAX_PEERS]; /* up to a NULL */
};

#define RING_MODULE __attribute__((visibility("default")))

/*
 * Load peer-NAME.so from the folder of the program, or from the one that
 * BENCH_PEERS names. NULL, and *why in static memory, if there is none.
 */
const struct ring_module *ring_module_load(const char *name, const char **why);

#endif
