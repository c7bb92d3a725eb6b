// SPDX-License-Identifier: MIT
internal import CVirtqueue
internal import Glibc
public import LinuxSystem
public import SystemPackage

/// Memory that plays the RAM of a guest: where descriptors, rings and buffers lie.
///
/// It is one run of zeroed pages at a guest-physical address that the caller chooses, and hands out pieces from its
/// beginning to its end; they come back all together, when the last owner is gone. A queue that was made in it keeps
/// it mapped.
///
/// `guestAddress`, `byteCount` and `userAddress` are the three numbers of `struct vhost_memory_region`.
public struct GuestMemory: ~Copyable, Sendable {
    /// The guest-physical address of the first byte.
    public let guestAddress: UInt64
    /// The bytes that were handed out.
    public private(set) var allocatedBytes = 0
    let arena: Arena

    /// The size in bytes, a multiple of the page size.
    public var byteCount: Int { arena.mapping.byteCount }
    /// The address of the first byte in this process.
    public var userAddress: UInt64 { arena.mapping.address }

    /// Maps at least `byteCount` bytes.
    ///
    /// - Parameters:
    ///   - byteCount: more than 0; rounded up to pages.
    ///   - guestAddress: the guest-physical address of the first byte, a multiple of the page size.
    /// - Throws: what `mmap` gives.
    public init(byteCount: Int, guestAddress: UInt64) throws(Errno) {
        arena = Arena(try MemoryMapping(byteCount: byteCount))
        self.guestAddress = guestAddress
    }

    /// Makes memory that another process can map, too: see `file`.
    public init(sharing byteCount: Int, guestAddress: UInt64) throws(Errno) {
        let page = Int(Glibc.sysconf(Int32(_SC_PAGESIZE)))
        let size = (byteCount + page - 1) / page * page
        let file = try SharedMemory.makeFile(name: "guest-memory", byteCount: size)
        arena = Arena(try MemoryMapping(sharing: file.descriptor, byteCount: size), PassedDescriptor(file))
        self.guestAddress = guestAddress
    }

    /// The file of memory that is shared.
    public var file: PassedDescriptor? { arena.file }

    /// Hands out zeroed bytes that nobody else has.
    ///
    /// - Parameters:
    ///   - byteCount: how many.
    ///   - alignment: of their guest address and of their address here; a power of two, at most a page.
    /// - Throws: `ENOMEM` where fewer are left.
    public mutating func allocate(_ byteCount: Int, alignment: Int = 64) throws(Errno) -> GuestBuffer {
        let start = (allocatedBytes + alignment - 1) & ~(alignment - 1)
        guard byteCount >= 0, start <= self.byteCount, byteCount <= self.byteCount - start else {
            throw .noMemory
        }
        allocatedBytes = start + byteCount
        return GuestBuffer(guestAddress: guestAddress + UInt64(start), byteCount: byteCount)
    }

    /// The bytes, for several who share them.
    public var access: GuestAccess { GuestAccess(guestAddress: guestAddress, arena: arena) }

    /// Lets `body` read a buffer's bytes, which a device may change at the same time.
    public func read<Result, Failure: Error>(
        _ buffer: GuestBuffer,
        _ body: (RawSpan) throws(Failure) -> Result
    ) throws(Failure) -> Result { try access.read(buffer, body) }

    /// Lets `body` write a buffer's bytes.
    public func write<Result, Failure: Error>(
        _ buffer: GuestBuffer,
        _ body: (inout MutableRawSpan) throws(Failure) -> Result
    ) throws(Failure) -> Result { try access.write(buffer, body) }

    /// The address in this process of a guest address, as a ring's addresses are given to the kernel.
    public func userAddress(of buffer: GuestBuffer) -> UInt64 { access.userAddress(of: buffer) }

    /// The number at a guest address, read in one access where the address is a multiple of its size.
    package func load<Number: FixedWidthInteger & BitwiseCopyable>(
        _ address: UInt64,
        as: Number.Type = Number.self
    ) -> Number { access.load(address) }

    /// Writes a number, in one access as above.
    package func store<Number: FixedWidthInteger & BitwiseCopyable>(_ number: Number, at address: UInt64) {
        access.store(number, at: address)
    }

    /// A copy of a buffer's bytes.
    package func copy(_ buffer: GuestBuffer) -> [UInt8] { access.copy(buffer) }

    /// Fills a buffer with bytes, of which there are as many.
    package func fill(_ buffer: GuestBuffer, with bytes: [UInt8]) { access.fill(buffer, with: bytes) }

