// SPDX-License-Identifier: GPL-2.0-only
/* Needs t_prov, wants t_hello before it, and fails when told to. */
#include <linux/module.h>

int t_prov_fn(void);

static int err;
module_param(err, int, 0444);
MODULE_PARM_DESC(err, "What the init function returns, negated");

static int __init cons_init(void)
{
	return err ? -err : t_prov_fn() - 42;
}

static void __exit cons_exit(void)
{
}

module_init(cons_init);
module_exit(cons_exit);
MODULE_SOFTDEP("pre: t_hello");
MODULE_DESCRIPTION("A module that uses the symbol of another one");
MODULE_LICENSE("GPL");
