// SPDX-License-Identifier: MIT
import LinuxSystem

/// What protection information says of its block, from SBC-3.
public enum ProtectionType: UInt8, Sendable, CaseIterable {
    /// The reference tag is the low half of the block's address.
    case one = 1
    /// Commands of 32 bytes say what the tags of their first block are.
    case two
    /// The reference tag is the initiator's own.
    case three
}

/// The protection information of one block: 8 bytes, as they are sent and stored.
struct ProtectionTuple: Equatable {
    static let byteCount = 8
    /// With this application tag, nothing is checked when the block is read; with type 3, ``anyReference`` has to go
    /// with it.
    static let anyApplication: UInt16 = 0xffff
    static let anyReference: UInt32 = 0xffff_ffff

    /// The CRC of the data.
    var guardWord: UInt16
    var application: UInt16
    var reference: UInt32

    /// The information for data that came without.
    init(_ data: Span<UInt8>, reference: UInt32) {
        guardWord = BlockGuard.word(data)
        application = 0
        self.reference = reference
    }

    /// Reads the information of the block `index` of several.
    init(_ tuples: Span<UInt8>, at index: Int) {
        let offset = index * Self.byteCount
        guardWord = UInt16(truncatingIfNeeded: tuples.number(at: offset, bytes: 2))
        application = UInt16(truncatingIfNeeded: tuples.number(at: offset + 2, bytes: 2))
        reference = UInt32(truncatingIfNeeded: tuples.number(at: offset + 4, bytes: 4))
    }

    func append(to bytes: inout [UInt8]) {
        bytes.append(bigEndian: guardWord)
        bytes.append(bigEndian: application)
        bytes.append(bigEndian: reference)
    }

    /// Whether the block is not to be checked when it is read.
    func isUnchecked(_ type: ProtectionType) -> Bool {
        application == Self.anyApplication && (type != .three || reference == Self.anyReference)
    }
}

/// Which fields of protection information are looked at.
struct ProtectionChecks: OptionSet {
    let rawValue: UInt8

    static let guardWord = ProtectionChecks(rawValue: 1)
    static let application = ProtectionChecks(rawValue: 2)
    static let reference = ProtectionChecks(rawValue: 4)
    static let all: ProtectionChecks = [.guardWord, .application, .reference]

    init(rawValue: UInt8) { self.rawValue = rawValue }

    /// What RDPROTECT, WRPROTECT or VRPROTECT asks for, 0 to 5.
    init(code: UInt8) {
        switch code {
        case 2: self = [.application, .reference]
        case 3: self = []
        case 4: self = .guardWord
        default: self = .all
        }
    }
}

/// What the tags of a command's blocks have to be.
struct ExpectedTags {
    /// Of the first block, one more for each that follows; nil for anything.
    var reference: UInt32?
    var application: UInt16 = 0
    /// The bits of the application tag that count.
    var mask: UInt16 = 0

    /// The field at fault, and how to say so.
    func fault(
        of tuple: ProtectionTuple,
        _ data: Span<UInt8>,
        at index: Int,
        _ checks: ProtectionChecks
    ) -> Sense? {
        if checks.contains(.guardWord), tuple.guardWord != BlockGuard.word(data) { return .guardCheckFailed }
        if checks.contains(.application), (tuple.application ^ application) & mask != 0 {
            return .applicationTagCheckFailed
        }
        if checks.contains(.reference), let reference,
            tuple.reference != reference &+ UInt32(truncatingIfNeeded: index)
        {
            return .referenceTagCheckFailed
        }
        return nil
    }
}
