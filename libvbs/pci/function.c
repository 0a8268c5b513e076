// SPDX-License-Identifier: BSD-3-Clause
/* A function's life: made, reset, freed. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pci/pci.h"

void
pci_set_client(struct pci_vdev *dev, const struct pci_client_ops *ops,
	       void *arg)
{
	dev->priv->client = ops;
	dev->priv->client_arg = arg;
}

int
pci_poll(struct pci_vdev *dev, uint32_t us, bool unseen)
{
	struct pci_priv *p = dev->priv;

	return p->client ? p->client->poll(p->client_arg, us, unseen) : 0;
}

bool
pci_bus_master(struct pci_vdev *dev)
{
	return pci_get_cfgdata16(dev, PCI_COMMAND) & PCI_COMMAND_MASTER;
}

int
pci_add_doorbell(struct pci_vdev *dev, const struct vbs_doorbell *bell)
{
	struct pci_priv *p = dev->priv;
	struct vbs_doorbell *grown;

	grown = reallocarray(p->doorbells, (size_t)p->n_doorbells + 1,
			     sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	p->doorbells = grown;
	p->doorbells[p->n_doorbells++] = *bell;
	return 0;
}

VBS_API int
vbs_pci_doorbells(struct pci_vdev *dev, struct vbs_doorbell *out, int n)
{
	struct pci_priv *p = dev->priv;

	if (n > p->n_doorbells)
		n = p->n_doorbells;
	if (n > 0)
		memcpy(out, p->doorbells, (size_t)n * sizeof(*out));
	return p->n_doorbells;
}

static void
function_free(struct pci_vdev *dev)
{
	struct pci_priv *p = dev->priv;

	if (p->client)
		p->client->release(p->client_arg);
	msix_free(dev);
	free(p->doorbells);
	free(p->opts);
	(void)pthread_mutex_destroy(&p->lock);
	free(p);
	free(dev);
}

static struct pci_vdev *
function_alloc(const char *opts)
{
	struct pci_vdev *dev = calloc(1, sizeof(*dev));
	struct pci_priv *p = calloc(1, sizeof(*p));
	char *copy = opts ? strdup(opts) : NULL;

	if (!dev || !p || (opts && !copy)) {
		free(dev);
		free(p);
		free(copy);
		return NULL;
	}
	(void)pthread_mutex_init(&p->lock, NULL);
	p->opts = copy;
	dev->priv = p;
	return dev;
}

/* What the guest has written is undone. What the host has set stays. */
static void
config_reset(struct pci_vdev *dev)
{
	const struct pci_priv *p = dev->priv;

	for (int i = 0; i < VBS_PCI_CFG_SIZE; i++)
		dev->cfgdata[i] = (uint8_t)((dev->cfgdata[i] & ~p->wmask[i]) |
					    (p->initial[i] & p->wmask[i]));
}

VBS_API void
vbs_pci_reset(struct pci_vdev *dev)
{
	struct pci_priv *p = dev->priv;

	if (p->client)
		p->client->reset(p->client_arg);
	pthread_mutex_lock(&p->lock);
	p->intx_pending = false;
	intx_update(dev);
	config_reset(dev);
	msi_reset(dev);
	msix_reset(dev);
	pthread_mutex_unlock(&p->lock);
	pci_bars_update(dev);
	if (p->client)
		p->client->command(p->client_arg,
				   pci_get_cfgdata16(dev, PCI_COMMAND));
}

VBS_API void
vbs_pci_free(struct pci_vdev *dev)
{
	if (!dev)
		return;
	vbs_pci_reset(dev);
	if (dev->priv->client)
		dev->priv->client->stop(dev->priv->client_arg);
	if (dev->dev_ops->vdev_deinit)
		dev->dev_ops->vdev_deinit(dev->vmctx, dev, dev->priv->opts);
	function_free(dev);
}

/* What the guest may write in the header, BARs apart (PCI 3.0, 6.2). */
static void
header_allow_writes(struct pci_vdev *dev)
{
	pci_allow_write(dev, PCI_COMMAND, 2,
			PCI_COMMAND_IO | PCI_COMMAND_MEMORY |
				PCI_COMMAND_MASTER | PCI_COMMAND_PARITY |
				PCI_COMMAND_SERR | PCI_COMMAND_INTX_DISABLE);
	pci_allow_write(dev, PCI_CACHE_LINE_SIZE, 1, UINT8_MAX);
	pci_allow_write(dev, PCI_LATENCY_TIMER, 1, UINT8_MAX);
	pci_allow_write(dev, PCI_INTERRUPT_LINE, 1, UINT8_MAX);
}

VBS_API int
vbs_pci_new(struct vmctx *ctx, const struct pci_vdev_ops *ops, int slot,
	    int func, const char *opts, struct pci_vdev **out)
{
	struct pci_vdev *dev;
	int rc = 0;

	if (!ctx || !ops || !ops->class_name || slot < 0 || slot > 31 ||
	    func < 0 || func > 7)
		return -EINVAL;
	dev = function_alloc(opts);
	if (!dev)
		return -ENOMEM;
	dev->dev_ops = ops;
	dev->vmctx = ctx;
	dev->slot = (uint8_t)slot;
	dev->func = (uint8_t)func;
	(void)snprintf(dev->name, sizeof(dev->name), "%.24s@0:%d.%d",
		       ops->class_name, slot, func);
	header_allow_writes(dev);
	if (ops->vdev_init)
		rc = ops->vdev_init(ctx, dev, dev->priv->opts);
	if (rc < 0) {
		function_free(dev);
		return rc;
	}
	rc = dev->priv->client ? dev->priv->client->start(dev->priv->client_arg)
			       : 0;
	if (rc < 0) {
		vbs_pci_free(dev);
		return rc;
	}
	memcpy(dev->priv->initial, dev->cfgdata, sizeof(dev->cfgdata));
	*out = dev;
	return 0;
}
