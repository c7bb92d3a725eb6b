/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * What a server that is taken over by its guest can still ask the kernel for:
 * next to nothing.
 */
#ifndef SANDBOX_H
#define SANDBOX_H

/**
 * sandbox_enter() - give up all system calls but those that serving takes
 * @opens: whether files may still be opened and made
 *
 * For all threads, those to come included, and for good. A call that is not
 * on the list fails with EPERM. Calls that only an intruder makes (another
 * program, another process's memory, other rights, the kernel's own insides)
 * kill the process.
 *
 * Return: 0; -EOPNOTSUPP where the list is not known for the processor; what
 * prctl() and seccomp() give.
 */
int sandbox_enter(_Bool opens);

#endif
