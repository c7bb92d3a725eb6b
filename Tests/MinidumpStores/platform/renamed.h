/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* This build of the core stands beside the product's in one program. */
#ifndef STORES_RENAMED_H
#define STORES_RENAMED_H

#define md_bucket_count	     logged_md_bucket_count
#define md_header_clear	     logged_md_header_clear
#define md_header_count	     logged_md_header_count
#define md_header_init	     logged_md_header_init
#define md_header_put	     logged_md_header_put
#define md_layout_init	     logged_md_layout_init
#define md_name_compose	     logged_md_name_compose
#define md_region_at	     logged_md_region_at
#define md_region_find	     logged_md_region_find
#define md_region_get	     logged_md_region_get
#define md_region_register   logged_md_region_register
#define md_region_unregister logged_md_region_unregister
#define md_region_update     logged_md_region_update
#define md_slot_find	     logged_md_slot_find
#define md_slot_handle	     logged_md_slot_handle
#define md_slot_of	     logged_md_slot_of
#define md_slot_release	     logged_md_slot_release
#define md_slot_take	     logged_md_slot_take
#define md_slots_init	     logged_md_slots_init
#define md_storage_size	     logged_md_storage_size
#define md_table_change	     logged_md_table_change
#define md_table_compact     logged_md_table_compact
#define md_table_init	     logged_md_table_init
#define md_table_pack	     logged_md_table_pack
#define md_table_reaches     logged_md_table_reaches
#define md_table_show	     logged_md_table_show
#define md_table_withdraw    logged_md_table_withdraw
#define md_toc_open	     logged_md_toc_open
#define md_toc_subsystem     logged_md_toc_subsystem

#endif
