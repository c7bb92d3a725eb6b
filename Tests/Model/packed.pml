/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Who wakes whom with packed rings: the protocol of packed_notify.c, packed.c
 * and packed_driver.c in Sources/CVirtqueue, whose names are used here, as
 * notify.pml does it for split rings. If a wake-up can be lost, both sides
 * sleep with chains outstanding: an invalid end state. If a descriptor can be
 * seen late, or an event is signalled a lap too early, an assertion fails.
 *
 * Memory is that of notify.pml: loads are in order, each variable has a store
 * buffer of its own, and here each descriptor two, one of them for its tail.
 * A side that has a store to a tail in its buffer may read the old tail: it is
 * of an earlier lap, and so tells it the same as the new one would.
 *
 * The ring has 3 entries, of which a chain takes 1 or 2.
 *
 * -DEVENT_IDX takes descriptor events instead of flags. Every other -D takes
 * one thing away, or makes it wrong, in packed_parts.pml; Tests/Model/check has
 * the list.
 */
#define NUM   3
#define TOTAL 4

/* A tail: the flags of the lap, and whether the chain goes on. */
#define AVAIL		 1
#define USED		 2
#define PACKED_LAP(tail) ((tail) & 3)
#define NEXT		 4

#define packed_lap_available(wrap) ((wrap) -> AVAIL : USED)
#define packed_lap_used(wrap)	   ((wrap) -> AVAIL + USED : 0)
#define packed_is_available(tail, wrap) \
	(PACKED_LAP(tail) == packed_lap_available(wrap))
#define packed_is_used(tail, wrap) (PACKED_LAP(tail) == packed_lap_used(wrap))

/* What the device writes to a descriptor is never what the driver did. */
#define USED_DESC(number) (TOTAL + (number))

/* An event structure: an offset, the lap's parity, and flags. */
#define ENABLE		    0
#define DISABLE		    1
#define DESC		    2
#define EVENT_OFFSET(event) ((event) & 3)
#define EVENT_WRAP(event)   ((event) >> 2 & 1)
#define EVENT_FLAGS(event)  ((event) >> 3)
#define packed_event_write(to, offset, wrap, flags) \
	to!(offset) + (wrap) * 4 + (flags) * 8

#ifdef EVENT_IDX
#define WISH DESC
#else
#define WISH ENABLE
#endif

#define packed_position(at, wrap) ((at) + ((wrap) -> 0 : NUM))

#include "packed_parts.pml"

#define BEHIND(event, at, wrap)                        \
	LAPS(OWN_POSITION(at, wrap) + 2 * NUM - LAST - \
	     EVENT_POSITION(event, wrap))
#define packed_event_passed(event, at, wrap, passed) \
	(EVENT_FLAGS(event) != DISABLE &&            \
	 (EVENT_FLAGS(event) != DESC || BEHIND(event, at, wrap) < (passed)))

/* Memory that both sides see: the ring, and the event structures. */
byte descs[NUM];
byte tails[NUM];
byte driver_event = ENABLE * 8;
byte device_event = WISH * 8 + 4;

/* The eventfds. */
bool kick = false;
bool call = false;

/* Entries that were used since the driver's event was signalled. */
#define LONG_AGO (2 * NUM)
byte since = LONG_AGO;

/* Store buffers. */
chan driver_descs[NUM] = [1] of { byte };
chan driver_tails[NUM] = [1] of { byte };
chan driver_events = [2] of { byte };
chan device_descs[NUM] = [1] of { byte };
chan device_tails[NUM] = [1] of { byte };
chan device_events = [2] of { byte };

#define DRAIN(at)                     \
	:: driver_descs[at]?descs[at] \
	:: driver_tails[at]?tails[at] \
	:: device_descs[at]?descs[at] \
	:: device_tails[at]?tails[at]

active proctype store_buffers()
{
end:	do
	DRAIN(0)
	DRAIN(1)
	DRAIN(2)
	:: atomic { driver_events?driver_event -> since = LONG_AGO }
	:: device_events?device_event
	od
}

#define ALL_EMPTY(buffers) (empty(buffers[0]) && empty(buffers[1]) && \
			    empty(buffers[2]))
#define DRIVER_BARRIER (ALL_EMPTY(driver_descs) && ALL_EMPTY(driver_tails) && \
			empty(driver_events))
#define DEVICE_BARRIER (ALL_EMPTY(device_descs) && ALL_EMPTY(device_tails) && \
			empty(device_events))

/* Fewer states, where a value counts no more. */
#define FORGET(local) local = 0

inline packed_advance(at, wrap, count)
{
	if
	:: at + count >= NUM ->
		at = at + count - NUM;
		wrap = OTHER(wrap)
	:: else -> at = at + count
	fi
}

inline packed_offer(at, value, length)
{
	unkicked = PASSED(unkicked, length);
	if
	:: held -> driver_tails[at]!value
	:: else ->
#ifdef HEAD_IS_SHOWN
		driver_tails[at]!value;
#endif
		held = true;
		held_at = at;
		held_tail = value
	fi
}

inline packed_driver_add(length)
{
	sent++;
	lengths[next_avail] = length;
	free = free - length;
	first = next_avail;
	tail = packed_lap_available(avail_wrap);
	driver_descs[first]!sent;
	packed_advance(next_avail, avail_wrap, 1);
	if
	:: length == 2 ->
		tail = tail + NEXT;
		driver_descs[next_avail]!sent;
		driver_tails[next_avail]!packed_lap_available(avail_wrap);
		packed_advance(next_avail, avail_wrap, 1)
	:: else
	fi;
	packed_offer(first, tail, length);
	FORGET(first);
	FORGET(tail)
}

