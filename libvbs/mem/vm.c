// SPDX-License-Identifier: BSD-3-Clause
/* The VM as devices see it: guest RAM that comes and goes, and a logger. */
#include <errno.h>
#include <stdlib.h>
#include <uuid/uuid.h>

#include "mem/vm.h"

VBS_API struct vmctx *
vbs_vm_new(const struct vbs_vm_ops *ops, void *arg, struct event_base *base)
{
	struct vmctx *ctx;
	uuid_t id;

	if (!ops || !ops->msi || !ops->intx || !base)
		return NULL;
	ctx = calloc(1, sizeof(*ctx));
	if (!ctx)
		return NULL;
	ctx->none = map_new();
	if (!ctx->none) {
		free(ctx);
		return NULL;
	}
	ctx->map = map_ref(ctx->none);
	ctx->ops = ops;
	ctx->arg = arg;
	ctx->base = base;
	ctx->log.level = VBS_LOG_WARNING;
	(void)pthread_mutex_init(&ctx->lock, NULL);
	uuid_generate(id);
	uuid_unparse_lower(id, ctx->id);
	return ctx;
}

VBS_API void
vbs_vm_free(struct vmctx *ctx)
{
	if (!ctx)
		return;
	map_unref(ctx->map);
	map_unref(ctx->none);
	(void)pthread_mutex_destroy(&ctx->lock);
	free(ctx);
}

VBS_API struct event_base *
vbs_vm_event_base(struct vmctx *ctx)
{
	return ctx->base;
}

VBS_API const char *
vbs_vm_id(const struct vmctx *ctx)
{
	return ctx->id;
}

VBS_API void
vbs_log_set(struct vmctx *ctx, vbs_log_fn fn, void *arg,
	    enum vbs_log_level level)
{
	ctx->log = (struct logger){ .fn = fn, .arg = arg, .level = level };
}

VBS_API void
vbs_log(struct vmctx *ctx, enum vbs_log_level level, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	logger_write(&ctx->log, level, fmt, ap);
	va_end(ap);
}

void
vm_add_client(struct vmctx *ctx, struct vm_client *client)
{
	client->next = ctx->clients;
	ctx->clients = client;
}

void
vm_del_client(struct vmctx *ctx, struct vm_client *client)
{
	struct vm_client **p = &ctx->clients;

	while (*p && *p != client)
		p = &(*p)->next;
	if (*p)
		*p = client->next;
}

struct mem_map *
vm_map(struct vmctx *ctx)
{
	struct mem_map *map;

	pthread_mutex_lock(&ctx->lock);
	map = map_ref(ctx->map);
	pthread_mutex_unlock(&ctx->lock);
	return map;
}

static void
vm_pause(struct vmctx *ctx)
{
	for (struct vm_client *c = ctx->clients; c; c = c->next)
		c->ops->pause(c->arg);
}

static void
vm_resume(struct vmctx *ctx)
{
	for (struct vm_client *c = ctx->clients; c; c = c->next)
		c->ops->resume(c->arg);
}

static void
vm_publish(struct vmctx *ctx, struct mem_map *map)
{
	struct mem_map *old;

	pthread_mutex_lock(&ctx->lock);
	old = ctx->map;
	ctx->map = map;
	pthread_mutex_unlock(&ctx->lock);
	vm_resume(ctx);
	map_unref(old);
}

VBS_API int
vbs_vm_add_ram(struct vmctx *ctx, const struct vbs_ram *ram)
{
	struct mem_map *map;
	int rc = map_with(ctx->map, ram, &map);

	if (rc < 0)
		return rc;
	vm_publish(ctx, map);
	return 0;
}

VBS_API int
vbs_vm_del_ram(struct vmctx *ctx, uint64_t gpa, uint64_t size)
{
	struct mem_map *map;
	int rc = map_without(ctx->map, gpa, size, &map);

	if (rc < 0)
		return rc;
	vm_pause(ctx);
	vm_publish(ctx, map);
	return 0;
}

VBS_API int
vbs_vm_clear_ram(struct vmctx *ctx)
{
	vm_pause(ctx);
	for (struct vm_client *c = ctx->clients; c; c = c->next)
		c->ops->desert(c->arg);
	vm_publish(ctx, map_ref(ctx->none));
	return 0;
}

VBS_API void *
paddr_guest2host(struct vmctx *ctx, uintptr_t gaddr, size_t len)
{
	struct mem_map *map = vm_map(ctx);
	void *p = map_translate(map, gaddr, len, true);

	map_unref(map);
	return p;
}
