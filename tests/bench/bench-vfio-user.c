// SPDX-License-Identifier: BSD-3-Clause
/*
 * The round trip of a register access over a vfio-user socket: 4 bytes read,
 * written, and written without a reply (15 of 16), beside a bare ping-pong of
 * messages of the same size over a socket of the same kind.
 *
 * Client and server are two threads: on one core, where the CPU time of both
 * is what counts; on two; and on two with a client that spins. The last two
 * are wall-clock time, of which most is waking a core up.
 */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <event2/event.h>
#include <event2/thread.h>

#include <vbs/pci.h>
#include <vbs/vfio_user.h>

#include "bench/bed-device.h"
#include "bench/bench.h"
#include "driver/vfio-user.h"

#define BAR         4 /* the modern registers; COMMON is at 0 */
#define REG_BYTES   4
#define POSTED_RUN  16 /* the last of so many has a reply */
#define SAMPLE_NS   5000000
#define FIRST_TRIPS 32

/* As on the wire. */
struct access {
	struct drv_vfu_hdr hdr;
	struct drv_vfu_region_access at;
	uint32_t val;
};

#define READ_REQUEST  offsetof(struct access, val)
#define READ_REPLY    (READ_REQUEST + REG_BYTES)
#define WRITE_REQUEST READ_REPLY
#define WRITE_REPLY   READ_REQUEST

/* ---- servers: each a thread with one end of a socket -------------------- */

struct server {
	pthread_t thread;
	int fd;        /* the server's end */
	int client_fd; /* ours */
	void (*run)(struct server *s);
	/* The vfio-user one. */
	struct event_base *base;
	struct vbs_vfio_user *srv;
	struct pci_vdev *dev;
	struct ring_bed bed;
	struct bed_device device;
};

static void *
server_thread(void *arg)
{
	struct server *s = arg;

	s->run(s);
	return NULL;
}

static void
server_sockets(struct server *s)
{
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		bench_die("socketpair", -errno);
	s->fd = pair[0];
	s->client_fd = pair[1];
}

static void
server_start(struct server *s)
{
	(void)bench_must("thread",
			 -pthread_create(&s->thread, NULL, server_thread, s));
}

/* false: the client has gone. */
static bool
answer_one(int fd)
{
	char buf[READ_REPLY] = { 0 };

	return recv(fd, buf, READ_REQUEST, MSG_WAITALL) == READ_REQUEST &&
	       send(fd, buf, READ_REPLY, MSG_NOSIGNAL) == READ_REPLY;
}

/* The least that a server can do. */
static void
run_raw(struct server *s)
{
	while (answer_one(s->fd))
		;
}

/* The same in an event loop, as a server of several things must. */
static void
run_epoll(struct server *s)
{
	struct epoll_event ev = { .events = EPOLLIN };
	int ep = epoll_create1(EPOLL_CLOEXEC);

	if (ep < 0 || epoll_ctl(ep, EPOLL_CTL_ADD, s->fd, &ev) < 0)
		bench_die("epoll", -errno);
	while (epoll_wait(ep, &ev, 1, -1) == 1 && answer_one(s->fd))
		;
	(void)close(ep);
}

static void
run_vfio_user(struct server *s)
{
	(void)event_base_dispatch(s->base);
}

static void
start_plain(struct server *s, void (*run)(struct server *s))
{
	s->run = run;
	server_sockets(s);
	server_start(s);
}

static void
stop_plain(struct server *s)
{
	(void)close(s->client_fd);
	(void)pthread_join(s->thread, NULL);
	(void)close(s->fd);
}

