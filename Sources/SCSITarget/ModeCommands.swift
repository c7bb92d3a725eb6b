// SPDX-License-Identifier: MIT

/// MODE SENSE and MODE SELECT, in six and ten bytes.
enum ModeCommands {
    static let rows: [CommandRow] = [
        CommandRow(
            0x1a,
            "MODE SENSE(6)",
            usage: [0x08, 0xff, 0xff, 0xff, 0x04],
            .reading,
            body: .answer(sense)
        ),
        CommandRow(
            0x5a,
            "MODE SENSE(10)",
            usage: [0x18, 0xff, 0xff, 0, 0, 0, 0xff, 0xff, 0x04],
            .reading,
            body: .answer(sense)
        ),
        CommandRow(
            0x15,
            "MODE SELECT(6)",
            usage: [0x11, 0, 0, 0xff, 0x04],
            .writing,
            body: .take(select)
        ),
        CommandRow(
            0x55,
            "MODE SELECT(10)",
            usage: [0x11, 0, 0, 0, 0, 0, 0xff, 0xff, 0x04],
            .writing,
            body: .take(select)
        ),
    ]

    @Sendable
    private static func sense(_ command: Command) throws(Refusal) -> ShortAnswer {
        let block = command.block
        let isShort = block.opcode == 0x1a
        let body = try pages(command)
        var descriptor: [UInt8] = []
        // DBD: no block descriptor. LLBAA: a long one.
        let isLong = !isShort && block.bit(4, of: 1)
        if !block.bit(3, of: 1) { descriptor = blockDescriptor(command, isLong: isLong) }
        let device = deviceParameter(command)
        var header: [UInt8]
        if isShort {
            header = [UInt8(3 + descriptor.count + body.count), 0, device, UInt8(descriptor.count)]
        } else {
            header = []
            header.append(bigEndian: UInt16(6 + descriptor.count + body.count))
            header += [0, device, isLong && !descriptor.isEmpty ? 1 : 0, 0]
            header.append(bigEndian: UInt16(descriptor.count))
        }
        let allocation = isShort ? Int(block[4]) : block.length(at: 7, bytes: 2)
        return ShortAnswer(header + descriptor + body, allocation: allocation)
    }

    /// WP, and DPOFUA: the unit takes DPO and FUA.
    private static func deviceParameter(_ command: Command) -> UInt8 {
        let isProtected = command.unit.store.isReadOnly || command.settings.softwareWriteProtect
        return (isProtected ? 0x80 : 0) | 0x10
    }

    private static func pages(_ command: Command) throws(Refusal) -> [UInt8] {
        let code = command.block[2] & 0x3f
        let subpage = command.block[3]
        // No page has subpages; FFh stands for all of them.
        guard subpage == 0 || subpage == 0xff else { throw .check(.invalidField(byte: 3)) }
        let chosen = ModePage.all.filter { code == 0x3f || $0.code == code }
        if chosen.isEmpty { throw .check(.invalidField(byte: 2, bit: 5)) }
        switch command.block[2] >> 6 {
        case 0: return chosen.flatMap { $0.bytes(with: command.settings) }
        case 1: return chosen.flatMap { $0.changeable(on: command.unit) }
        case 2:
            let defaults = command.unit.defaultSettings
            return chosen.flatMap { $0.bytes(with: defaults) }
        default: throw .check(.savingNotSupported)
        }
    }

    private static func blockDescriptor(_ command: Command, isLong: Bool) -> [UInt8] {
        var bytes: [UInt8] = []
        if isLong {
            bytes.append(bigEndian: command.settings.blockCount)
            bytes.append(bigEndian: UInt32(0))
        } else {
            bytes.append(bigEndian: UInt32(clamping: command.settings.blockCount))
        }
        bytes.append(bigEndian: UInt32(command.blockSize))
        return bytes
    }

