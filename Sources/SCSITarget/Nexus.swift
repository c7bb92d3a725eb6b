// SPDX-License-Identifier: MIT

/// An initiator port connected to the target, by which unit attentions and reservations are kept (an I_T nexus).
public struct Nexus: Hashable, Sendable, CustomStringConvertible {
    /// The initiator port's name, the same whenever the same initiator comes back. PERSISTENT RESERVE IN reports it
    /// as an iSCSI name, so a name of that form (`iqn.…`, `naa.…`) shows best.
    public let name: String

    /// - Parameter name: cut to 223 bytes of UTF-8, the longest iSCSI name; control characters become `?`.
    public init(_ name: String) {
        let bytes = name.utf8.map { $0 < 0x20 || $0 == 0x7f ? 0x3f : $0 }
        var cut = String(decoding: bytes, as: UTF8.self)
        while cut.utf8.count > 223 { cut.removeLast() }
        self.name = cut
    }

    public var description: String { name }
}
