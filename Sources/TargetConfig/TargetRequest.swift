// SPDX-License-Identifier: MIT
public import LinuxSystem
import SystemPackage

/// A target to be: one portal group of one target port, with its nexus and its logical units.
public struct TargetRequest: Equatable, Sendable {
    public let wwpn: WWPN
    public let tag: TPGTag
    public let nexus: WWPN
    public let luns: [LUNSpec]

    /// - Parameters:
    ///   - wwpn: the target port.
    ///   - tag: the portal group's tag.
    ///   - nexus: the initiator port of the nexus; by default a name that follows from the target and the tag.
    ///   - luns: the logical units, each with a number of its own.
    /// - Throws: an `OperationError` when a LUN, file or device is there twice or the nexus is of another protocol.
    public init(wwpn: WWPN, tag: TPGTag, nexus: WWPN? = nil, luns: [LUNSpec]) throws(OperationError) {
        self.wwpn = wwpn
        self.tag = tag
        self.nexus = nexus ?? WWPN(nexusOf: wwpn, tag: tag)
        self.luns = luns.sorted { $0.number < $1.number }
        guard self.nexus.kind == wwpn.kind else {
            throw failure("the nexus \(self.nexus) is of another protocol than \(wwpn)")
        }
        if let number = Self.firstTwice(luns.map(\.number)) { throw failure("LUN \(number) is given twice") }
        if let path = Self.firstTwice(specs.compactMap(\.path)) { throw failure("\(path) is given twice") }
    }

    /// The backstores that are made with the target.
    var specs: [BackstoreSpec] {
        luns.compactMap { lun in
            guard case .made(let spec) = lun.source else { return nil }
            return spec
        }
    }

    func failure(_ cause: String, errno: Errno? = nil, hint: String? = nil) -> OperationError {
        OperationError("create", "vhost/\(wwpn)/\(tag.directory)", errno: errno, cause: cause, hint: hint)
    }

    private static func firstTwice<Value: Hashable>(_ values: [Value]) -> Value? {
        var seen: Set<Value> = []
        return values.first { !seen.insert($0).inserted }
    }
}
