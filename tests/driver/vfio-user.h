/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A vfio-user client, message by message: the raw bytes and file descriptors
 * for tests that lie, and calls that behave for all the others. The bus on top
 * of it is made by drv_vfio_user_open().
 *
 * Calls return 0 or a negative errno: the one that the server put in its reply,
 * -ECONNRESET when it has closed the socket, -ETIMEDOUT, -EPROTO for a reply
 * that does not fit the request. Numbers are host-endian, as on the wire.
 */
#ifndef DRV_VFIO_USER_H
#define DRV_VFIO_USER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "driver/bus.h"
#include "driver/ram.h"
#include "driver/socket.h"

#define DRV_VFU_MAX_FDS   64
#define DRV_VFU_MAX_BYTES ((1u << 20) + 4096)

enum drv_vfu_cmd {
	DRV_VFU_VERSION = 1,
	DRV_VFU_DMA_MAP = 2,
	DRV_VFU_DMA_UNMAP = 3,
	DRV_VFU_GET_INFO = 4,
	DRV_VFU_GET_REGION_INFO = 5,
	DRV_VFU_GET_REGION_IO_FDS = 6,
	DRV_VFU_GET_IRQ_INFO = 7,
	DRV_VFU_SET_IRQS = 8,
	DRV_VFU_REGION_READ = 9,
	DRV_VFU_REGION_WRITE = 10,
	DRV_VFU_DMA_READ = 11,
	DRV_VFU_DMA_WRITE = 12,
	DRV_VFU_DEVICE_RESET = 13,
	DRV_VFU_REGION_WRITE_MULTI = 15,
	DRV_VFU_DEVICE_FEATURE = 16,
	DRV_VFU_MIG_DATA_READ = 17,
	DRV_VFU_MIG_DATA_WRITE = 18,
};

/* drv_vfu_hdr.flags */
#define DRV_VFU_F_TYPE     0xfu
#define DRV_VFU_F_REPLY    0x1u
#define DRV_VFU_F_NO_REPLY 0x10u
#define DRV_VFU_F_ERROR    0x20u

/* drv_vfu_dma_map.flags */
#define DRV_VFU_DMA_READABLE  0x1u
#define DRV_VFU_DMA_WRITEABLE 0x2u
#define DRV_VFU_DMA_MMAP      0x4u

/* drv_vfu_region_info.flags */
#define DRV_VFU_REGION_READABLE  0x1u
#define DRV_VFU_REGION_WRITEABLE 0x2u
#define DRV_VFU_REGION_MMAP      0x4u
#define DRV_VFU_REGION_CAPS      0x8u

#define DRV_VFU_REGION_ROM    6
#define DRV_VFU_REGION_CONFIG 7
#define DRV_VFU_REGION_VGA    8

/* drv_vfu_irq_set.flags: one of the first three with one of the others */
#define DRV_VFU_IRQ_NONE    0x1u
#define DRV_VFU_IRQ_BOOL    0x2u
#define DRV_VFU_IRQ_EVENTFD 0x4u
#define DRV_VFU_IRQ_MASK    0x8u
#define DRV_VFU_IRQ_UNMASK  0x10u
#define DRV_VFU_IRQ_TRIGGER 0x20u

/* drv_vfu_irq_info.flags */
#define DRV_VFU_IRQ_INFO_EVENTFD    0x1u
#define DRV_VFU_IRQ_INFO_MASKABLE   0x2u
#define DRV_VFU_IRQ_INFO_AUTOMASKED 0x4u
#define DRV_VFU_IRQ_INFO_NORESIZE   0x8u

struct drv_vfu_hdr {
	uint16_t id;
	uint16_t cmd;
	uint32_t size; /* with this header */
	uint32_t flags;
	uint32_t error; /* errno, positive */
};

struct drv_vfu_version {
	uint16_t major;
	uint16_t minor;
	/* then JSON, ending in NUL */
};

struct drv_vfu_dma_map {
	uint32_t argsz;
	uint32_t flags;
	uint64_t offset;
	uint64_t addr;
	uint64_t size;
};

struct drv_vfu_dma_unmap {
	uint32_t argsz;
	uint32_t flags;
	uint64_t addr;
	uint64_t size;
};

struct drv_vfu_device_info {
	uint32_t argsz;
	uint32_t flags;
	uint32_t n_regions;
	uint32_t n_irqs;
};

struct drv_vfu_region_info {
	uint32_t argsz;
	uint32_t flags;
	uint32_t index;
	uint32_t cap_offset;
	uint64_t size;
	uint64_t offset;
};

struct drv_vfu_irq_info {
	uint32_t argsz;
	uint32_t flags;
	uint32_t index;
	uint32_t count;
};

struct drv_vfu_irq_set {
	uint32_t argsz;
	uint32_t flags;
	uint32_t index;
	uint32_t start;
	uint32_t count;
};

struct drv_vfu_region_access {
	uint64_t offset;
	uint32_t region;
	uint32_t count;
};

