/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Regions: what clients add to a table. Register, update, get and find take
 * the same time whatever the number of regions; unregister and compact move
 * what follows.
 */
#ifndef MD_REGION_H
#define MD_REGION_H

#include <linux/types.h>

#include "md_table.h"

/*
 * Longest full name, in bytes: firmware's file name md_NAME.BIN has 20 with
 * its NUL.
 */
#define MD_NAME_MAX 12u

/* Sizes are multiples of this many bytes. */
#define MD_REGION_ALIGN 4u

/**
 * struct md_region - a region of a client
 * @name: letters, digits and underscores, NUL-terminated
 * @seq: appended in decimal to the name unless 0: pieces of one thing
 * @virt: address in the running kernel, not 0
 * @phys: physical address
 * @size: bytes, not 0, a multiple of MD_REGION_ALIGN
 *
 * The name with the appended number is the full name. It has at most
 * MD_NAME_MAX bytes, is unique, and names the section and the saved file.
 */
struct md_region {
	const char *name;
	__u32 seq;
	__u64 virt;
	__u64 phys;
	__u64 size;
};

/**
 * md_name_compose() - make a full name
 * @name: the name
 * @seq: the number to append unless 0
 * @full: the full name, zero-padded, on success
 *
 * Return: 0; -EINVAL for a name that is empty, too long, reserved, or has
 * other characters than letters, digits and underscores.
 */
int md_name_compose(const char *name, __u32 seq, char full[MD_NAME_SIZE]);

/**
 * md_region_register() - add a region
 * @table: the table
 * @region: the region; nothing of it is referred to afterwards
 * @handle: names the region until it is unregistered, never 0
 *
 * The counterpart of qcom_minidump_region_register().
 *
 * Return: 0; -EINVAL for a bad name, address or size, or a range that wraps
 * around or is out of the reach of the ELF class; -EEXIST if the full name
 * is taken; -ENOSPC if the table is full.
 */
int md_region_register(struct md_table *table, const struct md_region *region,
		       __u64 *handle);

/**
 * md_region_update() - move or resize a region
 * @table: the table
 * @handle: the region
 * @region: the new @virt, @phys and @size; @name and @seq are not looked at
 *
 * A region whose size changes goes to the end of the core file and leaves a
 * hole in it until md_table_compact() or the next unregister. Collectors that
 * just write region after region, as old ones do, cannot cope with holes.
 *
 * Return: 0; -ENOENT for a handle of no region; -EINVAL as above; -ENOSPC if
 * the core file would be larger than the ELF class can say.
 */
int md_region_update(struct md_table *table, __u64 handle,
		     const struct md_region *region);

/**
 * md_region_unregister() - remove a region
 * @table: the table
 * @handle: the region
 *
 * What follows it moves up in all tables and in the core file; nothing of
 * the region is left in them.
 *
 * Return: 0; -ENOENT for a handle of no region.
 */
int md_region_unregister(struct md_table *table, __u64 handle);

/**
 * md_region_find() - find a region by its full name
 * @table: the table
 * @name: the full name
 * @handle: the region, on success
 *
 * Return: 0; -ENOENT if there is none of that name.
 */
int md_region_find(const struct md_table *table, const char *name,
		   __u64 *handle);

/**
 * md_region_get() - read a region back
 * @table: the table
 * @handle: the region
 * @region: the region; its name is valid until it is unregistered
 *
 * Return: 0; -ENOENT for a handle of no region.
 */
int md_region_get(const struct md_table *table, __u64 handle,
		  struct md_region *region);

/**
 * md_region_at() - the handle of the region at a place in the tables
 * @table: the table
 * @index: 0 to md_table.count - 1, the header not counted
 * @handle: the region, on success
 *
 * Return: 0; -ENOENT if there are fewer.
 */
int md_region_at(const struct md_table *table, __u32 index, __u64 *handle);

/**
 * md_table_compact() - close the holes that updates left in the core file
 * @table: the table
 *
 * Takes time in proportion to the number of regions.
 */
void md_table_compact(struct md_table *table);

#endif
