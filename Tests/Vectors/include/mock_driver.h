/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * A driver that can do wrong: it writes any descriptor, head and index. The
 * vectors and the fuzzers drive the device side with it.
 *
 * Its guest has four regions, in memory of the caller:
 *
 *	0x10000	32 KiB	readable and writable
 *	0x18000	32 KiB	the same, behind the first for the guest, not for us
 *	0x20000	4 KiB	only readable
 *	0x30000	4 KiB	only writable
 */
#ifndef MOCK_DRIVER_H
#define MOCK_DRIVER_H

#include <linux/types.h>

#include "virtqueue.h"

#define MOCK_REGIONS	4
#define MOCK_RAM	0x10000
#define MOCK_RAM_HIGH	0x18000
#define MOCK_READ_ONLY	0x20000
#define MOCK_WRITE_ONLY 0x30000

/* Room for guest memory and the rings of a queue of 256 entries. */
#define MOCK_BYTES    0x20000
#define MOCK_RING_MAX 256

/**
 * struct mock_desc - a descriptor as data
 * @addr: guest-physical address
 * @len: bytes
 * @flags: VRING_DESC_F_*
 * @next: next descriptor; packed: id
 */
struct mock_desc {
	__u64 addr;
	__u32 len;
	__u16 flags;
	__u16 next;
};

/**
 * struct mock_driver - the driver and its guest
 * @regions: guest memory
 * @memory: memory table over @regions, in the storage
 * @rings: the queue
 */
struct mock_driver {
	struct vq_region regions[MOCK_REGIONS];
	struct vq_memory *memory;
	struct vq_rings rings;
};

/**
 * mock_driver_init() - make a guest with an empty queue
 * @driver: the driver
 * @storage: MOCK_BYTES, aligned to 64
 * @num: entries of the queue, up to MOCK_RING_MAX
 *
 * Return: 0 or -errno.
 */
int mock_driver_init(struct mock_driver *driver, void *storage, __u32 num);

/**
 * mock_driver_init_packed() - make a guest with an empty packed queue
 * @driver: the driver
 * @storage: MOCK_BYTES, aligned to 64
 * @num: entries of the queue, up to MOCK_RING_MAX
 *
 * Return: 0 or -errno.
 */
int mock_driver_init_packed(struct mock_driver *driver, void *storage,
			    __u32 num);

/**
 * mock_driver_describe_packed() - write a descriptor of a packed queue
 * @driver: the driver
 * @index: which
 * @desc: its value, the id in place of next
 */
void mock_driver_describe_packed(struct mock_driver *driver, __u32 index,
				 const struct mock_desc *desc);

/**
 * mock_driver_describe_packed_at() - write an entry of an indirect table
 * @driver: the driver
 * @addr: guest-physical address of the table
 * @index: which
 * @desc: its value, the id in place of next
 */
void mock_driver_describe_packed_at(struct mock_driver *driver, __u64 addr,
				    __u32 index, const struct mock_desc *desc);

/**
 * mock_driver_event() - write the event structure of a packed queue
 * @driver: the driver
 * @value: offset, wrap and flags
 */
void mock_driver_event(struct mock_driver *driver, __u32 value);

/**
 * mock_driver_host() - where a guest address is mapped
 * @driver: the driver
 * @addr: guest-physical address
 *
 * Return: the address, NULL where nothing is mapped.
 */
void *mock_driver_host(const struct mock_driver *driver, __u64 addr);

/**
 * mock_driver_describe() - write a descriptor of the queue
 * @driver: the driver
 * @index: which
 * @desc: its value
 */
void mock_driver_describe(struct mock_driver *driver, __u32 index,
			  const struct mock_desc *desc);

/**
 * mock_driver_describe_at() - write a descriptor of an indirect table
 * @driver: the driver
 * @addr: guest-physical address of the table
 * @index: which
 * @desc: its value
 */
void mock_driver_describe_at(struct mock_driver *driver, __u64 addr,
			     __u32 index, const struct mock_desc *desc);

/**
 * mock_driver_offer() - write an entry of the available ring
 * @driver: the driver
 * @index: which, modulo the size of the ring
 * @head: its value
 */
void mock_driver_offer(struct mock_driver *driver, __u16 index, __u16 head);

/**
 * mock_driver_show() - write the fields of the available ring
 * @driver: the driver
 * @flags: flags
 * @idx: index
 * @event: used index of the next signal
 */
void mock_driver_show(struct mock_driver *driver, __u16 flags, __u16 idx,
		      __u16 event);

#endif
