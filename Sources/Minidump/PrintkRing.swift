// SPDX-License-Identifier: MIT
public import LinuxSystem

/// One record of the kernel's log.
public struct LogRecord: Sendable, Encodable {
    public var sequence: UInt64
    /// Since boot.
    public var nanoseconds: UInt64
    public var text: String

    /// As `dmesg` prints it.
    public var line: String {
        let microseconds = nanoseconds / 1000
        let (seconds, rest) = ("\(microseconds / 1_000_000)", "\(microseconds % 1_000_000)")
        let stamp =
            String(repeating: " ", count: max(0, 5 - seconds.count)) + seconds + "."
            + String(repeating: "0", count: 6 - rest.count) + rest
        return "[\(stamp)] "
            + text.split(separator: "\n", omittingEmptySubsequences: false).joined(
                separator: "\n               "
            )
    }
}

extension Dump {
    /// The kernel's log, from the ring that printk writes (`struct printk_ringbuffer`, Linux 5.10 and later).
    ///
    /// Neither debug symbols nor the kernel's image are needed: VMCOREINFO tells where everything is.
    ///
    /// - Returns: the records in order; `missing` counts those whose text was not captured.
    public func kernelLog() throws(OperationError) -> (records: [LogRecord], missing: Int) {
        guard let vmcoreInfo else {
            throw OperationError(
                "read",
                "the kernel log of \(source)",
                cause: "no VMCOREINFO was captured",
                hint: "print a region that holds text with: ringside minidump log --region NAME \(source)"
            )
        }
        return try PrintkRing(info: vmcoreInfo, memory: KernelMemory(self), name: source).records()
    }
}

/// Decodes the ring as `Documentation/admin-guide/kdump` and the note's own numbers describe it.
private struct PrintkRing {
    let info: VMCoreInfo
    let memory: KernelMemory
    let name: String

    /// Rings of more records or of more text than 2 to the power of this are not believed. Kernels are configured
    /// with at most 32 MiB of text, and have a record for every 32 bytes.
    private static let countLimit: UInt32 = 20
    private static let textLimit: UInt32 = 25
    /// Nor are entries of more bytes than this; the kernel's have less than 100.
    private static let entryLimit = 256

    func records() throws(OperationError) -> (records: [LogRecord], missing: Int) {
        guard let variable = info.symbol("prb"), let pointer = try word(at: variable),
            let header = try memory.readWhole(at: pointer, count: try size("printk_ringbuffer"))
        else { throw missing("the ring itself") }
        let descriptors = try offset("printk_ringbuffer.desc_ring")
        let texts = try offset("printk_ringbuffer.text_data_ring")
        let bytes = header.raw
        guard
            let countBits = bytes.load(
                UInt32.self,
                at: descriptors + (try offset("prb_desc_ring.count_bits"))
            ),
            let textBits = bytes.load(UInt32.self, at: texts + (try offset("prb_data_ring.size_bits"))),
            let head = bytes.load(UInt64.self, at: descriptors + (try offset("prb_desc_ring.head_id"))),
            let tail = bytes.load(UInt64.self, at: descriptors + (try offset("prb_desc_ring.tail_id"))),
            let descs = bytes.load(UInt64.self, at: descriptors + (try offset("prb_desc_ring.descs"))),
            let infos = bytes.load(UInt64.self, at: descriptors + (try offset("prb_desc_ring.infos"))),
            let data = bytes.load(UInt64.self, at: texts + (try offset("prb_data_ring.data"))),
            countBits <= Self.countLimit, textBits <= Self.textLimit
        else { throw missing("a plausible ring header") }
        let count = UInt64(1) << UInt64(countBits)
        let tables = Tables(
            descs: try memory.read(at: descs, count: Int(count) * (try entrySize("prb_desc"))),
            infos: try memory.read(at: infos, count: Int(count) * (try entrySize("printk_info"))),
            text: try memory.read(at: data, count: 1 << Int(textBits)),
            layout: try Layout(self),
            textBits: UInt64(textBits)
        )
        return tables.records(from: tail, through: head, count: count)
    }

