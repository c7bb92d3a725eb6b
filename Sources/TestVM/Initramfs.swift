// SPDX-License-Identifier: MIT
import KernelModule
import LinuxSystem
import SystemPackage

/// The first file system of a test VM: the agent, programs with their libraries, and modules with an index of their own.
struct Initramfs {
    /// Host files by the path that they have in the guest.
    private var files: [String: FilePath] = [:]
    /// Symbolic links by their path in the guest.
    private var links = ["bin": "usr/bin", "sbin": "usr/sbin", "lib": "usr/lib", "lib64": "usr/lib64"]
    /// Small texts by their path in the guest.
    private var texts = [
        "etc/passwd": "root:x:0:0:root:/root:/bin/sh\n",
        "etc/group": "root:x:0:\n",
        "root/.keep": "",
        // Where the target core keeps its state; it complains at each load when it is missing.
        "etc/target/.keep": "",
        "usr/sbin/.keep": "",
        "usr/lib64/.keep": "",
    ]
    private let release: String

    /// - Parameters:
    ///   - modules: names, aliases or `.ko` files; what they depend on comes with them.
    ///   - programs: host files; a program brings its interpreter and its libraries, and keeps its path.
    ///   - channel: the modules of the machine's devices, which the agent inserts itself.
    ///   - disk: those that it inserts before the first command.
    ///   - agent: the first process's executable.
    init(
        kernel: KernelImage,
        modules: [String],
        programs: [Program],
        channel: [String],
        disk: [String] = [],
        agent: FilePath
    ) async throws {
        release = kernel.release
        try await add(Program(path: agent, guestPath: "init"))
        // The kernel loads what it needs through it, as on any host.
        if let modprobe = FilePath.locate(program: "modprobe") {
            try await add(Program(path: modprobe, guestPath: "usr/sbin/modprobe"))
        }
        for program in programs { try await add(program) }
        try await addShell()
        try add(modules, inserted: ["modules": channel, "disk-modules": disk], of: kernel)
    }

    /// A host file that the guest gets.
    struct Program: Sendable {
        var path: FilePath
        /// Where it stands in the guest, without a leading slash; its own path when `nil`.
        var guestPath: String?
    }

    /// The host's files that are in it.
    var sources: [FilePath] { Array(files.values) }

    /// The archive, from the cache where one with this content is there.
    func archive(cache: Cache) async throws -> (FilePath, isNew: Bool) {
        let names = files.keys.sorted()
        let digests = try await Cache.digests(of: names.map { files[$0, default: ""] })
        let listing =
            zip(names, digests).map { "\($0) \($1)" } + links.sorted { $0 < $1 }.map { "\($0) -> \($1)" }
            + texts.sorted { $0 < $1 }.map { "\($0): \($1)" } + [release]
        return try await cache.file("initramfs", digest: Cache.digest(of: listing.joined(separator: "\n"))) {
            path in
            try await pack(to: path)
        }
    }

    private mutating func add(_ program: Program) async throws {
        let needed = try await ProgramClosure.files(of: program.path)
        files[try program.guestPath ?? guestPath(of: program.path)] = program.path
        for file in needed.dropFirst() { files[try guestPath(of: file)] = file }
    }

    /// The path that a host file has in the guest, whose `/bin`, `/sbin` and `/lib` are links as in a merged `/usr`.
    private func guestPath(of file: FilePath) throws -> String {
        let directory = try file.removingLastComponent().resolved()
        let path = directory.appending(file.lastComponent?.string ?? "")
        return String(path.string.drop { $0 == "/" })
    }

    /// A shell and the usual small tools, where the host has busybox; what was packed itself goes before its applets.
    private mutating func addShell() async throws {
        guard let busybox = FilePath.locate(program: "busybox") else { return }
        try await add(Program(path: busybox, guestPath: "usr/bin/busybox"))
        let applets = try await HostTool(name: busybox.string, package: "busybox").run(["--list"])
        for applet in applets.split(separator: "\n").map(String.init) where applet != "busybox" {
            let taken = ["usr/bin/\(applet)", "usr/sbin/\(applet)"].contains { files[$0] != nil }
            if !taken { links["usr/bin/\(applet)"] = "busybox" }
        }
    }

    /// - Parameter inserted: the modules that the agent inserts, by the file that lists them for it.
    private mutating func add(
        _ modules: [String],
        inserted: [String: [String]],
        of kernel: KernelImage
    ) throws {
        let context = try ModuleContext(directory: kernel.modules)
        for (list, names) in inserted {
            let files = try context.closure(of: names).map { "/" + (try place($0, of: kernel)) + "\n" }
            texts["ringside/\(list)"] = files.joined()
        }
        for module in try context.closure(of: modules) { _ = try place(module, of: kernel) }
        for index in ["modules.builtin", "modules.builtin.modinfo", "modules.order"] {
            let file = kernel.modules.appending(index)
            if file.exists { files["\(moduleDirectory)/\(index)"] = file }
        }
    }

    private var moduleDirectory: String { "usr/lib/modules/\(release)" }

    /// Puts a module where the guest's kernel looks for it; one from elsewhere goes where local ones belong.
    private mutating func place(_ module: ResolvedModule, of kernel: KernelImage) throws -> String {
        let directory = try kernel.modules.resolved()
        let file = try module.path.resolved()
        let name =
            file.starts(with: directory)
            ? String(file.string.dropFirst(directory.string.count + 1))
            : "updates/\(file.lastComponent?.string ?? "")"
        files["\(moduleDirectory)/\(name)"] = file
        return "\(moduleDirectory)/\(name)"
    }

    private func pack(to archive: FilePath) async throws {
        let stage = FilePath("\(archive).tree")
        do {
            try await lay(out: stage)
            try await HostTool.sh.run(
                [
                    "-ec",
                    "find . -mindepth 1 -print0 | LC_ALL=C sort -z | cpio --quiet --null -o -H newc -R 0:0 >\"$1\"",
                    "sh", archive.string,
                ],
                in: stage
            )
        } catch {
            if stage.exists { try stage.removeTree() }
            throw error
        }
        try stage.removeTree()
    }

    private func lay(out stage: FilePath) async throws {
        _ = try HostTool.cpio.locate()
        for name in (Array(files.keys) + links.keys + texts.keys) {
            try stage.appending(name).removingLastComponent().makeDirectories()
        }
        for (name, target) in links { try stage.appending(name).makeSymbolicLink(to: target) }
        for (name, text) in texts { try stage.appending(name).write(text.utf8) }
        for (name, source) in files { try copy(source, to: stage.appending(name)) }
        try await HostTool.depmod.run(["--basedir", stage.string, release])
    }
}

/// Copies a file's content; everybody may run the copy.
private func copy(_ source: FilePath, to destination: FilePath) throws {
    let permissions = FilePermissions(rawValue: 0o755)
    do {
        try destination.write(try source.readAll(), permissions: permissions)
    } catch let error as Errno {
        throw OperationError("pack", source.string, errno: error)
    }
}