static void
start_vfio_user(struct server *s)
{
	struct drv_bus *bus = NULL;
	int fd;

	s->run = run_vfio_user;
	server_sockets(s);
	(void)evthread_use_pthreads();
	s->base = event_base_new();
	if (!s->base)
		bench_die("event loop", -ENOMEM);
	(void)bench_must("server", vbs_vfio_user_new(s->base, NULL, &s->srv));
	(void)bench_must("function",
			 vbs_pci_new(vbs_vfio_user_vm(s->srv),
				     &bed_function_ops, 3, 0, NULL, &s->dev));
	(void)bench_must("serve", vbs_vfio_user_serve(s->srv, s->dev, s->fd));
	server_start(s);
	fd = s->client_fd;
	(void)bench_must("connect", drv_vfio_user_attach(fd, NULL, &bus));
	bed_init(&s->bed);
	bed_device_open(&s->device, bus, &s->bed);
	s->client_fd = drv_vfio_user_conn(bus)->fd;
}

static void
stop_vfio_user(struct server *s)
{
	drv_bus_close(s->device.bus);
	(void)event_base_loopbreak(s->base);
	(void)pthread_join(s->thread, NULL);
	vbs_vfio_user_stop(s->srv);
	vbs_pci_free(s->dev);
	vbs_vfio_user_free(s->srv);
	event_base_free(s->base);
	bed_deinit(&s->bed);
}

/* ---- the client ------------------------------------------------------------
 */

/* One access with its reply. */
static void
trip(int fd, const struct access *req, size_t req_len, size_t reply_len,
     bool spin)
{
	struct access reply;
	uint8_t *p = (uint8_t *)&reply;
	size_t got = 0;
	ssize_t n;

	if (send(fd, req, req_len, MSG_NOSIGNAL) != (ssize_t)req_len)
		bench_die("send", -errno);
	while (got < reply_len) {
		n = recv(fd, p + got, reply_len - got, spin ? MSG_DONTWAIT : 0);
		if (n < 0 && errno == EAGAIN && spin)
			continue;
		if (n <= 0)
			bench_die("recv", n < 0 ? -errno : -ECONNRESET);
		got += (size_t)n;
	}
	if (reply.hdr.id != req->hdr.id || reply.hdr.flags & DRV_VFU_F_ERROR)
		bench_die("reply", -EPROTO);
}

static struct access
make_access(uint16_t cmd, size_t size, uint64_t offset)
{
	return (struct access){
		.hdr = { .id = 7, .cmd = cmd, .size = (uint32_t)size },
		.at = { .offset = offset, .region = BAR, .count = REG_BYTES },
	};
}

/* device_feature */
static void
trip_read(int fd, bool spin)
{
	struct access req = make_access(DRV_VFU_REGION_READ, READ_REQUEST, 4);

	trip(fd, &req, READ_REQUEST, READ_REPLY, spin);
}

/* device_feature_select */
static void
trip_write(int fd, bool spin)
{
	struct access req = make_access(DRV_VFU_REGION_WRITE, WRITE_REQUEST, 0);

	trip(fd, &req, WRITE_REQUEST, WRITE_REPLY, spin);
}

static void
trip_posted(int fd, bool spin)
{
	struct access req = make_access(DRV_VFU_REGION_WRITE, WRITE_REQUEST, 0);

	req.hdr.flags = DRV_VFU_F_NO_REPLY;
	for (int i = 1; i < POSTED_RUN; i++)
		if (send(fd, &req, WRITE_REQUEST, MSG_NOSIGNAL) !=
		    (ssize_t)WRITE_REQUEST)
			bench_die("send", -errno);
	trip_write(fd, spin);
}

/* ---- the table
 * ----------------------------------------------------------------- */

enum { RAW, EPOLL, VFIO_USER, N_SERVERS };

static const struct column {
	const char *name;
	int server;
	int accesses; /* in a trip */
	void (*trip)(int fd, bool spin);
} columns[] = {
	{ "bare socket", RAW, 1, trip_read }, /* first: the scale */
	{ "bare socket, epoll", EPOLL, 1, trip_read },
	{ "read", VFIO_USER, 1, trip_read },
	{ "write", VFIO_USER, 1, trip_write },
	{ "posted write", VFIO_USER, POSTED_RUN, trip_posted },
};
#define N_COLUMNS ((int)(sizeof(columns) / sizeof(columns[0])))

