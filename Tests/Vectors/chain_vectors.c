// SPDX-License-Identifier: GPL-2.0-only OR MIT
#include "vq_platform.h"
#include "vectors.h"

#define NEXT  VRING_DESC_F_NEXT
#define INTO  VRING_DESC_F_WRITE
#define TABLE VRING_DESC_F_INDIRECT

/* Where buffers are, and where an indirect table is if nothing matters. */
#define A	MOCK_RAM
#define B	(MOCK_RAM + 0x1000)
#define T	(MOCK_RAM + 0x4000)
#define RAM_END MOCK_RAM_HIGH

static const struct chain_vector chain_vectors[] = {
	{"one readable", .desc = {{A, 51}}, .readable = 1,
	 .segments = {{A, 51}}},
	{"read command",
	 .desc = {{A, 51, NEXT, 1},
		  {B, 108, NEXT | INTO, 2},
		  {MOCK_RAM_HIGH, 4096, INTO}},
	 .readable = 1, .writable = 2,
	 .segments = {{A, 51}, {B, 108}, {MOCK_RAM_HIGH, 4096}}},
	{"as many descriptors as the ring has",
	 .desc = {{A, 1, NEXT, 1}, {A, 2, NEXT, 2}, {A, 3, NEXT, 3}, {A, 4}},
	 .readable = 4, .segments = {{A, 1}, {A, 2}, {A, 3}, {A, 4}}},
	{"across regions", .desc = {{RAM_END - 16, 48, INTO}}, .writable = 2,
	 .segments = {{RAM_END - 16, 16}, {RAM_END, 32}}},
	{"across regions, rights change",
	 .desc = {{MOCK_READ_ONLY - 16, 48, INTO}}, .error = EPERM},
	{"across regions into a hole", .desc = {{MOCK_READ_ONLY + 0xff0, 17}},
	 .error = EFAULT},
	{"below the first region", .desc = {{A - 1, 1}}, .error = EFAULT},
	{"in a hole", .desc = {{0x28000, 1}}, .error = EFAULT},
	{"around the end of the address space", .desc = {{~0ULL - 3, 16}},
	 .error = EFAULT},
	{"around to a region", .desc = {{~0ULL - 0xf, 0xffffffff}},
	 .error = EFAULT},
	{"read of what is only writable", .desc = {{MOCK_WRITE_ONLY, 8}},
	 .error = EPERM},
	{"write to what is only readable", .desc = {{MOCK_READ_ONLY, 8, INTO}},
	 .error = EPERM},
	{"length 0 makes no segment", .desc = {{A, 0, NEXT, 1}, {A, 8}},
	 .readable = 1, .segments = {{A, 8}}},
	{"length 0 may be anywhere", .desc = {{0x28000, 0, INTO}}},
	{"readable behind writable of length 0",
	 .desc = {{A, 0, NEXT | INTO, 1}, {A, 8}}, .readable = 1,
	 .segments = {{A, 8}}},
	{"readable behind writable", .desc = {{A, 8, NEXT | INTO, 1}, {A, 8}},
	 .error = EINVAL},
	{"readable of length 0 behind writable",
	 .desc = {{A, 8, NEXT | INTO, 1}, {A, 0}}, .error = EINVAL},
	{"unmapped before unordered",
	 .desc = {{A, 8, NEXT | INTO, 1}, {0x28000, 8}}, .error = EFAULT},
	{"head at the end of the table", .head = 4, .error = EINVAL},
	{"head far out", .head = 0xffff, .error = EINVAL},
	{"next at the end of the table", .desc = {{A, 8, NEXT, 4}},
	 .error = EINVAL},
	{"next without the flag does not matter", .desc = {{A, 8, 0, 0xffff}},
	 .readable = 1, .segments = {{A, 8}}},
	{"loop of one", .desc = {{A, 0, NEXT, 0}}, .error = EINVAL},
	{"loop of two", .desc = {{A, 0, NEXT, 1}, {A, 0, NEXT, 0}},
	 .error = EINVAL},
	{"loop runs out of segments first", .desc = {{A, 8, NEXT, 0}}, .num = 8,
	 .capacity = 4, .error = ENOBUFS},
	{"index as far as the ring is long", .idx = 4, .desc = {{A, 8}},
	 .readable = 1, .segments = {{A, 8}}},
	{"index one too far", .idx = 5, .desc = {{A, 8}}, .error = EINVAL},
	{"index behind ours", .idx = 0xffff, .desc = {{A, 8}}, .error = EINVAL},
	{"more segments than room", .capacity = 1,
	 .desc = {{A, 8, NEXT, 1}, {A, 8}}, .error = ENOBUFS},
	{"room ends within a buffer", .capacity = 1,
	 .desc = {{RAM_END - 8, 16}}, .error = ENOBUFS},
	{"ring of one entry", .num = 1, .desc = {{A, 8}}, .readable = 1,
	 .segments = {{A, 8}}},
	{"unknown flags do not matter", .desc = {{A, 8, 0xfff8}}, .readable = 1,
	 .segments = {{A, 8}}},

	{"indirect", .desc = {{T, 48, TABLE}}, .table = T,
	 .indirect = {{A, 51, NEXT, 1},
		      {B, 108, NEXT | INTO, 2},
		      {B, 512, INTO}},
	 .readable = 1, .writable = 2,
	 .segments = {{A, 51}, {B, 108}, {B, 512}}},
	{"indirect, more room than entries", .desc = {{T, 64, TABLE}},
	 .table = T, .indirect = {{A, 8}}, .readable = 1, .segments = {{A, 8}}},
	{"indirect, in the order of the table", .desc = {{T, 32, TABLE}},
	 .table = T, .indirect = {{A, 8, NEXT, 7}, {B, 9}}, .readable = 2,
	 .segments = {{A, 8}, {B, 9}}},
	{"indirect, length no multiple of 16", .desc = {{T, 24, TABLE}},
	 .table = T, .indirect = {{A, 8}}, .error = EINVAL},
	{"indirect, empty", .desc = {{T, 0, TABLE}}, .error = EINVAL},
	{"indirect, unmapped", .desc = {{0x28000, 16, TABLE}}, .error = EFAULT},
	{"indirect, unmapped behind its end",
	 .desc = {{MOCK_READ_ONLY + 0xff0, 32, TABLE}}, .error = EFAULT},
	{"indirect, table not readable", .desc = {{MOCK_WRITE_ONLY, 16, TABLE}},
	 .error = EPERM},
	{"indirect, too long", .desc = {{T, 0x100010, TABLE}}, .error = EFAULT},
	{"indirect, nested", .desc = {{T, 16, TABLE}}, .table = T,
	 .indirect = {{T, 16, TABLE}}, .error = EINVAL},
	{"indirect, more next than entries", .desc = {{T, 16, TABLE}},
	 .table = T, .indirect = {{A, 8, NEXT, 1}, {B, 8}}, .error = EINVAL},
	{"indirect, unordered", .desc = {{T, 32, TABLE}}, .table = T,
	 .indirect = {{A, 8, NEXT | INTO, 1}, {B, 8}}, .error = EINVAL},
	{"indirect, unordered with the chain before",
	 .desc = {{A, 8, NEXT | INTO, 1}, {T, 16, TABLE}}, .table = T,
	 .indirect = {{B, 8}}, .error = EINVAL},
	{"indirect, chain goes on behind it",
	 .desc = {{T, 16, NEXT | TABLE, 1}, {B, 9, INTO}}, .table = T,
	 .indirect = {{A, 8}}, .readable = 1, .writable = 1,
	 .segments = {{A, 8}, {B, 9}}},
	{"indirect, write flag of the table does not matter",
	 .desc = {{T, 16, TABLE | INTO}}, .table = T, .indirect = {{A, 8}},
	 .readable = 1, .segments = {{A, 8}}},
	{"indirect, table not aligned", .desc = {{T + 3, 32, TABLE}},
	 .table = T + 3, .indirect = {{A, 8, NEXT}, {B, 9}}, .readable = 2,
	 .segments = {{A, 8}, {B, 9}}},
	{"indirect, entry across regions", .desc = {{RAM_END - 24, 48, TABLE}},
	 .table = RAM_END - 24,
	 .indirect = {{A, 8, NEXT}, {B, 9, NEXT}, {A, 10}}, .readable = 3,
	 .segments = {{A, 8}, {B, 9}, {A, 10}}},
};

