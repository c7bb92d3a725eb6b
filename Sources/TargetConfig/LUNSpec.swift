// SPDX-License-Identifier: MIT
public import LinuxSystem

/// One logical unit of a target to be: `N=ramdisk:64M`, `N=file:/PATH…`, `N=block:/DEV…` or `N=name:BACKSTORE`.
public struct LUNSpec: Hashable, Sendable, CustomStringConvertible {
    /// Where the unit's blocks come from.
    public enum Source: Hashable, Sendable {
        /// A backstore that is made with the target and removed with it.
        case made(BackstoreSpec)
        /// A backstore that is there already, and stays.
        case existing(String)
    }

    public let number: LUNNumber
    public let source: Source

    public var description: String {
        switch source {
        case .made(let spec): "\(number)=\(spec)"
        case .existing(let name): "\(number)=name:\(name)"
        }
    }

    /// Reads `N=KIND:ARGUMENT`.
    ///
    /// - Throws: an `OperationError` that says what is wrong with `text`.
    public init(_ text: String) throws(OperationError) {
        let parts = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(
            String.init
        )
        guard parts.count == 2 else {
            throw OperationError(
                "parse",
                "LUN '\(text)'",
                cause: "is not N=KIND:ARGUMENT",
                hint: "for example 0=ramdisk:64M"
            )
        }
        number = try LUNNumber(parts[0])
        guard parts[1].hasPrefix("name:") else {
            source = .made(try BackstoreSpec(parts[1]))
            return
        }
        let name = String(parts[1].dropFirst(5))
        guard !name.isEmpty else {
            throw OperationError("parse", "LUN '\(text)'", cause: "names no backstore")
        }
        source = .existing(name)
    }
}