    @unsafe func bytes(of buffer: GuestBuffer) -> UnsafeMutableRawBufferPointer {
        // The arena outlives this memory.
        unsafe access.bytes(of: buffer)
    }
}

/// The bytes of a guest memory, which stays mapped while somebody has this.
///
/// Who touches which buffer is settled by those who share it.
public struct GuestAccess: Sendable {
    let guestAddress: UInt64
    let arena: Arena

    /// Lets `body` read a buffer's bytes, which a device may change at the same time.
    public func read<Result, Failure: Error>(
        _ buffer: GuestBuffer,
        _ body: (RawSpan) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        // bytes(of:) checks the range; the arena outlives the call.
        try unsafe body(RawSpan(_unsafeBytes: UnsafeRawBufferPointer(bytes(of: buffer))))
    }

    /// Lets `body` write a buffer's bytes.
    public func write<Result, Failure: Error>(
        _ buffer: GuestBuffer,
        _ body: (inout MutableRawSpan) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        // bytes(of:) checks the range; the arena outlives the call.
        var span = unsafe MutableRawSpan(_unsafeBytes: bytes(of: buffer))
        return try body(&span)
    }

    /// The number at a guest address, read in one access where the address is a multiple of its size.
    package func load<Number: FixedWidthInteger & BitwiseCopyable>(
        _ address: UInt64,
        as: Number.Type = Number.self
    ) -> Number {
        // read() checks the range, and every pattern of bits is a number.
        read(GuestBuffer(guestAddress: address, byteCount: MemoryLayout<Number>.size)) {
            unsafe $0.unsafeLoadUnaligned(as: Number.self)
        }
    }

    /// Writes a number, in one access as above.
    package func store<Number: FixedWidthInteger & BitwiseCopyable>(_ number: Number, at address: UInt64) {
        write(GuestBuffer(guestAddress: address, byteCount: MemoryLayout<Number>.size)) {
            $0.storeBytes(of: number, as: Number.self)
        }
    }

    /// A copy of a buffer's bytes.
    package func copy(_ buffer: GuestBuffer) -> [UInt8] {
        // bytes(of:) checks the range.
        unsafe Array(bytes(of: buffer))
    }

    /// Fills a buffer with bytes, of which there are as many.
    package func fill(_ buffer: GuestBuffer, with bytes: [UInt8]) {
        precondition(bytes.count == buffer.byteCount)
        // bytes(of:) checks the range.
        unsafe self.bytes(of: buffer).copyBytes(from: bytes)
    }

    /// The address in this process of a buffer's first byte.
    public func userAddress(of buffer: GuestBuffer) -> UInt64 {
        unsafe UInt64(UInt(bitPattern: bytes(of: buffer).baseAddress))
    }

    /// A buffer's bytes for the C core, valid while the memory is mapped.
    @unsafe package func bytes(of buffer: GuestBuffer) -> UnsafeMutableRawBufferPointer {
        precondition(buffer.guestAddress >= guestAddress, "buffer of another memory")
        let offset = buffer.guestAddress - guestAddress
        precondition(
            offset <= UInt64(arena.mapping.byteCount)
                && buffer.byteCount <= arena.mapping.byteCount - Int(offset),
            "buffer out of range"
        )
        let start = unsafe arena.mapping.base + Int(offset)
        return unsafe UnsafeMutableRawBufferPointer(start: start, count: buffer.byteCount)
    }
}

/// A run of guest memory.
public struct GuestBuffer: Equatable, Sendable {
    /// The guest-physical address of the first byte.
    public let guestAddress: UInt64
    /// The size in bytes.
    public let byteCount: Int

    public init(guestAddress: UInt64, byteCount: Int) {
        self.guestAddress = guestAddress
        self.byteCount = byteCount
    }

    /// Some bytes of it: `byteCount` from `offset`, which must lie inside.
    public func slice(_ offset: Int, _ byteCount: Int) -> GuestBuffer {
        precondition(
            offset >= 0 && byteCount >= 0 && offset <= self.byteCount - byteCount,
            "slice out of range"
        )
        return GuestBuffer(guestAddress: guestAddress + UInt64(offset), byteCount: byteCount)
    }
}

/// The pages, kept mapped by everything that points into them.
///
/// Sendable although it holds a pointer: neither the pointer nor the size ever changes, and who touches the bytes is
/// settled by the owners of the buffers.
final class Arena: Sendable {
    let mapping: MemoryMapping
    let file: PassedDescriptor?

    init(_ mapping: consuming MemoryMapping, _ file: PassedDescriptor? = nil) {
        self.mapping = mapping
        self.file = file
    }
}
