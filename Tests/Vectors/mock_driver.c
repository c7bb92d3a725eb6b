// SPDX-License-Identifier: GPL-2.0-only OR MIT
#include "vq_platform.h"
#include "mock_driver.h"

#define MOCK_RAM_BYTES	 0x8000
#define MOCK_PAGE_BYTES	 0x1000
#define MOCK_GUEST_BYTES (2 * MOCK_RAM_BYTES + 2 * MOCK_PAGE_BYTES)
#define MOCK_RINGS_BYTES 0x4000

static int mock_driver_memory(struct mock_driver *driver, void *storage,
			      __u32 num)
{
	const __u32 both = VQ_ACCESS_READ | VQ_ACCESS_WRITE;
	char *at = storage;
	/* Neighbours in the guest lie apart and in the other order here. */
	const struct vq_region regions[MOCK_REGIONS] = {
		{MOCK_RAM_HIGH, MOCK_RAM_BYTES, at, both},
		{MOCK_READ_ONLY, MOCK_PAGE_BYTES, at + MOCK_RAM_BYTES,
		 VQ_ACCESS_READ},
		{MOCK_WRITE_ONLY, MOCK_PAGE_BYTES,
		 at + MOCK_RAM_BYTES + MOCK_PAGE_BYTES, VQ_ACCESS_WRITE},
		{MOCK_RAM, MOCK_RAM_BYTES,
		 at + MOCK_RAM_BYTES + 2 * MOCK_PAGE_BYTES, both},
	};

	if (num > MOCK_RING_MAX)
		return -EINVAL;
	memset(storage, 0, MOCK_BYTES);
	memcpy(driver->regions, regions, sizeof(regions));
	driver->memory = (void *)(at + MOCK_GUEST_BYTES + MOCK_RINGS_BYTES);
	return vq_memory_init(driver->regions, MOCK_REGIONS, driver->memory);
}

int mock_driver_init(struct mock_driver *driver, void *storage, __u32 num)
{
	int error = mock_driver_memory(driver, storage, num);

	if (error)
		return error;
	return vq_rings_place((char *)storage + MOCK_GUEST_BYTES, num,
			      &driver->rings);
}

int mock_driver_init_packed(struct mock_driver *driver, void *storage,
			    __u32 num)
{
	int error = mock_driver_memory(driver, storage, num);

	if (error)
		return error;
	return vq_packed_place((char *)storage + MOCK_GUEST_BYTES, num,
			       &driver->rings);
}

void *mock_driver_host(const struct mock_driver *driver, __u64 addr)
{
	for (__u32 i = 0; i < MOCK_REGIONS; i++) {
		const struct vq_region *region = &driver->regions[i];

		if (addr >= region->guest &&
		    addr < region->guest + region->size)
			return (char *)region->host + (addr - region->guest);
	}
	return NULL;
}

static void mock_desc_write(void *to, const struct mock_desc *desc)
{
	struct vring_desc wire;

	wire.addr = (__force __virtio64)cpu_to_le64(desc->addr);
	wire.len = (__force __virtio32)cpu_to_le32(desc->len);
	wire.flags = (__force __virtio16)cpu_to_le16(desc->flags);
	wire.next = (__force __virtio16)cpu_to_le16(desc->next);
	memcpy(to, &wire, sizeof(wire));
}

void mock_driver_describe(struct mock_driver *driver, __u32 index,
			  const struct mock_desc *desc)
{
	struct vring_desc *table = driver->rings.desc;

	mock_desc_write(&table[index], desc);
}

void mock_driver_event(struct mock_driver *driver, __u32 value)
{
	*(__u32 *)driver->rings.avail = (__force __u32)cpu_to_le32(value);
}

/* Byte by byte, for a table may cross regions anywhere. */
void mock_driver_describe_at(struct mock_driver *driver, __u64 addr,
			     __u32 index, const struct mock_desc *desc)
{
	char wire[sizeof(struct vring_desc)];

	mock_desc_write(wire, desc);
	addr += (__u64)index * sizeof(wire);
	for (__u32 i = 0; i < sizeof(wire); i++) {
		char *to = mock_driver_host(driver, addr + i);

		if (to)
			*to = wire[i];
	}
}

/* A packed descriptor has its flags where a split one has next. */
static struct mock_desc mock_desc_packed(const struct mock_desc *desc)
{
	struct mock_desc swapped = *desc;

	swapped.flags = desc->next;
	swapped.next = desc->flags;
	return swapped;
}

void mock_driver_describe_packed(struct mock_driver *driver, __u32 index,
				 const struct mock_desc *desc)
{
	struct mock_desc packed = mock_desc_packed(desc);

	mock_driver_describe(driver, index, &packed);
}

void mock_driver_describe_packed_at(struct mock_driver *driver, __u64 addr,
				    __u32 index, const struct mock_desc *desc)
{
	struct mock_desc packed = mock_desc_packed(desc);

	mock_driver_describe_at(driver, addr, index, &packed);
}

void mock_driver_offer(struct mock_driver *driver, __u16 index, __u16 head)
{
	struct vring_avail *avail = driver->rings.avail;

	avail->ring[index & (driver->rings.num - 1)] =
		(__force __virtio16)cpu_to_le16(head);
}

void mock_driver_show(struct mock_driver *driver, __u16 flags, __u16 idx,
		      __u16 event)
{
	struct vring_avail *avail = driver->rings.avail;

	avail->flags = (__force __virtio16)cpu_to_le16(flags);
	avail->ring[driver->rings.num] = (__force __virtio16)cpu_to_le16(event);
	avail->idx = (__force __virtio16)cpu_to_le16(idx);
}
