/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The tables as they lie in memory: the global table of contents in shared
 * memory (SMEM), one entry per subsystem in it, and the region table that
 * each subsystem's entry points to. All of it is little-endian, naturally
 * aligned, and without a checksum.
 */
#ifndef MD_TOC_H
#define MD_TOC_H

#include <linux/types.h>

/* Where the global table is: an SMEM item that no host owns. */
#define MD_SMEM_HOST_ANY 0xffffffffu
#define MD_SMEM_ITEM	 602u

/* The layout that this core knows. */
#define MD_REVISION 1u

/* Indices of well-known subsystems. */
#define MD_SUBSYSTEM_APSS  0u
#define MD_SUBSYSTEM_MODEM 3u
#define MD_SUBSYSTEM_ADSP  5u
#define MD_SUBSYSTEM_CDSP  7u

/* minidump_region.valid; "VALI" reads 49 4c 41 56 in memory. */
#define MD_REGION_NOINIT  0x00000000u
#define MD_REGION_VALID	  0x56414c49u
#define MD_REGION_INVALID 0x494e5641u
#define MD_REGION_INIT	  0x494e4954u

/* minidump_subsystem.enabled and minidump_global_toc.enabled: ENBL, DSBL. */
#define MD_ENABLED  0x454e424cu
#define MD_DISABLED 0x4453424cu

/* minidump_subsystem.status and minidump_global_toc.status. */
#define MD_STATUS_READY 1u

/* minidump_subsystem.encryption_required: "YES", "NR". */
#define MD_ENCRYPTION_REQUIRED	   0x00594553u
#define MD_ENCRYPTION_NOT_REQUIRED 0x00004e52u

/* minidump_subsystem.encryption_status: NONE, STRT, DONE. */
#define MD_ENCRYPTION_NONE    0x4e4f4e45u
#define MD_ENCRYPTION_STARTED 0x53545254u
#define MD_ENCRYPTION_DONE    0x444f4e45u

/* Bytes of a name field, in regions and in the ELF string table. */
#define MD_NAME_SIZE 16u

/* Bytes of each structure, the same in every build. */
#define MD_REGION_BYTES	    40u
#define MD_SUBSYSTEM_BYTES  32u
#define MD_GLOBAL_TOC_BYTES 16u

/**
 * struct minidump_region - one range of memory that firmware saves
 * @name: name, NUL-padded; old writers may leave no NUL
 * @seq_num: appended in decimal to the name of the saved file unless 0
 * @valid: MD_REGION_VALID, or the entry is to be skipped
 * @address: physical address
 * @size: bytes
 *
 * The counterpart of struct minidump_region in the kernel's qcom_common.c.
 */
struct minidump_region {
	char name[MD_NAME_SIZE];
	__le32 seq_num;
	__le32 valid;
	__le64 address;
	__le64 size;
};

/**
 * struct minidump_subsystem - what firmware knows of one subsystem
 * @status: MD_STATUS_READY once its owner has filled it in
 * @enabled: MD_ENABLED, or it is not collected
 * @encryption_status: MD_ENCRYPTION_DONE, or it cannot be collected yet
 * @encryption_required: MD_ENCRYPTION_REQUIRED or _NOT_REQUIRED
 * @region_count: entries of the region table
 * @pad: 0
 * @regions_baseptr: physical address of the region table
 */
struct minidump_subsystem {
	__le32 status;
	__le32 enabled;
	__le32 encryption_status;
	__le32 encryption_required;
	__le32 region_count;
	__le32 pad;
	__le64 regions_baseptr;
};

/**
 * struct minidump_global_toc - the SMEM item
 * @status: not 0 once boot firmware has set it up
 * @md_revision: MD_REVISION
 * @enabled: MD_ENABLED if firmware collects at all
 * @pad: 0
 * @subsystems: as many as the size of the SMEM item has room for
 */
struct minidump_global_toc {
	__le32 status;
	__le32 md_revision;
	__le32 enabled;
	__le32 pad;
	struct minidump_subsystem subsystems[];
};

/**
 * struct md_provider - where the SMEM item comes from
 * @get: give the item's address and size in bytes; 0 or -errno, of which
 *	-EPROBE_DEFER (it will come later) and -ENODEV (it never will) matter
 * @context: passed to @get
 *
 * The counterpart of qcom_smem_get(), or a simulation of it.
 */
struct md_provider {
	int (*get)(void *context, __u32 host, __u32 item, void **data,
		   __u64 *size);
	void *context;
};

/**
 * struct md_toc - a global table that has been checked
 * @global: the SMEM item
 * @subsystem_count: entries it has room for
 */
struct md_toc {
	struct minidump_global_toc *global;
	__u32 subsystem_count;
};

/**
 * md_toc_open() - ask for the global table and check it
 * @provider: where it comes from
 * @toc: the table, on success
 *
 * The counterpart of qcom_minidump_ready(). Nothing is remembered of a
 * failure: the next call asks again.
 *
 * Return: 0; what the provider returned, unchanged; -EINVAL if the item is
 * shorter than its header, misaligned, not initialised by firmware
 * (status 0) or of another revision; -ENODEV if firmware has switched
 * minidump off.
 */
int md_toc_open(const struct md_provider *provider, struct md_toc *toc);

/**
 * md_toc_subsystem() - find one subsystem's entry
 * @toc: the table
 * @index: which, MD_SUBSYSTEM_*
 * @subsystem: the entry, on success
 *
 * The counterpart of qcom_minidump_subsystem_desc().
 *
 * Return: 0; -EINVAL if the item has no room for that many.
 */
int md_toc_subsystem(const struct md_toc *toc, __u32 index,
		     struct minidump_subsystem **subsystem);

#endif
