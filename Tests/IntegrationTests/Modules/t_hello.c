// SPDX-License-Identifier: GPL-2.0-only
/* Loads, and has parameters of three types. */
#include <linux/module.h>

static int n = 1;
module_param(n, int, 0444);
MODULE_PARM_DESC(n, "A number");

static bool flag;
module_param(flag, bool, 0444);

static char *text = "none";
module_param(text, charp, 0444);

static int __init hello_init(void)
{
	pr_info("n=%d flag=%d text=%s\n", n, flag, text);
	return 0;
}

static void __exit hello_exit(void)
{
}

module_init(hello_init);
module_exit(hello_exit);
MODULE_DESCRIPTION("A module with parameters");
MODULE_LICENSE("GPL");
