// SPDX-License-Identifier: GPL-2.0-only
/* Is in use as long as somebody has /proc/t_hold open. */
#include <linux/module.h>
#include <linux/proc_fs.h>

static int hold_open(struct inode *inode, struct file *file)
{
	return try_module_get(THIS_MODULE) ? 0 : -ENODEV;
}

static int hold_release(struct inode *inode, struct file *file)
{
	module_put(THIS_MODULE);
	return 0;
}

static const struct proc_ops hold_ops = {
	.proc_open = hold_open,
	.proc_release = hold_release,
};

static int __init hold_init(void)
{
	return proc_create("t_hold", 0400, NULL, &hold_ops) ? 0 : -ENOMEM;
}

static void __exit hold_exit(void)
{
	remove_proc_entry("t_hold", NULL);
}

module_init(hold_init);
module_exit(hold_exit);
MODULE_DESCRIPTION("A module that can be held");
MODULE_LICENSE("GPL");
