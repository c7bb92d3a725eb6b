// SPDX-License-Identifier: GPL-2.0-only OR MIT
#include <md_platform.h>

#include "md_toc.h"

int md_toc_open(const struct md_provider *provider, struct md_toc *toc)
{
	struct minidump_global_toc *global;
	void *data = NULL;
	__u64 size = 0;
	__u64 count;
	int error;

	error = provider->get(provider->context, MD_SMEM_HOST_ANY, MD_SMEM_ITEM,
			      &data, &size);
	if (error)
		return error;
	if (!data || (unsigned long)data % sizeof(__u64) ||
	    size < MD_GLOBAL_TOC_BYTES)
		return -EINVAL;
	global = data;
	if (global->status == 0 ||
	    le32_to_cpu(global->md_revision) != MD_REVISION)
		return -EINVAL;
	if (le32_to_cpu(global->enabled) != MD_ENABLED)
		return -ENODEV;
	count = (size - MD_GLOBAL_TOC_BYTES) / MD_SUBSYSTEM_BYTES;
	toc->global = global;
	toc->subsystem_count = count < 0xffffffffu ? (__u32)count : 0xffffffffu;
	return 0;
}

int md_toc_subsystem(const struct md_toc *toc, __u32 index,
		     struct minidump_subsystem **subsystem)
{
	if (index >= toc->subsystem_count)
		return -EINVAL;
	*subsystem = &toc->global->subsystems[index];
	return 0;
}
