// SPDX-License-Identifier: GPL-2.0-only OR MIT
#include "vq_platform.h"
#include "memory.h"

/* A bucket is 2 to the power of so many bytes. */
#define BUCKET_BITS 5

_Static_assert(sizeof(struct vq_bucket) == 1 << BUCKET_BITS, "BUCKET_BITS");

/* Insertion sort: tables are short and mostly sorted. */
static void memory_sort(struct vq_region *regions, __u32 count)
{
	for (__u32 i = 1; i < count; i++) {
		struct vq_region moving = regions[i];
		__u32 at = i;

		for (; at && regions[at - 1].guest > moving.guest; at--)
			regions[at] = regions[at - 1];
		regions[at] = moving;
	}
}

static __u64 region_last(const struct vq_region *region)
{
	return region->guest + (region->size - 1);
}

/* How many bytes of the region lie from @first to @last. */
static __u64 region_overlap(const struct vq_region *region, __u64 first,
			    __u64 last)
{
	__u64 low = region->guest > first ? region->guest : first;
	__u64 high = min_t(__u64, region_last(region), last);

	return low <= high ? high - low + 1 : 0;
}

/* Fills the bucket that starts at @first; without a region nothing is in it. */
static void memory_fill_bucket(const struct vq_memory *memory, __u64 first,
			       __u64 last, __u32 access,
			       struct vq_bucket *bucket)
{
	__u64 most = 0;

	memset(bucket, 0, sizeof(*bucket));
	for (__u32 i = 0; i < memory->count; i++) {
		const struct vq_region *region = &memory->regions[i];
		__u64 overlap = region_overlap(region, first, last);

		if (!(region->access & access) || overlap <= most)
			continue;
		most = overlap;
		bucket->guest = region->guest;
		bucket->size = region->size;
		bucket->host = region->host;
	}
}

/* As small as they can be, with no two of those in use at the same place. */
static void memory_fill_buckets(struct vq_memory *memory)
{
	__u64 first = memory->regions[0].guest;
	__u64 last = region_last(&memory->regions[memory->count - 1]);
	__u32 bits = BUCKET_BITS;

	while ((last >> bits) - (first >> bits) >= VQ_MEMORY_BUCKETS)
		bits++;
	memory->shift = bits - BUCKET_BITS;
	for (__u32 i = 0; i < VQ_MEMORY_BUCKETS; i++) {
		__u64 number = (first >> bits) + i;
		__u32 at = number & (VQ_MEMORY_BUCKETS - 1);
		__u64 low = number << bits, high = low + ((1ULL << bits) - 1);

		memory_fill_bucket(memory, low, high, VQ_ACCESS_READ,
				   &memory->readable[at]);
		memory_fill_bucket(memory, low, high, VQ_ACCESS_WRITE,
				   &memory->writable[at]);
	}
}

int vq_memory_init(struct vq_region *regions, __u32 count,
		   struct vq_memory *memory)
{
	if (!count)
		return -EINVAL;
	for (__u32 i = 0; i < count; i++)
		if (!regions[i].size ||
		    region_last(&regions[i]) < regions[i].guest)
			return -EFAULT;
	memory_sort(regions, count);
	for (__u32 i = 1; i < count; i++)
		if (region_last(&regions[i - 1]) >= regions[i].guest)
			return -EINVAL;
	memory->regions = regions;
	memory->count = count;
	memory_fill_buckets(memory);
	return 0;
}

const struct vq_region *memory_find(const struct vq_memory *memory, __u64 addr)
{
	__u32 low = 0, high = memory->count;
	const struct vq_region *region;

	/* The last region that starts at or below addr is before high. */
	while (high - low > 1) {
		__u32 middle = low + (high - low) / 2;

		if (memory->regions[middle].guest <= addr)
			low = middle;
		else
			high = middle;
	}
	region = &memory->regions[low];
	/* Below the first region this wraps around and is too large. */
	return addr - region->guest < region->size ? region : NULL;
}

int vq_memory_translate(const struct vq_memory *memory, __u64 addr, __u64 len,
			__u32 access, void **host)
{
	const struct vq_region *region = memory_find(memory, addr);
	__u64 offset;

	if (!region)
		return -EFAULT;
	offset = addr - region->guest;
	if (len > region->size - offset)
		return -EFAULT;
	if ((region->access & access) != access)
		return -EPERM;
	*host = (char *)region->host + offset;
	return 0;
}
