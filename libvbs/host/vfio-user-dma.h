/* SPDX-License-Identifier: BSD-3-Clause */
/* What the client has mapped: all of it recorded, what came with a descriptor
 * mapped and added to the VM. */
#ifndef HOST_VFIO_USER_DMA_H
#define HOST_VFIO_USER_DMA_H

#include <stdbool.h>
#include <stdint.h>

struct vbs_vfio_user;

struct vuser_map {
	uint64_t gpa;
	uint64_t last; /* address of the last byte */
	bool in_vm;    /* came with a descriptor */
};

struct vuser_dma {
	struct vuser_map *maps; /* by address */
	uint32_t n;
	uint32_t cap;
	bool shared;   /* some memory came with a descriptor */
	bool unshared; /* that none does has been said */
};

/* The client has gone: forget what it mapped. */
void vuser_dma_clear(struct vbs_vfio_user *srv);

#endif
