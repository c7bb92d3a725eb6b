// SPDX-License-Identifier: MIT
import LinuxSystem
import SystemPackage

/// What is configured of SCSI targets: every target and backstore holds the module that it is of.
struct ConfiguredTargets {
    /// Where configfs has them; nothing is configured where it is not there.
    var root: FilePath = "/sys/kernel/config/target"

    /// What holds a module, as paths below `root`; nothing for modules that are not of SCSI targets.
    func holding(_ module: String) -> [String] {
        if module == "vhost_scsi" { return ["vhost", "tcm_vhost"].flatMap(directories) }
        let core = "target_core_"
        guard module.hasPrefix(core) else { return [] }
        let plugin = String(module.dropFirst(core.count))
        let prefix = ["mod": "", "file": "fileio_"][plugin] ?? "\(plugin)_"
        return names(in: "core").filter { $0.hasPrefix(prefix) && $0 != "alua" }.flatMap {
            directories(in: "core/\($0)")
        }
    }

    /// The directories in one that is there; where it is empty, the directory itself, which holds the module too.
    private func directories(in directory: String) -> [String] {
        guard root.appending(directory).isDirectory else { return [] }
        let found = names(in: directory).filter {
            $0 != "discovery_auth" && root.appending("\(directory)/\($0)").isDirectory
        }
        return found.isEmpty ? [directory] : found.map { "\(directory)/\($0)" }
    }

    private func names(in directory: String) -> [String] {
        do {
            return try root.appending(directory).entryNames()
        } catch {
            return []
        }
    }
}
