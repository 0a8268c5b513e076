// SPDX-License-Identifier: BSD-3-Clause
/* Load a peer. It stays. */
#include "bench/ring-module.h"

#include <dlfcn.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Where this program is; libtool keeps it in a folder of its own below. */
static void
find_folder(char *folder, size_t size)
{
	const char *named = getenv("BENCH_PEERS");
	char self[PATH_MAX] = "";
	char *end;

	if (named) {
		(void)snprintf(folder, size, "%s", named);
		return;
	}
	if (readlink("/proc/self/exe", self, sizeof(self) - 1) < 0)
		self[0] = '\0';
	end = strrchr(self, '/');
	if (end)
		*end = '\0';
	end = strrchr(self, '/');
	if (end && strcmp(end, "/.libs") == 0)
		*end = '\0';
	(void)snprintf(folder, size, "%s", self);
}

const struct ring_module *
ring_module_load(const char *name, const char **why)
{
	char folder[PATH_MAX], path[PATH_MAX + 64];
	const struct ring_module *module = NULL;
	void *so;

	find_folder(folder, sizeof(folder));
	(void)snprintf(path, sizeof(path), "%s/peer-%s.so", folder, name);
	*why = "not built: ./quickstart bench does that";
	if (access(path, R_OK) < 0)
		return NULL;
	so = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	if (so)
		module = dlsym(so, "ring_module");
	if (!module)
		*why = dlerror();
	return module;
}
