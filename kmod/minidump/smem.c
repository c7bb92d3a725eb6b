// SPDX-License-Identifier: GPL-2.0-only
#include <linux/err.h>
#include <linux/errno.h>
#include <linux/kconfig.h>

#if IS_REACHABLE(CONFIG_QCOM_SMEM)
#include <linux/soc/qcom/smem.h>
#endif

#include "minidump.h"

static int smem_get(void *context, u32 host, u32 item, void **data, u64 *size)
{
#if IS_REACHABLE(CONFIG_QCOM_SMEM)
	size_t bytes = 0;
	void *found = qcom_smem_get(host, item, &bytes);

	if (IS_ERR(found))
		return PTR_ERR(found);
	*data = found;
	*size = bytes;
	return 0;
#else
	return -ENODEV;
#endif
}

const struct md_provider minidump_smem = {.get = smem_get};