    private func word(at address: UInt64) throws(OperationError) -> UInt64? {
        try memory.readWhole(at: address, count: 8).flatMap { $0.raw.load(UInt64.self, at: 0) }
    }

    func offset(_ key: String) throws(OperationError) -> Int {
        guard let value = info.offset(key), (0..<4096).contains(value) else {
            throw missing("OFFSET(\(key)) in VMCOREINFO")
        }
        return value
    }

    func size(_ key: String) throws(OperationError) -> Int {
        guard let value = info.size(key), (1..<4096).contains(value) else {
            throw missing("SIZE(\(key)) in VMCOREINFO")
        }
        return value
    }

    private func entrySize(_ key: String) throws(OperationError) -> Int {
        let value = try size(key)
        guard value <= Self.entryLimit else { throw missing("a plausible SIZE(\(key)) in VMCOREINFO") }
        return value
    }

    private func missing(_ what: String) -> OperationError {
        OperationError("read", "the kernel log of \(name)", cause: "\(what) was not captured")
    }

    /// Offsets in a descriptor and in an info.
    struct Layout {
        var descSize, state, begin, next, infoSize, sequence, time, length: Int

        init(_ ring: PrintkRing) throws(OperationError) {
            descSize = try ring.size("prb_desc")
            infoSize = try ring.size("printk_info")
            state = try ring.offset("prb_desc.state_var")
            let block = try ring.offset("prb_desc.text_blk_lpos")
            begin = try block + ring.offset("prb_data_blk_lpos.begin")
            next = try block + ring.offset("prb_data_blk_lpos.next")
            sequence = try ring.offset("printk_info.seq")
            time = try ring.offset("printk_info.ts_nsec")
            length = try ring.offset("printk_info.text_len")
        }
    }

    struct Tables {
        var descs, infos, text: [UInt8]
        var layout: Layout
        var textBits: UInt64

        private static let idMask = UInt64.max >> 2

        func records(from tail: UInt64, through head: UInt64, count: UInt64) -> (
            records: [LogRecord], missing: Int
        ) {
            var (records, missing): ([LogRecord], Int) = ([], 0)
            let last = min((head &- tail) & Self.idMask, count - 1)
            for step in 0...last {
                let id = (tail &+ step) & Self.idMask
                guard
                    let state = descs.raw.load(
                        UInt64.self,
                        at: Int(id % count) * layout.descSize + layout.state
                    )
                else {
                    missing += 1
                    continue
                }
                // Committed or finalized, and not the entry's last user or next one.
                guard state & Self.idMask == id, state >> 62 == 1 || state >> 62 == 2 else { continue }
                if let record = record(Int(id % count)) { records.append(record) } else { missing += 1 }
            }
            return (records, missing)
        }

        private func record(_ index: Int) -> LogRecord? {
            let (desc, info) = (index * layout.descSize, index * layout.infoSize)
            guard let begin = descs.raw.load(UInt64.self, at: desc + layout.begin),
                let next = descs.raw.load(UInt64.self, at: desc + layout.next),
                let sequence = infos.raw.load(UInt64.self, at: info + layout.sequence),
                let time = infos.raw.load(UInt64.self, at: info + layout.time),
                let length = infos.raw.load(UInt16.self, at: info + layout.length)
            else { return nil }
            // An odd position means that the record has no text.
            if begin & 1 != 0 { return LogRecord(sequence: sequence, nanoseconds: time, text: "") }
            // A block that would cross the end of the ring lies at its start.
            let wraps = begin >> textBits != next >> textBits && next & ((1 << textBits) - 1) != 0
            let start = (wraps ? 0 : Int(begin & ((1 << textBits) - 1))) + 8
            guard start + Int(length) <= text.count else { return nil }
            return LogRecord(
                sequence: sequence,
                nanoseconds: time,
                text: String(decoding: text[start..<start + Int(length)], as: UTF8.self)
            )
        }
    }
}
