/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * vhost-user on the wire: the numbers and layouts of the protocol text
 * (QEMU, docs/interop/vhost-user). Host byte order throughout.
 */
#ifndef DRV_VHOST_USER_PROTO_H
#define DRV_VHOST_USER_PROTO_H

#include <stdint.h>

/* Front end to back end. */
enum drv_vu_request {
	DRV_VU_GET_FEATURES = 1,
	DRV_VU_SET_FEATURES = 2,
	DRV_VU_SET_OWNER = 3,
	DRV_VU_RESET_OWNER = 4,
	DRV_VU_SET_MEM_TABLE = 5,
	DRV_VU_SET_LOG_BASE = 6,
	DRV_VU_SET_LOG_FD = 7,
	DRV_VU_SET_VRING_NUM = 8,
	DRV_VU_SET_VRING_ADDR = 9,
	DRV_VU_SET_VRING_BASE = 10,
	DRV_VU_GET_VRING_BASE = 11,
	DRV_VU_SET_VRING_KICK = 12,
	DRV_VU_SET_VRING_CALL = 13,
	DRV_VU_SET_VRING_ERR = 14,
	DRV_VU_GET_PROTOCOL_FEATURES = 15,
	DRV_VU_SET_PROTOCOL_FEATURES = 16,
	DRV_VU_GET_QUEUE_NUM = 17,
	DRV_VU_SET_VRING_ENABLE = 18,
	DRV_VU_SEND_RARP = 19,
	DRV_VU_NET_SET_MTU = 20,
	DRV_VU_SET_BACKEND_REQ_FD = 21,
	DRV_VU_IOTLB_MSG = 22,
	DRV_VU_SET_VRING_ENDIAN = 23,
	DRV_VU_GET_CONFIG = 24,
	DRV_VU_SET_CONFIG = 25,
	DRV_VU_CREATE_CRYPTO_SESSION = 26,
	DRV_VU_CLOSE_CRYPTO_SESSION = 27,
	DRV_VU_POSTCOPY_ADVISE = 28,
	DRV_VU_POSTCOPY_LISTEN = 29,
	DRV_VU_POSTCOPY_END = 30,
	DRV_VU_GET_INFLIGHT_FD = 31,
	DRV_VU_SET_INFLIGHT_FD = 32,
	DRV_VU_GPU_SET_SOCKET = 33,
	DRV_VU_RESET_DEVICE = 34,
	DRV_VU_VRING_KICK = 35,
	DRV_VU_GET_MAX_MEM_SLOTS = 36,
	DRV_VU_ADD_MEM_REG = 37,
	DRV_VU_REM_MEM_REG = 38,
	DRV_VU_SET_STATUS = 39,
	DRV_VU_GET_STATUS = 40,
	DRV_VU_GET_SHARED_OBJECT = 41,
	DRV_VU_SET_DEVICE_STATE_FD = 42,
	DRV_VU_CHECK_DEVICE_STATE = 43,
	DRV_VU_GET_SHMEM_CONFIG = 44,
	DRV_VU_N_REQUESTS = 45, /* one more than the last */
};

/* Back end to front end. */
enum drv_vu_back_request {
	DRV_VU_BACK_IOTLB_MSG = 1,
	DRV_VU_BACK_CONFIG_CHANGE = 2,
	DRV_VU_BACK_HOST_NOTIFIER = 3,
	DRV_VU_BACK_VRING_CALL = 4,
	DRV_VU_BACK_VRING_ERR = 5,
	DRV_VU_BACK_OBJECT_ADD = 6,
	DRV_VU_BACK_OBJECT_REMOVE = 7,
	DRV_VU_BACK_OBJECT_LOOKUP = 8,
	DRV_VU_BACK_SHMEM_MAP = 9,
	DRV_VU_BACK_SHMEM_UNMAP = 10,
};

