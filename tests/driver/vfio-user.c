// SPDX-License-Identifier: BSD-3-Clause
/* vfio-user, client side: messages and their replies. */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "driver/clock.h"
#include "driver/vfio-user.h"

#define HDR_SIZE sizeof(struct drv_vfu_hdr)

/* What QEMU 11 sends. */
static const char default_json[] =
	"{\"capabilities\":{\"max_msg_fds\":16,"
	"\"max_data_xfer_size\":1048576,\"max_dma_maps\":65535,"
	"\"pgsizes\":4096,\"write_multiple\":true,"
	"\"migration\":{\"pgsize\":4096,\"max_bitmap_size\":268435456}}}";

ssize_t
drv_vfu_recv(int fd, void *buf, size_t cap, int *fds, int *n_fds,
	     int timeout_ms)
{
	int64_t end = drv_now_ms() + timeout_ms;
	struct drv_vfu_hdr hdr;
	int none = 0;
	ssize_t n;

	if (!n_fds)
		n_fds = &none;
	*n_fds = 0;
	if (cap < HDR_SIZE)
		return -EINVAL;
	n = drv_socket_recv(fd, &hdr, HDR_SIZE, fds, DRV_VFU_MAX_FDS, n_fds,
			    end);
	if (n <= 0)
		return n;
	memcpy(buf, &hdr, HDR_SIZE);
	if (hdr.size < HDR_SIZE || hdr.size > cap)
		return -EPROTO;
	n = drv_socket_recv(fd, (uint8_t *)buf + HDR_SIZE, hdr.size - HDR_SIZE,
			    fds, DRV_VFU_MAX_FDS, n_fds, end);
	if (n == 0 && hdr.size > HDR_SIZE)
		return -ECONNRESET;
	return n < 0 ? n : (ssize_t)hdr.size;
}

int
drv_vfu_init(struct drv_vfu *vfu, int fd)
{
	memset(vfu, 0, sizeof(*vfu));
	vfu->buf = malloc(DRV_VFU_MAX_BYTES);
	if (!vfu->buf) {
		(void)close(fd);
		return -ENOMEM;
	}
	vfu->fd = fd;
	vfu->max_fds = 1;
	vfu->timeout_ms = DRV_TIMEOUT_MS;
	return 0;
}

static void
drop_fds(struct drv_vfu *vfu)
{
	for (int i = 0; i < vfu->n_fds; i++) {
		if (vfu->fds[i] >= 0)
			(void)close(vfu->fds[i]);
	}
	vfu->n_fds = 0;
}

void
drv_vfu_deinit(struct drv_vfu *vfu)
{
	if (!vfu->buf)
		return;
	drop_fds(vfu);
	(void)close(vfu->fd);
	free(vfu->buf);
	memset(vfu, 0, sizeof(*vfu));
}

/* Receive one message into vfu. */
static int
next_message(struct drv_vfu *vfu, int timeout_ms)
{
	ssize_t n;

	drop_fds(vfu);
	n = drv_vfu_recv(vfu->fd, vfu->buf, DRV_VFU_MAX_BYTES, vfu->fds,
			 &vfu->n_fds, timeout_ms);
	if (n <= 0)
		return n == 0 ? -ECONNRESET : (int)n;
	vfu->hdr = (struct drv_vfu_hdr *)(void *)vfu->buf;
	vfu->body = vfu->buf + HDR_SIZE;
	vfu->body_len = (size_t)n - HDR_SIZE;
	return 0;
}

/* Do what a DMA_READ or a DMA_WRITE asks for; the length of the reply. */
static int
serve_dma(struct drv_vfu *vfu, size_t *reply_len)
{
	struct drv_vfu_dma_access acc;

	if (vfu->body_len < sizeof(acc))
		return -EINVAL;
	memcpy(&acc, vfu->body, sizeof(acc));
	if (!vfu->ram || acc.count > (1u << 20))
		return -EINVAL;
	if (vfu->hdr->cmd == DRV_VFU_DMA_READ) {
		vfu->n_dma_reads++;
		*reply_len = HDR_SIZE + sizeof(acc) + acc.count;
		return drv_ram_read(vfu->ram, acc.addr, vfu->body + sizeof(acc),
				    acc.count);
	}
	vfu->n_dma_writes++;
	*reply_len = HDR_SIZE + sizeof(acc);
	if (vfu->body_len - sizeof(acc) != acc.count)
		return -EINVAL;
	return drv_ram_write(vfu->ram, acc.addr, vfu->body + sizeof(acc),
			     acc.count);
}

/* Answer a command that the server has sent. */
static int
serve_command(struct drv_vfu *vfu)
{
	bool wants_reply = !(vfu->hdr->flags & DRV_VFU_F_NO_REPLY);
	size_t len = HDR_SIZE;
	int rc = -EINVAL;

	if (vfu->hdr->cmd == DRV_VFU_DMA_READ ||
	    vfu->hdr->cmd == DRV_VFU_DMA_WRITE)
		rc = serve_dma(vfu, &len);
	if (!wants_reply)
		return 0;
	vfu->hdr->flags = DRV_VFU_F_REPLY;
	vfu->hdr->error = 0;
	if (rc < 0) {
		vfu->hdr->flags |= DRV_VFU_F_ERROR;
		vfu->hdr->error = (uint32_t)-rc;
		len = HDR_SIZE;
	}
	vfu->hdr->size = (uint32_t)len;
	return drv_socket_send(vfu->fd, vfu->buf, len, NULL, 0);
}

