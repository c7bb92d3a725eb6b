// SPDX-License-Identifier: GPL-2.0-only
/* Its init function returns what it is told to. */
#include <linux/module.h>

static int err = 5;
module_param(err, int, 0444);
MODULE_PARM_DESC(err, "What the init function returns, negated");

static char word[8];
module_param_string(word, word, sizeof(word), 0444);
MODULE_PARM_DESC(word, "A word that has little room");

static int __init fail_init(void)
{
	return -err;
}

static void __exit fail_exit(void)
{
}

module_init(fail_init);
module_exit(fail_exit);
MODULE_DESCRIPTION("A module whose init function fails");
MODULE_LICENSE("GPL");
