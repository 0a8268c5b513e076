/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A vhost-user front end with verified I/O on a disk that vbs-dm serves: the
 * start of the tests that kill, move and reset one of the two. What fails here
 * fails the test.
 */
#ifndef HOST_DISK_CLIENT_H
#define HOST_DISK_CLIENT_H

#include <stdbool.h>
#include <stdint.h>

#include "driver/load.h"
#include "driver/vhost-user-device.h"
#include "host/program.h"

#define DISK_SECTORS  8192u
#define DISK_RAM_GPA  UINT64_C(0x100000)
#define DISK_RAM_SIZE (UINT64_C(4) << 20)

/* One vbs-dm with one disk. */
struct disk_server {
	struct program dm;
	const char *socket;
	const char *image;
	const char *options; /* of the disk, or NULL */
	bool is_client;      /* it connects to us */
	int listen_fd;       /* for that; -1 else */
};

struct disk_client {
	struct drv_ram ram;
	struct drv_vu_device dev;
	struct drv_oracle oracle;
	struct drv_load load;
};

/* An image of zeroes, or zeroes over what is there. */
void disk_image(const char *path);

/* Start a vbs-dm, when it has been killed or ended; get a connection to it. */
void disk_server_init(struct disk_server *s, const char *socket,
		      const char *image, const char *options, bool is_client);
void disk_server_start(struct disk_server *s);
int disk_server_connect(struct disk_server *s);
/* End it, and remove socket and image. */
void disk_server_end(struct disk_server *s);

/* One more front end gets all that it asks for, on an image of zeroes. */
void disk_server_assert_serves(struct disk_server *s);

/* Guest memory, an oracle and a load on as many queues; not connected. */
void disk_client_init(struct disk_client *c, bool packed, uint16_t n_queues,
		      const struct drv_load_opts *opts);
void disk_client_deinit(struct disk_client *c);

/* Run the load until the clock says so, without ever sleeping. */
void disk_client_spin(struct disk_client *c, uint64_t until_us);

/* Nothing lost, doubled, spoilt or failed so far. */
void disk_client_assert_good(struct disk_client *c);

/* Wait for all that is in flight; what the image holds is what must be. */
void disk_client_assert_image(struct disk_client *c, const char *image);

/* Microseconds of the monotonic clock. */
uint64_t now_us(void);

/* Samples, of which p50 and p99 are printed. */
struct samples {
	double *v;
	unsigned int n;
	unsigned int room;
};

void samples_add(struct samples *s, double v);
/* One line, "what: p50 A, p99 B, most C unit (N samples)"; then forget. */
void samples_print(struct samples *s, const char *what, const char *unit);

#endif