VECTORS_BY_NUMBER(chain)

static void chain_vector_place(const struct chain_vector *vector,
			       struct mock_driver *driver)
{
	for (__u32 i = 0; i < VECTOR_DESCS; i++) {
		if (i < driver->rings.num)
			mock_driver_describe(driver, i, &vector->desc[i]);
		if (vector->table)
			mock_driver_describe_at(driver, vector->table, i,
						&vector->indirect[i]);
	}
	mock_driver_offer(driver, 0, vector->head);
	mock_driver_show(driver, 0, vector->idx ? vector->idx : 1, 0);
}

const char *vector_chain_compare(const struct vq_chain *chain, __u32 head,
				 __u32 readable, __u32 writable,
				 const struct vector_segment *wanted,
				 const struct mock_driver *driver)
{
	if (chain->readable != readable || chain->writable != writable)
		return "number of segments";
	if (chain->head != head)
		return "head";
	for (__u32 i = 0; i < readable + writable; i++) {
		if (chain->segments[i].base !=
		    mock_driver_host(driver, wanted[i].addr))
			return "address of a segment";
		if (chain->segments[i].len != wanted[i].len)
			return "length of a segment";
	}
	return NULL;
}

const char *chain_vector_run(const struct chain_vector *vector, void *storage)
{
	__u32 capacity = vector->capacity ? vector->capacity : VECTOR_SEGMENTS;
	struct vq_segment segments[VECTOR_SEGMENTS];
	struct mock_driver driver;
	struct vq_device device;
	struct vq_chain chain;

	if (mock_driver_init(&driver, storage, vector->num ? vector->num : 4))
		return "set up the driver";
	chain_vector_place(vector, &driver);
	if (vq_device_init(&device, &driver.rings, driver.memory, 0, 0))
		return "set up the device";
	if (vq_device_pop(&device, segments, capacity, &chain) !=
	    -vector->error)
		return "result";
	if (!vector->error)
		return vector_chain_compare(&chain, vector->head,
					    vector->readable, vector->writable,
					    vector->segments, &driver);
	if (device.last_avail)
		return "a chain at fault was taken";
	if (vq_device_pop(&device, segments, capacity, &chain) !=
	    -vector->error)
		return "result of the second call";
	return NULL;
}
