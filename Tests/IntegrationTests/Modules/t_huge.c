// SPDX-License-Identifier: GPL-2.0-only
/* Has more data than there is room for modules. */
#include <linux/module.h>

static char room[1 << 30];

static int __init huge_init(void)
{
	WRITE_ONCE(room[0], 1);
	return 0;
}

static void __exit huge_exit(void)
{
}

module_init(huge_init);
module_exit(huge_exit);
MODULE_DESCRIPTION("A module that is too large");
MODULE_LICENSE("GPL");
