// SPDX-License-Identifier: MIT
import LinuxSystem
@testable import Minidump
import SystemPackage

/// What an input is taken for.
enum Reader: String, CaseIterable {
    /// One file of any kind: memory with tables, ELF core, raw dump, devcoredump. The corpora tell them apart.
    case image, core, rawdump, devcoredump
    /// Files of a directory: for each a byte with the length of its name, the name, two bytes with its size, content.
    case collection
    /// Lines of VMCOREINFO up to a zero byte; what follows is the memory that they are about.
    case log
    /// One file; taking the core made of it apart and putting it together again must give the same core.
    case split
}

/// Feeds inputs to a reader, and to everything that works on what it read.
final class ReaderFuzzer {
    /// Set once, before the only thread enters libFuzzer's loop.
    nonisolated(unsafe) static var current: ReaderFuzzer?

    private let reader: Reader
    private let scratch: FilePath
    private var input: FilePath { scratch.appending("input") }

    /// Works in a new directory below `TMPDIR`, which the caller removes.
    init(_ reader: Reader) throws {
        self.reader = reader
        scratch = try FilePath.makeTemporaryDirectory(prefix: "ringside-fuzz")
    }

    /// Whatever the bytes are, an `OperationError` is the worst that may come of them.
    func run(_ bytes: [UInt8]) {
        do {
            switch reader {
            case .image, .core, .rawdump, .devcoredump:
                try input.write(bytes)
                try exercise(Dump(opening: [input]))
            case .collection:
                try input.recreate()
                try writeCollection(bytes[...])
                try exercise(Dump(opening: [input]))
            case .log:
                try readLog(bytes)
            case .split:
                try input.write(bytes)
                try takeApart(Dump(opening: [input]))
            }
        } catch is OperationError {
            // A clear error is a good answer.
        } catch {
            fatalError("\(error)")
        }
    }

    private func exercise(_ dump: Dump) throws {
        for finding in dump.check() { precondition(!finding.description.isEmpty) }
        var rest = 1 << 20
        for region in dump.regions {
            region.runs.expectWhole(region.size)
            guard rest > 0 else { continue }
            let bytes = try region.read(upTo: min(rest, 4096))
            precondition(UInt64(bytes.count) == min(region.size, UInt64(min(rest, 4096))))
            rest -= max(bytes.count, 1024)
        }
        // That there is no log or no table to repair from keeps nothing else from being tried.
        do { _ = try dump.kernelLog() } catch {}
        do { _ = try dump.repair(to: scratch.appending("repaired")) } catch {}
        try takeApart(dump)
        let left = try scratch.entryNames().filter { !["input", "parts", "repaired"].contains($0) }
        precondition(left.isEmpty, "\(left)")
    }

    /// Assembles, opens, splits, and assembles again.
    private func takeApart(_ dump: Dump) throws {
        let (first, second) = (scratch.appending("first.elf"), scratch.appending("second.elf"))
        let parts = scratch.appending("parts")
        try parts.recreate()
        let manifest = try dump.assemble(to: first)
        precondition(manifest.regions.count == dump.regions.count)
        let core = try Dump(opening: [first])
        // A core of nothing but missing bytes reads as a header; one without any address as a devcoredump.
        if core.kind == .core {
            precondition(core.regions.map(\.name) == manifest.regions.map(\.name))
            precondition(core.regions.map(\.size) == dump.regions.map(\.size))
            precondition(core.regions.map(\.missingBytes) == dump.regions.map(\.missingBytes))
            _ = try core.split(to: parts)
            _ = try Dump(opening: [parts]).assemble(to: second)
            let (one, other) = (try first.readAll(), try second.readAll())
            precondition(one == other)
            try second.removeTree()
        }
        try first.removeTree()
    }

    private func writeCollection(_ bytes: ArraySlice<UInt8>) throws {
        var rest = bytes
        while let length = rest.popFirst() {
            let name = String(decoding: rest.prefix(Int(length & 31)), as: UTF8.self)
            rest = rest.dropFirst(Int(length & 31))
            guard let low = rest.popFirst(), let high = rest.popFirst() else { return }
            let content = rest.prefix(Int(high) << 8 | Int(low))
            rest = rest.dropFirst(content.count)
            // What no directory can hold.
            if name.isEmpty || name.contains("/") || name.contains("\0") || name.hasPrefix(".") { continue }
            try input.appending(name).write(content)
        }
    }

    private func readLog(_ bytes: [UInt8]) throws {
        let text = bytes.prefix { $0 != 0 }
        try input.write(bytes.dropFirst(text.count))
        let file = try InputFile(input)
        var dump = Dump(kind: .core, source: "log")
        dump.vmcoreInfo = VMCoreInfo(text: String(decoding: text, as: UTF8.self))
        let half = file.size / 2
        dump.regions = [
            DumpRegion(
                name: "KPRB",
                physicalAddress: 0,
                virtualAddress: 0xffff_ffff_82a0_0000,
                size: half,
                runs: [Run](source: Run.Source(file: file, offset: 0), captured: half, size: half)
            )
        ]
        dump.memory = PhysicalMemory(flat: file)
        for record in try dump.kernelLog().records { precondition(!record.line.isEmpty) }
    }
}

extension [Run] {
    /// Runs are in order and leave no byte of their region out.
    fileprivate func expectWhole(_ size: UInt64) {
        var end: UInt64 = 0
        for run in self {
            precondition(run.offset == end && run.length > 0)
            end += run.length
        }
        precondition(end == size)
    }
}

extension FilePath {
    fileprivate func recreate() throws {
        do { try removeTree() } catch Errno.noSuchFileOrDirectory {}
        try makeDirectory()
    }
}
