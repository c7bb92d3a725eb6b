// SPDX-License-Identifier: MIT
internal import CLinux
public import LinuxSystem
internal import SystemPackage

/// The driver's bitmap in which a device marks the pages of guest memory that it writes: bit n % 64 of word n / 64 stands for
/// the 4096 bytes from guest address n * 4096.
///
/// What `VHOST_SET_LOG_BASE` takes. Sendable: the words are the device's and ours at the same time, and are exchanged
/// atomically.
@safe public final class DirtyPages: Sendable {
    /// The bytes that one bit stands for.
    public static let pageBytes: UInt64 = 4096

    private let mapping: MemoryMapping
    private let wordCount: Int
    /// The bitmap as a file, where another process is to map it.
    package let file: PassedDescriptor?

    /// Makes an empty log.
    ///
    /// - Parameters:
    ///   - end: the first guest address behind what it covers.
    ///   - isShared: whether the device is in another process, which has to map the log.
    public init(covering end: UInt64, isShared: Bool = false) throws(OperationError) {
        wordCount = Int((end / Self.pageBytes + 64) / 64)
        do {
            if isShared {
                let file = PassedDescriptor(try SharedMemory.makeFile(name: "log", byteCount: wordCount * 8))
                mapping = try MemoryMapping(sharing: file.owner.descriptor, byteCount: wordCount * 8)
                self.file = file
            } else {
                mapping = try MemoryMapping(byteCount: wordCount * 8)
                file = nil
            }
        } catch {
            throw OperationError("make", "a dirty log of \(wordCount * 8) bytes", errno: error)
        }
    }

    /// The bitmap's size in bytes.
    package var byteCount: Int { wordCount * 8 }

    /// The bitmap's address in this process.
    var address: UInt64 { mapping.address }

    /// The guest addresses of the pages that were marked since the last call, which are no longer marked.
    public func take() -> [UInt64] {
        var pages: [UInt64] = []
        for index in 0..<wordCount {
            // The mapping has all the words.
            let word = unsafe ringside_exchange(
                mapping.base.assumingMemoryBound(to: UInt64.self) + index,
                0
            )
            for bit in 0..<64 where word & (1 << bit) != 0 {
                pages.append(UInt64(index * 64 + bit) * Self.pageBytes)
            }
        }
        return pages
    }
}
