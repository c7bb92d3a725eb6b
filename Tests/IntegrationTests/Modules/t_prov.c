// SPDX-License-Identifier: GPL-2.0-only
/* Provides the symbol that t_cons needs. */
#include <linux/module.h>

int t_prov_fn(void);

int t_prov_fn(void)
{
	return 42;
}
EXPORT_SYMBOL_GPL(t_prov_fn);

MODULE_DESCRIPTION("A module that exports a symbol");
MODULE_LICENSE("GPL");
