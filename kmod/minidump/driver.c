// SPDX-License-Identifier: GPL-2.0-only
/*
 * Qualcomm minidump: keeps the table of memory regions that boot firmware
 * saves after a crash. The table itself is the work of the minidump core.
 */
#include <linux/module.h>
#include <linux/platform_device.h>

#include "minidump.h"
#include "qcom_minidump.h"

struct minidump minidump = {
	.lock = __MUTEX_INITIALIZER(minidump.lock),
	.ready = -EPROBE_DEFER,
	.handles = LIST_HEAD_INIT(minidump.handles),
};

static unsigned int capacity = MD_CAPACITY_DEFAULT;
module_param(capacity, uint, 0444);
MODULE_PARM_DESC(capacity,
		 "Most regions of this kernel; old firmware takes 200");

static void minidump_withdraw(void *unused)
{
	mutex_lock(&minidump.lock);
	md_table_withdraw(&minidump.table);
	minidump_handles_drop();
	minidump.ready = -ENODEV;
	mutex_unlock(&minidump.lock);
}

/* Shared memory sees nothing before all that can fail has succeeded. */
static int minidump_start(struct device *dev)
{
	const struct md_provider *provider = dev_get_platdata(dev);
	struct minidump_subsystem *subsystem;
	int error;

	if (!minidump.ready)
		return -EBUSY;
	error = md_toc_open(provider ?: &minidump_smem, &minidump.toc);
	if (error)
		return error;
	error = md_toc_subsystem(&minidump.toc, MD_SUBSYSTEM_APSS, &subsystem);
	if (error)
		return error;
	error = minidump_table_init(dev, &minidump.table, capacity);
	if (error)
		return error;
	return md_table_show(&minidump.table, subsystem);
}

static const char *reason(int error)
{
	switch (error) {
	case -EINVAL:
		return "shared memory holds no minidump table of a known "
		       "layout with room for this system, or capacity is out "
		       "of range";
	case -ENODEV:
		return "firmware has minidump switched off or there is no "
		       "shared memory";
	case -ENOMEM:
		return "no memory for the table";
	default:
		return "cannot start";
	}
}

static int minidump_probe(struct platform_device *pdev)
{
	struct device *dev = &pdev->dev;
	int error;

	mutex_lock(&minidump.lock);
	error = minidump_start(dev);
	if (error != -EBUSY)
		minidump.ready = error;
	mutex_unlock(&minidump.lock);
	if (error)
		return dev_err_probe(dev, error, "%s\n", reason(error));
	/* Runs first when the device goes: before any memory is freed. */
	return devm_add_action_or_reset(dev, minidump_withdraw, NULL);
}

static struct platform_driver minidump_driver = {
	.probe = minidump_probe,
	.driver =
		{
			.name = QCOM_MINIDUMP_DEVICE,
		},
};

static int __init minidump_init(void)
{
	int error;

	minidump_listing_create();
	error = platform_driver_register(&minidump_driver);
	if (error)
		minidump_listing_remove();
	return error;
}
module_init(minidump_init);

static void __exit minidump_exit(void)
{
	platform_driver_unregister(&minidump_driver);
	minidump_listing_remove();
}
module_exit(minidump_exit);

MODULE_ALIAS("platform:" QCOM_MINIDUMP_DEVICE);
MODULE_DESCRIPTION("Qualcomm minidump table");
MODULE_LICENSE("GPL");
