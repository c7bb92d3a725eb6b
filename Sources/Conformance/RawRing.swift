// SPDX-License-Identifier: MIT
import LinuxSystem
import VhostSCSI
import Virtqueue

/// A descriptor, byte for byte what the driver says.
struct Descriptor {
    static let next: UInt16 = 1
    static let write: UInt16 = 2
    static let indirect: UInt16 = 4

    var address: UInt64
    var length: UInt32
    var flags: UInt16 = 0
    var next: UInt16 = 0

    var bytes: [UInt8] {
        address.littleEndianBytes + length.littleEndianBytes + flags.littleEndianBytes
            + next.littleEndianBytes
    }

    /// Descriptors one behind the other from number `first` on, linked with each other.
    static func linked(_ descriptors: [Descriptor], from first: Int) -> [Descriptor] {
        descriptors.enumerated().map { index, descriptor in
            var descriptor = descriptor
            guard index + 1 < descriptors.count else { return descriptor }
            descriptor.flags |= Self.next
            descriptor.next = UInt16(first + index + 1)
            return descriptor
        }
    }
}

/// An entry of the used ring.
struct UsedEntry: Equatable, CustomStringConvertible {
    let id: UInt32
    let length: UInt32

    var description: String { "head \(id), length \(length)" }
}

/// A split ring that is written entry by entry, and may hold anything: nothing that is put into it is checked.
struct RawRing {
    /// Its number in the device.
    let number: Int
    let size: Int
    let descriptors: GuestBuffer
    let available: GuestBuffer
    let used: GuestBuffer
    let events: RingEvents
    /// The available index that the device sees, or will.
    var published: UInt16
    /// The used index up to which entries were looked at.
    var seen: UInt16
    /// The next descriptor that is free.
    var free = 0

    /// The guest address of the available ring's flags, index, and entries; behind them, of the used event.
    var availableFlags: UInt64 { available.guestAddress }
    var availableIndex: UInt64 { available.guestAddress + 2 }
    func availableEntry(_ index: UInt16) -> UInt64 {
        available.guestAddress + 4 + 2 * UInt64(Int(index) % size)
    }
    var usedEvent: UInt64 { available.guestAddress + 4 + 2 * UInt64(size) }

    var usedFlags: UInt64 { used.guestAddress }
    var usedIndex: UInt64 { used.guestAddress + 2 }
    func usedEntry(_ index: UInt16) -> UInt64 { used.guestAddress + 4 + 8 * UInt64(Int(index) % size) }
    var availableEvent: UInt64 { used.guestAddress + 4 + 8 * UInt64(size) }

    func descriptor(_ number: Int) -> GuestBuffer { descriptors.slice(number * 16, 16) }
}
