// SPDX-License-Identifier: MIT
import Glibc
import LinuxSystem
import Synchronization
import SystemPackage
import TestVM

/// Passes signals on to the command that runs in a machine: one that asks for its end once, because the second one is
/// meant for the machine.
final class SignalRelay: Sendable {
    private struct State {
        var guest: Guest?
        var askedToEnd = false
    }

    private let state = Mutex(State())

    /// From now on the machine takes commands.
    func begin(_ guest: Guest) { state.withLock { $0.guest = guest } }

    /// - Returns: whether the signal needs nobody else.
    func take(_ number: CInt) -> Bool {
        if number == SIGWINCH { return resize() }
        let isEnd = [SIGINT, SIGTERM, SIGHUP, SIGQUIT].contains(number)
        let guest = state.withLock { state -> Guest? in
            if isEnd && state.askedToEnd { return nil }
            if state.guest != nil && isEnd { state.askedToEnd = true }
            return state.guest
        }
        guard let guest else { return !isEnd }
        // Where the machine has stopped meanwhile, its end is on the way.
        Task { try await guest.signalAll(number) }
        return true
    }

    private func resize() -> Bool {
        if let guest = state.withLock({ $0.guest }) {
            Task { try await guest.resizeAll(FileDescriptor.standardInput.terminalSize()) }
        }
        return true
    }
}