struct drv_vfu_dma_access {
	uint64_t addr;
	uint64_t count;
};

/* One connection. */
struct drv_vfu {
	int fd;
	uint16_t next_id;
	int timeout_ms;
	int max_fds; /* what the server takes in one message */
	/* Serves the server's DMA_READ and DMA_WRITE; NULL: they fail. */
	const struct drv_ram *ram;
	uint64_t n_dma_reads;
	uint64_t n_dma_writes;
	/* The latest message: good until the next call. */
	struct drv_vfu_hdr *hdr;
	uint8_t *body;
	size_t body_len;
	int fds[DRV_VFU_MAX_FDS]; /* ours to close */
	int n_fds;
	uint8_t *buf;
};

/*
 * Raw: no state, no checks; driver/socket.h has what sends. Receive one
 * message into buf (cap bytes), and at most DRV_VFU_MAX_FDS descriptors, which
 * become the caller's: the message's size, 0 when the peer has closed, or a
 * negative errno.
 */
ssize_t drv_vfu_recv(int fd, void *buf, size_t cap, int *fds, int *n_fds,
		     int timeout_ms);

/* Wrap a connected socket, which is ours from the call on. 0 or -ENOMEM. */
int drv_vfu_init(struct drv_vfu *vfu, int fd);
void drv_vfu_deinit(struct drv_vfu *vfu);

/*
 * Send a command and wait for its reply, serving the server's commands
 * meanwhile. req is the body, in two parts so that data need not be copied.
 */
int drv_vfu_call(struct drv_vfu *vfu, uint16_t cmd, const void *req,
		 size_t req_len, const void *data, size_t data_len);

/* The same with descriptors, which stay the caller's. */
int drv_vfu_call_fds(struct drv_vfu *vfu, uint16_t cmd, const void *req,
		     size_t req_len, const int *fds, int n_fds);

/* Send a command that asks for no reply. */
int drv_vfu_post(struct drv_vfu *vfu, uint16_t cmd, const void *req,
		 size_t req_len, const void *data, size_t data_len);

/* Serve what the server asks for; wait at most timeout_ms for it to ask. */
int drv_vfu_serve(struct drv_vfu *vfu, int timeout_ms);

/* VERSION 0.0 with capabilities as JSON; NULL for what QEMU 11 sends. */
int drv_vfu_negotiate(struct drv_vfu *vfu, const char *json);

/* One call for each command; structs as on the wire. */
int drv_vfu_dma_map(struct drv_vfu *vfu, uint64_t gpa, uint64_t size,
		    uint32_t flags, int fd, uint64_t fd_offset);
int drv_vfu_dma_unmap(struct drv_vfu *vfu, uint64_t gpa, uint64_t size);
int drv_vfu_device_info(struct drv_vfu *vfu, struct drv_vfu_device_info *info);
int drv_vfu_region_info(struct drv_vfu *vfu, uint32_t index, uint32_t argsz,
			struct drv_vfu_region_info *info);
int drv_vfu_irq_info(struct drv_vfu *vfu, uint32_t index,
		     struct drv_vfu_irq_info *info);
int drv_vfu_set_irqs(struct drv_vfu *vfu, uint32_t flags, uint32_t index,
		     uint32_t start, uint32_t count, const int *fds, int n_fds);
int drv_vfu_region_read(struct drv_vfu *vfu, uint32_t region, uint64_t off,
			void *buf, uint32_t count);
int drv_vfu_region_write(struct drv_vfu *vfu, uint32_t region, uint64_t off,
			 const void *buf, uint32_t count, bool posted);
int drv_vfu_reset(struct drv_vfu *vfu);

/* The bus: how the client behaves. All zero is what QEMU 11 does. */
struct drv_vfio_user_opts {
	const char *json;      /* capabilities, or NULL */
	bool no_posted_writes; /* wait for each reply to a BAR write */
	bool no_mmap;          /* ignore an offered doorbell page */
	bool no_fds;           /* map DMA memory without descriptors */
	/* With no_fds: serves the server's DMA_READ and DMA_WRITE. */
	const struct drv_ram *ram;
	int timeout_ms; /* 0: DRV_TIMEOUT_MS */
};

/*
 * Connect, negotiate, read the device's regions and interrupts. The bus is
 * freed with drv_bus_close(); INTx, MSI and MSI-X fire eventfds of ours.
 */
int drv_vfio_user_open(const char *path, const struct drv_vfio_user_opts *opts,
		       struct drv_bus **out);

/* The same on a connected socket, which is ours from the call on. */
int drv_vfio_user_attach(int fd, const struct drv_vfio_user_opts *opts,
			 struct drv_bus **out);

/* The connection under a bus, for calls that the bus does not have. */
struct drv_vfu *drv_vfio_user_conn(struct drv_bus *bus);

/* Where a byte of a BAR is mapped here, or NULL: messages carry it. */
void *drv_vfio_user_mapped(struct drv_bus *bus, int bar, uint64_t off,
			   uint32_t size);

#endif