static bool
is_command(const struct drv_vfu *vfu)
{
	return (vfu->hdr->flags & DRV_VFU_F_TYPE) == 0;
}

int
drv_vfu_serve(struct drv_vfu *vfu, int timeout_ms)
{
	struct pollfd pfd = { .fd = vfu->fd, .events = POLLIN };
	int rc;

	while (poll(&pfd, 1, timeout_ms) > 0) {
		rc = next_message(vfu, vfu->timeout_ms);
		if (rc < 0)
			return rc;
		if (!is_command(vfu))
			return -EPROTO;
		rc = serve_command(vfu);
		if (rc < 0)
			return rc;
		timeout_ms = 0;
	}
	return 0;
}

/* Send one command in up to two parts; its id is in *id. */
static int
send_command(struct drv_vfu *vfu, struct drv_vfu_hdr *hdr, const void *req,
	     size_t req_len, const void *data, size_t data_len)
{
	uint8_t *p = vfu->buf;
	size_t len = HDR_SIZE + req_len + data_len;

	if (len > DRV_VFU_MAX_BYTES)
		return -EMSGSIZE;
	drop_fds(vfu);
	hdr->id = vfu->next_id++;
	hdr->size = (uint32_t)len;
	memcpy(p, hdr, HDR_SIZE);
	if (req_len)
		memcpy(p + HDR_SIZE, req, req_len);
	if (data_len)
		memcpy(p + HDR_SIZE + req_len, data, data_len);
	return drv_socket_send(vfu->fd, p, len, NULL, 0);
}

/* Wait for the reply to a command. */
static int
wait_reply(struct drv_vfu *vfu, const struct drv_vfu_hdr *cmd)
{
	int64_t end = drv_now_ms() + vfu->timeout_ms;
	int rc;

	for (;;) {
		int64_t left = end - drv_now_ms();

		rc = next_message(vfu, left > 0 ? (int)left : 0);
		if (rc < 0)
			return rc;
		if (!is_command(vfu))
			break;
		rc = serve_command(vfu);
		if (rc < 0)
			return rc;
	}
	if (vfu->hdr->id != cmd->id || vfu->hdr->cmd != cmd->cmd ||
	    (vfu->hdr->flags & DRV_VFU_F_TYPE) != DRV_VFU_F_REPLY)
		return -EPROTO;
	if (vfu->hdr->flags & DRV_VFU_F_ERROR)
		return vfu->hdr->error && vfu->hdr->error < 4096
			       ? -(int)vfu->hdr->error
			       : -EPROTO;
	return 0;
}

int
drv_vfu_call(struct drv_vfu *vfu, uint16_t cmd, const void *req, size_t req_len,
	     const void *data, size_t data_len)
{
	struct drv_vfu_hdr hdr = { .cmd = cmd };
	int rc = send_command(vfu, &hdr, req, req_len, data, data_len);

	return rc < 0 ? rc : wait_reply(vfu, &hdr);
}

int
drv_vfu_call_fds(struct drv_vfu *vfu, uint16_t cmd, const void *req,
		 size_t req_len, const int *fds, int n_fds)
{
	struct drv_vfu_hdr hdr = { .id = vfu->next_id++, .cmd = cmd };
	int rc;

	if (req_len > DRV_VFU_MAX_BYTES - HDR_SIZE)
		return -EMSGSIZE;
	hdr.size = (uint32_t)(HDR_SIZE + req_len);
	memcpy(vfu->buf, &hdr, HDR_SIZE);
	memcpy(vfu->buf + HDR_SIZE, req, req_len);
	rc = drv_socket_send(vfu->fd, vfu->buf, hdr.size, fds, n_fds);
	return rc < 0 ? rc : wait_reply(vfu, &hdr);
}

int
drv_vfu_post(struct drv_vfu *vfu, uint16_t cmd, const void *req, size_t req_len,
	     const void *data, size_t data_len)
{
	struct drv_vfu_hdr hdr = { .cmd = cmd, .flags = DRV_VFU_F_NO_REPLY };

	return send_command(vfu, &hdr, req, req_len, data, data_len);
}

/* A reply's body starts with len bytes of a known struct: copy them out. */
static int
take_body(const struct drv_vfu *vfu, void *out, size_t len)
{
	if (vfu->body_len < len)
		return -EPROTO;
	memcpy(out, vfu->body, len);
	return 0;
}

/* The server's max_msg_fds, 1 if it names none. */
static int
find_max_fds(const char *json)
{
	const char *p = strstr(json, "\"max_msg_fds\"");
	unsigned long n;

	p = p ? strchr(p, ':') : NULL;
	n = p ? strtoul(p + 1, NULL, 10) : 1;
	return n >= 1 && n <= DRV_VFU_MAX_FDS ? (int)n : 1;
}

