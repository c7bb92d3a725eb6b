/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * A fuzzer's input as a stream of numbers; zeroes when it is used up.
 */
#ifndef FUZZ_INPUT_H
#define FUZZ_INPUT_H

#include "vq_platform.h"

struct input {
	const __u8 *data;
	size_t left;
};

static inline __u64 input_take(struct input *input, size_t bytes)
{
	size_t count = min_t(size_t, bytes, input->left);
	__u64 value = 0;

	if (count)
		memcpy(&value, input->data, count);
	input->data += count;
	input->left -= count;
	return le64_to_cpu(value);
}

static inline __u8 input_u8(struct input *input)
{
	return (__u8)input_take(input, 1);
}

static inline __u16 input_u16(struct input *input)
{
	return (__u16)input_take(input, 2);
}

static inline __u32 input_u32(struct input *input)
{
	return (__u32)input_take(input, 4);
}

/* What must hold whatever the input is. */
#define CHECK(condition)                                                       \
	do {                                                                   \
		if (!(condition))                                              \
			__builtin_trap();                                      \
	} while (0)

#endif