    @Sendable
    private static func select(_ command: Command, _ dataOut: Span<UInt8>) throws(Refusal) -> Int {
        let block = command.block
        // PF: the list has pages; SP: nothing can be saved.
        if !block.bit(4, of: 1) { throw .check(.invalidField(byte: 1, bit: 4)) }
        if block[1] & 0x03 != 0 { throw .check(.invalidField(byte: 1, bit: 0)) }
        let isShort = block.opcode == 0x15
        let length = isShort ? Int(block[4]) : block.length(at: 7, bytes: 2)
        if length == 0 { return 0 }
        guard dataOut.count >= length else { throw .check(.parameterListLength) }
        let list = ModeParameterList(dataOut.extracting(first: length), isShort: isShort)
        try list.checkHeader(command)
        let losesCache = try command.unit.change { (state) throws(Refusal) in
            let former = state.settings
            state.settings = try list.applied(to: former, of: command.unit)
            if state.settings == former { return false }
            state.announce(.modeParametersChanged, except: command.nexus)
            return former.writeCache && !state.settings.writeCache
        }
        if losesCache { try emptyCache(command) }
        return length
    }

    /// Makes safe what was written while there was a cache: no initiator asks for that any more.
    private static func emptyCache(_ command: Command) throws(Refusal) {
        do throws(Refusal) {
            try command.flush()
        } catch {
            command.unit.change { $0.settings.writeCache = true }
            throw error
        }
    }
}

/// The parameter list of MODE SELECT.
private struct ModeParameterList {
    private let bytes: [UInt8]
    private let isShort: Bool

    init(_ list: Span<UInt8>, isShort: Bool) {
        bytes = list.indices.map { list[$0] }
        self.isShort = isShort
    }

    private var headerSize: Int { isShort ? 4 : 8 }
    private var isLong: Bool { !isShort && bytes[4] & 1 != 0 }
    private var descriptorSize: Int {
        isShort ? Int(bytes[3]) : Int(bytes.span.number(at: 6, bytes: 2))
    }

    /// Finds whether header and block descriptor are whole and tell the unit's own sizes.
    func checkHeader(_ command: Command) throws(Refusal) {
        guard bytes.count >= headerSize else { throw .check(.parameterListLength) }
        let size = descriptorSize
        if size == 0 { return }
        guard size == (isLong ? 16 : 8) else { throw .check(.invalidParameter(byte: headerSize - 1)) }
        guard bytes.count >= headerSize + size else { throw .check(.parameterListLength) }
        let count = bytes.span.number(at: headerSize, bytes: isLong ? 8 : 4)
        let capacity = command.settings.blockCount
        let shown = isLong ? capacity : UInt64(UInt32(clamping: capacity))
        guard count == 0 || count == shown else { throw .check(.invalidParameter(byte: headerSize)) }
        guard bytes.span.number(at: headerSize + size - 3, bytes: 3) == UInt64(command.blockSize) else {
            throw .check(.invalidParameter(byte: headerSize + size - 3))
        }
    }

    /// The settings after all pages of the list; one at fault changes nothing.
    func applied(to settings: UnitSettings, of unit: LogicalUnit) throws(Refusal) -> UnitSettings {
        var settings = settings
        var start = headerSize + descriptorSize
        while start < bytes.count {
            guard start + 2 <= bytes.count else { throw .check(.parameterListLength) }
            // Bit 6 says that a page has subpages.
            let page = ModePage.all.first { $0.code == bytes[start] & 0x7f }
            guard let page else { throw .check(.invalidParameter(byte: start)) }
            let size = page.fixed.count
            guard Int(bytes[start + 1]) == size - 2 else { throw .check(.invalidParameter(byte: start + 1)) }
            guard start + size <= bytes.count else { throw .check(.parameterListLength) }
            let result = page.apply(Array(bytes[start..<start + size]), to: settings, of: unit)
            guard let changed = result.settings else {
                throw .check(.invalidParameter(byte: start + result.faultyByte))
            }
            settings = changed
            start += size
        }
        return settings
    }
}
