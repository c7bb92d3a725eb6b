/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Who wakes whom: the protocol of Sources/CVirtqueue/notify.c, as a driver and
 * a device run it that both sleep whenever there is nothing to do. If a wake-up
 * can be lost, both sleep with buffers outstanding: an invalid end state. If
 * an entry can be seen late, an assertion fails.
 *
 * Memory is weaker than that of x86. Each variable has a store buffer of its
 * own, which drains at any time, so that a store can pass both a later load
 * and a later store to another variable. What is waited for on both sides:
 *
 *	virt_mb()		all store buffers of this side are empty
 *	virt_store_release()	those of earlier stores are, not its own
 *
 * Loads are in order. Indices count modulo 8 and start so that they wrap.
 *
 * -DEVENT_IDX takes the event index instead of flags. Every other -D takes
 * one thing away that must be there; Tests/Model/check has the list.
 */
#define MODULUS 8
#define RING	2
#define TOTAL	5
#define START	6

#define AHEAD(a, b) (((a) - (b) + MODULUS) % MODULUS)

/* What the one side writes that waits, and how the other side reads it. */
#ifdef EVENT_IDX
#define WISH_NEXT(idx)	       (idx)
#define WISH_NONE(idx)	       AHEAD(idx, 1)
#define WANTED(wish, new, old) (AHEAD(AHEAD(new, wish), 1) < AHEAD(new, old))
#define FIRST(first)	       (first)
#else
#define WISH_NEXT(idx)	       0
#define WISH_NONE(idx)	       1
#define WANTED(wish, new, old) ((wish) == 0)
#define FIRST(first)	       false
#endif

/* Memory that both sides see. */
byte avail_idx = START;
byte used_idx = START;
byte avail_ring[RING];
byte used_ring[RING];

/* avail->flags or used_event; used->flags or avail_event. */
byte driver_wish = WISH_NEXT(START);
byte device_wish = WISH_NEXT(START);

/* The eventfds. */
bool kick = false;
bool call = false;

/* Store buffers. */
chan avail_idx_stores = [2] of { byte };
chan avail_ring_stores = [2] of { byte, byte };
chan driver_wish_stores = [2] of { byte };
chan used_idx_stores = [2] of { byte };
chan used_ring_stores = [2] of { byte, byte };
chan device_wish_stores = [2] of { byte };

active proctype store_buffers()
{
	byte at, value;

end:	do
	:: atomic { avail_idx_stores?value -> avail_idx = value }
	:: atomic { avail_ring_stores?at, value -> avail_ring[at] = value }
	:: atomic { driver_wish_stores?value -> driver_wish = value }
	:: atomic { used_idx_stores?value -> used_idx = value }
	:: atomic { used_ring_stores?at, value -> used_ring[at] = value }
	:: atomic { device_wish_stores?value -> device_wish = value }
	od
}

#define DRIVER_RELEASE (empty(avail_ring_stores) && empty(driver_wish_stores))
#define DRIVER_BARRIER (DRIVER_RELEASE && empty(avail_idx_stores))
#define DEVICE_RELEASE (empty(used_ring_stores) && empty(device_wish_stores))
#define DEVICE_BARRIER (DEVICE_RELEASE && empty(used_idx_stores))

active proctype driver()
{
	byte avail = START, kicked = START, used = START;
	byte sent = 0, got = 0, seen, wish;

	do
	:: got == TOTAL -> break

	/* vq_driver_add(), one or several before they are shown */
	:: sent < TOTAL && sent - got < RING ->
		sent++;
		avail_ring_stores!avail % RING, sent;
		avail = (avail + 1) % MODULUS

	/* vq_driver_kick_prepare() */
	:: avail != kicked ->
#ifndef NO_DRIVER_RELEASE
		DRIVER_RELEASE;
#endif
		avail_idx_stores!avail;
#ifndef NO_KICK_BARRIER
		DRIVER_BARRIER;
#endif
		wish = device_wish;
		if
		:: WANTED(wish, avail, kicked) -> kick = true
		:: else
		fi;
		kicked = avail

	/* vq_driver_reap() until there is something, asleep in between */
	:: avail == kicked && sent > got ->
		seen = used_idx;
		if
		:: seen == used ->
			/* vq_driver_enable_callback() */
			driver_wish_stores!WISH_NEXT(used);
#ifndef NO_CALLBACK_BARRIER
			DRIVER_BARRIER;
#endif
#ifndef NO_CALLBACK_CHECK
			seen = used_idx;
#endif
			if
			:: seen == used -> atomic { call -> call = false }
			:: else
			fi;
			/* vq_driver_disable_callback(), or not */
			if
			:: driver_wish_stores!WISH_NONE(used)
			:: true
			fi
		:: else ->
			do
			:: used == seen -> break
			:: used != seen ->
				got++;
				assert(used_ring[used % RING] == got);
				used = (used + 1) % MODULUS
			od
		fi
	od
}

active proctype device()
{
	byte last = START, used = START, signalled = START;
	byte served = 0, seen, wish;
	bool first = true, quiet = false;

	do
	::	/* vq_device_disable_notify() */
		if
		:: !quiet ->
			quiet = true;
#ifndef EVENT_IDX
			device_wish_stores!1
#endif
		:: else
		fi;
		seen = avail_idx;
		if
		:: seen != last ->
			/* vq_device_pop() and push, of all or some */
			do
			:: last != seen ->
				served++;
				assert(avail_ring[last % RING] == served);
				used_ring_stores!used % RING, served;
				last = (last + 1) % MODULUS;
				used = (used + 1) % MODULUS;
				if
				:: break
				:: true
				fi
			:: last == seen -> break
			od;
#ifndef NO_DEVICE_RELEASE
			DEVICE_RELEASE;
#endif
			used_idx_stores!used;
			/* vq_device_signal_needed() */
#ifndef NO_SIGNAL_BARRIER
			DEVICE_BARRIER;
#endif
			wish = driver_wish;
			if
			:: FIRST(first) || WANTED(wish, used, signalled) ->
				call = true
			:: else
			fi;
			first = false;
			signalled = used
		:: else ->
			/* vq_device_enable_notify() */
			quiet = false;
			device_wish_stores!WISH_NEXT(last);
#ifndef NO_ENABLE_BARRIER
			DEVICE_BARRIER;
#endif
#ifndef NO_ENABLE_CHECK
			seen = avail_idx;
#endif
			if
			:: seen == last ->
end:				atomic { kick -> kick = false }
			:: else
			fi
		fi
	od
}
