// SPDX-License-Identifier: BSD-3-Clause
/* What QEMU is told: over vfio-user a PCI function, over vhost-user a device
 * that QEMU makes and whose rings we serve. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "frontend-impl.h"

/* How long QEMU waits before it connects again. */
#define RECONNECT_MS 100
/* The largest ring that virtio-pci of QEMU has. */
#define QUEUE_SIZE_MAX 1024

/* The last type that QEMU 11 has a name for; others end in an assertion. */
#define VIRTIO_ID_MAX 45

static int
no_memory(struct dm_error *err)
{
	return dm_fail(err, -ENOMEM, "out of memory");
}

static int
vfio_user_init(struct frontend_qemu *qemu, const struct frontend_device *d,
	       struct dm_error *err)
{
	const struct dm_slot *s = d->slot;
	json_t *json = json_pack("{s:s, s:{s:s, s:s}}", "driver",
				 "vfio-user-pci", "socket", "type", "unix",
				 "path", d->path);
	char addr[16];
	int rc = 0;

	(void)snprintf(addr, sizeof(addr), "%x.%x", s->slot, s->func);
	if (json && !s->anywhere)
		rc |= json_object_set_new(json, "addr", json_string(addr));
	if (json && d->multifunction)
		rc |= json_object_set_new(json, "multifunction", json_true());
	qemu->device = json && rc == 0 ? json_dumps(json, JSON_COMPACT) : NULL;
	json_decref(json);
	if (qemu->device)
		return 0;
	return dm_fail(err, -EINVAL,
		       "socket path %s is not UTF-8; give another", d->path);
}

/* QEMU's lists of options: a comma in a value is written twice. */
static void
put_value(FILE *out, const char *text)
{
	for (; *text; text++) {
		(void)fputc(*text, out);
		if (*text == ',')
			(void)fputc(',', out);
	}
}

/*
 * QEMU's disk waits for us when it starts, and takes a connection again when
 * we have been away. Its other devices do not wait, and QEMU 11 aborts when one
 * of them is connected a second time.
 */
static bool
survives(const struct frontend_device *d)
{
	return !strcmp(d->type, "block");
}

static void
put_chardev(FILE *out, const struct frontend_plan *plan,
	    const struct frontend_device *d)
{
	(void)fprintf(out, "socket,id=%s,path=", d->id);
	put_value(out, d->path);
	if (plan->args->client)
		(void)fputs(",server=on,wait=off", out);
	else if (survives(d))
		(void)fprintf(out, ",reconnect-ms=%d", RECONNECT_MS);
}

static void
put_device(FILE *out, const struct frontend_device *d)
{
	const struct dm_shape *shape = &d->shape;
	unsigned int size = shape->queue_size < QUEUE_SIZE_MAX
				    ? shape->queue_size
				    : QUEUE_SIZE_MAX;

	if (!strcmp(d->type, "block"))
		(void)fprintf(out,
			      "vhost-user-blk-pci,chardev=%s,num-queues=%u,"
			      "queue-size=%u",
			      d->id, shape->n_queues, size);
	else if (!strcmp(d->type, "rng"))
		(void)fprintf(out, "vhost-user-rng-pci,chardev=%s", d->id);
	else
		(void)fprintf(out,
			      "vhost-user-test-device-pci,chardev=%s,"
			      "virtio-id=%u,num_vqs=%u,vq_size=%u,"
			      "config_size=%u",
			      d->id, shape->virtio_id, shape->n_queues, size,
			      shape->config_size);
	dm_offer_print(&d->slot->offer, out);
	if (!d->slot->anywhere)
		(void)fprintf(out, ",addr=%x.%x", d->slot->slot, d->slot->func);
	if (d->multifunction)
		(void)fputs(",multifunction=on", out);
}

static int
vhost_user_init(struct frontend_qemu *qemu, const struct frontend_plan *plan,
		const struct frontend_device *d, struct dm_error *err)
{
	size_t size;
	FILE *out;

	if (d->shape.virtio_id > VIRTIO_ID_MAX)
		return dm_fail(err, -EINVAL,
			       "--print-frontend=%s: QEMU aborts when it meets "
			       "%s, of virtio type %u, for which it has no "
			       "name; give uml or cloud-hypervisor, or --host "
			       "vfio-user",
			       plan->args->frontend, d->slot->name,
			       d->shape.virtio_id);
	if (plan->args->client && !survives(d))
		return dm_fail(err, -EINVAL,
			       "--print-frontend=%s with --client: QEMU aborts "
			       "when %s connects a second time; give that one "
			       "to a vbs-dm without --client",
			       plan->args->frontend, d->slot->name);
	out = open_memstream(&qemu->chardev, &size);
	if (!out)
		return no_memory(err);
	put_chardev(out, plan, d);
	if (fclose(out) != 0)
		return no_memory(err);
	out = open_memstream(&qemu->device, &size);
	if (!out)
		return no_memory(err);
	put_device(out, d);
	return fclose(out) == 0 ? 0 : no_memory(err);
}

int
frontend_qemu_init(struct frontend_qemu *qemu, const struct frontend_plan *plan,
		   const struct frontend_device *d, struct dm_error *err)
{
	int rc;

	memset(qemu, 0, sizeof(*qemu));
	rc = plan->args->host == &dm_host_vfio_user
		     ? vfio_user_init(qemu, d, err)
		     : vhost_user_init(qemu, plan, d, err);
	if (rc < 0)
		frontend_qemu_deinit(qemu);
	return rc;
}

void
frontend_qemu_deinit(struct frontend_qemu *qemu)
{
	free(qemu->chardev);
	free(qemu->device);
	memset(qemu, 0, sizeof(*qemu));
}

int
frontend_print_qemu(const struct frontend_plan *plan, FILE *out,
		    struct dm_error *err)
{
	struct frontend_qemu qemu;
	int rc;

	(void)fprintf(out,
		      "qemu-system-x86_64 \\\n"
		      "  -machine q35,memory-backend=mem \\\n"
		      "  -m %dM -smp %u \\\n"
		      "  -object memory-backend-memfd,id=mem,size=%dM,share=on",
		      FRONTEND_MEMORY_MIB, plan->cpus, FRONTEND_MEMORY_MIB);
	for (unsigned int i = 0; i < plan->n; i++) {
		rc = frontend_qemu_init(&qemu, plan, &plan->device[i], err);
		if (rc < 0)
			return rc;
		if (qemu.chardev) {
			(void)fputs(" \\\n  -chardev ", out);
			frontend_quote(out, qemu.chardev);
		}
		(void)fputs(" \\\n  -device ", out);
		frontend_quote(out, qemu.device);
		frontend_qemu_deinit(&qemu);
	}
	(void)fputc('\n', out);
	return 0;
}
