// SPDX-License-Identifier: MIT
import ArgumentParser
import Dispatch
import Glibc
import Synchronization

/// Runs `body` and cancels it when the user or the system asks the program to end, so that it can clean up.
///
/// - Parameter relay: takes signals first, for a command in a machine.
/// - Throws: the exit status 128 and the signal's number, as a shell reports it, after such an end.
func untilInterrupted<Value: Sendable>(
    relay: SignalRelay? = nil,
    _ body: @Sendable @escaping () async throws -> Value
) async throws -> Value {
    let task = Task { try await body() }
    let received = ReceivedSignal()
    let signals = [SIGINT, SIGTERM, SIGHUP] + (relay == nil ? [] : [SIGQUIT, SIGUSR1, SIGUSR2, SIGWINCH])
    let sources = signals.map { number in
        signal(number, SIG_IGN)
        let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
        source.setEventHandler {
            if let relay, relay.take(number) { return }
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
