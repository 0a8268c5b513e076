// SPDX-License-Identifier: BSD-3-Clause
/* Parses -s, and finds the device that it names. */
#include <ctype.h>
#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/options.h"
#include "devices/devices.h"
#include "loader.h"
#include "slots.h"

#define SEPARATORS  ":/."
#define NEAR_ENOUGH 2

static bool
is_named(const struct dm_device *device, const char *name)
{
	if (!strcmp(device->ops->class_name, name))
		return true;
	for (int i = 0; device->names[i]; i++)
		if (!strcmp(device->names[i], name))
			return true;
	return false;
}

const struct dm_device *
dm_device_find(const char *name)
{
	for (int i = 0; dm_devices[i]; i++)
		if (is_named(dm_devices[i], name))
			return dm_devices[i];
	return NULL;
}

const char *
dm_device_nearest(const char *name)
{
	const char *best = NULL;
	unsigned int least = NEAR_ENOUGH + 1;

	for (int i = 0; dm_devices[i]; i++) {
		const char *known = dm_devices[i]->ops->class_name;
		unsigned int d = dm_distance(known, name);

		if (d < least) {
			least = d;
			best = known;
		}
	}
	return best;
}

/* Up to three small numbers with separators between; how many, or -EINVAL. */
static int
parse_numbers(char *text, uint64_t num[3])
{
	int n = 0;
	char *piece;

	while ((piece = strsep(&text, SEPARATORS))) {
		if (n == 3 || dm_parse_number(piece, false, &num[n]) < 0)
			return -EINVAL;
		n++;
	}
	return n;
}

static int
parse_address(struct dm_slot *s, char *text, struct dm_error *err)
{
	uint64_t num[3] = { 0 };
	uint64_t bus = 0, slot, func = 0;
	char shown[32];
	int n;

	(void)snprintf(shown, sizeof(shown), "%s", text);
	n = parse_numbers(text, num);
	if (n < 1)
		return dm_fail(err, -EINVAL,
			       "-s %s: not a PCI address; give SLOT, SLOT:FUNC "
			       "or BUS:SLOT:FUNC, as in -s 3,virtio-rnd",
			       shown);
	slot = num[0];
	if (n > 1)
		func = num[n - 1];
	if (n > 2) {
		bus = num[0];
		slot = num[1];
	}
	if (bus > 0)
		return dm_fail(err, -EINVAL,
			       "-s %s: bus %llu does not exist; give bus 0, or "
			       "none",
			       shown, (unsigned long long)bus);
	if (slot > 31 || func > 7)
		return dm_fail(err, -EINVAL,
			       "-s %s: out of range; give slot 0 to 31 and "
			       "function 0 to 7",
			       shown);
	s->slot = (unsigned int)slot;
	s->func = (unsigned int)func;
	return 0;
}

static int
unknown_device(const struct dm_slot *s, struct dm_error *err)
{
	const char *near = dm_device_nearest(s->name);

	if (near)
		return dm_fail(err, -EINVAL,
			       "-s %u: no device '%.40s'; did you mean '%s'? "
			       "`vbs-dm list` names them",
			       s->slot, s->name, near);
	return dm_fail(err, -EINVAL,
		       "-s %u: no device '%.40s'; `vbs-dm list` names them, "
		       "and a shared object needs a '/', as in ./NAME.so",
		       s->slot, s->name);
}

static int
find_device(struct dm_slot *s, struct dm_error *err)
{
	if (strchr(s->name, '/'))
		return dm_load(s->name, &s->object, &s->ops, err);
	s->device = dm_device_find(s->name);
	if (!s->device)
		return unknown_device(s, err);
	s->ops = s->device->ops;
	return 0;
}

static int
take_offer(struct dm_slot *s, struct dm_error *err)
{
	struct dm_error why;
	int rc = dm_offer_take(&s->offer, &s->opts, &why);

	if (rc == 0 && s->device)
		rc = dm_offer_check_rest(s->opts, &why);
	if (rc < 0 && s->anywhere)
		return dm_fail(err, rc, "%s", why.text);
	return rc < 0 ? dm_fail(err, rc, "-s %u: %s", s->slot, why.text) : 0;
}

static int
check_free(const struct dm_slots *slots, const struct dm_slot *s,
	   struct dm_error *err)
{
	for (unsigned int i = 0; i < slots->n; i++) {
		const struct dm_slot *other = &slots->slot[i];

		if (other->slot == s->slot && other->func == s->func)
			return dm_fail(err, -EINVAL,
				       "-s %u: slot %u:%u is taken by %s; give "
				       "another slot or function",
				       s->slot, s->slot, s->func, other->name);
	}
	return 0;
}

static int
parse(const struct dm_slots *slots, struct dm_slot *s, struct dm_error *err)
{
	char *rest = s->text;
	char *address = strsep(&rest, ",");
	int rc = parse_address(s, address, err);

	if (rc < 0)
		return rc;
	s->name = strsep(&rest, ",");
	s->opts = rest;
	if (!s->name || !*s->name)
		return dm_fail(err, -EINVAL,
			       "-s %u: no device; give one, as in -s "
			       "%u,virtio-rnd",
			       s->slot, s->slot);
	rc = check_free(slots, s, err);
	if (rc == 0)
		rc = find_device(s, err);
	return rc < 0 ? rc : take_offer(s, err);
}

static void
slot_free(struct dm_slot *s)
{
	if (s->object)
		(void)dlclose(s->object);
	free(s->text);
}

/* Keep what was found. */
static int
add(struct dm_slots *slots, struct dm_slot *s, int rc)
{
	if (rc < 0)
		slot_free(s);
	else
		slots->slot[slots->n++] = *s;
	return rc;
}

int
dm_slots_add(struct dm_slots *slots, const char *text, struct dm_error *err)
{
	struct dm_slot s = { 0 };

	if (slots->n == DM_SLOTS_MAX)
		return dm_fail(err, -EINVAL, "-s %.40s: no slot is left", text);
	s.text = strdup(text);
	if (!s.text)
		return dm_fail(err, -ENOMEM, "out of memory");
	return add(slots, &s, parse(slots, &s, err));
}

int
dm_slots_add_only(struct dm_slots *slots, const char *name, const char *opts,
		  struct dm_error *err)
{
	struct dm_slot s = { .anywhere = true };
	char *rest;
	int rc = opts ? asprintf(&s.text, "%s,%s", name, opts)
		      : asprintf(&s.text, "%s", name);

	if (rc < 0) {
		s.text = NULL;
		return dm_fail(err, -ENOMEM, "out of memory");
	}
	rest = s.text;
	s.name = strsep(&rest, ",");
	s.opts = rest;
	rc = find_device(&s, err);
	return add(slots, &s, rc < 0 ? rc : take_offer(&s, err));
}

bool
dm_slots_share(const struct dm_slots *slots, const struct dm_slot *s)
{
	for (unsigned int i = 0; i < slots->n; i++)
		if (slots->slot[i].slot == s->slot &&
		    slots->slot[i].func != s->func)
			return true;
	return false;
}

void
dm_slots_free(struct dm_slots *slots)
{
	while (slots->n > 0)
		slot_free(&slots->slot[--slots->n]);
}
