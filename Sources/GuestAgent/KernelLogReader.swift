// SPDX-License-Identifier: MIT
import GuestProtocol
import LinuxSystem
import SystemPackage

/// Reads `/dev/kmsg` from the first record on and forwards it as it grows.
struct KernelLogReader {
    let descriptor: FileDescriptor
    /// When records were sent last.
    private var lastSent: UInt64 = 0
    /// How long to let more records gather behind some, in nanoseconds.
    private static let rest: UInt64 = 20_000_000

    init() throws {
        descriptor = try FileDescriptor.open(
            FilePath("/dev/kmsg"),
            .readOnly,
            options: [.closeOnExec, .nonBlocking]
        )
    }

    /// How long what the kernel says now may wait for more of it.
    var restMilliseconds: CInt {
        let since = MonotonicClock.nanoseconds - lastSent
        return since < Self.rest ? CInt((Self.rest - since) / 1_000_000) : 0
    }

    /// Sends every record that has not been sent yet.
    mutating func forward(to port: Port) {
        var records: [String] = []
        while let record = descriptor.nextKernelLogRecord() {
            records.append(record)
            if records.count == 64 {
                port.send(.kernelLog(records))
                records = []
            }
        }
        if records.isEmpty { return }
        port.send(.kernelLog(records))
        lastSent = MonotonicClock.nanoseconds
    }
}
