// SPDX-License-Identifier: MIT
import LinuxSystem
import SystemPackage

/// What the kernel means by an error number: it depends on the object that the operation was for.
extension TargetTree {
    func explain(_ operation: Operation, _ errno: Errno) -> Explanation {
        let names = operation.path.components.map(\.string)
        switch (operation, errno) {
        case (_, .permissionDenied), (_, .notPermitted):
            return Explanation(cause: "only root may change targets", hint: "run it with sudo")
        case (.makeDirectory, .invalidArgument): return explainRefusedDirectory(names)
        case (.removeDirectory, .resourceBusy), (.write(_, _, _?), .resourceBusy):
            return explainClaim(of: operation.path)
        case (.removeBackstore, .resourceBusy): return explainExport(of: operation.path)
        case (.write, _) where names.last == "enable": return explainRefusedBackstore(names, errno)
        case (.write, .fileExists) where names.last == "nexus":
            return Explanation(cause: "a nexus is set already", hint: "something else is changing the target")
        case (.write, .invalidArgument) where names.contains("attrib"):
            return Explanation(cause: "the kernel refuses the value", hint: "dmesg says why")
        case (.write, .noFunction) where names.contains("attrib"):
            return Explanation(cause: "this kind of backstore cannot do that")
        case (.link, .operationNotSupportedByDevice):
            return Explanation(cause: "the backstore is not enabled")
        default: return Explanation(cause: errno.description)
        }
    }

    private func explainRefusedDirectory(_ names: [String]) -> Explanation {
        switch names.count {
        case 1:
            return Explanation(
                cause: "the kernel has no vhost fabric: vhost_scsi is not loaded",
                hint: "load it with: ringside module load vhost_scsi"
            )
        case 2 where names[0] == "core":
            let plugins = ["fileio": "target_core_file", "iblock": "target_core_iblock"]
            guard let module = plugins[String(names[1].prefix { $0 != "_" })] else { break }
            return Explanation(
                cause: "the kernel has no such backstore plugin: \(module) is not loaded",
                hint: "load it with: ringside module load \(module)"
            )
        default: break
        }
        return Explanation(cause: "the kernel does not take the name")
    }

    private func explainClaim(of path: FilePath) -> Explanation {
        let holders = endpointHolders().map(\.description).joined(separator: "; ")
        let cause = "it is claimed by an open vhost-scsi endpoint" + (holders.isEmpty ? "" : " (\(holders))")
        return Explanation(cause: cause, hint: "stop the virtual machine that uses it, then try again")
    }

    private func explainExport(of path: FilePath) -> Explanation {
        do throws(OperationError) {
            let luns = try exports()[path.string] ?? []
            if !luns.isEmpty {
                return Explanation(cause: "it is exported by \(luns.joined(separator: " and "))")
            }
        } catch {
            return Explanation(cause: "it is in use, and who uses it cannot be read: \(error)")
        }
        return Explanation(cause: "it is in use")
    }

    private func explainRefusedBackstore(_ names: [String], _ errno: Errno) -> Explanation {
        switch errno {
        case .resourceBusy: Explanation(cause: "the device is mounted, or something else has claimed it")
        case .noMemory:
            Explanation(cause: "the kernel has not enough memory for it", hint: "choose a smaller size")
        case .invalidArgument: Explanation(cause: "the kernel refuses the backstore", hint: "dmesg says why")
        default: Explanation(cause: errno.description)
        }
    }
}
