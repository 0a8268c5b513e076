// SPDX-License-Identifier: BSD-3-Clause
/* Verified I/O on a disk of vbs-dm. */
#include <check.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "driver/clock.h"
#include "host/disk-client.h"

void
disk_image(const char *path)
{
	static const uint8_t zeroes[DISK_SECTORS * DRV_BLK_SECTOR / 64];
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

	ck_assert_int_ge(fd, 0);
	for (int i = 0; i < 64; i++)
		ck_assert_int_eq(write(fd, zeroes, sizeof(zeroes)),
				 sizeof(zeroes));
	(void)close(fd);
}

/* ---- vbs-dm ---- */

void
disk_server_init(struct disk_server *s, const char *socket, const char *image,
		 const char *options, bool is_client)
{
	*s = (struct disk_server){ .socket = socket,
				   .image = image,
				   .options = options,
				   .is_client = is_client,
				   .listen_fd = -1 };
	disk_image(image);
	if (!is_client)
		return;
	s->listen_fd = drv_socket_listen(socket);
	ck_assert_int_ge(s->listen_fd, 0);
}

void
disk_server_start(struct disk_server *s)
{
	char device[256];
	const char *args[] = { "--host",  "vhost-user", "--socket-path",
			       s->socket, "-s",         device,
			       NULL,      NULL };

	(void)snprintf(device, sizeof(device), "3,virtio-blk,%s%s%s", s->image,
		       s->options ? "," : "", s->options ? s->options : "");
	if (s->is_client)
		args[6] = "--client";
	program_start(&s->dm, args, s->is_client ? 0 : 1, -1);
}

int
disk_server_connect(struct disk_server *s)
{
	int fd = s->is_client
			 ? drv_socket_accept(s->listen_fd, DRV_TIMEOUT_MS)
			 : drv_socket_connect_wait(s->socket, DRV_TIMEOUT_MS);

	ck_assert_int_ge(fd, 0);
	return fd;
}

void
disk_server_end(struct disk_server *s)
{
	program_end(&s->dm, SIGTERM);
	if (s->listen_fd >= 0)
		(void)close(s->listen_fd);
	if (s->is_client)
		ck_assert_int_eq(unlink(s->socket), 0);
	ck_assert_int_eq(unlink(s->image), 0);
}

/* ---- the front end ---- */

void
disk_client_init(struct disk_client *c, bool packed, uint16_t n_queues,
		 const struct drv_load_opts *opts)
{
	const uint64_t not_wanted = packed ? 0 : DRV_BIT(DRV_F_RING_PACKED);
	struct drv_vu_opts vu_opts = { .features = ~not_wanted,
				       .n_queues = n_queues };
	struct drv_vq *vqs[DRV_MAX_QUEUES];

	drv_ram_init(&c->ram);
	ck_assert_int_eq(drv_ram_add(&c->ram, DISK_RAM_GPA, DISK_RAM_SIZE,
				     DRV_RAM_MEMFD),
			 0);
	drv_vu_device_init(&c->dev, &c->ram, &vu_opts);
	for (uint16_t i = 0; i < n_queues; i++)
		vqs[i] = &c->dev.queues[i].vq;
	ck_assert_int_eq(drv_oracle_init(&c->oracle, DISK_SECTORS), 0);
	ck_assert_int_eq(drv_load_init(&c->load, &c->oracle, &c->ram, vqs,
				       n_queues, opts),
			 0);
}

void
disk_client_deinit(struct disk_client *c)
{
	drv_vu_device_deinit(&c->dev);
	drv_load_deinit(&c->load);
	drv_oracle_deinit(&c->oracle);
	drv_ram_deinit(&c->ram);
}

uint64_t
now_us(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

void
disk_client_spin(struct disk_client *c, uint64_t until_us)
{
	int rc = 0;

	while (rc >= 0 && now_us() < until_us) {
		rc = drv_load_fill(&c->load);
		if (rc >= 0)
			rc = drv_load_reap(&c->load);
		(void)sched_yield();
	}
	disk_client_assert_good(c);
	ck_assert_int_ge(rc, 0);
}

void
disk_client_assert_good(struct disk_client *c)
{
	ck_assert_msg(drv_load_faults(&c->load) == 0, "%s", c->load.why);
}

void
disk_client_assert_image(struct disk_client *c, const char *image)
{
	int rc = drv_load_drain(&c->load, DRV_TIMEOUT_MS);
	int64_t bad;

	disk_client_assert_good(c);
	ck_assert_int_eq(rc, 0);
	bad = drv_oracle_judge_file(&c->oracle, image);
	ck_assert_msg(bad == 0,
		      "%lld sectors are not what they must be, one is %llu: "
		      "generation %u, not %u",
		      (long long)bad, (unsigned long long)c->oracle.bad_sector,
		      c->oracle.found_gen, c->oracle.wanted_gen);
}

/* ---- samples ---- */

void
samples_add(struct samples *s, double v)
{
	if (s->n == s->room) {
		s->room = s->room ? 2 * s->room : 64;
		s->v = realloc(s->v, s->room * sizeof(*s->v));
		ck_assert_ptr_nonnull(s->v);
	}
	s->v[s->n++] = v;
}

static int
compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

void
samples_print(struct samples *s, const char *what, const char *unit)
{
	if (s->n > 0) {
		qsort(s->v, s->n, sizeof(*s->v), compare);
		(void)printf("%s: p50 %.2f, p99 %.2f, most %.2f %s (%u "
			     "samples)\n",
			     what, s->v[s->n / 2],
			     s->v[(s->n - 1) - (s->n - 1) / 100],
			     s->v[s->n - 1], unit, s->n);
		(void)fflush(stdout);
	}
	free(s->v);
	memset(s, 0, sizeof(*s));
}

void
disk_server_assert_serves(struct disk_server *s)
{
	struct drv_load_opts opts = { .seed = 1 };
	static struct disk_client c;

	/* A new image, as it were: the load knows what zeroes are. */
	disk_client_init(&c, false, 2, &opts);
	ck_assert_int_eq(drv_vu_device_attach(&c.dev, disk_server_connect(s)),
			 0);
	ck_assert_int_eq(drv_vu_device_start(&c.dev), 0);
	disk_image(s->image);
	ck_assert_int_eq(drv_load_run(&c.load, 1000, DRV_TIMEOUT_MS), 0);
	disk_client_assert_image(&c, s->image);
	ck_assert_int_eq(drv_vu_device_stop(&c.dev), 0);
	disk_client_deinit(&c);
}
