// SPDX-License-Identifier: GPL-2.0-only
/* Misbehaves in the round that it is told, and from then on where it leaks. */
#include <linux/delay.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/vmalloc.h>

int t_rounds_next(void);

static int at = 1;
module_param(at, int, 0444);
MODULE_PARM_DESC(at, "The first bad round");

static char *fault = "none";
module_param(fault, charp, 0444);
MODULE_PARM_DESC(fault, "What goes wrong then");

static bool is_due;
static int zero;

static void leak(size_t size, int count)
{
	while (count--)
		if (!kmalloc(size, GFP_KERNEL))
			pr_err("t_fault: no memory\n");
}

/* Writes the byte behind an object, and gives the object back. */
static void overrun(void)
{
	char *object = kmalloc(64, GFP_KERNEL);

	if (object)
		object[64 + READ_ONCE(zero)] = 1;
	kfree(object);
}

static void misbehave(void)
{
	if (!strcmp(fault, "leak"))
		leak(4096, 64);
	else if (!strcmp(fault, "leak-small"))
		leak(192, 64);
	else if (!strcmp(fault, "vmalloc") && !vmalloc(1 << 20))
		pr_err("t_fault: no memory\n");
	else if (!strcmp(fault, "warn"))
		WARN(1, "t_fault is not well\n");
	else if (!strcmp(fault, "oops"))
		WRITE_ONCE(*(int *)8, 1);
	else if (!strcmp(fault, "overrun"))
		overrun();
	else if (!strcmp(fault, "hang"))
		ssleep(1000);
}

static int __init fault_init(void)
{
	int round = t_rounds_next();

	is_due = round >= at;
	if (!is_due)
		return 0;
	misbehave();
	return strcmp(fault, "fail") ? 0 : -EIO;
}

static void __exit fault_exit(void)
{
	if (is_due && !strcmp(fault, "warn-exit"))
		WARN(1, "t_fault does not want to go\n");
	if (is_due && !strcmp(fault, "divide-exit"))
		pr_info("t_fault: %d\n", at / READ_ONCE(zero));
}

module_init(fault_init);
module_exit(fault_exit);
MODULE_DESCRIPTION("A module that misbehaves on demand");
MODULE_LICENSE("GPL");
