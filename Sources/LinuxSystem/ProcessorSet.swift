// SPDX-License-Identifier: MIT
internal import CLinux
internal import Glibc
public import SystemPackage

/// Some of the machine's processors.
public struct ProcessorSet: Equatable, Sendable, CustomStringConvertible {
    /// Their numbers, in order.
    public let numbers: [Int]
    /// The highest number that the C library's sets have.
    public static let highest = 1023

    public var description: String { numbers.map(String.init).joined(separator: ",") }

    /// All that there can be: no binding.
    public static let all = ProcessorSet(sorted: Array(0...highest))

    private init(sorted: [Int]) { numbers = sorted }

    /// - Parameter numbers: 0 to `highest`; nil where one is not, or there is none.
    public init?(_ numbers: some Sequence<Int>) {
        let sorted = Set(numbers).sorted()
        guard let first = sorted.first, let last = sorted.last, first >= 0, last <= Self.highest else {
            return nil
        }
        self.init(sorted: sorted)
    }

    /// Lets a thread run on these processors only; the corresponding C function is `sched_setaffinity`.
    ///
    /// - Parameter thread: its number, 0 for the caller.
    /// - Throws: `EINVAL` where the machine has none of them, `EPERM` for a thread of somebody else, `ESRCH`.
    public func bind(_ thread: CInt = 0) throws(Errno) {
        let bits = UInt.bitWidth
        var mask = [UInt](repeating: 0, count: (Self.highest + 1) / bits)
        for number in numbers { mask[number / bits] |= 1 << (number % bits) }
        // The call reads as many bytes of the mask as it is told.
        if unsafe sched_setaffinity(thread, mask.count * bits / 8, mask) < 0 {
            throw Errno(rawValue: Glibc.errno)
        }
    }
}
