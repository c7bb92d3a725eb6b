// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Sixteen bytes at a time: what a byte adds to the word depends on its value
 * and on how many bytes follow it. Both are linear, so each table follows from
 * what the eight bits of a byte add.
 */
#include "block_guard.h"

#define SLICES 16

/* Keeps the compiler from putting a sum into another order. */
#define barrier_value(value) __asm__("" : "+r"(value))

#define BIT(byte, bit, word) (((byte) >> (bit)) % 2 ? (word) : 0)
#define ENTRY(b, w0, w1, w2, w3, w4, w5, w6, w7)                               \
	(BIT(b, 0, w0) ^ BIT(b, 1, w1) ^ BIT(b, 2, w2) ^ BIT(b, 3, w3) ^       \
	 BIT(b, 4, w4) ^ BIT(b, 5, w5) ^ BIT(b, 6, w6) ^ BIT(b, 7, w7))
#define ENTRIES_4(b, ...)                                                      \
	ENTRY((b), __VA_ARGS__), ENTRY((b) + 1, __VA_ARGS__),                  \
		ENTRY((b) + 2, __VA_ARGS__), ENTRY((b) + 3, __VA_ARGS__)
#define ENTRIES_16(b, ...)                                                     \
	ENTRIES_4((b), __VA_ARGS__), ENTRIES_4((b) + 4, __VA_ARGS__),          \
		ENTRIES_4((b) + 8, __VA_ARGS__),                               \
		ENTRIES_4((b) + 12, __VA_ARGS__)
#define ENTRIES_64(b, ...)                                                     \
	ENTRIES_16((b), __VA_ARGS__), ENTRIES_16((b) + 16, __VA_ARGS__),       \
		ENTRIES_16((b) + 32, __VA_ARGS__),                             \
		ENTRIES_16((b) + 48, __VA_ARGS__)
#define SLICE(...)                                                             \
	ENTRIES_64(0, __VA_ARGS__), ENTRIES_64(64, __VA_ARGS__),               \
		ENTRIES_64(128, __VA_ARGS__), ENTRIES_64(192, __VA_ARGS__)

/* What the bits of a byte add that has none, one, two... bytes behind it. */
static const __u16 slices[SLICES][256] = {
	{SLICE(0x8bb7, 0x9cd9, 0xb205, 0xefbd, 0x54cd, 0xa99a, 0xd883, 0x3ab1)},
	{SLICE(0x7562, 0xeac4, 0x5e3f, 0xbc7e, 0xf34b, 0x6d21, 0xda42, 0x3f33)},
	{SLICE(0x7e66, 0xfccc, 0x722f, 0xe45e, 0x430b, 0x8616, 0x879b, 0x8481)},
	{SLICE(0x82b5, 0x8edd, 0x960d, 0xa7ad, 0xc4ed, 0x026d, 0x04da, 0x09b4)},
	{SLICE(0x1368, 0x26d0, 0x4da0, 0x9b40, 0xbd37, 0xf1d9, 0x6805, 0xd00a)},
	{SLICE(0x2ba3, 0x5746, 0xae8c, 0xd6af, 0x26e9, 0x4dd2, 0x9ba4, 0xbcff)},
	{SLICE(0xf249, 0x6f25, 0xde4a, 0x3723, 0x6e46, 0xdc8c, 0x32af, 0x655e)},
	{SLICE(0xcabc, 0x1ecf, 0x3d9e, 0x7b3c, 0xf678, 0x6747, 0xce8e, 0x16ab)},
	{SLICE(0x2d56, 0x5aac, 0xb558, 0xe107, 0x49b9, 0x9372, 0xad53, 0xd111)},
	{SLICE(0x2995, 0x532a, 0xa654, 0xc71f, 0x0589, 0x0b12, 0x1624, 0x2c48)},
	{SLICE(0x5890, 0xb120, 0xe9f7, 0x5859, 0xb0b2, 0xead3, 0x5e11, 0xbc22)},
	{SLICE(0xf3f3, 0x6c51, 0xd8a2, 0x3af3, 0x75e6, 0xebcc, 0x5c2f, 0xb85e)},
	{SLICE(0xfb0b, 0x7da1, 0xfb42, 0x7d33, 0xfa66, 0x7f7b, 0xfef6, 0x765b)},
	{SLICE(0xecb6, 0x52db, 0xa5b6, 0xc0db, 0x0a01, 0x1402, 0x2804, 0x5008)},
	{SLICE(0xa010, 0xcb97, 0x1c99, 0x3932, 0x7264, 0xe4c8, 0x4227, 0x844e)},
	{SLICE(0x832b, 0x8de1, 0x9075, 0xab5d, 0xdd0d, 0x31ad, 0x635a, 0xc6b4)},
};

static __u16 guard_byte(__u16 word, __u8 byte)
{
	return (__u16)(word << 8) ^ slices[0][word >> 8 ^ byte];
}

#define SLICE_4(first, b)                                                      \
	(slices[first][(b)[0]] ^ slices[(first)-1][(b)[1]] ^                   \
	 slices[(first)-2][(b)[2]] ^ slices[(first)-3][(b)[3]])

/* The word so far goes into the first two bytes; nothing else waits for it. */
static __u16 guard_slices(__u16 word, const __u8 *bytes)
{
	__u32 low = SLICE_4(7, bytes + 8) ^ SLICE_4(3, bytes + 12);
	__u32 high = SLICE_4(11, bytes + 4);

	high ^= slices[13][bytes[2]] ^ slices[12][bytes[3]] ^ low;
	barrier_value(high);
	return (__u16)(high ^ (slices[15][bytes[0] ^ word >> 8] ^
			       slices[14][bytes[1] ^ (word & 0xff)]));
}

__u16 block_guard(const void *data, __u64 bytes)
{
	const __u8 *at = data;
	__u16 word = 0;

	for (; bytes >= SLICES; bytes -= SLICES, at += SLICES)
		word = guard_slices(word, at);
	for (; bytes; bytes--)
		word = guard_byte(word, *at++);
	return word;
}
