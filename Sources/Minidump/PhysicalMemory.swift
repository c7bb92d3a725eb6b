// SPDX-License-Identifier: MIT
import LinuxSystem

/// A part of a region: where its bytes are, or that they are missing.
public struct Run: Sendable {
    /// Its start in the region, in bytes.
    public var offset: UInt64
    /// Its length in bytes, never 0.
    public var length: UInt64
    /// The input file and the place in it; `nil` where the bytes were not captured.
    public var source: Source?

    /// A place in an input file.
    public struct Source: Sendable {
        public var file: InputFile
        public var offset: UInt64
    }
}

/// Physical memory as an input holds it: ranges of addresses that lie somewhere in its files.
public struct PhysicalMemory: Sendable {
    /// One contiguous range.
    public struct Extent: Sendable {
        public var address: UInt64
        public var length: UInt64
        public var source: Run.Source

        var end: UInt64 { address + length }
    }

    /// Ordered by address; none touches another's bytes.
    public private(set) var extents: [Extent] = []

    /// Takes ranges in any order. Where two hold the same address, the one that starts first has it.
    public init(_ candidates: [Extent]) {
        for var extent in candidates.sorted(by: { $0.address < $1.address }) {
            let (_, wraps) = extent.address.addingReportingOverflow(extent.length)
            let end = extents.last?.end ?? 0
            if wraps || extent.address + extent.length <= end || extent.length == 0 { continue }
            if extent.address < end {
                extent.source.offset += end - extent.address
                extent.length -= end - extent.address
                extent.address = end
            }
            extents.append(extent)
        }
    }

    /// A file that holds memory from address 0 on.
    public init(flat file: InputFile) {
        self.init([Extent(address: 0, length: file.size, source: Run.Source(file: file, offset: 0))])
    }

    /// Captured bytes in total.
    public var byteCount: UInt64 { extents.reduce(0) { $0 + $1.length } }

    /// The parts that a range consists of, in order, captured and missing; a range that wraps around is missing.
    public func runs(address: UInt64, size: UInt64) -> [Run] {
        var runs: [Run] = []
        var position: UInt64 = 0
        guard size > 0 else { return [] }
        guard !address.addingReportingOverflow(size).overflow else { return [Run(offset: 0, length: size)] }
        var index = firstExtent(endingAfter: address)
        while position < size {
            let here = address + position
            guard index < extents.count, extents[index].address < address + size else {
                runs.append(Run(offset: position, length: size - position))
                return runs
            }
            let extent = extents[index]
            if extent.address > here {
                runs.append(Run(offset: position, length: extent.address - here))
                position += extent.address - here
                continue
            }
            let length = min(extent.end - here, size - position)
            let place = Run.Source(
                file: extent.source.file,
                offset: extent.source.offset + (here - extent.address)
            )
            runs.append(Run(offset: position, length: length, source: place))
            position += length
            index += 1
        }
        return runs
    }

    /// All `count` bytes at a physical address, or `nil` where some of them were not captured.
    func read(at address: UInt64, count: Int) throws(OperationError) -> [UInt8]? {
        let runs = runs(address: address, size: UInt64(count))
        if runs.contains(where: { $0.source == nil }) { return nil }
        return try runs.readAll()
    }

    /// Binary search: the first extent that ends behind an address.
    private func firstExtent(endingAfter address: UInt64) -> Int {
        var (low, high) = (0, extents.count)
        while low < high {
            let middle = (low + high) / 2
            if extents[middle].end > address { high = middle } else { low = middle + 1 }
        }
        return low
    }
}

extension [Run] {
    /// The bytes of all runs, zero where they are missing or where a file has become shorter. The caller bounds the size.
    func readAll() throws(OperationError) -> [UInt8] {
        var bytes: [UInt8] = []
        for run in self {
            let end = bytes.count + Int(run.length)
            if let source = run.source {
                bytes += try source.file.read(at: source.offset, count: Int(run.length))
            }
            bytes += [UInt8](repeating: 0, count: end - bytes.count)
        }
        return bytes
    }

    /// How many bytes were captured.
    public var capturedBytes: UInt64 { reduce(0) { $0 + ($1.source == nil ? 0 : $1.length) } }

    /// How many bytes are missing.
    public var missingBytes: UInt64 { reduce(0) { $0 + ($1.source == nil ? $1.length : 0) } }
}
