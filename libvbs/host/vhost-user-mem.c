// SPDX-License-Identifier: BSD-3-Clause
/* vhost-user: guest memory, as one table or by slots. */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "host/vhost-user.h"

void
vhu_mem_say_unshared(struct vbs_vhost_user *srv)
{
	if (!vhu_first(srv, VHU_SAID_UNSHARED))
		return;
	vbs_log(srv->vm, VBS_LOG_WARNING,
		"%s: guest memory is not shared, the device cannot reach it; "
		"QEMU needs -object memory-backend-memfd,id=mem,size=SIZE,"
		"share=on -machine memory-backend=mem; libvirt <memoryBacking>"
		"<source type='memfd'/><access mode='shared'/>"
		"</memoryBacking>; Cloud Hypervisor --memory size=SIZE,"
		"shared=on; crosvm nothing",
		srv->dev->name);
}

/* Do [a, a + a_len) and [b, b + b_len) meet? Neither wraps. */
static bool
ranges_meet(uint64_t a, uint64_t a_len, uint64_t b, uint64_t b_len)
{
	return a < b ? b - a < a_len : a - b < b_len;
}

static bool
regions_meet(const struct vhu_region *a, const struct vhu_region *b)
{
	return ranges_meet(a->gpa, a->size, b->gpa, b->size) ||
	       ranges_meet(a->uva, a->size, b->uva, b->size);
}

static bool
range_ok(uint64_t start, uint64_t size)
{
	return start % VHU_PAGE == 0 && size - 1 <= UINT64_MAX - start;
}

static int
region_check(const struct vhu_region *r)
{
	bool ok = r->size > 0 && r->size % VHU_PAGE == 0 &&
		  range_ok(r->gpa, r->size) && range_ok(r->uva, r->size) &&
		  range_ok(r->offset, r->size);

	return ok ? 0 : -EINVAL;
}

/* Which file it is: the same region may be sent again. */
static int
slot_identify(struct vhu_slot *slot, int fd)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return -errno;
	slot->dev = st.st_dev;
	slot->ino = st.st_ino;
	return 0;
}

static bool
slots_equal(const struct vhu_slot *a, const struct vhu_slot *b)
{
	return memcmp(&a->region, &b->region, sizeof(a->region)) == 0 &&
	       a->dev == b->dev && a->ino == b->ino;
}

static int
slot_map(const struct vhu_slot *slot, int fd, struct file_map *map)
{
	return file_map(map, fd, slot->region.offset, slot->region.size, true);
}

/* Give what is mapped to the VM, and remember it. */
static int
mem_add(struct vbs_vhost_user *srv, const struct vhu_slot *slot,
	struct file_map *map)
{
	const struct vbs_ram ram = {
		.gpa = slot->region.gpa,
		.size = slot->region.size,
	};
	int rc = file_map_add_ram(srv->vm, map, &ram);

	if (rc == 0)
		srv->mem.slots[srv->mem.n++] = *slot;
	return rc;
}

static int
mem_del(struct vbs_vhost_user *srv, uint32_t i)
{
	struct vhu_mem *mem = &srv->mem;
	const struct vhu_region *r = &mem->slots[i].region;
	int rc = vbs_vm_del_ram(srv->vm, r->gpa, r->size);

	if (rc == 0)
		mem->slots[i] = mem->slots[--mem->n];
	return rc;
}

/* ---- one table ----------------------------------------------------------- */

/* A table that is to replace what is there. */
struct table {
	uint32_t n;
	struct vhu_slot slots[VHU_MAX_TABLE];
	struct file_map maps[VHU_MAX_TABLE];
	bool kept[VHU_MAX_TABLE]; /* it is there already */
};

/* Read slot i; it must not meet those before it. */
static int
table_read(struct table *t, const struct vhu_msg *msg, uint32_t i)
{
	struct vhu_slot *slot = &t->slots[i];
	int rc;

	memcpy(&slot->region,
	       msg->data + sizeof(struct vhu_table) + i * sizeof(slot->region),
	       sizeof(slot->region));
	rc = region_check(&slot->region);
	for (uint32_t k = 0; k < i && rc == 0; k++) {
		if (regions_meet(&t->slots[k].region, &slot->region))
			rc = -EEXIST;
	}
	return rc < 0 ? rc : slot_identify(slot, msg->fds->fd[i]);
}

static bool
table_keep(const struct vhu_mem *mem, const struct vhu_slot *slot)
{
	for (uint32_t i = 0; i < mem->n; i++) {
		if (slots_equal(&mem->slots[i], slot))
			return true;
	}
	return false;
}

/* Map what is new, so that the old table is still whole if that fails. */
static int
table_open(const struct vbs_vhost_user *srv, struct table *t,
	   const struct vhu_msg *msg)
{
	int rc = 0;

	for (uint32_t i = 0; i < t->n && rc == 0; i++)
		rc = table_read(t, msg, i);
	for (uint32_t i = 0; i < t->n && rc == 0; i++) {
		const struct vhu_region *r = &t->slots[i].region;

		if (!vhu_log_covers(srv, r->gpa, r->size))
			rc = -ERANGE;
		t->kept[i] = table_keep(&srv->mem, &t->slots[i]);
		if (rc == 0 && !t->kept[i])
			rc = slot_map(&t->slots[i], msg->fds->fd[i],
				      &t->maps[i]);
	}
	return rc;
}

