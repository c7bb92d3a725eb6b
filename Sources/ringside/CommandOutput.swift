// SPDX-License-Identifier: MIT
import Synchronization
import SystemPackage
import TestVM

/// What a guest's command prints: kept, or passed on to this program's own streams as it comes.
final class CommandOutput: Sendable {
    private let passesOn: Bool
    private let kept = Mutex<[Guest.Stream: [UInt8]]>([:])

    init(passesOn: Bool) { self.passesOn = passesOn }

    func receive(_ stream: Guest.Stream, _ bytes: [UInt8]) throws {
        guard passesOn else { return kept.withLock { $0[stream, default: []] += bytes } }
        let descriptor: FileDescriptor = stream == .output ? .standardOutput : .standardError
        _ = try descriptor.writeAll(bytes)
    }

    func bytes(_ stream: Guest.Stream) -> [UInt8] { kept.withLock { $0[stream] ?? [] } }

    func text(_ stream: Guest.Stream) -> String { String(decoding: bytes(stream), as: UTF8.self) }
}
