// SPDX-License-Identifier: GPL-2.0-only OR MIT
#include "queue.h"

#define OPCODE_READ_10		    0x28
#define OPCODE_WRITE_10		    0x2a
#define OPCODE_READ_16		    0x88
#define OPCODE_WRITE_16		    0x8a
#define OPCODE_SYNCHRONIZE_CACHE_10 0x35
#define OPCODE_SYNCHRONIZE_CACHE_16 0x91

#define FLAG_FUA 0x08
#define FLAG_DPO 0x10

/* What the unit reports as its longest transfer. */
#define TRANSFER_MAX (16u << 20)

/**
 * struct extent - what a CDB asks for
 * @block: first block
 * @count: number of blocks
 * @flags: second byte
 * @control: last byte
 * @write: which way
 */
struct extent {
	__u64 block;
	__u32 count;
	__u8 flags;
	__u8 control;
	bool write;
};

static __u32 big_endian_16(const __u8 *bytes)
{
	return (__u32)bytes[0] << 8 | bytes[1];
}

static __u32 big_endian_32(const __u8 *bytes)
{
	return big_endian_16(bytes) << 16 | big_endian_16(bytes + 2);
}

static __u64 big_endian_64(const __u8 *bytes)
{
	return (__u64)big_endian_32(bytes) << 32 | big_endian_32(bytes + 4);
}

static bool extent_decode(const __u8 *cdb, struct extent *extent)
{
	extent->flags = cdb[1];
	switch (cdb[0]) {
	case OPCODE_READ_10:
	case OPCODE_WRITE_10:
		extent->block = big_endian_32(cdb + 2);
		extent->count = big_endian_16(cdb + 7);
		extent->control = cdb[9];
		extent->write = cdb[0] == OPCODE_WRITE_10;
		return true;
	case OPCODE_READ_16:
	case OPCODE_WRITE_16:
		extent->block = big_endian_64(cdb + 2);
		extent->count = big_endian_32(cdb + 10);
		extent->control = cdb[15];
		extent->write = cdb[0] == OPCODE_WRITE_16;
		return true;
	default:
		return false;
	}
}

bool transfer_decode(const struct vscsi_request *request,
		     const struct tq_unit *unit, struct transfer *transfer)
{
	__u32 open = virt_load_acquire(&unit->open);
	__u64 blocks = READ_ONCE(unit->blocks);
	struct extent extent;

	if (!extent_decode(request->command.cdb, &extent) || extent.control ||
	    extent.flags & ~(FLAG_DPO | FLAG_FUA) || !extent.count ||
	    request->pi_bytes)
		return false;
	if (!(open & (extent.write ? TQ_OPEN_WRITE : TQ_OPEN_READ)))
		return false;
	/* A read past the write cache is rare enough. */
	if (!extent.write && extent.flags & FLAG_FUA)
		return false;
	if (extent.block >= blocks || extent.count > blocks - extent.block)
		return false;
	transfer->offset = extent.block << unit->block_shift;
	transfer->bytes = (__u64)extent.count << unit->block_shift;
	transfer->write = extent.write;
	transfer->stable =
		extent.flags & FLAG_FUA || open & TQ_OPEN_WRITE_THROUGH;
	return transfer->bytes <= TRANSFER_MAX &&
	       transfer->bytes <= request->data_bytes &&
	       request->direction ==
		       (extent.write ? VSCSI_TO_DEVICE : VSCSI_FROM_DEVICE);
}

bool flush_decode(const struct vscsi_request *request,
		  const struct tq_unit *unit)
{
	const __u8 *cdb = request->command.cdb;
	unsigned int bytes = 10;

	if (cdb[0] == OPCODE_SYNCHRONIZE_CACHE_16)
		bytes = 16;
	else if (cdb[0] != OPCODE_SYNCHRONIZE_CACHE_10)
		return false;
	/* All blocks, and an answer when it is done: what drivers ask for. */
	for (unsigned int i = 1; i < bytes; i++)
		if (cdb[i])
			return false;
	/* Without a write cache, that one is asked for is news to the unit. */
	return (virt_load_acquire(&unit->open) &
		(TQ_OPEN_WRITE | TQ_OPEN_WRITE_THROUGH)) == TQ_OPEN_WRITE &&
	       request->direction == VSCSI_NO_DATA;
}
