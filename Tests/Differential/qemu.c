// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * The packed rings of QEMU's hw/virtio/virtio.c as a device side: its
 * functions as they are, which Tests/Differential/qemu takes out of Debian's
 * source, over as much of QEMU as they need. Guest memory is that of a mock
 * driver, and accesses to it are plain.
 */
#define _GNU_SOURCE
#include "vq_platform.h"
#include "packed.h"

#include <assert.h>
#include <limits.h>
#include <linux/virtio_ring.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

typedef __u64 hwaddr;

/* The guest's memory. */
typedef struct mock_driver AddressSpace;

typedef struct {
	char *host;
	hwaddr len;
} MemoryRegionCache;

#define MEMORY_REGION_CACHE_INVALID                                            \
	{                                                                      \
		0                                                              \
	}

typedef struct VirtIODevice {
	__u64 guest_features;
	AddressSpace *dma_as;
	bool broken;
} VirtIODevice;

typedef struct VirtQueue VirtQueue;
typedef struct {
	int unused;
} EventNotifier;
typedef void (*VirtIOHandleOutput)(VirtIODevice *, VirtQueue *);

struct rcu_head {
	int unused;
};

#define QLIST_ENTRY(type)		    int
#define RCU_READ_LOCK_GUARD()		    ((void)0)
#define qatomic_rcu_read(p)		    (*(p))
#define smp_rmb()			    barrier()
#define smp_wmb()			    barrier()
#define smp_mb()			    virt_mb()
#define g_malloc(n)			    malloc(n)
#define QEMU_ALIGN_UP(n, a)		    (((n) + (a)-1) / (a) * (a))
#define trace_virtqueue_pop(...)	    ((void)0)
#define trace_virtqueue_alloc_element(...)  ((void)0)
#define virtio_error(vdev, ...)		    ((vdev)->broken = true)
#define virtio_vdev_has_feature(vdev, bit)  ((vdev)->guest_features >> (bit)&1)
#define virtio_tswap16s(vdev, p)	    ((void)(vdev))
#define virtio_tswap32s(vdev, p)	    ((void)(vdev))
#define virtio_tswap64s(vdev, p)	    ((void)(vdev))
#define address_space_cache_invalidate(...) ((void)0)
#define address_space_cache_destroy(cache)  ((void)(cache))
#define cpu_physical_memory_unmap(...)	    ((void)0)
#define DMA_DIRECTION_TO_DEVICE		    VQ_ACCESS_READ
#define DMA_DIRECTION_FROM_DEVICE	    VQ_ACCESS_WRITE
#define MEMTXATTRS_UNSPECIFIED		    0

/* As much as lies in one region that allows it. */
static void *dma_memory_map(AddressSpace *memory, hwaddr addr, hwaddr *len,
			    __u32 access, int attributes)
{
	(void)attributes;
	for (int i = 0; i < MOCK_REGIONS; i++) {
		const struct vq_region *region = &memory->regions[i];
		hwaddr offset = addr - region->guest;

		if (offset >= region->size || !(region->access & access))
			continue;
		*len = min_t(hwaddr, *len, region->size - offset);
		return (char *)region->host + offset;
	}
	return NULL;
}

static int64_t address_space_cache_init(MemoryRegionCache *cache,
					AddressSpace *memory, hwaddr addr,
					hwaddr len, bool is_write)
{
	cache->host =
		dma_memory_map(memory, addr, &len,
			       is_write ? VQ_ACCESS_WRITE : VQ_ACCESS_READ, 0);
	cache->len = cache->host ? len : 0;
	return (int64_t)cache->len;
}

static void address_space_read_cached(MemoryRegionCache *cache, hwaddr at,
				      void *to, hwaddr len)
{
	assert(at + len <= cache->len);
	memcpy(to, cache->host + at, len);
}

static void address_space_write_cached(MemoryRegionCache *cache, hwaddr at,
				       const void *from, hwaddr len)
{
	assert(at + len <= cache->len);
	memcpy(cache->host + at, from, len);
}

