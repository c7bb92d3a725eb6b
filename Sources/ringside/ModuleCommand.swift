// SPDX-License-Identifier: MIT
import ArgumentParser
import KernelModule
import LinuxSystem
import SystemPackage

struct ModuleCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "module",
        abstract: "Load, unload, list and explain kernel modules.",
        subcommands: [
            ModuleLoadCommand.self, ModuleUnloadCommand.self, ModuleListCommand.self, ModuleInfoCommand.self,
            ModuleCycleCommand.self, ModuleDepsCommand.self, ModuleParamsCommand.self,
            ModuleWatchCommand.self, ModuleBuildCommand.self,
        ]
    )
}

/// Which kernel's modules, and which configuration.
struct ModuleTreeOptions: ParsableArguments {
    @Option(
        name: [.customShort("d"), .customLong("dirname"), .customLong("directory")],
        help: ArgumentHelp("Look for lib/modules under this directory.", valueName: "root"),
        completion: .directory
    )
    var root: String?

    @Option(
        name: [.customShort("S"), .customLong("set-version")],
        help: ArgumentHelp("The kernel's release instead of the running one's.", valueName: "release")
    )
    var release: String?

    @Option(
        name: [.customShort("C"), .customLong("config")],
        help: ArgumentHelp(
            "Read this modprobe.d directory or file only; may be repeated.",
            valueName: "path"
        ),
        completion: .file()
    )
    var config: [String] = []

    func context() throws -> ModuleContext {
        try ModuleContext(
            directory: try directory(),
            configPaths: config.isEmpty ? nil : config.map { FilePath($0) }
        )
    }

    private func directory() throws -> FilePath? {
        if root == nil && release == nil { return nil }
        return FilePath(root ?? "/").appending("lib/modules").appending(try release ?? Host.runningRelease())
    }
}

extension Sequence<String> {
    /// The words with commas between.
    var list: String { joined(separator: ", ") }
}

/// What the kernel said, for people; of a long report its beginning.
func kernelLines(_ messages: [String]) -> [String] {
    let limit = 12
    let shown = messages.prefix(limit).map { "kernel: \($0)" }
    return messages.count <= limit
        ? shown : shown + ["kernel: … and \(messages.count - limit) lines more; see dmesg"]
}