int
drv_vfu_negotiate(struct drv_vfu *vfu, const char *json)
{
	struct drv_vfu_version ver = { 0, 0 };
	int rc;

	if (!json)
		json = default_json;
	rc = drv_vfu_call(vfu, DRV_VFU_VERSION, &ver, sizeof(ver), json,
			  strlen(json) + 1);
	if (rc < 0)
		return rc;
	rc = take_body(vfu, &ver, sizeof(ver));
	if (rc < 0)
		return rc;
	if (ver.major != 0 || ver.minor != 0)
		return -EPROTO;
	if (vfu->body_len == sizeof(ver))
		return 0;
	if (vfu->body[vfu->body_len - 1] != '\0')
		return -EPROTO;
	vfu->max_fds = find_max_fds((const char *)vfu->body + sizeof(ver));
	return 0;
}

int
drv_vfu_dma_map(struct drv_vfu *vfu, uint64_t gpa, uint64_t size,
		uint32_t flags, int fd, uint64_t fd_offset)
{
	struct drv_vfu_dma_map map = {
		.argsz = sizeof(map),
		.flags = flags,
		.offset = fd_offset,
		.addr = gpa,
		.size = size,
	};

	return drv_vfu_call_fds(vfu, DRV_VFU_DMA_MAP, &map, sizeof(map), &fd,
				fd >= 0 ? 1 : 0);
}

int
drv_vfu_dma_unmap(struct drv_vfu *vfu, uint64_t gpa, uint64_t size)
{
	struct drv_vfu_dma_unmap unmap = {
		.argsz = sizeof(unmap),
		.addr = gpa,
		.size = size,
	};

	return drv_vfu_call(vfu, DRV_VFU_DMA_UNMAP, &unmap, sizeof(unmap), NULL,
			    0);
}

int
drv_vfu_device_info(struct drv_vfu *vfu, struct drv_vfu_device_info *info)
{
	struct drv_vfu_device_info req = { .argsz = sizeof(req) };
	int rc =
		drv_vfu_call(vfu, DRV_VFU_GET_INFO, &req, sizeof(req), NULL, 0);

	return rc < 0 ? rc : take_body(vfu, info, sizeof(*info));
}

int
drv_vfu_region_info(struct drv_vfu *vfu, uint32_t index, uint32_t argsz,
		    struct drv_vfu_region_info *info)
{
	struct drv_vfu_region_info req = { .argsz = argsz, .index = index };
	int rc = drv_vfu_call(vfu, DRV_VFU_GET_REGION_INFO, &req, sizeof(req),
			      NULL, 0);

	return rc < 0 ? rc : take_body(vfu, info, sizeof(*info));
}

int
drv_vfu_irq_info(struct drv_vfu *vfu, uint32_t index,
		 struct drv_vfu_irq_info *info)
{
	struct drv_vfu_irq_info req = { .argsz = sizeof(req), .index = index };
	int rc = drv_vfu_call(vfu, DRV_VFU_GET_IRQ_INFO, &req, sizeof(req),
			      NULL, 0);

	return rc < 0 ? rc : take_body(vfu, info, sizeof(*info));
}

int
drv_vfu_set_irqs(struct drv_vfu *vfu, uint32_t flags, uint32_t index,
		 uint32_t start, uint32_t count, const int *fds, int n_fds)
{
	struct drv_vfu_irq_set set = {
		.argsz = sizeof(set),
		.flags = flags,
		.index = index,
		.start = start,
		.count = count,
	};

	return drv_vfu_call_fds(vfu, DRV_VFU_SET_IRQS, &set, sizeof(set), fds,
				n_fds);
}

int
drv_vfu_region_read(struct drv_vfu *vfu, uint32_t region, uint64_t off,
		    void *buf, uint32_t count)
{
	struct drv_vfu_region_access acc = { off, region, count };
	int rc = drv_vfu_call(vfu, DRV_VFU_REGION_READ, &acc, sizeof(acc), NULL,
			      0);

	if (rc < 0)
		return rc;
	if (vfu->body_len != sizeof(acc) + count)
		return -EPROTO;
	memcpy(buf, vfu->body + sizeof(acc), count);
	return 0;
}

int
drv_vfu_region_write(struct drv_vfu *vfu, uint32_t region, uint64_t off,
		     const void *buf, uint32_t count, bool posted)
{
	struct drv_vfu_region_access acc = { off, region, count };

	if (posted)
		return drv_vfu_post(vfu, DRV_VFU_REGION_WRITE, &acc,
				    sizeof(acc), buf, count);
	return drv_vfu_call(vfu, DRV_VFU_REGION_WRITE, &acc, sizeof(acc), buf,
			    count);
}

int
drv_vfu_reset(struct drv_vfu *vfu)
{
	return drv_vfu_call(vfu, DRV_VFU_DEVICE_RESET, NULL, 0, NULL, 0);
}
