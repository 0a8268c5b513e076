// SPDX-License-Identifier: BSD-3-Clause
/* A device's state, for another process. See state.h. */
#include "virtio/state.h"

#include <errno.h>
#include <string.h>

#include "base/bytes.h"
#include "virtio/backend.h"
#include "virtio/virtio.h"

#define VERSION 1

enum {
	AT_MAGIC = 0,
	AT_VERSION = 4,
	AT_TYPE = 6,
	AT_FEATURES = 8,
	AT_BYTES = 16,
	AT_ZERO = 20,
	AT_OWN = 24,
};

static const uint8_t magic[4] = { 'V', 'B', 'S', 'D' };

static long
save_own(struct virtio_common *vb, uint8_t *buf, size_t size)
{
	long n;

	if (!vb->vops->save)
		return 0;
	n = vb->vops->save(vb->priv->device, buf, size);
	return n > (long)size ? -ENOSPC : n;
}

long
state_save(struct virtio_common *vb, uint8_t *buf, size_t size)
{
	long n;

	if (size < AT_OWN)
		return -ENOSPC;
	pthread_mutex_lock(&vb->mtx);
	n = save_own(vb, buf + AT_OWN, size - AT_OWN);
	if (n >= 0) {
		memcpy(buf + AT_MAGIC, magic, sizeof(magic));
		bytes_put(buf + AT_VERSION, 2, VERSION);
		bytes_put(buf + AT_TYPE, 2, backend_type(vb));
		bytes_put(buf + AT_FEATURES, 8, vb->negotiated_caps);
		bytes_put(buf + AT_BYTES, 4, (uint64_t)n);
		bytes_put(buf + AT_ZERO, 4, 0);
	}
	pthread_mutex_unlock(&vb->mtx);
	return n < 0 ? n : AT_OWN + n;
}

/* Could the driver have chosen these? None, before it has chosen. */
static bool
features_possible(struct virtio_common *vb, uint64_t features)
{
	if (features & ~backend_features(vb))
		return false;
	return features == 0 || !vb->vops->check_features ||
	       vb->vops->check_features(vb->priv->device, features) == 0;
}

static bool
header_ok(struct virtio_common *vb, const uint8_t *buf, size_t len)
{
	return len >= AT_OWN && memcmp(buf, magic, sizeof(magic)) == 0 &&
	       bytes_get(buf + AT_VERSION, 2) == VERSION &&
	       bytes_get(buf + AT_TYPE, 2) == backend_type(vb) &&
	       bytes_get(buf + AT_BYTES, 4) == len - AT_OWN &&
	       bytes_get(buf + AT_ZERO, 4) == 0 &&
	       features_possible(vb, bytes_get(buf + AT_FEATURES, 8));
}

static int
load_own(struct virtio_common *vb, const uint8_t *buf, size_t len)
{
	if (vb->vops->load)
		return vb->vops->load(vb->priv->device, buf, len);
	return len == 0 ? 0 : -EINVAL;
}

int
state_load(struct virtio_common *vb, const uint8_t *buf, size_t len)
{
	int rc = -EINVAL;

	pthread_mutex_lock(&vb->mtx);
	if (header_ok(vb, buf, len))
		rc = load_own(vb, buf + AT_OWN, len - AT_OWN);
	pthread_mutex_unlock(&vb->mtx);
	return rc;
}
