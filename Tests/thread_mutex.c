// SPDX-License-Identifier: MIT
/*
 * Tells the thread sanitizer what Swift's Mutex orders. Its fast paths are
 * inlined, where the sanitizer sees them; those of a mutex that somebody waits
 * for are in a library that is not instrumented. To be preloaded, in front of
 * that library.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdint.h>

#define SWIFT	__attribute__((swiftcall))
#define CONTEXT __attribute__((swift_context))

#define LOCK   "$s15Synchronization12_MutexHandleV9_lockSlowyys6UInt32VF"
#define UNLOCK "$s15Synchronization12_MutexHandleV11_unlockSlowyyF"

/* Absent in programs that are built without the sanitizer. */
__attribute__((weak)) void __tsan_acquire(void *address);
__attribute__((weak)) void __tsan_release(void *address);

SWIFT void mutex_lock(uint32_t thread, CONTEXT void *mutex) __asm__(LOCK);
SWIFT void mutex_unlock(CONTEXT void *mutex) __asm__(UNLOCK);

SWIFT void mutex_lock(uint32_t thread, CONTEXT void *mutex)
{
	SWIFT void (*lock)(uint32_t, CONTEXT void *) = dlsym(RTLD_NEXT, LOCK);

	lock(thread, mutex);
	if (__tsan_acquire)
		__tsan_acquire(mutex);
}

SWIFT void mutex_unlock(CONTEXT void *mutex)
{
	SWIFT void (*unlock)(CONTEXT void *) = dlsym(RTLD_NEXT, UNLOCK);

	if (__tsan_release)
		__tsan_release(mutex);
	unlock(mutex);
}
