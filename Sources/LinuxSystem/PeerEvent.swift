// SPDX-License-Identifier: MIT
internal import CPeerEvent

/// Eventfds that another process has, too: whether they block is hers to change at any time, and nothing here waits
/// whatever it says.
public enum PeerEvent {
    /// Adds 1 to the counter; one that is full wakes the peer all the same.
    public static func signal(_ number: CInt) { peer_event_signal(number) }

    /// Resets the counter.
    public static func drain(_ number: CInt) {
        var count: UInt64 = 0
        // `count` outlives the call; nothing to take is no failure.
        _ = unsafe peer_event_drain(number, &count)
    }
}
