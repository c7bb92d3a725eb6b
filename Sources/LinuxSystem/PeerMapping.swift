// SPDX-License-Identifier: MIT
internal import CMemoryGuard
public import SystemPackage

/// A file of another process, mapped so that this process survives whatever the other one does to the file.
///
/// Where the file is truncated, the mapping turns into private zeroes at the first touch of what is gone, and `isLost`
/// into true. The first mapping of a process sets a handler for SIGBUS.
@safe public final class PeerMapping: Sendable {
    /// The mapped bytes; any of them may change at any time.
    public let mapping: MemoryMapping
    private let range: CInt
    /// What the range signals stays open.
    private let lost: PassedDescriptor?

    /// Maps the first `byteCount` bytes of a file.
    ///
    /// - Parameter lost: an eventfd that is signalled when `isLost` has become true.
    /// - Throws: `EINVAL` where the file has no size, or a smaller one; `ENOSPC` for more than 1024 mappings.
    public init(_ file: PassedDescriptor, byteCount: UInt64, lost: PassedDescriptor? = nil) throws(Errno) {
        guard let size = try file.regularFileSize(), byteCount > 0, byteCount <= size,
            let count = Int(exactly: byteCount)
        else { throw .invalidArgument }
        try Self.installed.get()
        let mapping = try MemoryMapping(sharing: file.owner.descriptor, byteCount: count)
        // The guard forgets the range before it is unmapped.
        let range = unsafe memory_guard_add(mapping.base, UInt(count), lost?.number ?? -1)
        if range < 0 { throw Errno(rawValue: -range) }
        self.range = range
        self.lost = lost
        self.mapping = mapping
    }

    deinit {
        memory_guard_remove(range)
    }

    /// Whether the file's owner has taken bytes away that were touched here.
    public var isLost: Bool { memory_guard_lost(range) }

    private static let installed: Result<Void, Errno> = {
        let result = memory_guard_install()
        return result == 0 ? .success(()) : .failure(Errno(rawValue: -result))
    }()
}