inline packed_publish()
{
	atomic {
		DRIVER_RELEASE;
#ifndef HEAD_IS_SHOWN
		driver_tails[held_at]!held_tail;
#endif
		held = false;
		FORGET(held_at);
		FORGET(held_tail)
	}
}

inline packed_kick_prepare()
{
	packed_publish();
	KICK_BARRIER;
	atomic {
		event = device_event;
		if
		:: packed_event_passed(event, next_avail, avail_wrap,
				       unkicked) ->
			kick = true
		:: else
		fi;
		FORGET(event);
		unkicked = 0
	}
}

/* What is not there yet is asked for again, and waited for. */
inline packed_enable_callback()
{
	packed_event_write(driver_events, last_used, used_wrap, WISH);
	CALLBACK_BARRIER;
#ifndef NO_CALLBACK_CHECK
	tail = tails[last_used];
#endif
	if
	:: !packed_is_used(tail, used_wrap) -> atomic { call -> call = false }
	:: else
	fi;
	FORGET(tail)
}

inline packed_disable_callback()
{
	packed_event_write(driver_events, 0, 0, DISABLE)
}

inline packed_reap_any()
{
	DRIVER_READS(last_used);
	if
	:: packed_is_used(tail, used_wrap) ->
		atomic {
			got++;
			assert(desc == USED_DESC(got));
			free = free + lengths[last_used];
			packed_advance(last_used, used_wrap, lengths[last_used]);
			FORGET(tail);
			FORGET(desc)
		}
	:: else ->
		FORGET(desc);
		packed_enable_callback();
		if
		:: packed_disable_callback()
		:: true
		fi
	fi
}

active proctype driver()
{
	byte next_avail, last_used, unkicked, held_at, held_tail;
	byte free = NUM, lengths[NUM];
	bool avail_wrap = true, used_wrap = true, held;
	byte sent, got, first, tail, desc, event;

	do
	:: got == TOTAL -> break
	:: atomic { sent < TOTAL && free > 0 -> packed_driver_add(1) }
	:: atomic { sent < TOTAL && free > 1 -> packed_driver_add(2) }
	:: held -> packed_kick_prepare()
	:: !held && sent > got -> packed_reap_any()
	od
}

inline packed_disable_notify()
{
	if
	:: !notify_off ->
		notify_off = true;
		packed_event_write(device_events, 0, 0, DISABLE)
	:: else
	fi
}

inline packed_enable_notify()
{
	notify_off = false;
	FORGET(desc);
	packed_event_write(device_events, last_avail, avail_wrap, WISH);
	ENABLE_BARRIER;
#ifndef NO_ENABLE_CHECK
	tail = tails[last_avail];
#endif
	if
	:: !packed_is_available(tail, avail_wrap) ->
end:		atomic { kick -> kick = false }
	:: else
	fi;
	FORGET(tail)
}

/* One chain of a batch: taken, and its used descriptor written. */
inline packed_take()
{
	served++;
	assert(desc == served);
	length = 1;
	if
	:: tail & NEXT ->
		length = 2;
		assert(descs[(last_avail + 1) % NUM] == served)
	:: else
	fi;
	packed_advance(last_avail, avail_wrap, length);
	device_descs[last_used]!USED_DESC(served);
	if
	:: slots > 0 -> device_tails[last_used]!packed_lap_used(used_wrap)
	:: else ->
		first = last_used;
		first_tail = packed_lap_used(used_wrap)
	fi;
	slots = slots + length;
	unsignalled = PASSED(unsignalled, length);
	packed_advance(last_used, used_wrap, length);
	FORGET(length);
	FORGET(desc)
}

/* The flags of the first used descriptor come last. */
inline packed_push_used()
{
	atomic {
		DEVICE_RELEASE;
		device_tails[first]!first_tail;
		FORGET(first);
		FORGET(first_tail);
		FORGET(tail)
	}
}

inline packed_signal_needed()
{
	SIGNAL_BARRIER;
	atomic {
		event = driver_event;
		since = (since + slots > LONG_AGO -> LONG_AGO : since + slots);
		if
		:: packed_event_passed(event, last_used, used_wrap,
				       unsignalled) ->
			/* Two laps are what a position means. */
			assert(unsignalled >= 2 * NUM || EVENT_FLAGS(event) != DESC ||
			       since > NUM);
			since = (EVENT_FLAGS(event) == DESC && unsignalled < 2 * NUM
				 -> 0 : since);
			call = true
		:: else
		fi;
		FORGET(event);
		unsignalled = 0;
		slots = 0
	}
}

active proctype device()
{
	byte last_avail, last_used, slots, first, first_tail;
	byte unsignalled = 2 * NUM;
	bool avail_wrap = true, used_wrap = true, notify_off;
	byte served, length, tail, desc, event;

	do
	::	packed_disable_notify();
		DEVICE_READS(last_avail);
		if
		:: packed_is_available(tail, avail_wrap) ->
			do
			:: packed_is_available(tail, avail_wrap) ->
				atomic { packed_take() };
				DEVICE_READS(last_avail)
			:: slots > 0 -> break
			od;
			packed_push_used();
			packed_signal_needed()
		:: else -> packed_enable_notify()
		fi
	od
}
