// SPDX-License-Identifier: MIT
import ArgumentParser
import Dispatch
import Glibc
import Synchronization

/// Runs `body` and cancels it when the user or the system asks the program to end, so that it can clean up.
///
/// - Throws: the exit status 128 and the signal's number, as a shell reports it, after such an end.
func untilInterrupted<Value: Sendable>(_ body: @Sendable @escaping () async throws -> Value) async throws
    -> Value
{
    let task = Task { try await body() }
    let received = ReceivedSignal()
    let sources = [SIGINT, SIGTERM, SIGHUP].map { number in
        signal(number, SIG_IGN)
        let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
        source.setEventHandler {
            received.number.store(number, ordering: .relaxed)
            task.cancel()
        }
        source.resume()
        return source
    }
    defer { for source in sources { source.cancel() } }
    do {
        return try await task.value
    } catch {
        let number = received.number.load(ordering: .relaxed)
        if number != 0 { throw ExitCode(128 + number) }
        throw error
    }
}

/// The signal that came, 0 while none has.
private final class ReceivedSignal: Sendable {
    let number = Atomic<CInt>(0)
}
