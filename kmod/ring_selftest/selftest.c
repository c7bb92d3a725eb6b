// SPDX-License-Identifier: GPL-2.0-only
/*
 * Runs the vectors of the ring core and the virtio-scsi core in the kernel
 * when it is loaded, and tells in <debugfs>/ring_selftest what came of it:
 * a line for each failure, a line with the counts, and the device side's
 * speed.
 */
#include <linux/debugfs.h>
#include <linux/math64.h>
#include <linux/module.h>
#include <linux/seq_file.h>
#include <linux/slab.h>

#include "selftest.h"
#include "vectors.h"

#define SELFTEST_FAILURES 16

struct selftest_failure {
	const char *name;
	const char *fault;
};

static struct {
	struct dentry *file;
	struct selftest_failure failures[SELFTEST_FAILURES];
	u32 passed;
	u32 failed;
	int timing_error;
	struct timing timing;
} selftest;

static void selftest_note(const char *name, const char *fault)
{
	if (!fault) {
		selftest.passed++;
		return;
	}
	pr_err("ring_selftest: %s: %s\n", name, fault);
	if (selftest.failed < SELFTEST_FAILURES)
		selftest.failures[selftest.failed] =
			(struct selftest_failure){name, fault};
	selftest.failed++;
}

static void selftest_run(void *storage)
{
	const char *name, *fault;
	u32 index = 0;

	while ((name = vector_run(index++, storage, &fault)))
		selftest_note(name, fault);
}

static void selftest_show_time(struct seq_file *file, const char *name,
			       u64 picoseconds)
{
	u32 rest;
	u64 whole = div_u64_rem(picoseconds, 1000, &rest);

	seq_printf(file, "%s: %llu.%u ns\n", name, whole, rest / 100);
}

static int selftest_show(struct seq_file *file, void *unused)
{
	const struct timing *timing = &selftest.timing;

	for (u32 i = 0; i < min_t(u32, selftest.failed, SELFTEST_FAILURES); i++)
		seq_printf(file, "FAILED %s: %s\n", selftest.failures[i].name,
			   selftest.failures[i].fault);
	seq_printf(file, "vectors: %u passed, %u failed\n", selftest.passed,
		   selftest.failed);
	if (selftest.timing_error) {
		seq_printf(file, "timing: error %d\n", selftest.timing_error);
		return 0;
	}
	selftest_show_time(file, "split read batch 32", timing->split_batch);
	selftest_show_time(file, "split read batch 1", timing->split_one);
	selftest_show_time(file, "packed read batch 32", timing->packed_batch);
	selftest_show_time(file, "packed read batch 1", timing->packed_one);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(selftest);

static int __init selftest_init(void)
{
	/* Of this size, it is aligned to a page. */
	void *storage = kzalloc(MOCK_BYTES, GFP_KERNEL);

	if (!storage)
		return -ENOMEM;
	selftest_run(storage);
	kfree(storage);
	selftest.timing_error = timing_measure(&selftest.timing);
	selftest.file = debugfs_create_file("ring_selftest", 0444, NULL, NULL,
					    &selftest_fops);
	pr_info("ring_selftest: %u vectors passed, %u failed\n",
		selftest.passed, selftest.failed);
	return 0;
}
module_init(selftest_init);

static void __exit selftest_exit(void)
{
	debugfs_remove(selftest.file);
}
module_exit(selftest_exit);

MODULE_DESCRIPTION("Vectors and timing of the virtqueue core");
MODULE_LICENSE("GPL");
