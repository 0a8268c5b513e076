// SPDX-License-Identifier: BSD-3-Clause
/* What User-mode Linux, crosvm and Cloud Hypervisor are told. */
#include <errno.h>
#include <string.h>

#include "frontend-impl.h"

/* A path where a character that means something else has no escape. */
static int
check_path(const struct frontend_device *d, const char *who, const char *bad,
	   struct dm_error *err)
{
	const char *at = strpbrk(d->path, bad);

	if (!at)
		return 0;
	return dm_fail(err, -EINVAL,
		       "socket path %s: %s does not take a '%c' there; give "
		       "another --socket-dir or --socket-path",
		       d->path, who, *at);
}

int
frontend_print_uml(const struct frontend_plan *plan, FILE *out,
		   struct dm_error *err)
{
	(void)fprintf(out, "linux.uml mem=%dM", FRONTEND_MEMORY_MIB);
	for (unsigned int i = 0; i < plan->n; i++) {
		const struct frontend_device *d = &plan->device[i];
		char text[DM_SOCKET_PATH_SIZE + 64];
		int rc =
			check_path(d, "the kernel's command line", ": \"", err);

		if (rc < 0)
			return rc;
		(void)snprintf(text, sizeof(text), "virtio_uml.device=%s:%u",
			       d->path, d->shape.virtio_id);
		(void)fputs(" \\\n  ", out);
		frontend_quote(out, text);
	}
	(void)fputc('\n', out);
	return 0;
}

int
frontend_print_crosvm(const struct frontend_plan *plan, FILE *out,
		      struct dm_error *err)
{
	(void)fprintf(out,
		      "crosvm run \\\n"
		      "  --mem size=%d --cpus num-cores=%u",
		      FRONTEND_MEMORY_MIB, plan->cpus);
	for (unsigned int i = 0; i < plan->n; i++) {
		const struct frontend_device *d = &plan->device[i];
		char text[DM_SOCKET_PATH_SIZE + 96];
		int rc = check_path(d, "crosvm", ",\"[]", err);

		if (rc < 0)
			return rc;
		if (!*d->type)
			return dm_fail(
				err, -EINVAL,
				"--print-frontend=crosvm: it has no "
				"front end for %s; give uml or "
				"cloud-hypervisor, which take any device",
				d->slot->name);
		(void)snprintf(text, sizeof(text),
			       "type=%s,socket=%s,max-queue-size=%u", d->type,
			       d->path, d->shape.queue_size);
		(void)fputs(" \\\n  --vhost-user ", out);
		frontend_quote(out, text);
	}
	(void)fputs(" \\\n  KERNEL\n", out);
	return 0;
}

static void
put_sizes(FILE *out, const struct dm_shape *shape)
{
	for (unsigned int i = 0; i < shape->n_queues; i++)
		(void)fprintf(out, "%s%u", i ? "," : "", shape->queue_size);
}

/* A disk is its own; any other type goes through the generic device. */
static void
put_cloud_hypervisor(FILE *out, const struct frontend_device *d)
{
	if (!strcmp(d->type, "block")) {
		(void)fprintf(out,
			      " \\\n  --disk 'vhost_user=true,socket=%s,"
			      "num_queues=%u,queue_size=%u'",
			      d->path, d->shape.n_queues, d->shape.queue_size);
		return;
	}
	(void)fprintf(out,
		      " \\\n  --generic-vhost-user 'socket=%s,virtio_id=%u,"
		      "queue_sizes=[",
		      d->path, d->shape.virtio_id);
	put_sizes(out, &d->shape);
	(void)fputs("]'", out);
}

int
frontend_print_cloud_hypervisor(const struct frontend_plan *plan, FILE *out,
				struct dm_error *err)
{
	(void)fprintf(out,
		      "cloud-hypervisor \\\n"
		      "  --memory size=%dM,shared=on --cpus boot=%u",
		      FRONTEND_MEMORY_MIB, plan->cpus);
	for (unsigned int i = 0; i < plan->n; i++) {
		int rc = check_path(&plan->device[i], "Cloud Hypervisor",
				    ",\"'[]", err);

		if (rc < 0)
			return rc;
		put_cloud_hypervisor(out, &plan->device[i]);
	}
	(void)fputs(" \\\n  --kernel KERNEL\n", out);
	return 0;
}
