/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * vhost-user as it is on the wire: host-endian, one header and a payload.
 */
#ifndef HOST_VHOST_USER_PROTO_H
#define HOST_VHOST_USER_PROTO_H

#include <stdint.h>

/* What a front end sends. */
enum vhu_request {
	VHU_GET_FEATURES = 1,
	VHU_SET_FEATURES = 2,
	VHU_SET_OWNER = 3,
	VHU_RESET_OWNER = 4,
	VHU_SET_MEM_TABLE = 5,
	VHU_SET_LOG_BASE = 6,
	VHU_SET_LOG_FD = 7,
	VHU_SET_VRING_NUM = 8,
	VHU_SET_VRING_ADDR = 9,
	VHU_SET_VRING_BASE = 10,
	VHU_GET_VRING_BASE = 11,
	VHU_SET_VRING_KICK = 12,
	VHU_SET_VRING_CALL = 13,
	VHU_SET_VRING_ERR = 14,
	VHU_GET_PROTOCOL_FEATURES = 15,
	VHU_SET_PROTOCOL_FEATURES = 16,
	VHU_GET_QUEUE_NUM = 17,
	VHU_SET_VRING_ENABLE = 18,
	VHU_SEND_RARP = 19,
	VHU_NET_SET_MTU = 20,
	VHU_SET_BACKEND_REQ_FD = 21,
	VHU_IOTLB_MSG = 22,
	VHU_SET_VRING_ENDIAN = 23,
	VHU_GET_CONFIG = 24,
	VHU_SET_CONFIG = 25,
	VHU_CREATE_CRYPTO_SESSION = 26,
	VHU_CLOSE_CRYPTO_SESSION = 27,
	VHU_POSTCOPY_ADVISE = 28,
	VHU_POSTCOPY_LISTEN = 29,
	VHU_POSTCOPY_END = 30,
	VHU_GET_INFLIGHT_FD = 31,
	VHU_SET_INFLIGHT_FD = 32,
	VHU_GPU_SET_SOCKET = 33,
	VHU_RESET_DEVICE = 34,
	VHU_VRING_KICK = 35,
	VHU_GET_MAX_MEM_SLOTS = 36,
	VHU_ADD_MEM_REG = 37,
	VHU_REM_MEM_REG = 38,
	VHU_SET_STATUS = 39,
	VHU_GET_STATUS = 40,
	VHU_GET_SHARED_OBJECT = 41,
	VHU_SET_DEVICE_STATE_FD = 42,
	VHU_CHECK_DEVICE_STATE = 43,
	VHU_GET_SHMEM_CONFIG = 44,
	VHU_N_REQUESTS,
};

/* What a back end sends on its channel. */
#define VHU_BACKEND_CONFIG_CHANGE 2

#define VHU_VERSION         0x1u
#define VHU_VERSION_MASK    0x3u
#define VHU_FLAG_REPLY      0x4u
#define VHU_FLAG_NEED_REPLY 0x8u

/* Virtio feature bits that are the transport's own. */
#define VHU_F_LOG_ALL           26
#define VHU_F_PROTOCOL_FEATURES 30

enum vhu_protocol_feature {
	VHU_PF_MQ = 0,
	VHU_PF_LOG_SHMFD = 1,
	VHU_PF_RARP = 2,
	VHU_PF_REPLY_ACK = 3,
	VHU_PF_MTU = 4,
	VHU_PF_BACKEND_REQ = 5,
	VHU_PF_CROSS_ENDIAN = 6,
	VHU_PF_CRYPTO_SESSION = 7,
	VHU_PF_PAGEFAULT = 8,
	VHU_PF_CONFIG = 9,
	VHU_PF_INFLIGHT_SHMFD = 12,
	VHU_PF_RESET_DEVICE = 13,
	VHU_PF_INBAND_NOTIFICATIONS = 14,
	VHU_PF_CONFIGURE_MEM_SLOTS = 15,
	VHU_PF_STATUS = 16,
	VHU_PF_SHARED_OBJECT = 18,
	VHU_PF_DEVICE_STATE = 19,
	VHU_PF_SHMEM = 22,
};

#define VHU_PAGE       4096u
#define VHU_MAX_TABLE  8   /* regions of one SET_MEM_TABLE */
#define VHU_MAX_SLOTS  509 /* regions in all, as many as Linux guests have */
#define VHU_MAX_CONFIG 256u

struct vhu_hdr {
	uint32_t request;
	uint32_t flags;
	uint32_t size; /* of the payload */
};

struct vhu_state {
	uint32_t index;
	uint32_t num;
};

struct vhu_addr {
	uint32_t index;
	uint32_t flags; /* VHU_ADDR_LOG */
	uint64_t desc;  /* user addresses */
	uint64_t used;
	uint64_t avail;
	uint64_t log; /* guest physical address to log the used ring by */
};

#define VHU_ADDR_LOG 0x1u

/* Of the u64 that goes with a descriptor. */
#define VHU_FD_INDEX 0xffu
#define VHU_FD_NONE  0x100u

struct vhu_region {
	uint64_t gpa;
	uint64_t size;
	uint64_t uva; /* the user address */
	uint64_t offset;
};

struct vhu_table {
	uint32_t n;
	uint32_t padding; /* then the regions */
};

struct vhu_one_region {
	uint64_t padding;
	struct vhu_region region;
};

struct vhu_log {
	uint64_t size;
	uint64_t offset;
};

struct vhu_config {
	uint32_t offset;
	uint32_t size;
	uint32_t flags; /* then the bytes */
};

/*
 * SET_CONFIG for the driver, or for the destination of a migration: numbers to
 * some front ends, bits to others. Both are treated alike.
 */
#define VHU_CONFIG_FLAGS 0x3u

/* On the wire with or without 4 bytes of padding at the end. */
struct vhu_inflight {
	uint64_t size;
	uint64_t offset;
	uint16_t n_queues;
	uint16_t queue_size;
	uint32_t padding;
};

#define VHU_INFLIGHT_MIN 20u

struct vhu_transfer {
	uint32_t direction; /* VHU_TRANSFER_* */
	uint32_t phase;     /* 0: all rings are stopped */
};

#define VHU_TRANSFER_SAVE 0u
#define VHU_TRANSFER_LOAD 1u

#endif
