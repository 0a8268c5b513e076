// SPDX-License-Identifier: BSD-3-Clause
/*
 * A program that is the VMM: it owns the guest's RAM, makes a PCI function
 * with libvbs, and brings the guest's accesses to it. There is no processor
 * in this one; driver.c stands for the guest.
 *
 * What to copy into your own VMM: vmm_ops, vmm_start(), vmm_stop(), and the
 * guest_*() functions, which belong in the exit handler.
 */
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include <event2/event.h>
#include <vbs/pci.h>
#include <vbs/vm.h>

#include "driver.h"
#include "upper.h"
#include "vmm.h"

struct vmm {
	uint8_t *ram;
	struct event_base *base; /* the control thread's loop: ours */
	struct vmctx *ctx;       /* the VM as libvbs sees it */
	struct pci_vdev *dev;    /* the function in slot 3 */
	bool line;               /* its INTx line */
};

/* Interrupts from the device to the guest. */

static void
vmm_msi(void *arg, struct pci_vdev *dev, enum vbs_msi_type type, int index,
	uint64_t addr, uint32_t data)
{
	/* A real VMM injects the message (addr, data); our guest uses INTx. */
}

static void
vmm_intx(void *arg, struct pci_vdev *dev, bool asserted)
{
	struct vmm *vmm = arg;

	vmm->line = asserted; /* a real VMM sets a pin of its interrupt chip */
}

static const struct vbs_vm_ops vmm_ops = {
	.msi = vmm_msi,
	.intx = vmm_intx,
};

/* Accesses from the guest to the device. */

uint32_t
guest_config_read(struct vmm *vmm, int offset, int size)
{
	uint32_t value = UINT32_MAX;

	vbs_pci_cfgread(vmm->dev, offset, size, &value);
	return value;
}

void
guest_config_write(struct vmm *vmm, int offset, int size, uint32_t value)
{
	vbs_pci_cfgwrite(vmm->dev, offset, size, value);
}

uint64_t
guest_load(struct vmm *vmm, uint64_t addr, int size)
{
	uint64_t offset;
	int bar;

	if (!vbs_pci_decode(vmm->dev, false, addr, &bar, &offset))
		return UINT64_MAX; /* nobody is there */
	return vbs_pci_barread(vmm->dev, bar, offset, size);
}

void
guest_store(struct vmm *vmm, uint64_t addr, int size, uint64_t value)
{
	uint64_t offset;
	int bar;

	if (vbs_pci_decode(vmm->dev, false, addr, &bar, &offset))
		vbs_pci_barwrite(vmm->dev, bar, offset, size, value);
}

/* Run the loop, which serves the queues, until the line is up. */
bool
guest_wait_interrupt(struct vmm *vmm)
{
	const struct timeval limit = { .tv_sec = 5 };

	event_base_loopexit(vmm->base, &limit);
	while (!vmm->line && !event_base_got_exit(vmm->base))
		event_base_loop(vmm->base, EVLOOP_ONCE);
	return vmm->line;
}

uint8_t *
guest_ram(struct vmm *vmm)
{
	return vmm->ram;
}

/* Undo vmm_start(), also half of it; in reverse. */
static void
vmm_stop(struct vmm *vmm)
{
	vbs_pci_free(vmm->dev);
	vbs_vm_free(vmm->ctx);
	if (vmm->base)
		event_base_free(vmm->base);
	if (vmm->ram)
		munmap(vmm->ram, RAM_SIZE);
}

static int
vmm_start(struct vmm *vmm)
{
	struct vbs_ram ram = { .gpa = 0, .size = RAM_SIZE };

	ram.hva = mmap(NULL, RAM_SIZE, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (ram.hva == MAP_FAILED)
		return -1;
	vmm->ram = ram.hva;
	vmm->base = event_base_new();
	if (!vmm->base)
		return -1;
	vmm->ctx = vbs_vm_new(&vmm_ops, vmm, vmm->base);
	if (!vmm->ctx || vbs_vm_add_ram(vmm->ctx, &ram) < 0)
		return -1;
	return vbs_pci_new(vmm->ctx, &upper_vdev_ops, 3, 0, NULL, &vmm->dev);
}

int
main(void)
{
	static const char question[] = "virtio, written once";
	char answer[sizeof(question)] = "";
	struct vmm vmm = { 0 };
	int n = -1;

	if (vmm_start(&vmm) == 0 && driver_start(&vmm))
		n = driver_request(&vmm, question, answer, sizeof(question));
	vmm_stop(&vmm);
	if (n < 0) {
		fprintf(stderr, "embed: the device did not answer\n");
		return 1;
	}
	printf("asked:    %s\nanswered: %s (%d bytes)\n", question, answer, n);
	return strcmp(answer, "VIRTIO, WRITTEN ONCE") != 0;
}
