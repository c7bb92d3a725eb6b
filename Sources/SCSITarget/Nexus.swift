// SPDX-License-Identifier: MIT

/// An initiator port connected to the target, by which unit attentions and reservations are kept (an I_T nexus).
public struct Nexus: Hashable, Sendable, CustomStringConvertible {
    /// The initiator port's name, the same whenever the same initiator comes back. PERSISTENT RESERVE IN reports it
    /// as an iSCSI name, so a name of that form (`iqn.…`, `naa.…`) shows best.
    public let name: String

    /// - Parameter name: cut to 223 bytes of UTF-8, the longest iSCSI name.
    public init(_ name: String) {
        var cut = name
        while cut.utf8.count > 223 { cut.removeLast() }
        self.name = cut
    }

    public var description: String { name }
}
