// SPDX-License-Identifier: MIT

/// Why a kernel is tainted (`Documentation/admin-guide/tainted-kernels.rst`).
public struct KernelTaint: OptionSet, Equatable, Sendable, CustomStringConvertible {
    public let rawValue: UInt64

    public init(rawValue: UInt64) { self.rawValue = rawValue }

    /// A page or an object of the slab allocator was damaged.
    public static let damaged = KernelTaint(rawValue: 1 << 5)
    /// A task died in the kernel: an oops, or `BUG()`.
    public static let died = KernelTaint(rawValue: 1 << 7)
    /// `WARN()` and its kin.
    public static let warned = KernelTaint(rawValue: 1 << 9)

    /// The letters of its bits, such as `OE`; empty for none.
    public var description: String {
        // Bit 0 has P; a kernel that is not proprietary shows G in its place, which tells nothing.
        Array("PFSRMBUDAWCIOELKXTN").enumerated().filter { rawValue & 1 << UInt64($0.offset) != 0 }
            .map { String($0.element) }.joined()
    }
}
