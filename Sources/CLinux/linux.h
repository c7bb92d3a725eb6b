/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * What Glibc's Swift module lacks: eventfd, signalfd, mount, reboot, the
 * vhost, virtio and KVM UAPI, and the ioctl numbers as constants, because
 * Swift does not import the _IOW() macros.
 */
#ifndef RINGSIDE_CLINUX_H
#define RINGSIDE_CLINUX_H

#include <linux/kvm.h>
#include <linux/magic.h>
#include <linux/vhost.h>
#include <linux/virtio_ring.h>
#include <linux/virtio_scsi.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

/* Glibc has no wrapper for this system call. */
static inline int ringside_finit_module(int fd, const char *parameters)
{
	return (int)syscall(SYS_finit_module, fd, parameters, 0);
}

/* Declared only under _GNU_SOURCE. */
int pipe2(int ends[2], int flags);
const char *strerrorname_np(int error);

#endif
