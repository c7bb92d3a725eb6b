// SPDX-License-Identifier: MIT
import Synchronization
import SystemPackage
import TestVM

/// What a guest's command prints: kept, or passed on to this program's own streams as it comes.
final class CommandOutput: Sendable {
    private struct Kept {
        var bytes: [UInt8] = []
        /// How many came before them and are not kept.
        var cut = 0
    }

    private let passesOn: Bool
    private let limit: Int
    private let kept = Mutex<[Guest.Stream: Kept]>([:])

    /// - Parameter limit: how many bytes of a stream are kept, the last ones.
    init(passesOn: Bool, limit: Int = .max) { (self.passesOn, self.limit) = (passesOn, limit) }

    func receive(_ stream: Guest.Stream, _ bytes: [UInt8]) throws {
        guard passesOn else { return kept.withLock { keep(bytes, &$0[stream, default: Kept()]) } }
        let descriptor: FileDescriptor = stream == .output ? .standardOutput : .standardError
        _ = try descriptor.writeAll(bytes)
    }

    private func keep(_ bytes: [UInt8], _ kept: inout Kept) {
        kept.bytes += bytes
        // Not each time: it moves what stays.
        if kept.bytes.count / 2 > limit { trim(&kept) }
    }

    private func trim(_ kept: inout Kept) {
        let count = max(0, kept.bytes.count - limit)
        kept.bytes.removeFirst(count)
        kept.cut += count
    }

    func bytes(_ stream: Guest.Stream) -> [UInt8] { kept.withLock { $0[stream]?.bytes ?? [] } }

    /// What was kept, behind a line that says how much was not.
    func text(_ stream: Guest.Stream) -> String {
        kept.withLock { streams in
            guard var kept = streams[stream] else { return "" }
            trim(&kept)
            return (kept.cut == 0 ? "" : "[\(kept.cut) bytes before this were not kept]\n")
                + String(decoding: kept.bytes, as: UTF8.self)
        }
    }
}
