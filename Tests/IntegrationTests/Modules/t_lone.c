// SPDX-License-Identifier: GPL-2.0-only
/* Uses a symbol of vhost; the test strikes out that it depends on it. */
#include <linux/module.h>

bool vhost_has_work(void *dev);

static int __init lone_init(void)
{
	return vhost_has_work(NULL) ? -EBUSY : 0;
}

static void __exit lone_exit(void)
{
}

module_init(lone_init);
module_exit(lone_exit);
MODULE_DESCRIPTION("A module that hides what it depends on");
MODULE_LICENSE("GPL");
