/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Programs that serve a disk on a socket, each on a CPU of its own: vbs-dm,
 * and qemu-storage-daemon beside it.
 */
#ifndef BENCH_DISK_PROCESS_H
#define BENCH_DISK_PROCESS_H

#include <stdint.h>
#include <sys/types.h>

/* Where the caller may run. */
#define DISK_ANY_CPU (-1)

/*
 * Start vbs-dm with one virtio-blk; poll is one more option, or NULL. What is
 * returned is a connected socket, or a negative errno.
 */
int disk_process_vbs_dm(const char *host, const char *disk, const char *poll,
			int cpu, pid_t *pid);

/*
 * Start qemu-storage-daemon with one vhost-user-blk export of the block device
 * that is given in its own words, in an I/O thread. -ENOENT: it is not
 * installed; -EIO: it does not like the block device.
 */
int disk_process_qemu(const char *blockdev, int cpu, pid_t *pid);

/* CPU time that it has had so far; 0 if that cannot be said. */
uint64_t disk_process_cpu_ns(pid_t pid);

/* End one. */
void disk_process_end(pid_t pid);

#endif
