// SPDX-License-Identifier: BSD-3-Clause
/* Prints the QEMU arguments that belong to a command line of ours. */
#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "devices/devices.h"
#include "frontend.h"
#include "socket.h"

#define MEMORY "512M"

/* A word as a shell takes it, between single quotation marks. */
static void
print_quoted(const char *text)
{
	(void)putchar('\'');
	for (; *text; text++)
		if (*text == '\'')
			(void)fputs("'\\''", stdout);
		else
			(void)putchar(*text);
	(void)putchar('\'');
}

/* QEMU may be started somewhere else: make a path absolute. */
static int
absolute(const char *path, char *out, struct dm_error *err)
{
	char dir[DM_SOCKET_PATH_SIZE], full[PATH_MAX];
	const char *name = strrchr(path, '/');
	int n;

	(void)snprintf(dir, sizeof(dir), "%.*s",
		       name ? (int)(name - path) + 1 : 1, name ? path : ".");
	if (!realpath(dir, full))
		return dm_fail(
			err, -errno,
			"socket directory %s: %s; make it with mkdir -p, "
			"or give another",
			dir, strerror(errno));
	name = name ? name + 1 : path;
	n = snprintf(out, DM_SOCKET_PATH_SIZE, "%s%s%s", full[1] ? full : "",
		     "/", name);
	if (n >= 0 && (size_t)n < DM_SOCKET_PATH_SIZE)
		return 0;
	return dm_fail(err, -ENAMETOOLONG,
		       "socket path %s/%s is longer than %zu bytes; give a "
		       "shorter --socket-dir or --socket-path",
		       full, name, DM_SOCKET_PATH_SIZE - 1);
}

static bool
shares_slot(const struct dm_slots *slots, const struct dm_slot *s)
{
	for (unsigned int i = 0; i < slots->n; i++)
		if (slots->slot[i].slot == s->slot &&
		    slots->slot[i].func != s->func)
			return true;
	return false;
}

static int
print_device(const struct dm_slots *slots, const struct dm_slot *s,
	     const char *path, struct dm_error *err)
{
	char addr[16];
	json_t *json;
	char *text;

	(void)snprintf(addr, sizeof(addr), "%x.%x", s->slot, s->func);
	json = json_pack("{s:s, s:s, s:{s:s, s:s}}", "driver", "vfio-user-pci",
			 "addr", addr, "socket", "type", "unix", "path", path);
	if (json && s->func == 0 && shares_slot(slots, s) &&
	    json_object_set_new(json, "multifunction", json_true()) < 0) {
		json_decref(json);
		json = NULL;
	}
	text = json ? json_dumps(json, JSON_COMPACT) : NULL;
	json_decref(json);
	if (!text)
		return dm_fail(err, -EINVAL,
			       "socket path %s is not UTF-8; give another",
			       path);
	(void)fputs(" \\\n  -device ", stdout);
	print_quoted(text);
	free(text);
	return 0;
}

static int
slot_path(const struct dm_args *args, const struct dm_slot *s, char *out,
	  struct dm_error *err)
{
	char path[DM_SOCKET_PATH_SIZE];
	int rc;

	if (args->socket_path) {
		rc = dm_socket_check(args->socket_path, err);
		return rc < 0 ? rc : absolute(args->socket_path, out, err);
	}
	rc = dm_socket_name(path, args->socket_dir, s->slot, s->func,
			    s->ops->class_name, err);
	return rc < 0 ? rc : absolute(path, out, err);
}

/* A CPU for each queue of the device that has most. Checks the options. */
static int
count_cpus(const struct dm_slots *slots, struct dm_error *err)
{
	int most = 1;

	for (unsigned int i = 0; i < slots->n; i++) {
		const struct dm_slot *s = &slots->slot[i];
		int n = 1;

		if (s->device && s->device->n_queues)
			n = s->device->n_queues(s->opts, err);
		if (n < 0)
			return n;
		if (n > most)
			most = n;
	}
	return most;
}

int
dm_frontend_qemu(const struct dm_args *args, struct dm_error *err)
{
	char path[DM_SLOTS_MAX][DM_SOCKET_PATH_SIZE];
	int cpus = count_cpus(&args->slots, err);
	int rc = cpus < 0 ? cpus : 0;

	for (unsigned int i = 0; i < args->slots.n && rc == 0; i++)
		rc = slot_path(args, &args->slots.slot[i], path[i], err);
	if (rc < 0)
		return rc;
	(void)printf("qemu-system-x86_64 \\\n"
		     "  -machine q35,memory-backend=mem \\\n"
		     "  -m " MEMORY " -smp %d \\\n"
		     "  -object memory-backend-memfd,id=mem,size=" MEMORY
		     ",share=on",
		     cpus);
	for (unsigned int i = 0; i < args->slots.n && rc == 0; i++)
		rc = print_device(&args->slots, &args->slots.slot[i], path[i],
				  err);
	(void)putchar('\n');
	return rc;
}
