// SPDX-License-Identifier: MIT
public import LinuxSystem

extension [SCSIInitiator] {
    /// Detaches all, the last one first. Every one is stopped whatever the others do.
    ///
    /// - Parameter failure: what made it necessary, where something failed before.
    /// - Throws: `failure`, or else the first failure to stop; the later ones are in its cause.
    public func detach(after failure: OperationError? = nil) throws(OperationError) {
        var first = failure
        for initiator in reversed() {
            do throws(OperationError) {
                try initiator.detach()
            } catch {
                first?.cause += "; and stopping failed: \(error)"
                first = first ?? error
            }
        }
        if let first { throw first }
    }
}
