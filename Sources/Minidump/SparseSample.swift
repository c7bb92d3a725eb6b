// SPDX-License-Identifier: MIT
import LinuxSystem
public import SystemPackage

/// A core file of one region, with data in stripes and holes between, to measure with.
public struct SparseSample {
    private var size: UInt64
    private var percent: UInt64
    private static let stripe = 1 << 20

    public init(size: UInt64, percent: Int) { (self.size, self.percent) = (size, UInt64(percent)) }

    /// Writes the file.
    ///
    /// - Returns: how many of its bytes are data.
    public func write(to path: FilePath) throws -> UInt64 {
        let file = try FileDescriptor.open(
            path,
            .readWrite,
            options: [.create, .truncate, .closeOnExec],
            permissions: [.ownerReadWrite]
        )
        return try file.closeAfter {
            try file.resize(to: Int64(size))
            let own = try InputFile(path)
            var dump = Dump(kind: .core, source: path.string)
            let place = Run.Source(file: own, offset: 0)
            dump.regions = [
                DumpRegion(
                    name: "SAMPLE",
                    physicalAddress: 0,
                    virtualAddress: 1 << 40,
                    size: size,
                    runs: [Run(offset: 0, length: size, source: place)]
                )
            ]
            let layout = try CoreLayout(dump)
            try file.writeAll(toAbsoluteOffset: 0, layout.head)
            let start = layout.pieces.first?.fileOffset ?? 0
            try file.resize(to: Int64(start + size))
            return try fill(file, from: start)
        }
    }

    private func fill(_ file: FileDescriptor, from start: UInt64) throws -> UInt64 {
        // Not compressible and never a page of zeros.
        var state: UInt64 = 0x9e37_79b9_7f4a_7c15
        let stripe = (0..<Self.stripe / 8).flatMap { _ -> [UInt8] in
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return (state | 1).littleEndianBytes
        }
        var written: UInt64 = 0
        for number in 0..<size / UInt64(Self.stripe) where number * percent % 100 < percent {
            try file.writeAll(toAbsoluteOffset: Int64(start + number * UInt64(Self.stripe)), stripe)
            written += UInt64(Self.stripe)
        }
        return written
    }
}
