/* SPDX-License-Identifier: BSD-3-Clause */
/* Where the modern structures lie in their BAR: ACRN's map, and QEMU's. */
#ifndef VIRTIO_MODERN_H
#define VIRTIO_MODERN_H

#define MODERN_COMMON      0x0000
#define MODERN_ISR         0x1000
#define MODERN_DEVICE      0x2000
#define MODERN_NOTIFY      0x3000
#define MODERN_PAGE        0x1000
#define MODERN_NOTIFY_MULT 4

/* Bytes of the common structure, up to and with queue_reset. */
#define MODERN_COMMON_BYTES 60

/* The PCI_CFG capability: a virtio_pci_cap, then pci_cfg_data. */
#define WINDOW_DATA      16
#define WINDOW_CAP_BYTES 20

#endif
