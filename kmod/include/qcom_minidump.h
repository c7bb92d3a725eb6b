/* SPDX-License-Identifier: GPL-2.0-only */
/* What qcom_minidump.ko offers to other modules. */
#ifndef QCOM_MINIDUMP_H
#define QCOM_MINIDUMP_H

#include <linux/types.h>

/* The platform device's name; its platform data is a struct md_provider. */
#define QCOM_MINIDUMP_DEVICE "qcom-minidump"

struct minidump_subsystem;
struct qcom_minidump_handle;

/**
 * struct qcom_minidump_region - memory that is to be in the dump
 * @name: letters, digits and underscores; at most 12 characters together
 *	with the number that further pieces get appended
 * @virt_addr: where it is: the linear map, vmalloc or module memory
 * @size: bytes, a multiple of 4
 *
 * Physical addresses are the driver's business. Memory that is contiguous
 * only virtually becomes several pieces, named NAME, NAME1, NAME2, ...
 */
struct qcom_minidump_region {
	const char *name;
	const void *virt_addr;
	size_t size;
};

/**
 * qcom_minidump_ready() - whether regions can be registered
 *
 * Return: 0; -EPROBE_DEFER if the device or shared memory is not there yet;
 * -ENODEV if firmware has switched minidump off or the device is gone; what
 * else made the driver's probe fail.
 */
int qcom_minidump_ready(void);

/**
 * qcom_minidump_subsystem_desc() - another subsystem's table entry
 * @index: MD_SUBSYSTEM_*
 * @desc: the entry, valid while the device is there
 *
 * Return: 0; -EINVAL for an index that shared memory has no room for; what
 * qcom_minidump_ready() returns.
 */
int qcom_minidump_subsystem_desc(unsigned int index,
				 struct minidump_subsystem **desc);

/**
 * qcom_minidump_region_register() - add a region to the dump
 * @region: the region; nothing of it is referred to afterwards
 * @handle: to be given back with qcom_minidump_region_unregister()
 *
 * Process context. The memory must stay until the region is unregistered.
 *
 * Return: 0; -EINVAL for a bad name or size, or an address that is neither
 * mapped memory of the kernel nor of a module; -EEXIST if the name is taken;
 * -ENOSPC if the table is full; -ENOMEM; what qcom_minidump_ready() returns.
 */
int qcom_minidump_region_register(const struct qcom_minidump_region *region,
				  struct qcom_minidump_handle **handle);

/**
 * qcom_minidump_region_update() - move or resize a region
 * @handle: the region
 * @virt_addr: its new place
 * @size: its new size
 *
 * Only where both the old and the new memory are physically contiguous.
 *
 * Return: 0; -EINVAL as above or if there is more than one piece; -ENODEV if
 * the device is gone.
 */
int qcom_minidump_region_update(struct qcom_minidump_handle *handle,
				const void *virt_addr, size_t size);

/**
 * qcom_minidump_region_unregister() - take a region out of the dump
 * @handle: the region, not to be used any more; NULL does nothing
 */
void qcom_minidump_region_unregister(struct qcom_minidump_handle *handle);

#endif
