// SPDX-License-Identifier: BSD-3-Clause
/* A virtio driver: registers of both faces, status, features, queues. */
#include <endian.h>
#include <errno.h>
#include <string.h>

#include "driver/virtio.h"

#define LEGACY_BAR        0
#define LEGACY_CONFIG     20
#define LEGACY_CONFIG_MSI 24
#define CONFIG_RETRIES    100
#define MSIX_CTL_ENABLE   0x8000

void
drv_virtio_init(struct drv_virtio *vd, struct drv_pci *pci, enum drv_face face)
{
	memset(vd, 0, sizeof(*vd));
	vd->pci = pci;
	vd->face = face;
	vd->reset_timeout_ms = DRV_TIMEOUT_MS;
}

/* The structure of a type, or NULL. */
static const struct drv_vcap *
find_vcap(const struct drv_virtio *vd, enum drv_vcap_type type)
{
	const struct drv_vcap *vcap = &vd->pci->vcaps[type];

	return vd->face != DRV_LEGACY && vcap->cap_off ? vcap : NULL;
}

int
drv_virtio_read(struct drv_virtio *vd, enum drv_vcap_type type, uint32_t off,
		uint32_t size, uint64_t *val)
{
	const struct drv_vcap *vcap = find_vcap(vd, type);
	uint32_t v = 0;
	int rc;

	if (!vcap)
		return -ENOENT;
	if (vd->face == DRV_MODERN)
		return drv_bus_bar_read(vd->pci->bus, vcap->bar,
					vcap->offset + off, size, val);
	rc = drv_pci_window_read(vd->pci, vcap->bar,
				 (uint32_t)vcap->offset + off, size, &v);
	if (rc == 0)
		*val = v;
	return rc;
}

int
drv_virtio_write(struct drv_virtio *vd, enum drv_vcap_type type, uint32_t off,
		 uint32_t size, uint64_t val)
{
	const struct drv_vcap *vcap = find_vcap(vd, type);

	if (!vcap)
		return -ENOENT;
	if (vd->face == DRV_MODERN)
		return drv_bus_bar_write(vd->pci->bus, vcap->bar,
					 vcap->offset + off, size, val);
	return drv_pci_window_write(vd->pci, vcap->bar,
				    (uint32_t)vcap->offset + off, size,
				    (uint32_t)val);
}

static uint32_t
common_width(enum drv_common_reg reg)
{
	switch (reg) {
	case DRV_C_DEVICE_FEATURE_SELECT:
	case DRV_C_DEVICE_FEATURE:
	case DRV_C_DRIVER_FEATURE_SELECT:
	case DRV_C_DRIVER_FEATURE:
		return 4;
	case DRV_C_STATUS:
	case DRV_C_GENERATION:
		return 1;
	case DRV_C_QUEUE_DESC:
	case DRV_C_QUEUE_DRIVER:
	case DRV_C_QUEUE_DEVICE:
		return 8;
	default:
		return 2;
	}
}

int
drv_common_read(struct drv_virtio *vd, enum drv_common_reg reg, uint64_t *val)
{
	uint32_t width = common_width(reg);
	uint64_t low = 0, high = 0;
	int rc;

	if (width < 8)
		return drv_virtio_read(vd, DRV_VCAP_COMMON, reg, width, val);
	rc = drv_virtio_read(vd, DRV_VCAP_COMMON, reg, 4, &low);
	if (rc == 0)
		rc = drv_virtio_read(vd, DRV_VCAP_COMMON, reg + 4u, 4, &high);
	if (rc == 0)
		*val = high << 32 | low;
	return rc;
}

int
drv_common_write(struct drv_virtio *vd, enum drv_common_reg reg, uint64_t val)
{
	uint32_t width = common_width(reg);
	int rc;

	if (width < 8)
		return drv_virtio_write(vd, DRV_VCAP_COMMON, reg, width, val);
	rc = drv_virtio_write(vd, DRV_VCAP_COMMON, reg, 4, (uint32_t)val);
	return rc < 0 ? rc
		      : drv_virtio_write(vd, DRV_VCAP_COMMON, reg + 4u, 4,
					 val >> 32);
}

static uint32_t
legacy_width(enum drv_legacy_reg reg)
{
	switch (reg) {
	case DRV_L_DEVICE_FEATURES:
	case DRV_L_DRIVER_FEATURES:
	case DRV_L_QUEUE_PFN:
		return 4;
	case DRV_L_STATUS:
	case DRV_L_ISR:
		return 1;
	default:
		return 2;
	}
}

