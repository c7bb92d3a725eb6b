/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * What Glibc's Swift module lacks: eventfd, signalfd, mount, reboot, the
 * vhost, virtio and KVM UAPI, and the ioctl numbers as constants, because
 * Swift does not import the _IOW() macros.
 */
#ifndef RINGSIDE_CLINUX_H
#define RINGSIDE_CLINUX_H

#include <linux/falloc.h>
#include <linux/filter.h>
#include <linux/kvm.h>
#include <linux/magic.h>
#include <linux/memfd.h>
#include <linux/netlink.h>
#include <linux/vhost.h>
#include <linux/virtio_ring.h>
#include <linux/virtio_scsi.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/signalfd.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <stdlib.h>
#include <unistd.h>

#include "unix.h"

static const unsigned long ringside_kvm_create_vm = KVM_CREATE_VM;
static const unsigned long ringside_kvm_create_vcpu = KVM_CREATE_VCPU;
static const unsigned long ringside_kvm_get_vcpu_mmap_size =
	KVM_GET_VCPU_MMAP_SIZE;
static const unsigned long ringside_kvm_set_user_memory_region =
	KVM_SET_USER_MEMORY_REGION;
static const unsigned long ringside_kvm_get_sregs = KVM_GET_SREGS;
static const unsigned long ringside_kvm_set_sregs = KVM_SET_SREGS;
static const unsigned long ringside_kvm_set_regs = KVM_SET_REGS;
static const unsigned long ringside_kvm_run = KVM_RUN;

/* The processor's time stamp counter; 0 where it has none of this kind. */
static inline unsigned long long ringside_rdtsc(void)
{
#ifdef __x86_64__
	return __builtin_ia32_rdtsc();
#else
	return 0;
#endif
}

/* Glibc has no wrapper for this system call. */
static inline int ringside_finit_module(int fd, const char *parameters)
{
	return (int)syscall(SYS_finit_module, fd, parameters, 0);
}

/*
 * vhost-scsi, in the order of use. GET_ABI_VERSION is an _IOW that reads: the
 * UAPI has been like that since 3.6.
 */
static const unsigned long vhost_set_owner = VHOST_SET_OWNER;
static const unsigned long vhost_get_features = VHOST_GET_FEATURES;
static const unsigned long vhost_set_features = VHOST_SET_FEATURES;
static const unsigned long vhost_set_mem_table = VHOST_SET_MEM_TABLE;
static const unsigned long vhost_set_log_base = VHOST_SET_LOG_BASE;
static const unsigned long vhost_set_vring_num = VHOST_SET_VRING_NUM;
static const unsigned long vhost_set_vring_base = VHOST_SET_VRING_BASE;
static const unsigned long vhost_get_vring_base = VHOST_GET_VRING_BASE;
static const unsigned long vhost_set_vring_addr = VHOST_SET_VRING_ADDR;
static const unsigned long vhost_set_vring_kick = VHOST_SET_VRING_KICK;
static const unsigned long vhost_set_vring_call = VHOST_SET_VRING_CALL;
static const unsigned long vhost_set_vring_err = VHOST_SET_VRING_ERR;
static const unsigned long vhost_scsi_get_abi_version =
	VHOST_SCSI_GET_ABI_VERSION;
static const unsigned long vhost_scsi_set_endpoint = VHOST_SCSI_SET_ENDPOINT;
static const unsigned long vhost_scsi_clear_endpoint =
	VHOST_SCSI_CLEAR_ENDPOINT;

/* Since Linux 6.5, which is newer than the headers may be. */
static const unsigned long vhost_new_worker = _IOR(VHOST_VIRTIO, 0x8, __u32);
static const unsigned long vhost_free_worker = _IOW(VHOST_VIRTIO, 0x9, __u32);
static const unsigned long vhost_attach_vring_worker =
	_IOW(VHOST_VIRTIO, 0x15, __u64);
static const unsigned long vhost_get_vring_worker =
	_IOWR(VHOST_VIRTIO, 0x16, __u64);

/* A word that somebody else may change at the same time. */
static inline __u64 ringside_exchange(__u64 *word, __u64 value)
{
	return __atomic_exchange_n(word, value, __ATOMIC_SEQ_CST);
}

static const unsigned long ringside_ms_rdonly = MS_RDONLY;
static const unsigned long ringside_ms_bind = MS_BIND | MS_REC;

/* Swift takes the function statvfs for the structure of that name. */
static inline int ringside_free_bytes(const char *path, unsigned long *bytes)
{
	struct statvfs found;

	if (statvfs(path, &found))
		return -1;
	*bytes = found.f_bavail * found.f_frsize;
	return 0;
}

/* The names in a directory, as many as fit, as struct linux_dirent64. */
static inline long ringside_getdents(int directory, void *buffer,
				     unsigned long size)
{
	return syscall(SYS_getdents64, directory, buffer, size);
}

/* RNDRESEEDCRNG: has what was written to /dev/urandom count at once. */
static const unsigned long ringside_rndreseedcrng = _IO(0x52, 0x07);

/* Declared only under _GNU_SOURCE. */
int chroot(const char *path);
int strverscmp(const char *left, const char *right);
int pipe2(int ends[2], int flags);
int pthread_setname_np(unsigned long thread, const char *name);
int pthread_timedjoin_np(unsigned long thread, void **result,
			 const struct timespec *deadline);
int sched_setaffinity(pid_t thread, size_t bytes, const unsigned long *mask);
int accept4(int socket, struct sockaddr *address, unsigned int *length,
	    int flags);
ssize_t copy_file_range(int from, long *from_offset, int to, long *to_offset,
			size_t length, unsigned int flags);
int memfd_create(const char *name, unsigned int flags);
int fallocate(int fd, int mode, long offset, long length);
pid_t gettid(void);
int posix_openpt(int flags);
int grantpt(int fd);
int unlockpt(int fd);
int ptsname_r(int fd, char *name, size_t size);
const char *strerrorname_np(int error);

/*
 * Constants from <linux/fcntl.h> and <linux/fs.h>, which do not go together
 * with the C library's headers.
 */
static const int ringside_add_seals = 1033;
static const int ringside_seal_seal_shrink_grow = 0x1 | 0x2 | 0x4;
static const int ringside_seek_data = 3;
static const int ringside_seek_hole = 4;

#endif
