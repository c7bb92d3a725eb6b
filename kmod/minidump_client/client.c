// SPDX-License-Identifier: GPL-2.0-only
/*
 * A client of the minidump driver: registers memory of every kind with known
 * contents, storms the table on request (storm=N, or written to the
 * parameter later), and panics on request (crash=1, written or given).
 */
#include <linux/kernel.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/panic.h>
#include <linux/slab.h>

#include "client.h"
#include "qcom_minidump.h"

#define REGIONS_MAX 64

/* Regions that a storm has at once, each a word longer than the last. */
#define STORM_REGIONS 16

static struct qcom_minidump_handle *handles[REGIONS_MAX];
static unsigned int handle_count;
static bool running;

/* One storm at a time. */
static DEFINE_MUTEX(storm_lock);

int client_region_add(const char *name, const void *at, size_t size)
{
	const struct qcom_minidump_region region = {
		.name = name,
		.virt_addr = at,
		.size = size,
	};
	int error;

	if (handle_count == REGIONS_MAX)
		return -ENOSPC;
	error = qcom_minidump_region_register(&region, &handles[handle_count]);
	if (error)
		pr_err("minidump_client: register %s: error %d\n", name, error);
	else
		handle_count++;
	return error;
}

static int storm_register(u32 *memory, unsigned int i,
			  struct qcom_minidump_handle **handle)
{
	char name[16];
	const struct qcom_minidump_region region = {
		.name = name,
		.virt_addr = memory,
		.size = (i + 1) * sizeof(*memory),
	};

	snprintf(name, sizeof(name), "STORM%u", i);
	return qcom_minidump_region_register(&region, handle);
}

/* Register all, resize some, unregister in another order. */
static int storm_round(u32 *memory)
{
	struct qcom_minidump_handle *storm[STORM_REGIONS] = {};
	unsigned int i;
	int error = 0;

	for (i = 0; i < STORM_REGIONS && !error; i++)
		error = storm_register(memory, i, &storm[i]);
	for (i = 0; i < STORM_REGIONS && !error; i += 3)
		error = qcom_minidump_region_update(storm[i], memory + i, 8);
	for (i = 0; i < STORM_REGIONS; i++)
		qcom_minidump_region_unregister(storm[(i * 7) % STORM_REGIONS]);
	return error;
}

static int storm_run(unsigned int rounds)
{
	u32 *memory = kcalloc(2 * STORM_REGIONS, sizeof(*memory), GFP_KERNEL);
	int error = memory ? 0 : -ENOMEM;

	mutex_lock(&storm_lock);
	while (rounds-- > 0 && !error)
		error = storm_round(memory);
	mutex_unlock(&storm_lock);
	kfree(memory);
	return error;
}

static unsigned int storm;

static int storm_set(const char *value, const struct kernel_param *param)
{
	int error = param_set_uint(value, param);

	return error || !running ? error : storm_run(storm);
}

static const struct kernel_param_ops storm_ops = {
	.set = storm_set,
	.get = param_get_uint,
};
module_param_cb(storm, &storm_ops, &storm, 0644);
MODULE_PARM_DESC(storm, "Rounds of registering and unregistering regions");

static bool crash;

static int crash_set(const char *value, const struct kernel_param *param)
{
	int error = param_set_bool(value, param);

	if (!error && crash && running)
		panic("minidump_client: as requested");
	return error;
}

static const struct kernel_param_ops crash_ops = {
	.flags = KERNEL_PARAM_OPS_FL_NOARG,
	.set = crash_set,
	.get = param_get_bool,
};
module_param_cb(crash, &crash_ops, &crash, 0644);
MODULE_PARM_DESC(crash, "Panic as soon as all regions are registered");

static void regions_remove(void)
{
	while (handle_count > 0)
		qcom_minidump_region_unregister(handles[--handle_count]);
	patterns_free();
}

static int __init minidump_client_init(void)
{
	int error = qcom_minidump_ready();

	if (error) {
		pr_err("minidump_client: the minidump driver is not ready: "
		       "error %d\n",
		       error);
		return error;
	}
	error = patterns_add();
	if (!error) {
		error = printk_ring_add();
		/* A kernel without crash support has no note to go by. */
		error = error == -ENODATA ? 0 : error;
	}
	if (!error)
		error = layout_add();
	if (!error)
		error = storm_run(storm);
	if (error) {
		regions_remove();
		return error;
	}
	running = true;
	if (crash)
		panic("minidump_client: as requested");
	return 0;
}
module_init(minidump_client_init);

static void __exit minidump_client_exit(void)
{
	regions_remove();
}
module_exit(minidump_client_exit);

MODULE_DESCRIPTION("Sample client of the minidump driver");
MODULE_LICENSE("GPL");