int
drv_legacy_read(struct drv_virtio *vd, enum drv_legacy_reg reg, uint32_t *val)
{
	uint64_t v = 0;
	int rc = drv_bus_bar_read(vd->pci->bus, LEGACY_BAR, reg,
				  legacy_width(reg), &v);

	if (rc == 0)
		*val = (uint32_t)v;
	return rc;
}

int
drv_legacy_write(struct drv_virtio *vd, enum drv_legacy_reg reg, uint32_t val)
{
	return drv_bus_bar_write(vd->pci->bus, LEGACY_BAR, reg,
				 legacy_width(reg), val);
}

/* Read one of two registers that mean the same, by face. */
static int
read_either(struct drv_virtio *vd, enum drv_legacy_reg l, enum drv_common_reg c,
	    uint64_t *val)
{
	uint32_t v = 0;
	int rc;

	if (vd->face != DRV_LEGACY)
		return drv_common_read(vd, c, val);
	rc = drv_legacy_read(vd, l, &v);
	if (rc == 0)
		*val = v;
	return rc;
}

static int
write_either(struct drv_virtio *vd, enum drv_legacy_reg l,
	     enum drv_common_reg c, uint64_t val)
{
	if (vd->face != DRV_LEGACY)
		return drv_common_write(vd, c, val);
	return drv_legacy_write(vd, l, (uint32_t)val);
}

int
drv_virtio_status(struct drv_virtio *vd, uint8_t *status)
{
	uint64_t v = 0;
	int rc = read_either(vd, DRV_L_STATUS, DRV_C_STATUS, &v);

	if (rc == 0)
		*status = (uint8_t)v;
	return rc;
}

int
drv_virtio_set_status(struct drv_virtio *vd, uint8_t status)
{
	return write_either(vd, DRV_L_STATUS, DRV_C_STATUS, status);
}

int
drv_virtio_add_status(struct drv_virtio *vd, uint8_t bits)
{
	uint8_t status = 0;
	int rc = drv_virtio_status(vd, &status);

	return rc < 0 ? rc : drv_virtio_set_status(vd, status | bits);
}

static bool
status_is_zero(void *arg)
{
	uint8_t status = 0;

	return drv_virtio_status(arg, &status) < 0 || status == 0;
}

int
drv_virtio_reset(struct drv_virtio *vd)
{
	int rc = drv_virtio_set_status(vd, 0);

	vd->features = 0;
	if (rc < 0 || vd->face == DRV_LEGACY)
		return rc;
	return drv_bus_wait(vd->pci->bus, status_is_zero, vd,
			    vd->reset_timeout_ms);
}

static int
feature_word(struct drv_virtio *vd, uint32_t select, uint64_t *word)
{
	int rc = drv_common_write(vd, DRV_C_DEVICE_FEATURE_SELECT, select);

	return rc < 0 ? rc : drv_common_read(vd, DRV_C_DEVICE_FEATURE, word);
}

int
drv_virtio_offered(struct drv_virtio *vd, uint64_t *features)
{
	uint64_t low = 0, high = 0;
	uint32_t bits = 0;
	int rc;

	if (vd->face == DRV_LEGACY) {
		rc = drv_legacy_read(vd, DRV_L_DEVICE_FEATURES, &bits);
		if (rc == 0)
			*features = bits;
		return rc;
	}
	rc = feature_word(vd, 0, &low);
	if (rc == 0)
		rc = feature_word(vd, 1, &high);
	if (rc == 0)
		*features = high << 32 | low;
	return rc;
}

int
drv_virtio_accept(struct drv_virtio *vd, uint64_t features)
{
	int rc = 0;

	if (vd->face == DRV_LEGACY)
		return drv_legacy_write(vd, DRV_L_DRIVER_FEATURES,
					(uint32_t)features);
	for (uint32_t i = 0; i < 2 && rc == 0; i++) {
		rc = drv_common_write(vd, DRV_C_DRIVER_FEATURE_SELECT, i);
		if (rc == 0)
			rc = drv_common_write(vd, DRV_C_DRIVER_FEATURE,
					      features >> 32 * i & UINT32_MAX);
	}
	return rc;
}

