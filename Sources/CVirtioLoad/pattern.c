// SPDX-License-Identifier: GPL-2.0-only OR MIT
#include "vq_platform.h"
#include "virtio_load.h"

/* Odd, so that its multiples differ; the golden ratio of 2^64. */
#define PATTERN_STEP 0x9e3779b97f4a7c15ULL

static __u64 pattern_first(__u64 seed, __u64 position)
{
	return (position / 8 + seed) * PATTERN_STEP;
}

void vload_pattern_fill(__u64 *words, __u64 count, __u64 seed, __u64 position)
{
	__u64 word = pattern_first(seed, position);

	for (__u64 i = 0; i < count; i++, word += PATTERN_STEP)
		words[i] = word;
}

/* The whole is compared before it is looked where: that has no branches. */
__u64 vload_pattern_compare(const __u64 *words, __u64 count, __u64 seed,
			    __u64 position)
{
	__u64 word = pattern_first(seed, position), difference = 0;

	for (__u64 i = 0; i < count; i++, word += PATTERN_STEP)
		difference |= words[i] ^ word;
	if (!difference)
		return ~0ULL;
	word = pattern_first(seed, position);
	for (__u64 i = 0; i < count; i++, word += PATTERN_STEP) {
		difference = le64toh(words[i] ^ word);
		if (difference)
			return i * 8 + __builtin_ctzll(difference) / 8;
	}
	/* A device that still writes has just made it equal. */
	return ~0ULL;
}
