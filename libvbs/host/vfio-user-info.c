// SPDX-License-Identifier: BSD-3-Clause
/* vfio-user: what the function has. */
#include <errno.h>
#include <string.h>

#include "host/vfio-user.h"
#include "pci/pci.h"

int
vuser_get_info(struct vbs_vfio_user *srv, struct vuser_msg *msg)
{
	struct vuser_info info;

	memcpy(&info, msg->data, sizeof(info));
	if (!vuser_argsz_ok(info.argsz, sizeof(info)))
		return -EINVAL;
	info.argsz = sizeof(info);
	info.flags = VFIO_DEVICE_FLAGS_RESET | VFIO_DEVICE_FLAGS_PCI;
	info.n_regions = VFIO_PCI_NUM_REGIONS;
	info.n_irqs = VUSER_IRQ_KINDS;
	memcpy(msg->reply, &info, sizeof(info));
	return 0;
}

uint64_t
vuser_region_size(const struct vbs_vfio_user *srv, uint32_t index)
{
	const struct pcibar *bar;

	if (index == VFIO_PCI_CONFIG_REGION_INDEX)
		return VBS_PCI_CFG_SIZE;
	if (index >= VBS_PCI_N_BARS)
		return 0;
	bar = &srv->dev->bar[index];
	if (bar->type == PCIBAR_NONE || bar->type == PCIBAR_MEMHI64)
		return 0;
	return bar->size;
}

/* Append the doorbell page to the reply, and its descriptor. */
static int
info_add_page(struct vbs_vfio_user *srv, struct vuser_msg *msg,
	      struct vuser_region_info *info, uint32_t argsz)
{
	struct vuser_page *page = &srv->page;
	struct vuser_sparse_cap cap = {
		.id = VFIO_REGION_INFO_CAP_SPARSE_MMAP,
		.version = 1,
		.n_areas = 1,
		.offset = page->offset,
		.size = page->size,
	};
	int rc;

	info->flags |= VFIO_REGION_INFO_FLAG_MMAP | VFIO_REGION_INFO_FLAG_CAPS;
	info->argsz = sizeof(*info) + sizeof(cap);
	info->cap_offset = sizeof(*info);
	if (argsz >= info->argsz) {
		rc = vuser_msg_grow(srv, msg, info->argsz);
		if (rc < 0)
			return rc;
		memcpy(msg->reply + sizeof(*info), &cap, sizeof(cap));
	}
	/* Its kicks are seen by who looks at the queues. */
	rc = pci_poll(srv->dev, srv->poll_us, true);
	if (rc < 0)
		return rc;
	page->lent = true;
	msg->reply_fds = &page->fd;
	msg->n_reply_fds = 1;
	return 0;
}

int
vuser_get_region_info(struct vbs_vfio_user *srv, struct vuser_msg *msg)
{
	struct vuser_region_info req, info = { .argsz = sizeof(info) };
	int rc = 0;

	memcpy(&req, msg->data, sizeof(req));
	if (!vuser_argsz_ok(req.argsz, sizeof(req)) ||
	    req.index >= VFIO_PCI_NUM_REGIONS)
		return -EINVAL;
	info.index = req.index;
	info.size = vuser_region_size(srv, req.index);
	if (info.size > 0)
		info.flags = VFIO_REGION_INFO_FLAG_READ |
			     VFIO_REGION_INFO_FLAG_WRITE;
	if (srv->page.fd >= 0 && req.index == (uint32_t)srv->page.baridx &&
	    srv->client_fds > 0)
		rc = info_add_page(srv, msg, &info, req.argsz);
	memcpy(msg->reply, &info, sizeof(info));
	return rc;
}

static uint32_t
info_fd_index(struct vbs_vfio_user *srv, int fd, uint32_t *n_fds)
{
	for (uint32_t i = 0; i < *n_fds; i++) {
		if (srv->bell_fds[i] == fd)
			return i;
	}
	srv->bell_fds[*n_fds] = fd;
	return (*n_fds)++;
}

/* Describe the doorbells of one BAR; as many as there may be descriptors. */
static uint32_t
info_list_bells(struct vbs_vfio_user *srv, uint32_t bar,
		struct vuser_io_fd *out, uint32_t *n_fds)
{
	struct vbs_doorbell bells[VUSER_MAX_BELLS];
	int n = vbs_pci_doorbells(srv->dev, bells, VUSER_MAX_BELLS);
	uint32_t done = 0;

	if (n > VUSER_MAX_BELLS)
		n = VUSER_MAX_BELLS;
	for (int i = 0; i < n && *n_fds < srv->client_fds; i++) {
		const struct vbs_doorbell *bell = &bells[i];
		struct vuser_io_fd *io = &out[done];

		if ((uint32_t)bell->baridx != bar)
			continue;
		*io = (struct vuser_io_fd){
			.offset = bell->offset,
			.size = (uint64_t)bell->size,
			.fd_index = info_fd_index(srv, bell->fd, n_fds),
		};
		if (srv->dev->bar[bar].type == PCIBAR_IO)
			io->flags |= VUSER_IO_FD_PIO;
		if (bell->match >= 0) {
			io->flags |= VUSER_IO_FD_DATAMATCH;
			io->datamatch = (uint64_t)bell->match;
		}
		done++;
	}
	return done;
}

int
vuser_get_io_fds(struct vbs_vfio_user *srv, struct vuser_msg *msg)
{
	struct vuser_io_fd list[VUSER_MAX_BELLS];
	struct vuser_io_fds req;
	uint32_t n_fds = 0, len;
	int rc;

	memcpy(&req, msg->data, sizeof(req));
	if (!vuser_argsz_ok(req.argsz, sizeof(req)) || req.flags != 0 ||
	    req.count != 0 || req.index >= VFIO_PCI_NUM_REGIONS)
		return -EINVAL;
	if (req.index < VBS_PCI_N_BARS)
		req.count = info_list_bells(srv, req.index, list, &n_fds);
	len = req.count * (uint32_t)sizeof(list[0]);
	if (req.argsz >= sizeof(req) + len) {
		rc = vuser_msg_grow(srv, msg, (uint32_t)sizeof(req) + len);
		if (rc < 0)
			return rc;
		memcpy(msg->reply + sizeof(req), list, len);
		msg->reply_fds = srv->bell_fds;
		msg->n_reply_fds = (int)n_fds;
	}
	req.argsz = (uint32_t)sizeof(req) + len;
	memcpy(msg->reply, &req, sizeof(req));
	return 0;
}