int
drv_virtio_negotiate(struct drv_virtio *vd, uint64_t wanted)
{
	uint64_t offered = 0;
	uint8_t status = 0;
	int rc = drv_virtio_offered(vd, &offered);

	if (rc == 0)
		rc = drv_virtio_accept(vd, offered & wanted);
	if (rc == 0 && vd->face != DRV_LEGACY) {
		rc = drv_virtio_add_status(vd, DRV_S_FEATURES_OK);
		if (rc == 0)
			rc = drv_virtio_status(vd, &status);
		if (rc == 0 && !(status & DRV_S_FEATURES_OK))
			rc = -ENOTSUP;
	}
	if (rc == 0)
		vd->features = offered & wanted;
	return rc;
}

int
drv_virtio_num_queues(struct drv_virtio *vd, uint16_t *n)
{
	uint64_t v = 0;
	int rc;

	if (vd->face == DRV_LEGACY)
		return -EOPNOTSUPP;
	rc = drv_common_read(vd, DRV_C_NUM_QUEUES, &v);
	if (rc == 0)
		*n = (uint16_t)v;
	return rc;
}

int
drv_queue_select(struct drv_virtio *vd, uint16_t index)
{
	return write_either(vd, DRV_L_QUEUE_SELECT, DRV_C_QUEUE_SELECT, index);
}

int
drv_queue_size(struct drv_virtio *vd, uint16_t *size)
{
	uint64_t v = 0;
	int rc = read_either(vd, DRV_L_QUEUE_SIZE, DRV_C_QUEUE_SIZE, &v);

	if (rc == 0)
		*size = (uint16_t)v;
	return rc;
}

int
drv_queue_set_size(struct drv_virtio *vd, uint16_t size)
{
	if (vd->face == DRV_LEGACY)
		return -EOPNOTSUPP;
	return drv_common_write(vd, DRV_C_QUEUE_SIZE, size);
}

int
drv_queue_set_areas(struct drv_virtio *vd, uint64_t desc, uint64_t driver,
		    uint64_t device)
{
	int rc;

	if (vd->face == DRV_LEGACY)
		return -EOPNOTSUPP;
	rc = drv_common_write(vd, DRV_C_QUEUE_DESC, desc);
	if (rc == 0)
		rc = drv_common_write(vd, DRV_C_QUEUE_DRIVER, driver);
	return rc < 0 ? rc : drv_common_write(vd, DRV_C_QUEUE_DEVICE, device);
}

int
drv_queue_set_enable(struct drv_virtio *vd, uint16_t on)
{
	if (vd->face == DRV_LEGACY)
		return -EOPNOTSUPP;
	return drv_common_write(vd, DRV_C_QUEUE_ENABLE, on);
}

int
drv_queue_enabled(struct drv_virtio *vd, bool *on)
{
	uint64_t v = 0;
	int rc = read_either(vd, DRV_L_QUEUE_PFN, DRV_C_QUEUE_ENABLE, &v);

	if (rc == 0)
		*on = v != 0;
	return rc;
}

int
drv_queue_set_pfn(struct drv_virtio *vd, uint32_t pfn)
{
	if (vd->face != DRV_LEGACY)
		return -EOPNOTSUPP;
	return drv_legacy_write(vd, DRV_L_QUEUE_PFN, pfn);
}

int
drv_queue_set_vector(struct drv_virtio *vd, uint16_t vector, uint16_t *got)
{
	uint64_t v = 0;
	int rc = write_either(vd, DRV_L_QUEUE_VECTOR, DRV_C_QUEUE_VECTOR,
			      vector);

	if (rc == 0)
		rc = read_either(vd, DRV_L_QUEUE_VECTOR, DRV_C_QUEUE_VECTOR,
				 &v);
	if (rc == 0)
		*got = (uint16_t)v;
	return rc;
}

int
drv_virtio_set_config_vector(struct drv_virtio *vd, uint16_t vector,
			     uint16_t *got)
{
	uint64_t v = 0;
	int rc = write_either(vd, DRV_L_CONFIG_VECTOR, DRV_C_CONFIG_VECTOR,
			      vector);

	if (rc == 0)
		rc = read_either(vd, DRV_L_CONFIG_VECTOR, DRV_C_CONFIG_VECTOR,
				 &v);
	if (rc == 0)
		*got = (uint16_t)v;
	return rc;
}

static int
attach_modern(struct drv_virtio *vd, const struct drv_areas *areas)
{
	int rc = drv_queue_set_size(vd, areas->size);

	if (rc == 0)
		rc = drv_queue_set_areas(vd, areas->desc_gpa, areas->driver_gpa,
					 areas->device_gpa);
	return rc < 0 ? rc : drv_queue_set_enable(vd, 1);
}

