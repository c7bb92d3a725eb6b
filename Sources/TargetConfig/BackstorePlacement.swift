// SPDX-License-Identifier: MIT
import LinuxSystem
import SystemPackage

/// Where new backstores go: one to each HBA directory, as targetcli lays them out and needs them to be, and no name,
/// file or device twice.
struct BackstorePlacement {
    private var present: [Backstore]
    private var hbas: Set<String>

    init(_ present: [Backstore], hbas: [String]) {
        (self.present, self.hbas) = (present, Set(hbas))
    }

    /// The path of the backstore of that name.
    func find(_ name: String) throws(OperationError) -> FilePath {
        let found = present.filter { $0.name == name }
        func fail(_ cause: String, _ hint: String? = nil, errno: Errno? = nil) -> OperationError {
            OperationError("find", "backstore \(name)", errno: errno, cause: cause, hint: hint)
        }
        guard let backstore = found.first else {
            let names = present.map(\.name).joined(separator: ", ")
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
        if let other = present.first(where: { $0.name == name }) {
            throw OperationError(
                "create",
                "backstore \(name)",
                errno: .fileExists,
                cause: "there is one already, \(other.path)",
                hint: "remove it with: ringside backstore delete \(name)"
            )
        }
        if let path = spec.path, let other = present.first(where: { $0.file == path.string }) {
            let cause = "the backstore \(other.name) uses it already"
            throw OperationError("create", "backstore \(path)", errno: .resourceBusy, cause: cause)
        }
        var number = 0
        while !hbas.insert("\(spec.plugin)_\(number)").inserted { number += 1 }
        return FilePath("core").appending("\(spec.plugin)_\(number)").appending(name)
    }
}
