// SPDX-License-Identifier: MIT
import LinuxSystem
import TestVM

extension Machine {
    /// Boots it; where KVM turns out to be of no use and was not asked for, says so and boots the like of it by TCG.
    ///
    /// - Parameters:
    ///   - options: what it was made of.
    ///   - boot: called once more for the other machine; an error of its whose operation is `boot` is KVM's.
    /// - Returns: the machine that booted, and what `boot` returned.
    func withFallback<Value: Sendable>(
        _ options: MachineOptions,
        boot: (Machine) async throws -> Value
    ) async throws -> (Machine, Value) {
        do {
            return (self, try await boot(self))
        } catch let error as OperationError where isKVMs(error, options) {
            Terminal.writeError("ringside: KVM does not work here, trying TCG: \(error.cause)")
            if let hint = error.hint { Terminal.writeError(hint) }
            var options = options
            options.acceleration = .tcg(reason: "KVM failed: \(error.cause)")
            let machine = try await Machine(options)
            return (machine, try await boot(machine))
        }
    }

    private func isKVMs(_ error: OperationError, _ options: MachineOptions) -> Bool {
        guard case .kvm = acceleration else { return false }
        return options.acceleration == nil && error.operation == "boot"
    }
}