int
drv_queue_attach(struct drv_virtio *vd, uint16_t index,
		 const struct drv_split *ring, uint16_t vector)
{
	struct drv_areas areas = drv_split_areas(ring);

	return drv_queue_attach_at(vd, index, &areas, vector);
}

int
drv_queue_attach_at(struct drv_virtio *vd, uint16_t index,
		    const struct drv_areas *areas, uint16_t vector)
{
	uint16_t size = 0, got = vector;
	bool on = false;
	int rc = drv_queue_select(vd, index);

	if (rc == 0)
		rc = drv_queue_size(vd, &size);
	if (rc == 0)
		rc = drv_queue_enabled(vd, &on);
	if (rc < 0)
		return rc;
	if (!size || on)
		return size ? -EBUSY : -ENOENT;
	if (areas->size > size ||
	    (vd->face == DRV_LEGACY && areas->size != size))
		return -EINVAL;
	if (vector != DRV_NO_VECTOR)
		rc = drv_queue_set_vector(vd, vector, &got);
	if (rc < 0 || got != vector)
		return rc < 0 ? rc : -EIO;
	if (vd->face != DRV_LEGACY)
		return attach_modern(vd, areas);
	return drv_queue_set_pfn(vd, (uint32_t)(areas->desc_gpa / DRV_PAGE));
}

static bool
queue_is_reset(void *arg)
{
	struct drv_virtio *vd = arg;
	uint64_t busy = 0, on = 0;

	if (drv_common_read(vd, DRV_C_QUEUE_RESET, &busy) < 0 ||
	    drv_common_read(vd, DRV_C_QUEUE_ENABLE, &on) < 0)
		return true;
	return !busy && !on;
}

int
drv_queue_reset(struct drv_virtio *vd, uint16_t index)
{
	int rc;

	if (vd->face == DRV_LEGACY)
		return -EOPNOTSUPP;
	rc = drv_queue_select(vd, index);
	if (rc == 0)
		rc = drv_common_write(vd, DRV_C_QUEUE_RESET, 1);
	if (rc < 0)
		return rc;
	return drv_bus_wait(vd->pci->bus, queue_is_reset, vd,
			    vd->reset_timeout_ms);
}

int
drv_virtio_kick_place(struct drv_virtio *vd, uint16_t index, int *bar,
		      uint64_t *off)
{
	const struct drv_vcap *vcap = find_vcap(vd, DRV_VCAP_NOTIFY);
	uint64_t notify_off = 0;
	int rc;

	if (vd->face == DRV_LEGACY) {
		*bar = LEGACY_BAR;
		*off = DRV_L_QUEUE_NOTIFY;
		return 0;
	}
	if (!vcap)
		return -ENOENT;
	rc = drv_queue_select(vd, index);
	if (rc == 0)
		rc = drv_common_read(vd, DRV_C_QUEUE_NOTIFY_OFF, &notify_off);
	if (rc < 0)
		return rc;
	*bar = vcap->bar;
	*off = vcap->offset + notify_off * vcap->multiplier;
	return 0;
}

int
drv_virtio_kick_raw(struct drv_virtio *vd, uint16_t index, uint32_t size,
		    uint32_t val)
{
	uint64_t off = 0;
	int bar = 0, rc;

	rc = drv_virtio_kick_place(vd, index, &bar, &off);
	if (rc < 0)
		return rc;
	if (vd->face == DRV_WINDOW)
		return drv_pci_window_write(vd->pci, (uint8_t)bar,
					    (uint32_t)off, size, val);
	return drv_bus_bar_write(vd->pci->bus, bar, off, size, val);
}

int
drv_virtio_kick_id(struct drv_virtio *vd, uint16_t index, uint16_t *id)
{
	uint64_t v = index;
	int rc = 0;

	if (vd->features & DRV_BIT(DRV_F_NOTIF_CONFIG_DATA)) {
		rc = drv_queue_select(vd, index);
		if (rc == 0)
			rc = drv_common_read(vd, DRV_C_QUEUE_NOTIF_DATA, &v);
	}
	if (rc == 0)
		*id = (uint16_t)v;
	return rc;
}

int
drv_virtio_kick(struct drv_virtio *vd, uint16_t index)
{
	bool data = vd->features & DRV_BIT(DRV_F_NOTIFICATION_DATA);
	uint16_t id = 0;
	int rc = drv_virtio_kick_id(vd, index, &id);

	return rc < 0 ? rc : drv_virtio_kick_raw(vd, index, data ? 4 : 2, id);
}

