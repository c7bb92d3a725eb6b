// SPDX-License-Identifier: MIT
import Glibc
import LinuxSystem
import SystemPackage

/// What the kernel logs from a moment on.
///
/// Silent where `/dev/kmsg` may not be read: what it would have said is only missing from an explanation, which is
/// told that it is.
struct KernelMessages: ~Copyable {
    private let log: FileDescriptor?

    /// Starts behind the last record so far.
    init(log path: FilePath) { log = Self.open(path) }

    private static func open(_ path: FilePath) -> FileDescriptor? {
        do {
            let file = try FileDescriptor.open(path, .readOnly, options: [.closeOnExec, .nonBlocking])
            try file.seek(offset: 0, from: .end)
            return file
        } catch {
            return nil
        }
    }

    deinit {
        if let log { _ = Glibc.close(log.rawValue) }
    }

    /// Whether the log could be opened.
    var isReadable: Bool { log != nil }

    /// The kernel's own messages since the last call; not those that programs write into its log.
    func takeNew() -> [String] {
        var messages: [String] = []
        while let record = log?.nextKernelLogRecord() {
            if let message = Self.message(of: record) { messages.append(message) }
        }
        return messages
    }

    /// The text of one of the kernel's own records, on one line.
    static func message(of record: String) -> String? {
        guard let record = KernelLogRecord(record), record.facility == 0 else { return nil }
        let isOneLine = !record.text.utf8.contains(UInt8(ascii: "\\"))
        return isOneLine ? record.text : record.text.replacing("\\x0a", with: " ")
    }
}
