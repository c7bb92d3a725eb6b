// SPDX-License-Identifier: MIT
import LinuxSystem
import SystemPackage

/// Where new backstores go: one to each HBA directory, as targetcli lays them out and needs them to be, and no name,
/// file or device twice.
struct BackstorePlacement {
    private let present: [String: [Backstore]]
    private var hbas: Set<String>
    /// Where the search for a free HBA directory of a plugin goes on.
    private var next: [String: Int] = [:]
    /// The names of the backstores that have a file or device, and of those that are to have one.
    private var users: [BackstoreSource: String] = [:]
    private let tree: TargetTree

    init(in tree: TargetTree) throws(OperationError) { self.init(in: tree, with: try LiveState(of: tree)) }

    /// - Parameter leaving: the names of those that are about to go, whose names, files and devices are free.
    init(in tree: TargetTree, with live: LiveState, leaving: Set<String> = []) {
        self.tree = tree
        let staying = live.backstores.filter { !leaving.contains($0.path) }
        present = Dictionary(grouping: staying, by: \.name)
        hbas = live.hbas
        for backstore in staying {
            if let file = backstore.file { users[tree.source(at: FilePath(file))] = backstore.name }
        }
    }

    /// The path of the backstore of that name.
    func find(_ name: String) throws(OperationError) -> FilePath {
        let found = present[name] ?? []
        func fail(_ cause: String, _ hint: String? = nil, errno: Errno? = nil) -> OperationError {
            OperationError("find", "backstore \(name)", errno: errno, cause: cause, hint: hint)
        }
        guard let backstore = found.first else {
            let names = present.keys.sorted().joined(separator: ", ")
            let known =
                names.isEmpty
                ? "there is no backstore; make one with: ringside backstore create" : "there are \(names)"
            throw fail("there is no such backstore", known, errno: .noSuchFileOrDirectory)
        }
        guard found.count == 1 else {
            throw fail("the name stands for \(found.map(\.path).joined(separator: " and "))")
        }
        guard backstore.isEnabled else {
            throw fail("\(backstore.path) is not enabled", errno: .operationNotSupportedByDevice)
        }
        return FilePath(backstore.path)
    }

    /// Reserves the first free HBA directory of the plugin for a backstore of that name.
    mutating func reserve(_ name: String, for spec: BackstoreSpec) throws(OperationError) -> FilePath {
        if let other = present[name]?.first {
            throw OperationError(
                "create",
                "backstore \(name)",
                errno: .fileExists,
                cause: "there is one already, \(other.path)",
                hint: "remove it with: ringside backstore delete \(name)"
            )
        }
        if let path = spec.path {
            let source = tree.source(at: path)
            if let other = users[source] { throw busy(path, other) }
            users[source] = name
        }
        var number = next[spec.plugin] ?? 0
        while !hbas.insert("\(spec.plugin)_\(number)").inserted { number += 1 }
        next[spec.plugin] = number + 1
        return FilePath("core").appending("\(spec.plugin)_\(number)").appending(name)
    }

    private func busy(_ path: FilePath, _ other: String) -> OperationError {
        let cause =
            present[other] != nil
            ? "the backstore \(other) uses it already" : "it is given twice, first for \(other)"
        return OperationError("create", "backstore \(path)", errno: .resourceBusy, cause: cause)
    }
}