static const struct place {
	const char *name;
	bool two_cores;
	bool spin;
} places[] = {
	{ "one core, CPU time of both", false, false },
	{ "two cores, wall", true, false },
	{ "two cores, client spins, wall", true, true },
};
#define N_PLACES ((int)(sizeof(places) / sizeof(places[0])))

struct row {
	struct bench_cell cells[N_COLUMNS];
	int n_trips[N_COLUMNS];
};

/* Microseconds for one access. */
static double
sample(const struct bench *b, struct server *servers, const struct column *col,
       const struct place *place, int n_trips)
{
	struct server *s = &servers[col->server];
	uint64_t (*now)(void) = place->two_cores ? bench_wall_ns
						 : bench_process_ns;
	cpu_set_t set;
	uint64_t start;

	CPU_ZERO(&set);
	CPU_SET((size_t)(place->two_cores ? b->other_cpu : b->cpu), &set);
	(void)pthread_setaffinity_np(s->thread, sizeof(set), &set);
	col->trip(s->client_fd, place->spin); /* it has moved there now */
	start = now();
	for (int i = 0; i < n_trips; i++)
		col->trip(s->client_fd, place->spin);
	return (double)(now() - start) / 1000 / n_trips / col->accesses;
}

static void
measure(const struct bench *b, struct server *servers, struct row *rows,
	int n_places)
{
	for (int i = -1; i < b->samples; i++)
		for (int p = 0; p < n_places; p++)
			for (int c = 0; c < N_COLUMNS; c++) {
				struct row *row = &rows[p];
				int n = i < 0 ? FIRST_TRIPS : row->n_trips[c];
				double us = sample(b, servers, &columns[c],
						   &places[p], n);

				if (i >= 0)
					bench_sample(&row->cells[c], us);
				else
					row->n_trips[c] =
						(int)(SAMPLE_NS / 1000 / us /
						      columns[c].accesses) +
						1;
			}
}

static void
print_rows(const struct row *rows, int n_places)
{
	(void)printf("vfio-user, 4-byte register access: us (times the bare "
		     "socket)\n\n|");
	for (int c = 0; c < N_COLUMNS; c++)
		(void)printf(" | %s", columns[c].name);
	(void)printf(" |\n|---|");
	for (int c = 0; c < N_COLUMNS; c++)
		(void)printf("---|");
	for (int p = 0; p < n_places; p++) {
		double bare = bench_median(&rows[p].cells[0]);

		(void)printf("\n| %s |", places[p].name);
		for (int c = 0; c < N_COLUMNS; c++) {
			double us = bench_median(&rows[p].cells[c]);

			(void)printf(" %.2f (%.2f) |", us, us / bare);
		}
	}
	(void)printf("\n");
}

static void
report_row(struct bench *b, const struct row *row, const struct place *place)
{
	json_t *us = json_object();

	for (int c = 0; c < N_COLUMNS; c++)
		(void)json_object_set_new(us, columns[c].name,
					  bench_cell_json(&row->cells[c]));
	bench_add(b, json_pack("{s:s, s:o}", "place", place->name, "us", us));
}

int
main(int argc, char **argv)
{
	static struct server servers[N_SERVERS];
	static struct row rows[N_PLACES];
	int status, n_places = N_PLACES;
	struct bench b;

	if (!bench_init(&b, "vfio-user", argc, argv, &status))
		return status;
	if (b.cpu == b.other_cpu)
		n_places = 1;
	start_plain(&servers[RAW], run_raw);
	start_plain(&servers[EPOLL], run_epoll);
	start_vfio_user(&servers[VFIO_USER]);
	bench_banner(&b);
	measure(&b, servers, rows, n_places);
	print_rows(rows, n_places);
	for (int p = 0; p < n_places; p++)
		report_row(&b, &rows[p], &places[p]);
	stop_plain(&servers[RAW]);
	stop_plain(&servers[EPOLL]);
	stop_vfio_user(&servers[VFIO_USER]);
	return bench_finish(&b);
}