static uint16_t virtio_lduw_phys_cached(VirtIODevice *vdev,
					MemoryRegionCache *cache, hwaddr at)
{
	uint16_t value;

	(void)vdev;
	address_space_read_cached(cache, at, &value, sizeof(value));
	return value;
}

static void virtio_stw_phys_cached(VirtIODevice *vdev, MemoryRegionCache *cache,
				   hwaddr at, uint16_t value)
{
	(void)vdev;
	address_space_write_cached(cache, at, &value, sizeof(value));
}

#include "qemu_functions.c"

static VirtIODevice device;
static VirtQueue queue;
static VRingMemoryRegionCaches areas;
static VirtQueueElement used_elems[MOCK_RING_MAX];

static int qemu_start(struct mock_driver *guest, __u64 features, __u16 place,
		      bool wrap)
{
	const struct vq_rings *rings = &guest->rings;

	device.guest_features = features | 1ULL << VIRTIO_F_RING_PACKED;
	device.dma_as = guest;
	device.broken = false;
	areas.desc = (MemoryRegionCache){rings->desc, 16 * rings->num};
	areas.avail = (MemoryRegionCache){rings->avail, VQ_PACKED_EVENT_BYTES};
	areas.used = (MemoryRegionCache){rings->used, VQ_PACKED_EVENT_BYTES};
	memset(&queue, 0, sizeof(queue));
	queue.vdev = &device;
	queue.vring.num = rings->num;
	/* They are looked at for being set, and no more. */
	queue.vring.desc = 1;
	queue.vring.avail = 1;
	queue.vring.caches = &areas;
	queue.used_elems = used_elems;
	queue.last_avail_idx = place;
	queue.shadow_avail_idx = place;
	queue.used_idx = place;
	queue.last_avail_wrap_counter = wrap;
	queue.shadow_avail_wrap_counter = wrap;
	queue.used_wrap_counter = wrap;
	virtio_queue_packed_set_notification(&queue, 1);
	return 0;
}

static int qemu_pop(struct packed_chain *chain)
{
	VirtQueueElement *elem;

	if (device.broken)
		return -EINVAL;
	elem = virtqueue_packed_pop(&queue, sizeof(*elem));
	if (device.broken)
		return -EINVAL;
	if (!elem)
		return -EAGAIN;
	chain->id = (__u16)elem->index;
	chain->descs = (__u16)elem->ndescs;
	chain->readable = elem->out_num;
	chain->writable = elem->in_num;
	memcpy(chain->segments, elem->out_sg,
	       elem->out_num * sizeof(struct iovec));
	memcpy(chain->segments + elem->out_num, elem->in_sg,
	       elem->in_num * sizeof(struct iovec));
	free(elem);
	return 0;
}

/* One by one: several at once it puts where chains of one entry would be. */
static void qemu_push(const struct packed_used *used, __u32 count)
{
	for (__u32 i = 0; i < count; i++) {
		VirtQueueElement elem = {.index = used[i].id,
					 .ndescs = used[i].descs};

		virtqueue_packed_fill(&queue, &elem, used[i].len, 0);
		virtqueue_packed_flush(&queue, 1);
	}
}

static bool qemu_signal(void)
{
	return virtio_packed_should_notify(&device, &queue);
}

static bool qemu_push_signal(const struct packed_used *used)
{
	qemu_push(used, 1);
	return qemu_signal();
}

static bool qemu_enable(void)
{
	virtio_queue_packed_set_notification(&queue, 1);
	return !virtio_queue_packed_empty(&queue);
}

static void qemu_disable(void)
{
	virtio_queue_packed_set_notification(&queue, 0);
}

const struct packed_side packed_qemu = {
	.name = "QEMU",
	.start = qemu_start,
	.pop = qemu_pop,
	.push = qemu_push,
	.push_signal = qemu_push_signal,
	.signal = qemu_signal,
	.enable = qemu_enable,
	.disable = qemu_disable,
};
