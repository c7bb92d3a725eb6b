// SPDX-License-Identifier: MIT
public import LinuxSystem
import OptionParsing
public import SCSITarget
public import SystemPackage

/// A logical unit as a command line gives it: `[TARGET:]LUN=KIND:WHAT[,bs=512|4096][,ro=on|off][,serial=TEXT][,pr=FILE]
/// [,pi=1|2|3]`.
///
/// Kinds are `file:PATH` (a file or block device), `ramdisk:SIZE`, `null:SIZE` and `nbd:URI`. A comma in a path is
/// written as two.
public struct UnitSpecification: Equatable, Sendable {
    /// Where the blocks are.
    public enum Backing: Equatable, Sendable {
        case file(FilePath)
        case ramdisk(ByteSize)
        case null(ByteSize)
        case nbd(String)
    }

    /// The specification as it was given.
    let text: String
    public let target: UInt8
    public let lun: UInt16
    public let backing: Backing
    public let blockSize: Int
    public let isReadOnly: Bool
    /// The unit serial number that was given; nil for one that follows from where the blocks are.
    public let serial: String?
    /// Where persistent reservations are kept; nil where they end with the process.
    public let reservations: FilePath?
    /// The kind of protection information that the blocks have; nil for none. That of a file is kept beside it.
    public let protection: ProtectionType?

    public init(_ text: String) throws(OperationError) {
        let parts = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.count == 2 else {
            throw Self.refusal(text, "it is not LUN=KIND:WHAT", "as in 0=file:disk.img or 1:2=ramdisk:1G")
        }
        self.text = text
        (target, lun) = try Self.address(String(parts[0]), text)
        // The first pair of the list is the store: its kind is the key.
        let list = try Self.list(String(parts[1]), text)
        backing = try Self.backing(list, text)
        switch list["bs"] ?? "512" {
        case "512": blockSize = 512
        case "4096", "4k": blockSize = 4096
        case let size: throw Self.refusal(text, "block size \"\(size)\"", "it is 512 or 4096")
        }
        switch list["ro"] ?? "off" {
        case "off": isReadOnly = false
        case "on": isReadOnly = true
        case let value: throw Self.refusal(text, "ro=\"\(value)\"", "it is on or off")
        }
        serial = try Self.serial(list, text)
        reservations = list["pr"].map { FilePath($0) }
        protection = try Self.protection(list, backing, text)
    }

    /// A unit that is described elsewhere.
    public init(
        target: UInt8,
        lun: UInt16,
        backing: Backing,
        blockSize: Int = 512,
        isReadOnly: Bool = false,
        serial: String,
        reservations: FilePath? = nil,
        protection: ProtectionType? = nil
    ) {
        (self.target, self.lun, self.backing) = (target, lun, backing)
        (self.blockSize, self.isReadOnly, self.serial) = (blockSize, isReadOnly, serial)
        (self.reservations, self.protection) = (reservations, protection)
        text = ""
    }

    /// Sees that what is asked for can be had, without opening anything.
    public func check() throws(OperationError) {
        guard protection != nil, case .file(let path) = backing, path.exists else { return }
        do throws(Errno) {
            if try path.stat().type == .regular { return }
        } catch {
            throw OperationError("look at", path.string, errno: error)
        }
        throw OperationError(
            "protect",
            description,
            cause: "\(path) is no regular file",
            hint: "protection information is kept beside a regular file, or in memory"
        )
    }

    /// Opens or makes the store.
    ///
    /// - Parameters:
    ///   - socket: where the unit is served; its name tells what is in memory here from what is there elsewhere.
    ///   - makesFiles: whether a file for protection information is made where there is none; without, the unit has
    ///     none then.
    public func open(for socket: FilePath, makesFiles: Bool = true) throws(OperationError)
        -> (unit: LogicalUnit, store: any BlockStore)
    {
        try check()
        let store: any BlockStore
        do throws(Errno) {
            switch backing {
            case .file(let path):
                store = try FileStore(path, blockSize: blockSize, isReadOnly: isReadOnly)
            case .ramdisk(let size): store = try RAMStore(byteCount: UInt64(size.bytes), blockSize: blockSize)
            case .null(let size): store = try NullStore(byteCount: UInt64(size.bytes), blockSize: blockSize)
            case .nbd(let uri): store = try NBDStore(uri, blockSize: blockSize, isReadOnly: isReadOnly)
            }
        } catch {
            let cause = error == .invalidArgument ? "its size is no multiple of \(blockSize) bytes" : nil
            let hint = error == .noFunction ? "NBD servers take the package libnbd0" : nil
            throw OperationError("open", description, errno: error, cause: cause, hint: hint)
        }
        let kept = try reservations.map { path throws(OperationError) in try ReservationFile(path) }
        let unit = LogicalUnit(
            store: store,
            identity: UnitIdentity(serial: try identifier(of: store, socket)),
            reservations: kept,
            protection: try openProtection(of: store, makesFiles)
        )
        return (unit, store)
    }

