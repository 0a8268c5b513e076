// SPDX-License-Identifier: BSD-3-Clause
/*
 * Round trips between two threads: each side calls the other and waits for its
 * call, by whatever the two have between them.
 */
#include <errno.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bench/limits.h"

#define MESSAGE 48 /* bytes: about a vfio-user access */

struct pair;

struct carrier {
	void (*open)(struct pair *p);
	void (*call)(struct pair *p, int side);
	void (*wait)(struct pair *p, int side);
};

struct pair {
	_Alignas(128) uint32_t turn; /* a cache line of its own: whose it is */
	_Alignas(128) const struct carrier *carrier;
	int fd[2]; /* by side */
	bool stop;
	pthread_t thread;
};

static void
open_line(struct pair *p)
{
	p->fd[0] = p->fd[1] = -1;
}

static void
call_line(struct pair *p, int side)
{
	__atomic_store_n(&p->turn, side ? 0 : 1, __ATOMIC_RELEASE);
}

static void
wait_line(struct pair *p, int side)
{
	uint32_t mine = (uint32_t)side;

	while (__atomic_load_n(&p->turn, __ATOMIC_ACQUIRE) != mine)
		;
}

static void
open_event(struct pair *p)
{
	for (int i = 0; i < 2; i++)
		p->fd[i] = bench_must("eventfd", eventfd(0, EFD_CLOEXEC));
}

static void
call_event(struct pair *p, int side)
{
	if (eventfd_write(p->fd[!side], 1) < 0)
		bench_die("eventfd", -errno);
}

static void
wait_event(struct pair *p, int side)
{
	eventfd_t value;

	if (eventfd_read(p->fd[side], &value) < 0)
		bench_die("eventfd", -errno);
}

static void
open_socket(struct pair *p)
{
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, p->fd) < 0)
		bench_die("socketpair", -errno);
}

static void
call_socket(struct pair *p, int side)
{
	uint8_t message[MESSAGE] = { 0 };

	if (send(p->fd[side], message, MESSAGE, MSG_NOSIGNAL) != MESSAGE)
		bench_die("send", -errno);
}

static void
wait_socket(struct pair *p, int side)
{
	uint8_t message[MESSAGE];

	if (recv(p->fd[side], message, MESSAGE, MSG_WAITALL) != MESSAGE)
		bench_die("recv", -errno);
}

/* A message this short comes whole. */
static void
wait_socket_busy(struct pair *p, int side)
{
	uint8_t message[MESSAGE];
	ssize_t n;

	do
		n = recv(p->fd[side], message, MESSAGE, MSG_DONTWAIT);
	while (n < 0 && errno == EAGAIN);
	if (n != MESSAGE)
		bench_die("recv", -errno);
}

static void *
pair_thread(void *arg)
{
	struct pair *p = arg;

	for (;;) {
		p->carrier->wait(p, 1);
		if (__atomic_load_n(&p->stop, __ATOMIC_ACQUIRE))
			return NULL;
		p->carrier->call(p, 1);
	}
}

static void
trip(struct pair *p)
{
	p->carrier->call(p, 0);
	p->carrier->wait(p, 0);
}

static uint64_t
pair_run(const struct carrier *carrier, int cpu, uint32_t n)
{
	struct pair p = { .carrier = carrier };
	uint64_t start;

	carrier->open(&p);
	p.thread = bench_thread(cpu, pair_thread, &p);
	trip(&p); /* it runs now */
	start = bench_wall_ns();
	for (uint32_t i = 0; i < n; i++)
		trip(&p);
	start = bench_wall_ns() - start;
	__atomic_store_n(&p.stop, true, __ATOMIC_RELEASE);
	carrier->call(&p, 0);
	(void)pthread_join(p.thread, NULL);
	for (int i = 0; i < 2; i++)
		if (p.fd[i] >= 0)
			(void)close(p.fd[i]);
	return start;
}

static const struct carrier line = { open_line, call_line, wait_line };
static const struct carrier event = { open_event, call_event, wait_event };
static const struct carrier sock = { open_socket, call_socket, wait_socket };
static const struct carrier busy = { open_socket, call_socket,
				     wait_socket_busy };

uint64_t
limit_line(struct limits *l, uint32_t n)
{
	return pair_run(&line, l->b.other_cpu, n);
}

uint64_t
limit_event_near(struct limits *l, uint32_t n)
{
	return pair_run(&event, l->b.cpu, n);
}

uint64_t
limit_event_far(struct limits *l, uint32_t n)
{
	return pair_run(&event, l->b.other_cpu, n);
}

uint64_t
limit_socket_near(struct limits *l, uint32_t n)
{
	return pair_run(&sock, l->b.cpu, n);
}

uint64_t
limit_socket_far(struct limits *l, uint32_t n)
{
	return pair_run(&sock, l->b.other_cpu, n);
}

uint64_t
limit_socket_busy(struct limits *l, uint32_t n)
{
	return pair_run(&busy, l->b.other_cpu, n);
}
