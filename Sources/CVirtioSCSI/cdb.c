// SPDX-License-Identifier: GPL-2.0-only OR MIT
#include "vq_platform.h"
#include "virtio_scsi_request.h"

#define CDB_TEST_UNIT_READY	    0x00
#define CDB_INQUIRY		    0x12
#define CDB_INQUIRY_PAGE	    0x01
#define CDB_READ_CAPACITY_10	    0x25
#define CDB_READ_10		    0x28
#define CDB_WRITE_10		    0x2a
#define CDB_READ_16		    0x88
#define CDB_WRITE_16		    0x8a
#define CDB_SERVICE_ACTION_IN_16    0x9e
#define CDB_READ_CAPACITY_16_ACTION 0x10
#define CDB_READ_CAPACITY_16_BYTES  32
#define CDB_REPORT_LUNS		    0xa0

static void cdb_begin(__u8 *cdb, __u8 opcode)
{
	memset(cdb, 0, VSCSI_CDB_SIZE);
	cdb[0] = opcode;
}

void vscsi_cdb_test_unit_ready(__u8 cdb[VSCSI_CDB_SIZE])
{
	cdb_begin(cdb, CDB_TEST_UNIT_READY);
}

void vscsi_cdb_inquiry(__u8 cdb[VSCSI_CDB_SIZE], __u16 bytes)
{
	cdb_begin(cdb, CDB_INQUIRY);
	put_unaligned_be16(bytes, cdb + 3);
}

void vscsi_cdb_inquiry_page(__u8 cdb[VSCSI_CDB_SIZE], __u8 page, __u16 bytes)
{
	vscsi_cdb_inquiry(cdb, bytes);
	cdb[1] = CDB_INQUIRY_PAGE;
	cdb[2] = page;
}

void vscsi_cdb_report_luns(__u8 cdb[VSCSI_CDB_SIZE], __u32 bytes)
{
	cdb_begin(cdb, CDB_REPORT_LUNS);
	put_unaligned_be32(bytes, cdb + 6);
}

void vscsi_cdb_read_capacity_10(__u8 cdb[VSCSI_CDB_SIZE])
{
	cdb_begin(cdb, CDB_READ_CAPACITY_10);
}

void vscsi_cdb_read_capacity_16(__u8 cdb[VSCSI_CDB_SIZE])
{
	cdb_begin(cdb, CDB_SERVICE_ACTION_IN_16);
	cdb[1] = CDB_READ_CAPACITY_16_ACTION;
	put_unaligned_be32(CDB_READ_CAPACITY_16_BYTES, cdb + 10);
}

static void cdb_blocks_10(__u8 *cdb, __u8 opcode, __u32 block, __u16 count)
{
	cdb_begin(cdb, opcode);
	put_unaligned_be32(block, cdb + 2);
	put_unaligned_be16(count, cdb + 7);
}

void vscsi_cdb_read_10(__u8 cdb[VSCSI_CDB_SIZE], __u32 block, __u16 count)
{
	cdb_blocks_10(cdb, CDB_READ_10, block, count);
}

void vscsi_cdb_write_10(__u8 cdb[VSCSI_CDB_SIZE], __u32 block, __u16 count)
{
	cdb_blocks_10(cdb, CDB_WRITE_10, block, count);
}

static void cdb_blocks_16(__u8 *cdb, __u8 opcode, __u64 block, __u32 count)
{
	cdb_begin(cdb, opcode);
	put_unaligned_be64(block, cdb + 2);
	put_unaligned_be32(count, cdb + 10);
}

void vscsi_cdb_read_16(__u8 cdb[VSCSI_CDB_SIZE], __u64 block, __u32 count)
{
	cdb_blocks_16(cdb, CDB_READ_16, block, count);
}

void vscsi_cdb_write_16(__u8 cdb[VSCSI_CDB_SIZE], __u64 block, __u32 count)
{
	cdb_blocks_16(cdb, CDB_WRITE_16, block, count);
}