    /// The serial number that was given; or a digest of where the blocks are, the same for every spelling of it: guests
    /// take two units with one serial number for one disk.
    private func identifier(of store: any BlockStore, _ socket: FilePath) throws(OperationError) -> String {
        if let serial { return serial }
        do throws(Errno) {
            switch backing {
            case .file(let path):
                if let file = (store as? FileStore)?.descriptor, try !file.isBlockDevice() {
                    return StableHash.hexadecimal(try file.path().string)
                }
                // What a device's link leads to may have another number after the next boot.
                return StableHash.hexadecimal(try path.inResolvedDirectory().string)
            case .nbd(let uri):
                guard uri.contains("socket="), !uri.contains("socket=/") else {
                    return StableHash.hexadecimal(uri)
                }
                let here = try FilePath("socket").inResolvedDirectory()
                return StableHash.hexadecimal("\(here):\(uri)")
            case .ramdisk, .null:
                let place = try socket.inResolvedDirectory()
                return StableHash.hexadecimal("\(target):\(lun):\(place)")
            }
        } catch {
            throw OperationError(
                "find the full name of",
                description,
                errno: error,
                hint: "serial=TEXT gives it a serial number instead"
            )
        }
    }

    private func openProtection(of store: any BlockStore, _ makesFiles: Bool) throws(OperationError)
        -> UnitProtection?
    {
        guard let protection else { return nil }
        let blocks = store.byteCount / UInt64(store.blockSize)
        if case .file(let path) = backing {
            let side = FileTuples.path(beside: path)
            if !makesFiles && !side.exists { return nil }
            let tuples = try FileTuples(side, blocks: blocks, isReadOnly: isReadOnly || !makesFiles)
            return UnitProtection(protection, tuples: tuples)
        }
        do throws(Errno) {
            return UnitProtection(protection, tuples: try MemoryTuples(blocks: blocks))
        } catch {
            throw OperationError("make", "protection information of \(description)", errno: error)
        }
    }
}

extension UnitSpecification: CustomStringConvertible {
    public var description: String { "\(target):\(lun)=\(store)" }

    /// Whether serving it opens files or connections again, and not only once.
    public var opensFiles: Bool {
        if case .nbd = backing { true } else { reservations != nil }
    }

    /// The store alone, as in `ramdisk:1G`.
    public var store: String {
        switch backing {
        case .file(let path): "file:\(path)"
        case .ramdisk(let size): "ramdisk:\(size)"
        case .null(let size): "null:\(size)"
        case .nbd(let uri): "nbd:\(uri)"
        }
    }

    /// `[TARGET:]LUN`
    static func address(_ address: String, _ text: String) throws(OperationError) -> (UInt8, UInt16) {
        let fields = address.split(separator: ":", omittingEmptySubsequences: false)
        let target = fields.count == 2 ? Decimal.value(of: String(fields[0])) : 0
        guard (1...2).contains(fields.count), let target, let target = UInt8(exactly: target),
            let lun = Decimal.value(of: String(fields[fields.count - 1])),
            lun <= UInt64(TargetDevice.highestLUN)
        else {
            throw refusal(text, "\"\(address)\" is no address", "[TARGET:]LUN, 0 to 255 and 0 to 16383")
        }
        return (target, UInt16(lun))
    }

    private static let kinds = "file:PATH, ramdisk:SIZE, null:SIZE or nbd:URI"

    private static func list(_ pairs: String, _ text: String) throws(OperationError) -> OptionList {
        guard let colon = pairs.firstIndex(of: ":") else {
            throw refusal(text, "it names no store", Self.kinds)
        }
        let store = pairs[..<colon] + "=" + pairs[pairs.index(after: colon)...]
        do {
            let known = ["file", "ramdisk", "null", "nbd", "bs", "ro", "serial", "pr", "pi"]
            return try OptionList(String(store), known: known)
        } catch {
            throw refusal(text, error.description)
        }
    }

    private static func backing(_ list: OptionList, _ text: String) throws(OperationError) -> Backing {
        let stores = list.options.filter { ["file", "ramdisk", "null", "nbd"].contains($0.key) }
        guard stores.count == 1, let store = stores.first, store.position == 1, !store.value.isEmpty else {
            throw refusal(text, "it names no store, or several", Self.kinds)
        }
        if store.key == "file" { return .file(FilePath(store.value)) }
        if store.key == "nbd" { return .nbd(store.value) }
        let size = try ByteSize(store.value)
        guard size.bytes > 0 else { throw refusal(text, "a size of 0") }
        return store.key == "null" ? .null(size) : .ramdisk(size)
    }

    private static func serial(_ list: OptionList, _ text: String) throws(OperationError) -> String? {
        guard let serial = list["serial"] else { return nil }
        guard (1...36).contains(serial.utf8.count), serial.utf8.allSatisfy({ (0x20..<0x7f).contains($0) })
        else {
            throw refusal(text, "serial \"\(serial)\"", "it has 1 to 36 printable ASCII characters")
        }
        return serial
    }

    private static func protection(_ list: OptionList, _ backing: Backing, _ text: String)
        throws(OperationError) -> ProtectionType?
    {
        guard let word = list["pi"], word != "0" else { return nil }
        guard let type = UInt8(word).flatMap(ProtectionType.init(rawValue:)) else {
            throw refusal(text, "pi=\"\(word)\"", "it is 1, 2 or 3, or 0 for no protection information")
        }
        switch backing {
        case .file, .ramdisk: return type
        case .null, .nbd:
            throw refusal(text, "its store keeps no protection information", "file and ramdisk do")
        }
    }

    private static func refusal(_ text: String, _ cause: String, _ hint: String? = nil) -> OperationError {
        OperationError("parse", "LUN \"\(text)\"", cause: cause, hint: hint)
    }
}