static bool
table_has(const struct table *t, const struct vhu_slot *slot)
{
	for (uint32_t i = 0; i < t->n; i++) {
		if (t->kept[i] && slots_equal(&t->slots[i], slot))
			return true;
	}
	return false;
}

static int
table_apply(struct vbs_vhost_user *srv, struct table *t)
{
	int rc = 0;

	for (uint32_t i = srv->mem.n; i > 0 && rc == 0; i--) {
		if (!table_has(t, &srv->mem.slots[i - 1]))
			rc = mem_del(srv, i - 1);
	}
	for (uint32_t i = 0; i < t->n && rc == 0; i++) {
		if (!t->kept[i])
			rc = mem_add(srv, &t->slots[i], &t->maps[i]);
	}
	return rc;
}

int
vhu_set_mem_table(struct vbs_vhost_user *srv, struct vhu_msg *msg)
{
	struct vhu_table head;
	struct table t = { 0 };
	int rc;

	memcpy(&head, msg->data, sizeof(head));
	if (msg->fds->n == 0)
		vhu_mem_say_unshared(srv);
	/* User-mode Linux always sends the bytes of two regions. */
	if (head.n == 0 || head.n > VHU_MAX_TABLE ||
	    (uint32_t)msg->fds->n != head.n ||
	    msg->len < sizeof(head) + head.n * sizeof(struct vhu_region))
		return -EINVAL;
	t.n = head.n;
	rc = table_open(srv, &t, msg);
	if (rc == 0)
		rc = table_apply(srv, &t);
	for (uint32_t i = 0; i < t.n; i++)
		file_unmap(&t.maps[i]);
	if (rc == 0)
		vhu_rings_retry(srv);
	return rc;
}

/* ---- slots ----------------------------------------------------------------
 */

int
vhu_get_max_mem_slots(struct vbs_vhost_user *srv, struct vhu_msg *msg)
{
	vhu_reply_u64(msg, VHU_MAX_SLOTS);
	return 0;
}

static void
msg_region(const struct vhu_msg *msg, struct vhu_region *region)
{
	struct vhu_one_region one;

	memcpy(&one, msg->data, sizeof(one));
	*region = one.region;
}

static int
slot_check(const struct vbs_vhost_user *srv, const struct vhu_slot *slot)
{
	const struct vhu_mem *mem = &srv->mem;
	int rc = region_check(&slot->region);

	if (rc == 0 && mem->n == VHU_MAX_SLOTS)
		rc = -ENOSPC;
	if (rc == 0 &&
	    !vhu_log_covers(srv, slot->region.gpa, slot->region.size))
		rc = -ERANGE;
	for (uint32_t i = 0; i < mem->n && rc == 0; i++) {
		if (regions_meet(&mem->slots[i].region, &slot->region))
			rc = -EEXIST;
	}
	return rc;
}

int
vhu_add_mem_reg(struct vbs_vhost_user *srv, struct vhu_msg *msg)
{
	struct file_map map = { 0 };
	struct vhu_slot slot;
	int rc;

	if (msg->fds->n == 0) {
		vhu_mem_say_unshared(srv);
		return -EINVAL;
	}
	msg_region(msg, &slot.region);
	rc = slot_check(srv, &slot);
	if (rc == 0)
		rc = slot_identify(&slot, msg->fds->fd[0]);
	if (rc == 0)
		rc = slot_map(&slot, msg->fds->fd[0], &map);
	if (rc == 0)
		rc = mem_add(srv, &slot, &map);
	file_unmap(&map);
	if (rc == 0)
		vhu_rings_retry(srv);
	return rc;
}

int
vhu_rem_mem_reg(struct vbs_vhost_user *srv, struct vhu_msg *msg)
{
	const struct vhu_mem *mem = &srv->mem;
	struct vhu_region r;

	msg_region(msg, &r);
	for (uint32_t i = 0; i < mem->n; i++) {
		const struct vhu_region *have = &mem->slots[i].region;

		if (have->gpa == r.gpa && have->uva == r.uva &&
		    have->size == r.size)
			return mem_del(srv, i);
	}
	return -ENOENT;
}

/* ---- addresses ------------------------------------------------------------
 */

bool
vhu_mem_gpa(const struct vhu_mem *mem, uint64_t uva, uint64_t *gpa)
{
	for (uint32_t i = 0; i < mem->n; i++) {
		const struct vhu_region *r = &mem->slots[i].region;

		if (uva >= r->uva && uva - r->uva < r->size) {
			*gpa = r->gpa + (uva - r->uva);
			return true;
		}
	}
	return false;
}

void
vhu_mem_clear(struct vbs_vhost_user *srv)
{
	(void)vbs_vm_clear_ram(srv->vm); /* cannot fail */
	srv->mem.n = 0;
}
