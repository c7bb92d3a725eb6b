// SPDX-License-Identifier: MIT
public import LinuxSystem
import SystemPackage

extension TargetTree {
    /// The backstore of that name.
    ///
    /// - Throws: an `OperationError` when there is none, or more than one.
    public func backstore(named name: String) throws(OperationError) -> Backstore {
        let present = try backstores()
        let found = present.filter { $0.name == name }
        guard let backstore = found.first else {
            let names = present.map(\.name).joined(separator: ", ")
            throw OperationError(
                "find",
                "backstore \(name)",
                errno: .noSuchFileOrDirectory,
                cause: "there is no such backstore",
                hint: names.isEmpty ? "there is no backstore at all" : "the backstores are \(names)"
            )
        }
        guard found.count == 1 else {
            let paths = found.map(\.path).joined(separator: " and ")
            throw OperationError("find", "backstore \(name)", cause: "the name stands for \(paths)")
        }
        return backstore
    }

    /// Removes a backstore that no LUN exports. A file behind it stays.
    ///
    /// - Throws: an `OperationError` that names the LUNs that hold it.
    public func deleteBackstore(_ name: String) throws(OperationError) {
        try changing { () throws(OperationError) in
            try planBackstoreDeletion(name).apply(in: self, explain: explain)
        }
    }

    /// The steps of `deleteBackstore`; changes nothing.
    public func planBackstoreDeletion(_ name: String) throws(OperationError) -> Plan {
        let backstore = try backstore(named: name)
        guard backstore.exportedBy.isEmpty else {
            throw OperationError(
                "delete",
                "backstore \(name)",
                errno: .resourceBusy,
                cause: "it is exported by \(backstore.exportedBy.joined(separator: " and "))",
                hint: "delete that target first"
            )
        }
        var plan = Plan()
        try planRemoval(of: backstore, into: &plan)
        return plan
    }

    /// The backstore, and its HBA directory when nothing else is in it.
    func planRemoval(of backstore: Backstore, into plan: inout Plan) throws(OperationError) {
        let hba = FilePath(backstore.hba)
        for step in try removal(of: backstore) { plan.append(step) }
        let others = try entries(hba).filter { $0.kind == .directory && $0.name != backstore.name }
        if others.isEmpty { plan.append(.removeDirectory(hba)) }
    }
}
