// SPDX-License-Identifier: BSD-3-Clause
/*
 * The public structs, byte by byte, as programs were compiled against them.
 *
 * When this test fails, an include/vbs header has changed what is already in
 * people's binaries: take the room from the reserved words at the end of the
 * struct, or follow doc/release.md for a new ABI, and then change the number.
 */
#include <stddef.h>
#include <stdio.h>

#include <vbs/vfio_user.h>
#include <vbs/vhost_user.h>
#include <vbs/virtio.h>

#define SIZE(type, bytes)                                                      \
	{                                                                      \
		"sizeof(struct " #type ")", sizeof(struct type), bytes         \
	}
#define AT(type, member, bytes)                                                \
	{                                                                      \
		"struct " #type "." #member, offsetof(struct type, member),    \
			bytes                                                  \
	}

/* For 64-bit Linux with glibc, which the size of a mutex depends on. */
static const struct pin {
	const char *what;
	size_t found;
	size_t pinned;
} pins[] = {
	SIZE(vbs_vm_ops, 24),
	AT(vbs_vm_ops, msi, 0),
	AT(vbs_vm_ops, intx, 8),
	AT(vbs_vm_ops, flags, 16),

	SIZE(vbs_ram, 48),
	AT(vbs_ram, gpa, 0),
	AT(vbs_ram, size, 8),
	AT(vbs_ram, hva, 16),
	AT(vbs_ram, flags, 24),
	AT(vbs_ram, release, 32),
	AT(vbs_ram, arg, 40),

	SIZE(pcibar, 24),
	AT(pcibar, type, 0),
	AT(pcibar, size, 8),
	AT(pcibar, addr, 16),

	SIZE(msix_table_entry, 16),
	AT(msix_table_entry, addr, 0),
	AT(msix_table_entry, msg_data, 8),
	AT(msix_table_entry, vector_control, 12),

	SIZE(pci_vdev_ops, 72),
	AT(pci_vdev_ops, class_name, 0),
	AT(pci_vdev_ops, vdev_init, 8),
	AT(pci_vdev_ops, vdev_deinit, 16),
	AT(pci_vdev_ops, vdev_write_dsdt, 24),
	AT(pci_vdev_ops, vdev_phys_access, 32),
	AT(pci_vdev_ops, vdev_cfgwrite, 40),
	AT(pci_vdev_ops, vdev_cfgread, 48),
	AT(pci_vdev_ops, vdev_barwrite, 56),
	AT(pci_vdev_ops, vdev_barread, 64),

	SIZE(pci_vdev, 512),
	AT(pci_vdev, dev_ops, 0),
	AT(pci_vdev, vmctx, 8),
	AT(pci_vdev, bus, 16),
	AT(pci_vdev, slot, 17),
	AT(pci_vdev, func, 18),
	AT(pci_vdev, name, 19),
	AT(pci_vdev, arg, 64),
	AT(pci_vdev, cfgdata, 72),
	AT(pci_vdev, bar, 328),
	AT(pci_vdev, priv, 472),
	AT(pci_vdev, reserved, 480),

	SIZE(vbs_doorbell, 32),
	AT(vbs_doorbell, baridx, 0),
	AT(vbs_doorbell, offset, 8),
	AT(vbs_doorbell, size, 16),
	AT(vbs_doorbell, match, 20),
	AT(vbs_doorbell, fd, 24),

	SIZE(vqueue_info, 104),
	AT(vqueue_info, qsize, 0),
	AT(vqueue_info, num, 2),
	AT(vqueue_info, msix_idx, 4),
	AT(vqueue_info, enabled, 6),
	AT(vqueue_info, notify, 8),
	AT(vqueue_info, common, 16),
	AT(vqueue_info, mtx, 24),
	AT(vqueue_info, priv, 64),
	AT(vqueue_info, reserved, 72),

	SIZE(virtio_ops, 128),
	AT(virtio_ops, name, 0),
	AT(virtio_ops, nvq, 8),
	AT(virtio_ops, cfgsize, 16),
	AT(virtio_ops, reset, 24),
	AT(virtio_ops, qnotify, 32),
	AT(virtio_ops, cfgread, 40),
	AT(virtio_ops, cfgwrite, 48),
	AT(virtio_ops, apply_features, 56),
	AT(virtio_ops, set_status, 64),
	AT(virtio_ops, check_features, 72),
	AT(virtio_ops, queue_stop, 80),
	AT(virtio_ops, bad_chain, 88),
	AT(virtio_ops, save, 96),
	AT(virtio_ops, load, 104),
	AT(virtio_ops, reserved, 112),

	SIZE(virtio_common, 136),
	AT(virtio_common, vops, 0),
	AT(virtio_common, mtx, 8),
	AT(virtio_common, dev, 48),
	AT(virtio_common, device_caps, 56),
	AT(virtio_common, negotiated_caps, 64),
	AT(virtio_common, queues, 72),
	AT(virtio_common, backend_type, 80),
	AT(virtio_common, status, 84),
	AT(virtio_common, isr, 85),
	AT(virtio_common, config_generation, 86),
	AT(virtio_common, msix_cfg_idx, 88),
	AT(virtio_common, priv, 96),
	AT(virtio_common, reserved, 104),

	SIZE(vbs_virtio_id, 16),
	AT(vbs_virtio_id, type, 0),
	AT(vbs_virtio_id, device, 2),
	AT(vbs_virtio_id, vendor, 4),
	AT(vbs_virtio_id, subdevice, 6),
	AT(vbs_virtio_id, subvendor, 8),
	AT(vbs_virtio_id, class_code, 12),

	SIZE(vbs_vfio_user_options, 32),
	AT(vbs_vfio_user_options, poll_us, 0),
	AT(vbs_vfio_user_options, flags, 4),
	AT(vbs_vfio_user_options, reserved, 8),

	SIZE(vbs_vhost_user_options, 32),
	AT(vbs_vhost_user_options, poll_us, 0),
	AT(vbs_vhost_user_options, flags, 4),
	AT(vbs_vhost_user_options, reserved, 8),
};

int
main(void)
{
	int bad = 0;

#if !defined(__x86_64__) || !defined(__LP64__) || !defined(__GLIBC__)
	puts("SKIP: the numbers are those of x86-64 with glibc");
	return 77;
#endif
	for (size_t i = 0; i < sizeof(pins) / sizeof(pins[0]); i++) {
		if (pins[i].found == pins[i].pinned)
			continue;
		printf("%s is %zu, was %zu\n", pins[i].what, pins[i].found,
		       pins[i].pinned);
		bad++;
	}
	printf("%d of %zu sizes and offsets have changed\n", bad,
	       sizeof(pins) / sizeof(pins[0]));
	return bad > 0;
}