int
drv_virtio_isr(struct drv_virtio *vd, uint8_t *isr)
{
	uint32_t l = 0;
	uint64_t v = 0;
	int rc;

	if (vd->face == DRV_LEGACY)
		rc = drv_legacy_read(vd, DRV_L_ISR, &l);
	else
		rc = drv_virtio_read(vd, DRV_VCAP_ISR, 0, 1, &v);
	if (rc == 0)
		*isr = (uint8_t)(l | v);
	return rc;
}

int
drv_virtio_generation(struct drv_virtio *vd, uint8_t *gen)
{
	uint64_t v = 0;
	int rc = drv_common_read(vd, DRV_C_GENERATION, &v);

	if (rc == 0)
		*gen = (uint8_t)v;
	return rc;
}

/* Where the legacy configuration begins: it depends on MSI-X, right now. */
static uint32_t
legacy_config_base(struct drv_virtio *vd)
{
	uint8_t cap = vd->pci->msix.cap_off;

	if (cap && (drv_pci_cfg16(vd->pci, cap + 2u) & MSIX_CTL_ENABLE))
		return LEGACY_CONFIG_MSI;
	return LEGACY_CONFIG;
}

/* One access to the device configuration. */
static int
config_access(struct drv_virtio *vd, uint32_t off, uint32_t size, uint64_t *val,
	      bool write)
{
	struct drv_bus *bus = vd->pci->bus;

	if (vd->face != DRV_LEGACY)
		return write ? drv_virtio_write(vd, DRV_VCAP_DEVICE, off, size,
						*val)
			     : drv_virtio_read(vd, DRV_VCAP_DEVICE, off, size,
					       val);
	off += legacy_config_base(vd);
	return write ? drv_bus_bar_write(bus, LEGACY_BAR, off, size, *val)
		     : drv_bus_bar_read(bus, LEGACY_BAR, off, size, val);
}

/* The widest access that off and len allow. */
static uint32_t
config_step(uint32_t off, size_t len)
{
	if (!(off & 3) && len >= 4)
		return 4;
	return !(off & 1) && len >= 2 ? 2 : 1;
}

static int
config_read_once(struct drv_virtio *vd, uint32_t off, uint8_t *p, size_t len)
{
	uint32_t step;

	for (; len > 0; len -= step, off += step, p += step) {
		uint64_t v = 0;
		int rc;

		step = config_step(off, len);
		rc = config_access(vd, off, step, &v, false);
		if (rc < 0)
			return rc;
		v = htole64(v);
		memcpy(p, &v, step);
	}
	return 0;
}

int
drv_virtio_config_read(struct drv_virtio *vd, uint32_t off, void *buf,
		       size_t len)
{
	uint8_t before = 0, after = 0;
	int rc;

	if (vd->face == DRV_LEGACY)
		return config_read_once(vd, off, buf, len);
	for (int i = 0; i < CONFIG_RETRIES; i++) {
		rc = drv_virtio_generation(vd, &before);
		if (rc == 0)
			rc = config_read_once(vd, off, buf, len);
		if (rc == 0)
			rc = drv_virtio_generation(vd, &after);
		if (rc < 0 || before == after)
			return rc;
	}
	return -EAGAIN;
}

int
drv_virtio_config_write(struct drv_virtio *vd, uint32_t off, const void *buf,
			size_t len)
{
	const uint8_t *p = buf;
	uint32_t step;

	for (; len > 0; len -= step, off += step, p += step) {
		uint64_t v = 0;
		int rc;

		step = config_step(off, len);
		memcpy(&v, p, step);
		v = le64toh(v);
		rc = config_access(vd, off, step, &v, true);
		if (rc < 0)
			return rc;
	}
	return 0;
}

int
drv_virtio_start(struct drv_virtio *vd, uint64_t wanted)
{
	int rc = drv_virtio_reset(vd);

	if (rc == 0)
		rc = drv_virtio_add_status(vd, DRV_S_ACKNOWLEDGE);
	if (rc == 0)
		rc = drv_virtio_add_status(vd, DRV_S_DRIVER);
	if (vd->face != DRV_LEGACY)
		wanted |= DRV_BIT(DRV_F_VERSION_1);
	return rc < 0 ? rc : drv_virtio_negotiate(vd, wanted);
}

int
drv_virtio_run(struct drv_virtio *vd)
{
	return drv_virtio_add_status(vd, DRV_S_DRIVER_OK);
}
