// SPDX-License-Identifier: BSD-3-Clause
/* vhost-user: features, status, configuration, reset. */
#include <errno.h>
#include <string.h>

#include "host/vhost-user.h"

#define BIT(n)   (UINT64_C(1) << (n))
#define OWN_BITS (BIT(VHU_F_LOG_ALL) | BIT(VHU_F_PROTOCOL_FEATURES))

/*
 * What only a PCI function can do: SR_IOV, NOTIFICATION_DATA, whose data would
 * end at the front end, NOTIF_CONFIG_DATA, ADMIN_VQ, and SUSPEND. Front ends
 * pass bits that they do not know to the driver: Linux would then notify in a
 * width that they do not expect, and gives up on a device that has an
 * administration queue and does not.
 */
#define PCI_BITS (BIT(37) | BIT(38) | BIT(39) | BIT(41) | BIT(43))

static uint64_t
offered_features(const struct vbs_vhost_user *srv)
{
	return (backend_features(srv->vb) & ~PCI_BITS) | OWN_BITS;
}

/* A front end warns of CONFIG if it knows of none for the device. */
static uint64_t
offered_protocol(const struct vbs_vhost_user *srv)
{
	uint64_t offer = BIT(VHU_PF_MQ) | BIT(VHU_PF_LOG_SHMFD) |
			 BIT(VHU_PF_REPLY_ACK) | BIT(VHU_PF_BACKEND_REQ) |
			 BIT(VHU_PF_INFLIGHT_SHMFD) | BIT(VHU_PF_RESET_DEVICE) |
			 BIT(VHU_PF_CONFIGURE_MEM_SLOTS) | BIT(VHU_PF_STATUS) |
			 BIT(VHU_PF_DEVICE_STATE);

	if (backend_config_size(srv->vb) > 0)
		offer |= BIT(VHU_PF_CONFIG);
	return offer;
}

static uint64_t
msg_u64(const struct vhu_msg *msg)
{
	uint64_t val;

	memcpy(&val, msg->data, sizeof(val));
	return val;
}

int
vhu_ignore(struct vbs_vhost_user *srv, struct vhu_msg *msg)
{
	return 0;
}

int
vhu_get_features(struct vbs_vhost_user *srv, struct vhu_msg *msg)
{
	vhu_reply_u64(msg, offered_features(srv));
	return 0;
}

int
vhu_set_features(struct vbs_vhost_user *srv, struct vhu_msg *msg)
{
	uint64_t features = msg_u64(msg);
	int rc;

	if (features & ~offered_features(srv))
		return -EINVAL;
	rc = vhu_log_check(srv, features);
	if (rc == 0)
		rc = backend_set_features(srv->vb, features & ~OWN_BITS);
	if (rc < 0)
		return rc;
	srv->features = features;
	vhu_log_apply(srv);
	/* Who does not know of SET_VRING_ENABLE has no disabled rings. */
	if (!(features & BIT(VHU_F_PROTOCOL_FEATURES))) {
		for (uint16_t i = 0; i < backend_n_queues(srv->vb); i++)
			backend_ring_enable(srv->vb, i, true);
	}
	return 0;
}

int
vhu_get_protocol(struct vbs_vhost_user *srv, struct vhu_msg *msg)
{
	vhu_reply_u64(msg, offered_protocol(srv));
	return 0;
}

int
vhu_set_protocol(struct vbs_vhost_user *srv, struct vhu_msg *msg)
{
	uint64_t protocol = msg_u64(msg);

	if (protocol & ~offered_protocol(srv))
		return -EINVAL;
	srv->protocol = protocol;
	return 0;
}

int
vhu_get_queue_num(struct vbs_vhost_user *srv, struct vhu_msg *msg)
{
	vhu_reply_u64(msg, backend_n_queues(srv->vb));
	return 0;
}

/* The header of a configuration access, whose bytes are all there. */
static bool
msg_config(const struct vhu_msg *msg, struct vhu_config *config)
{
	memcpy(config, msg->data, sizeof(*config));
	return config->size > 0 && config->size == msg->len - sizeof(*config);
}

int
vhu_get_config(struct vbs_vhost_user *srv, struct vhu_msg *msg)
{
	struct vhu_config config;

	msg->reply_len = 0; /* an error, unless it can be read */
	if (!msg_config(msg, &config) ||
	    backend_read_config(srv->vb, config.offset,
				msg->reply + sizeof(config), config.size) < 0)
		return 0;
	memcpy(msg->reply, &config, sizeof(config));
	msg->reply_len = (uint32_t)sizeof(config) + config.size;
	return 0;
}

int
vhu_set_config(struct vbs_vhost_user *srv, struct vhu_msg *msg)
{
	struct vhu_config config;

	if (!msg_config(msg, &config) || config.flags & ~VHU_CONFIG_FLAGS)
		return -EINVAL;
	return backend_write_config(srv->vb, config.offset,
				    msg->data + sizeof(config), config.size);
}

int
vhu_get_status(struct vbs_vhost_user *srv, struct vhu_msg *msg)
{
	vhu_reply_u64(msg, backend_status(srv->vb));
	return 0;
}

int
vhu_set_status(struct vbs_vhost_user *srv, struct vhu_msg *msg)
{
	uint64_t status = msg_u64(msg);

	if (status > UINT8_MAX)
		return -EINVAL;
	if (status == 0)
		return vhu_reset_device(srv, msg);
	backend_set_status(srv->vb, (uint8_t)status);
	return 0;
}

int
vhu_reset_device(struct vbs_vhost_user *srv, struct vhu_msg *msg)
{
	backend_reset(srv->vb);
	vhu_rings_forget(srv);
	vhu_inflight_forget(srv);
	srv->features &= OWN_BITS;
	return 0;
}
