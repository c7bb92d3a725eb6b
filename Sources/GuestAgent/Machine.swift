// SPDX-License-Identifier: MIT
import LinuxSystem
import SystemPackage

/// Mounts the kernel's file systems and inserts the modules that the channel to the host needs.
func prepareMachine() throws {
    for (type, target) in [
        ("proc", "/proc"), ("sysfs", "/sys"), ("devtmpfs", "/dev"),
        ("debugfs", "/sys/kernel/debug"), ("devpts", "/dev/pts"),
    ] {
        try mount(type, at: FilePath(target))
    }
    // All files are in memory already, so these need no file system of their own, which would hide what was packed there.
    for directory in ["/run", "/tmp"] where !FilePath(directory).exists {
        try FilePath(directory).makeDirectory(mode: 0o1777)
    }
    // Programs are looked up in the agent's own PATH.
    try SystemCalls.setEnvironment("PATH", commandPath)
    try insertModules(of: "/ringside/modules")
}

/// Inserts the modules that a file lists.
func insertModules(of list: FilePath) throws {
    for path in try list.readText().split(separator: "\n") { try insert(FilePath(String(path))) }
}

private func mount(_ type: String, at target: FilePath) throws {
    do {
        if !target.exists { try target.makeDirectory() }
        try SystemCalls.mount(type: type, at: target)
    } catch Errno.resourceBusy {
        // The kernel has mounted it itself.
    } catch {
        throw OperationError("mount", "\(type) at \(target)", errno: error)
    }
}

private func insert(_ path: FilePath) throws {
    let file = try FileDescriptor.open(path, .readOnly, options: .closeOnExec)
    try file.closeAfter {
        do {
            try SystemCalls.insertModule(file)
        } catch Errno.fileExists {
            // Loaded already.
        } catch {
            throw OperationError("insert module", path.string, errno: error as? Errno)
        }
    }
}

/// Mounts configfs where its module is there; who unmounts it later has it unmounted.
///
/// - Parameter patience: how long to wait for its directory, in milliseconds: some kernels announce a module before its
///   init function has run.
func mountConfigfs(patience: Int = 0) {
    let directory = FilePath("/sys/kernel/config")
    for _ in 0..<patience {
        if directory.exists { break }
        SystemCalls.sleep(microseconds: 1000)
    }
    if !directory.exists { return }
    do {
        try SystemCalls.mount(type: "configfs", at: directory)
    } catch .resourceBusy, .noSuchFileOrDirectory {
        // A command was faster: it has mounted it, or its module is on its way out.
    } catch {
        complain("ringside agent: mount configfs: \(error)")
    }
}

/// The release of the running kernel, as `uname -r` prints it.
func kernelRelease() throws -> String {
    let text = try FilePath("/proc/sys/kernel/osrelease").readText()
    return String(text.prefix { $0 != "\n" })
}

/// Why the running kernel is tainted, as bits; none where it does not tell.
func kernelTaint() -> UInt64 {
    do {
        let text = try FilePath("/proc/sys/kernel/tainted").readText()
        return UInt64(text.prefix { $0 != "\n" }) ?? 0
    } catch {
        return 0
    }
}
