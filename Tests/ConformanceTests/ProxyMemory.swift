// SPDX-License-Identifier: MIT
import LinuxSystem

/// A piece of guest memory in this process.
@safe struct ProxyPiece {
    let pointer: UnsafeMutableRawPointer
    let count: Int
    let guest: UInt64
    let isWritable: Bool
}

/// The front-end's memory, as the proxy has mapped it.
@safe struct ProxyMemory {
    struct Region {
        let guest: UInt64
        let user: UInt64
        let count: UInt64
        let offset: UInt64
        let mapping: PeerMapping
    }

    var regions: [Region] = []

    /// Where an address of the front-end is here.
    func find(user: UInt64) -> UnsafeMutableRawPointer? {
        unsafe find(user) { $0.user }
    }

    /// Where a guest address is here.
    func find(guest: UInt64) -> UnsafeMutableRawPointer? {
        unsafe find(guest) { $0.guest }
    }

    private func find(_ address: UInt64, _ start: (Region) -> UInt64) -> UnsafeMutableRawPointer? {
        let found = regions.first { address >= start($0) && address - start($0) < $0.count }
        guard let region = found else { return nil }
        // The offset is inside the region, and the region keeps it mapped.
        return unsafe region.mapping.mapping.base + Int(region.offset + address - start(region))
    }

    /// The pieces of a chain that a device has given back: no more than a ring has, each in one region.
    func chain(_ head: Int, _ descriptors: UInt64, size: Int) -> [ProxyPiece] {
        guard head < size, let table = unsafe find(user: descriptors) else { return [] }
        return unsafe pieces(table, first: head, size)
    }

    private func pieces(_ table: UnsafeMutableRawPointer, first: Int, _ size: Int) -> [ProxyPiece] {
        var pieces: [ProxyPiece] = []
        var number = first
        for _ in 0..<size where number < size {
            let entry = unsafe table + number * 16
            // A descriptor has 16 bytes, and the table so many of them.
            let address = unsafe entry.load(as: UInt64.self)
            let count = unsafe Int(entry.load(fromByteOffset: 8, as: UInt32.self))
            let flags = unsafe entry.load(fromByteOffset: 12, as: UInt16.self)
            if let pointer = unsafe find(guest: address) {
                if flags & 4 != 0 {
                    pieces += unsafe self.pieces(pointer, first: 0, count / 16)
                } else {
                    let isWritable = flags & 2 != 0
                    pieces.append(
                        unsafe ProxyPiece(
                            pointer: pointer,
                            count: count,
                            guest: address,
                            isWritable: isWritable
                        )
                    )
                }
            }
            if flags & 1 == 0 { break }
            number = unsafe Int(entry.load(fromByteOffset: 14, as: UInt16.self))
        }
        return pieces
    }
}

extension [ProxyPiece] {
    /// The byte at a place of the joined pieces.
    func byte(_ offset: Int) -> UnsafeMutablePointer<UInt8>? {
        var offset = offset
        for piece in self {
            // The offset is inside the piece.
            if offset < piece.count {
                return unsafe (piece.pointer + offset).assumingMemoryBound(to: UInt8.self)
            }
            offset -= piece.count
        }
        return nil
    }

    func change(_ offset: Int, _ change: (inout UInt8) -> Void) {
        if let byte = unsafe byte(offset) { unsafe change(&byte.pointee) }
    }

    var byteCount: Int { reduce(0) { $0 + $1.count } }
}
