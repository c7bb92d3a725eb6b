// SPDX-License-Identifier: MIT
public import LinuxSystem

/// The tag of a target portal group, 0…255: `target/vhost/<WWPN>/tpgt_<tag>`, and the target byte of a virtio-scsi LUN.
///
/// The ABI's `vhost_tpgt` has 16 bits, but the kernel keeps its groups in a table of 256 and refuses the rest.
public struct TPGTag: Hashable, Comparable, Sendable, CustomStringConvertible {
    public let rawValue: UInt8

    public var description: String { String(rawValue) }

    public init(_ rawValue: UInt8) { self.rawValue = rawValue }

    /// Reads a decimal number.
    ///
    /// - Throws: an `OperationError` that says why `text` is no tag.
    public init(_ text: String) throws(OperationError) {
        guard let number = Decimal.value(of: text) else {
            throw OperationError("parse", "tpgt '\(text)'", cause: "is not a decimal number")
        }
        guard let rawValue = UInt8(exactly: number) else {
            let cause = number > 0xffff ? "does not fit the 16 bits of the vhost ABI" : "is above 255"
            throw OperationError(
                "parse",
                "tpgt '\(text)'",
                cause: cause,
                hint: "the kernel takes tags from 0 to 255"
            )
        }
        self.rawValue = rawValue
    }

    public static func < (left: TPGTag, right: TPGTag) -> Bool { left.rawValue < right.rawValue }

    var directory: String { "tpgt_\(rawValue)" }

    /// The tag that the kernel reads from a directory's name: `tpgt_01` is one more spelling of 1.
    init?(directory: String) {
        guard directory.hasPrefix("tpgt_") else { return nil }
        guard let number = Decimal.value(of: String(directory.dropFirst(5))) else { return nil }
        guard let rawValue = UInt8(exactly: number) else { return nil }
        self.rawValue = rawValue
    }
}
