/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * vfio-user 0.0 as it is on the wire: host-endian, one header and a payload.
 *
 * Region and IRQ numbers and flags are those of <linux/vfio.h>; the structs
 * are our own, because the kernel's grow from release to release.
 */
#ifndef HOST_VFIO_USER_PROTO_H
#define HOST_VFIO_USER_PROTO_H

#include <linux/vfio.h>
#include <stdint.h>

enum vuser_command {
	VUSER_VERSION = 1,
	VUSER_DMA_MAP = 2,
	VUSER_DMA_UNMAP = 3,
	VUSER_GET_INFO = 4,
	VUSER_GET_REGION_INFO = 5,
	VUSER_GET_REGION_IO_FDS = 6,
	VUSER_GET_IRQ_INFO = 7,
	VUSER_SET_IRQS = 8,
	VUSER_REGION_READ = 9,
	VUSER_REGION_WRITE = 10,
	VUSER_DMA_READ = 11,  /* server to client */
	VUSER_DMA_WRITE = 12, /* server to client */
	VUSER_RESET = 13,
	VUSER_WRITE_MULTI = 15,
	VUSER_FEATURE = 16,
	VUSER_MIG_READ = 17,
	VUSER_MIG_WRITE = 18,
	VUSER_N_COMMANDS,
};

#define VUSER_FLAG_REPLY    0x01u
#define VUSER_FLAG_NO_REPLY 0x10u
#define VUSER_FLAG_ERROR    0x20u

/* What we offer, and so what a client may ask for. */
#define VUSER_MAX_FDS  16
#define VUSER_MAX_XFER (1024u * 1024)
#define VUSER_MAX_MAPS 65535
#define VUSER_PAGE     4096u
#define VUSER_MAX_JSON 4096u

struct vuser_hdr {
	uint16_t id;
	uint16_t command;
	uint32_t size; /* with the header */
	uint32_t flags;
	uint32_t error;
};

struct vuser_version {
	uint16_t major;
	uint16_t minor; /* then JSON and a NUL */
};

struct vuser_dma_map {
	uint32_t argsz;
	uint32_t flags; /* VUSER_DMA_* */
	uint64_t offset;
	uint64_t gpa;
	uint64_t size;
};

#define VUSER_DMA_READABLE 0x1u
#define VUSER_DMA_WRITABLE 0x2u
/* Of older protocol texts: the client says that there is a descriptor. */
#define VUSER_DMA_MMAP    0x4u
#define VUSER_DMA_FILE_IO 0x8u

struct vuser_dma_unmap {
	uint32_t argsz;
	uint32_t flags; /* VFIO_DMA_UNMAP_FLAG_ALL */
	uint64_t gpa;
	uint64_t size;
};

struct vuser_info {
	uint32_t argsz;
	uint32_t flags;
	uint32_t n_regions;
	uint32_t n_irqs;
};

struct vuser_region_info {
	uint32_t argsz;
	uint32_t flags;
	uint32_t index;
	uint32_t cap_offset;
	uint64_t size;
	uint64_t offset;
};

/* A capability: the one area of a region that can be mapped. */
struct vuser_sparse_cap {
	uint16_t id;
	uint16_t version;
	uint32_t next;
	uint32_t n_areas;
	uint32_t reserved;
	uint64_t offset;
	uint64_t size;
};

struct vuser_io_fds {
	uint32_t argsz;
	uint32_t flags;
	uint32_t index;
	uint32_t count;
};

struct vuser_io_fd {
	uint64_t offset;
	uint64_t size;
	uint32_t fd_index;
	uint32_t type; /* 0: ioeventfd */
	uint32_t flags;
	uint32_t padding;
	uint64_t datamatch;
};

/* Those of KVM_IOEVENTFD. */
#define VUSER_IO_FD_DATAMATCH 0x1u
#define VUSER_IO_FD_PIO       0x2u

struct vuser_irq_info {
	uint32_t argsz;
	uint32_t flags;
	uint32_t index;
	uint32_t count;
};

struct vuser_irq_set {
	uint32_t argsz;
	uint32_t flags;
	uint32_t index;
	uint32_t start;
	uint32_t count; /* then as many bytes, if DATA_BOOL */
};

struct vuser_access {
	uint64_t offset;
	uint32_t region;
	uint32_t count; /* then the data */
};

#endif
