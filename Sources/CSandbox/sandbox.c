// SPDX-License-Identifier: GPL-2.0-only OR MIT
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "sandbox.h"

#if defined(__x86_64__)

/* Found by strace, in the order of what they are for. */
static const int sandbox_serving[] = {
	/* Blocks. */
	SYS_read,
	SYS_write,
	SYS_readv,
	SYS_writev,
	SYS_pread64,
	SYS_pwrite64,
	SYS_preadv,
	SYS_pwritev,
	SYS_preadv2,
	SYS_pwritev2,
	SYS_lseek,
	SYS_fsync,
	SYS_fdatasync,
	SYS_sync_file_range,
	SYS_fallocate,
	SYS_ftruncate,
	SYS_ioctl,
	SYS_io_uring_setup,
	SYS_io_uring_enter,
	SYS_io_uring_register,
	/* Front-ends. */
	SYS_accept4,
	SYS_recvmsg,
	SYS_sendmsg,
	SYS_recvfrom,
	SYS_sendto,
	SYS_getsockopt,
	SYS_setsockopt,
	SYS_shutdown,
	SYS_poll,
	SYS_ppoll,
	SYS_eventfd2,
	SYS_memfd_create,
	SYS_fcntl,
	SYS_close,
	SYS_fstat,
	SYS_newfstatat,
	SYS_statx,
	SYS_fstatfs,
	SYS_readlink,
	SYS_readlinkat,
	SYS_dup,
	SYS_unlink,
	SYS_unlinkat,
	/* Threads and memory. */
	SYS_mmap,
	SYS_munmap,
	SYS_mprotect,
	SYS_mremap,
	SYS_madvise,
	SYS_brk,
	SYS_clone,
	SYS_clone3,
	SYS_set_robust_list,
	SYS_rseq,
	SYS_futex,
	SYS_set_tid_address,
	SYS_gettid,
	SYS_getpid,
	SYS_tgkill,
	SYS_exit,
	SYS_exit_group,
	SYS_prctl,
	SYS_sched_yield,
	SYS_sched_getaffinity,
	SYS_sched_getparam,
	SYS_sched_getscheduler,
	SYS_getrandom,
	SYS_clock_gettime,
	SYS_clock_nanosleep,
	SYS_nanosleep,
	SYS_timer_create,
	SYS_timer_settime,
	SYS_timer_delete,
	SYS_rt_sigaction,
	SYS_rt_sigprocmask,
	SYS_rt_sigreturn,
	SYS_sigaltstack,
	SYS_restart_syscall,
	SYS_sysinfo,
	SYS_uname,
	SYS_prlimit64,
	SYS_umask,
};

/* Units that come later. */
static const int sandbox_opening[] = {
	SYS_open,
	SYS_openat,
	SYS_access,
	SYS_faccessat,
	SYS_faccessat2,
	SYS_rename,
	SYS_renameat,
	SYS_renameat2,
	SYS_socket,
	SYS_connect,
	/* Names of servers are looked up again. */
	SYS_sendmmsg,
};

static const int sandbox_deadly[] = {
	SYS_execve,
	SYS_execveat,
	SYS_fork,
	SYS_vfork,
	SYS_ptrace,
	SYS_process_vm_readv,
	SYS_process_vm_writev,
	SYS_setuid,
	SYS_setgid,
	SYS_setreuid,
	SYS_setresuid,
	SYS_setns,
	SYS_unshare,
	SYS_mount,
	SYS_pivot_root,
	SYS_chroot,
	SYS_init_module,
	SYS_finit_module,
	SYS_kexec_load,
	SYS_bpf,
	SYS_perf_event_open,
	SYS_keyctl,
	SYS_userfaultfd,
	SYS_open_by_handle_at,
	SYS_reboot,
};

#define COUNT(list) (sizeof(list) / sizeof((list)[0]))
#define SANDBOX_LINES                                                          \
	(COUNT(sandbox_serving) + COUNT(sandbox_opening) +                     \
	 COUNT(sandbox_deadly))
#define SANDBOX_ALL (2 * SANDBOX_LINES + 8)
#define FIELD(name)                                                            \
	BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, name))
#define IS(value)	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, 0, 1)
#define ANSWER(verdict) BPF_STMT(BPF_RET | BPF_K, verdict)

/**
 * struct sandbox_program - a filter that is being written
 * @lines: its instructions
 * @count: how many there are
 */
struct sandbox_program {
	struct sock_filter lines[SANDBOX_ALL];
	unsigned short count;
};

static void sandbox_add(struct sandbox_program *program,
			struct sock_filter line)
{
	program->lines[program->count++] = line;
}

static void sandbox_list(struct sandbox_program *program, const int *calls,
			 size_t count, __u32 verdict)
{
	for (size_t i = 0; i < count; i++) {
		sandbox_add(program, (struct sock_filter)IS((__u32)calls[i]));
		sandbox_add(program, (struct sock_filter)ANSWER(verdict));
	}
}

static void sandbox_write(struct sandbox_program *program, bool opens)
{
	sandbox_add(program, (struct sock_filter)FIELD(arch));
	sandbox_add(program,
		    (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K,
						 AUDIT_ARCH_X86_64, 1, 0));
	sandbox_add(program,
		    (struct sock_filter)ANSWER(SECCOMP_RET_KILL_PROCESS));
	/* Numbers of the x32 world are none of the list, and fail. */
	sandbox_add(program, (struct sock_filter)FIELD(nr));
	sandbox_list(program, sandbox_serving, COUNT(sandbox_serving),
		     SECCOMP_RET_ALLOW);
	if (opens)
		sandbox_list(program, sandbox_opening, COUNT(sandbox_opening),
			     SECCOMP_RET_ALLOW);
	sandbox_list(program, sandbox_deadly, COUNT(sandbox_deadly),
		     SECCOMP_RET_KILL_PROCESS);
	sandbox_add(program,
		    (struct sock_filter)ANSWER(SECCOMP_RET_ERRNO | EPERM));
}

int sandbox_enter(_Bool opens)
{
	struct sandbox_program program = {.count = 0};
	struct sock_fprog filter = {.filter = program.lines};

	sandbox_write(&program, opens);
	filter.len = program.count;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		return -errno;
	if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER,
		    SECCOMP_FILTER_FLAG_TSYNC, &filter))
		return -errno;
	return 0;
}

#else

int sandbox_enter(_Bool opens)
{
	(void)opens;
	return -EOPNOTSUPP;
}

#endif