/* Protocol feature bits. */
#define DRV_VUP_MQ              0
#define DRV_VUP_LOG_SHMFD       1
#define DRV_VUP_RARP            2
#define DRV_VUP_REPLY_ACK       3
#define DRV_VUP_MTU             4
#define DRV_VUP_BACKEND_REQ     5
#define DRV_VUP_CROSS_ENDIAN    6
#define DRV_VUP_CRYPTO_SESSION  7
#define DRV_VUP_PAGEFAULT       8
#define DRV_VUP_CONFIG          9
#define DRV_VUP_BACKEND_SEND_FD 10
#define DRV_VUP_HOST_NOTIFIER   11
#define DRV_VUP_INFLIGHT_SHMFD  12
#define DRV_VUP_RESET_DEVICE    13
#define DRV_VUP_INBAND          14
#define DRV_VUP_MEM_SLOTS       15
#define DRV_VUP_STATUS          16
#define DRV_VUP_XEN_MMAP        17
#define DRV_VUP_SHARED_OBJECT   18
#define DRV_VUP_DEVICE_STATE    19
#define DRV_VUP_VRING_INFLIGHT  20
#define DRV_VUP_GPA_ADDRESSES   21
#define DRV_VUP_SHMEM_MAP       22

/* Feature bits that are vhost's own, not the device's. */
#define DRV_VU_F_LOG_ALL  26
#define DRV_VU_F_PROTOCOL 30

/* drv_vu_hdr.flags */
#define DRV_VU_VERSION      0x1u
#define DRV_VU_VERSION_MASK 0x3u
#define DRV_VU_REPLY        0x4u
#define DRV_VU_NEED_REPLY   0x8u

struct drv_vu_hdr {
	uint32_t request;
	uint32_t flags;
	uint32_t size; /* of the payload */
};

/* NUM, BASE, ENABLE, ENDIAN, KICK in band. */
struct drv_vu_state {
	uint32_t index;
	uint32_t num;
};

#define DRV_VU_ADDR_LOG 0x1u /* log writes to the used ring */

struct drv_vu_addr {
	uint32_t index;
	uint32_t flags;
	uint64_t desc; /* these three are user addresses */
	uint64_t used;
	uint64_t avail;
	uint64_t log; /* guest address of the used ring */
};

struct drv_vu_region {
	uint64_t gpa;
	uint64_t size;
	uint64_t user;
	uint64_t offset; /* in the file */
};

#define DRV_VU_TABLE_MAX 8

struct drv_vu_table {
	uint32_t n;
	uint32_t pad;
	struct drv_vu_region regions[DRV_VU_TABLE_MAX];
};

struct drv_vu_slot {
	uint64_t pad;
	struct drv_vu_region region;
};

struct drv_vu_log_base {
	uint64_t size;
	uint64_t offset;
};

/* KICK, CALL, ERR, DEVICE_STATE: no descriptor comes along. */
#define DRV_VU_NO_FD 0x100u

#define DRV_VU_CONFIG_HDR      12
#define DRV_VU_CONFIG_WRITABLE 0u
#define DRV_VU_CONFIG_MIGRATE  1u

struct drv_vu_config {
	uint32_t offset;
	uint32_t size;
	uint32_t flags;
	uint8_t bytes[256];
};

struct drv_vu_inflight_desc {
	uint64_t size;
	uint64_t offset;
	uint16_t n_queues;
	uint16_t queue_size;
	uint32_t pad;
};

/* Without the padding at the end. */
#define DRV_VU_INFLIGHT_BYTES 20

#define DRV_VU_STATE_SAVE 0u
#define DRV_VU_STATE_LOAD 1u

struct drv_vu_device_state {
	uint32_t direction;
	uint32_t phase;
};

/* The dirty log: a bit for each page, from guest address 0. */
#define DRV_VU_LOG_PAGE 4096u

/* The inflight area of one split queue: this, then the entries. */
struct drv_vu_inflight_split {
	uint64_t features;
	uint16_t version;
	uint16_t desc_num;
	uint16_t last_batch_head;
	uint16_t used_idx;
};

struct drv_vu_inflight_entry {
	uint8_t inflight;
	uint8_t pad[5];
	uint16_t next;
	uint64_t counter;
};

#endif
