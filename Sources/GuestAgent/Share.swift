// SPDX-License-Identifier: MIT
import CLinux
import GuestProtocol
import LinuxSystem
import SystemPackage

extension GuestMount {
    func mount() throws(Errno) {
        if isRoot { return try enterHostRoot(tag: tag) }
        let target = FilePath(target)
        try target.makeDirectories()
        try mountShare(tag, at: target, isReadOnly: !isWritable)
    }
}

/// As large as the virtio transport allows, which is what makes it fast.
private func mountShare(_ tag: String, at target: FilePath, isReadOnly: Bool) throws(Errno) {
    // Whoever only reads may believe its own cache.
    let cache = isReadOnly ? "loose" : "none"
    try SystemCalls.mount(
        type: "9p",
        source: tag,
        at: target,
        options: "trans=virtio,version=9p2000.L,msize=512000,cache=\(cache)",
        isReadOnly: isReadOnly
    )
}

/// Makes the host's files the root of this process, of the kernel's helpers, which share it, and of all commands;
/// what they write goes to memory.
private func enterHostRoot(tag: String) throws(Errno) {
    let (host, writable, root) = (FilePath("/.host"), FilePath("/.writable"), FilePath("/.root"))
    for directory in [host, writable, root] { try directory.makeDirectory() }
    try mountShare(tag, at: host, isReadOnly: true)
    try SystemCalls.mount(type: "tmpfs", at: writable)
    let (upper, work) = (writable.appending("upper"), writable.appending("work"))
    for directory in [upper, work] { try directory.makeDirectory() }
    let layers = "lowerdir=\(host),upperdir=\(upper),workdir=\(work)"
    try SystemCalls.mount(type: "overlay", at: root, options: layers)
    for name in ["proc", "sys", "dev"] {
        try SystemCalls.bindMount(FilePath("/\(name)"), at: root.appending(name))
    }
    for name in ["run", "tmp"] { try SystemCalls.mount(type: "tmpfs", at: root.appending(name)) }
    let program = root.appending("usr/bin/ringside")
    do {
        if !program.exists { try program.write([]) }
    } catch {
        throw error as? Errno ?? .ioError
    }
    try SystemCalls.bindMount("/usr/bin/ringside", at: program)
    try SystemCalls.changeRoot(to: root)
}

extension GuestWake {
    /// Sets the clock and has the kernel make new random numbers.
    func apply() throws {
        try SystemCalls.setClock(nanoseconds: time)
        let random = try FileDescriptor.open(FilePath("/dev/urandom"), .writeOnly, options: .closeOnExec)
        try random.closeAfter {
            try random.writeAll(seed)
            var nothing: [UInt8] = []
            try random.control(UInt(ringside_rndreseedcrng), &nothing)
        }
    }
}
