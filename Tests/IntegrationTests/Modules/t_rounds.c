// SPDX-License-Identifier: GPL-2.0-only
/* Counts the loads of t_fault, and stays loaded meanwhile. */
#include <linux/module.h>

int t_rounds_next(void);

static int rounds;
module_param(rounds, int, 0644);
MODULE_PARM_DESC(rounds, "How many there were");

int t_rounds_next(void)
{
	return ++rounds;
}
EXPORT_SYMBOL_GPL(t_rounds_next);

static int __init rounds_init(void)
{
	return 0;
}

static void __exit rounds_exit(void)
{
}

module_init(rounds_init);
module_exit(rounds_exit);
MODULE_DESCRIPTION("A counter of rounds");
MODULE_LICENSE("GPL");
