/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* The parts of packed.pml that can be taken away or made wrong. */

#ifdef EVENT_WRAP_INVERTED
#define EVENT_POSITION(event, wrap) packed_position(EVENT_OFFSET(event), !EVENT_WRAP(event))
#elif defined(EVENT_WRAP_IGNORED)
#define EVENT_POSITION(event, wrap) packed_position(EVENT_OFFSET(event), wrap)
#else
#define EVENT_POSITION(event, wrap) packed_position(EVENT_OFFSET(event), EVENT_WRAP(event))
#endif
#ifdef OWN_WRAP_IGNORED
#define OWN_POSITION(at, wrap) packed_position(at, true)
#else
#define OWN_POSITION(at, wrap) packed_position(at, wrap)
#endif
#ifdef NO_MODULO
#define LAPS(behind) (behind)
#elif defined(ONE_LAP)
#define LAPS(behind) ((behind) % NUM)
#else
#define LAPS(behind) ((behind) % (2 * NUM))
#endif
#ifdef LAST_IS_NOT_PASSED
#define LAST 0
#else
#define LAST 1
#endif

/* What comes before packed_tail_release() and virt_mb(). */
#ifdef NO_DRIVER_RELEASE
#define DRIVER_RELEASE true
#else
#define DRIVER_RELEASE DRIVER_BARRIER
#endif
#ifdef NO_DEVICE_RELEASE
#define DEVICE_RELEASE true
#else
#define DEVICE_RELEASE DEVICE_BARRIER
#endif
#ifdef NO_KICK_BARRIER
#define KICK_BARRIER true
#else
#define KICK_BARRIER DRIVER_BARRIER
#endif
#ifdef NO_CALLBACK_BARRIER
#define CALLBACK_BARRIER true
#else
#define CALLBACK_BARRIER DRIVER_BARRIER
#endif
#ifdef NO_SIGNAL_BARRIER
#define SIGNAL_BARRIER true
#else
#define SIGNAL_BARRIER DEVICE_BARRIER
#endif
#ifdef NO_ENABLE_BARRIER
#define ENABLE_BARRIER true
#else
#define ENABLE_BARRIER DEVICE_BARRIER
#endif

/* packed_tail_acquire(): without it, a descriptor is read before its tail. */
#ifdef NO_DRIVER_ACQUIRE
#define DRIVER_READS(at) desc = descs[at]; tail = tails[at]
#else
#define DRIVER_READS(at) atomic { tail = tails[at]; desc = descs[at] }
#endif
#ifdef NO_DEVICE_ACQUIRE
#define DEVICE_READS(at) desc = descs[at]; tail = tails[at]
#else
#define DEVICE_READS(at) atomic { tail = tails[at]; desc = descs[at] }
#endif

#ifdef PASSED_COUNTS_CHAINS
#define ENTRIES(length) 1
#else
#define ENTRIES(length) (length)
#endif
#ifdef PASSED_IS_LAST
#define PASSED(before, length) ENTRIES(length)
#else
#define PASSED(before, length) ((before) + ENTRIES(length))
#endif

#ifdef WRAP_STAYS
#define OTHER(wrap) (wrap)
#else
#define OTHER(wrap) !(wrap)
#endif
