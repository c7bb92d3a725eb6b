// SPDX-License-Identifier: MIT
import LinuxSystem
import SystemPackage

/// Both ways out of a plan that was left half way. Each looks at what is there, so that it can itself be left half way and
/// begun again.
extension TargetTree {
    /// Takes operations back in reverse order, those that were not carried out too.
    ///
    /// - Returns: what could not be taken back, and why.
    func takeBack(_ operations: some BidirectionalCollection<Operation>) -> [String] {
        operations.reversed().compactMap { operation in
            do throws(Errno) {
                try takeBack(operation)
                return nil
            } catch {
                return "\(operation.reversal): \(error.symbol)"
            }
        }
    }

    /// Carries out removals, those that are done already too.
    ///
    /// - Returns: what is still there, and why.
    func finish(_ operations: some Collection<Operation>) -> [String] {
        operations.compactMap { operation in
            do throws(Errno) {
                try operation.perform(in: base, fileSystem)
                return nil
            } catch .noSuchFileOrDirectory {
                return nil
            } catch {
                return "\(operation.path): \(error.symbol)"
            }
        }
    }

    private func takeBack(_ operation: Operation) throws(Errno) {
        let path = base.pushing(operation.path)
        switch operation {
        case .makeDirectory:
            try unless(.noSuchFileOrDirectory) { () throws(Errno) in try fileSystem.removeDirectory(path) }
        case .removeDirectory: try makeUnlessPresent(path)
        case .link: try unless(.noSuchFileOrDirectory) { () throws(Errno) in try fileSystem.unlink(path) }
        case .unlink(_, let target):
            try unless(.fileExists) { () throws(Errno) in
                try fileSystem.link(path, to: base.pushing(target))
            }
        case .write(_, _, let old): if let old { try settle(old, path) }
        case .createFile(_, let size):
            guard let status = try fileSystem.statusIfPresent(path) else { return }
            let isUntouched = status.kind == .file && status.size == size.bytes && status.isEmpty
            if isUntouched { try fileSystem.unlink(path) }
        case .removeBackstore(_, let rebuild): for step in rebuild { try remake(step) }
        }
    }

    /// Carries out a step of making a backstore, unless it is done.
    private func remake(_ step: Operation) throws(Errno) {
        let path = base.pushing(step.path)
        switch step {
        case .makeDirectory: try makeUnlessPresent(path)
        case .write(let value, _, _):
            // What a backstore is made of cannot be read, and is not taken once it is enabled.
            let isControl = path.lastComponent == "control"
            let isEnabled =
                isControl
                ? try fileSystem.readAttribute(path.removingLastComponent().appending("enable")) == "1\n"
                : false
            if !isEnabled { try settle(value, path) }
        default: try step.perform(in: base, fileSystem)
        }
    }

    /// Writes a value unless it is there.
    private func settle(_ value: String, _ path: FilePath) throws(Errno) {
        var present: String?
        do throws(Errno) {
            present = String(try fileSystem.readAttribute(path).prefix { $0 != "\n" })
        } catch .operationNotSupportedByDevice {
            // A nexus that is not set.
            present = "NULL"
        } catch .permissionDenied {
            // One that can only be written.
        }
        // The kernel drops the prefix of a nexus for Fibre Channel, and puts a title before some values.
        let isThere =
            present == value || present.map { "fc.\($0)" == value || $0.hasSuffix(": \(value)") } ?? false
        // The kernel takes no empty write, but a line end for nothing.
        if !isThere { try fileSystem.write(value.isEmpty ? "\n" : value, to: path) }
    }

    func makeUnlessPresent(_ path: FilePath) throws(Errno) {
        try unless(.fileExists) { () throws(Errno) in try fileSystem.makeDirectory(path) }
    }

    private func unless(_ harmless: Errno, _ body: () throws(Errno) -> Void) throws(Errno) {
        do throws(Errno) { try body() } catch { if error != harmless { throw error } }
    }
}
