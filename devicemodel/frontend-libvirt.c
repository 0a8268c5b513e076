// SPDX-License-Identifier: BSD-3-Clause
/*
 * What libvirt is told. Its XML knows of vhost-user disks; what it does not
 * know goes to QEMU as it is.
 */
#include <string.h>

#include "frontend-impl.h"

#define TARGET_MAX 26 /* vda to vdz */

static void
put_escaped(FILE *out, const char *text)
{
	for (; *text; text++)
		switch (*text) {
		case '<':
			(void)fputs("&lt;", out);
			break;
		case '&':
			(void)fputs("&amp;", out);
			break;
		case '\'':
			(void)fputs("&apos;", out);
			break;
		default:
			(void)fputc(*text, out);
			break;
		}
}

/* libvirt's disks connect, and never listen. */
static bool
is_disk(const struct frontend_plan *plan, const struct frontend_device *d)
{
	return plan->args->host == &dm_host_vhost_user && !plan->args->client &&
	       !strcmp(d->type, "block");
}

static void
put_address(FILE *out, const struct frontend_device *d)
{
	if (d->slot->anywhere)
		return;
	(void)fprintf(out,
		      "      <address type='pci' domain='0x0000' bus='0x00' "
		      "slot='0x%02x' function='0x%x'%s/>\n",
		      d->slot->slot, d->slot->func,
		      d->multifunction ? " multifunction='on'" : "");
}

static void
put_disk(FILE *out, const struct frontend_device *d, unsigned int nth)
{
	(void)fprintf(out,
		      "    <disk type='vhostuser' device='disk'>\n"
		      "      <driver name='qemu' type='raw' queues='%u' "
		      "queue_size='%u'/>\n"
		      "      <source type='unix' path='",
		      d->shape.n_queues, d->shape.queue_size);
	put_escaped(out, d->path);
	(void)fprintf(out,
		      "'>\n"
		      "        <reconnect enabled='yes' timeout='1'/>\n"
		      "      </source>\n"
		      "      <target dev='vd%c' bus='virtio'/>\n",
		      'a' + (int)(nth % TARGET_MAX));
	put_address(out, d);
	(void)fputs("    </disk>\n", out);
}

static void
put_arg(FILE *out, const char *option, const char *value)
{
	(void)fprintf(out,
		      "    <qemu:arg value='%s'/>\n"
		      "    <qemu:arg value='",
		      option);
	put_escaped(out, value);
	(void)fputs("'/>\n", out);
}

static int
put_command_line(const struct frontend_plan *plan, FILE *out,
		 struct dm_error *err)
{
	struct frontend_qemu qemu;
	bool begun = false;
	int rc;

	for (unsigned int i = 0; i < plan->n; i++) {
		if (is_disk(plan, &plan->device[i]))
			continue;
		rc = frontend_qemu_init(&qemu, plan, &plan->device[i], err);
		if (rc < 0)
			return rc;
		if (!begun)
			(void)fputs("  <qemu:commandline>\n", out);
		begun = true;
		if (qemu.chardev)
			put_arg(out, "-chardev", qemu.chardev);
		put_arg(out, "-device", qemu.device);
		frontend_qemu_deinit(&qemu);
	}
	if (begun)
		(void)fputs("  </qemu:commandline>\n", out);
	return 0;
}

int
frontend_print_libvirt(const struct frontend_plan *plan, FILE *out,
		       struct dm_error *err)
{
	unsigned int n_disks = 0;
	int rc;

	(void)fputs("<!-- Put the parts into those of your domain. -->\n"
		    "<domain type='kvm' "
		    "xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'>\n"
		    "  <memoryBacking>\n"
		    "    <source type='memfd'/>\n"
		    "    <access mode='shared'/>\n"
		    "  </memoryBacking>\n"
		    "  <devices>\n",
		    out);
	for (unsigned int i = 0; i < plan->n; i++)
		if (is_disk(plan, &plan->device[i]))
			put_disk(out, &plan->device[i], n_disks++);
	(void)fputs("  </devices>\n", out);
	rc = put_command_line(plan, out, err);
	(void)fputs("</domain>\n", out);
	return rc;
}
