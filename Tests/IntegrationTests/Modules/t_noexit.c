// SPDX-License-Identifier: GPL-2.0-only
/* Cannot be unloaded, for want of an exit function. */
#include <linux/module.h>

static int __init noexit_init(void)
{
	return 0;
}

module_init(noexit_init);
MODULE_DESCRIPTION("A module without an exit function");
MODULE_LICENSE("GPL");
