// SPDX-License-Identifier: MIT
public import LinuxSystem
import SystemPackage

/// Whether a vhost endpoint holds a portal group: the kernel tells nobody, but refuses to remove such a group.
extension TargetTree {
    /// How long a reader waits for a change under way, in seconds.
    static let readersPatience = 1

    /// Finds out which of these groups an endpoint holds, by their paths. Those of which that cannot be told are absent.
    ///
    /// - Throws: an `OperationError` while something else changes targets: a group that is being changed cannot be asked.
    public func claims(of groups: [TargetPortalGroup]) throws(OperationError) -> [String: Bool] {
        try alone(waiting: Self.readersPatience) { () throws(OperationError) in
            var claims: [String: Bool] = [:]
            for group in groups { claims[group.path] = try isClaimed(group) }
            return claims
        }
    }

    /// Fails where an endpoint holds the group, without changing anything. Only for who is alone.
    func probeClaim(of group: TargetPortalGroup) throws(OperationError) {
        guard try isClaimed(group) == true else { return }
        let explanation = explain(.removeDirectory(FilePath(group.path)), .resourceBusy)
        throw OperationError(
            "delete",
            group.path,
            errno: .resourceBusy,
            cause: explanation.cause,
            hint: explanation.hint
        )
    }

    /// Whether an endpoint holds the group; nil where that cannot be told.
    ///
    /// The kernel answers the removal of a held group with `EBUSY` before it looks for what is in it, and that of any
    /// other group that has LUNs with `ENOTEMPTY`. A group without a child would be removed: it is not asked. What is in
    /// it is therefore read here and now, and not before there is nobody else.
    private func isClaimed(_ group: TargetPortalGroup) throws(OperationError) -> Bool? {
        let units = try entries(FilePath(group.path).appending("lun")).filter { $0.kind == .directory }
        if units.isEmpty, try accessLists(of: group).isEmpty { return nil }
        let operation = Operation.removeDirectory(FilePath(group.path))
        do throws(Errno) {
            try operation.perform(in: base, fileSystem)
            return nil
        } catch .directoryNotEmpty {
            return false
        } catch .resourceBusy {
            return true
        } catch {
            let explanation = explain(operation, error)
            throw OperationError(
                "probe",
                group.path,
                errno: error,
                cause: explanation.cause,
                hint: explanation.hint
            )
        }
    }
}
