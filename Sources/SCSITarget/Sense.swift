// SPDX-License-Identifier: MIT
public import SystemPackage

/// Why a command was refused or what a unit has to tell: a sense key with its additional codes, from SPC-4.
public struct Sense: Error, Hashable, Sendable {
    /// The sense key, 0 to 15.
    public var key: UInt8
    /// The additional sense code.
    public var code: UInt8
    /// The additional sense code qualifier.
    public var qualifier: UInt8
    /// The INFORMATION field: what it counts depends on the command.
    public var information: UInt64?
    /// The field at fault, with ILLEGAL REQUEST.
    public var field: Field?

    /// A field of the command, or of its parameter list.
    public struct Field: Hashable, Sendable {
        /// True for the command, false for the parameter list.
        var isInCommand: Bool
        /// The offset of its first byte.
        var byte: UInt16
        /// The field's highest bit, where it is not the whole byte.
        var bit: UInt8?
    }

    public init(
        _ key: UInt8,
        _ code: UInt8,
        _ qualifier: UInt8,
        information: UInt64? = nil,
        field: Field? = nil
    ) {
        self.key = key
        self.code = code
        self.qualifier = qualifier
        self.information = information
        self.field = field
    }

    /// The failure of a read from the store, or of a flush.
    public init(reading error: Errno) {
        self = Self.common[error] ?? (error == .ioError ? .unrecoveredReadError : .internalTargetFailure)
    }

    /// The failure of a write to the store.
    public init(writing error: Errno) {
        self = Self.common[error] ?? (error == .ioError ? .writeError : .internalTargetFailure)
    }

    private static let common: [Errno: Sense] = [
        .noSpace: .spaceAllocationFailed, .diskQuotaExceeded: .spaceAllocationFailed,
        .fileTooLarge: .spaceAllocationFailed, .readOnlyFileSystem: .writeProtected,
        .notPermitted: .writeProtected, .badFileDescriptor: .writeProtected,
        .socketNotConnected: .becomingReady,
    ]
}

extension Sense {
    static let none = Sense(0x0, 0x00, 0x00)
    static let becomingReady = Sense(0x2, 0x04, 0x01)
    static let notReadyStopped = Sense(0x2, 0x04, 0x02)
    static let mediumNotPresent = Sense(0x2, 0x3a, 0x00)
    static let writeError = Sense(0x3, 0x0c, 0x00)
    static let unrecoveredReadError = Sense(0x3, 0x11, 0x00)
    static let internalTargetFailure = Sense(0x4, 0x44, 0x00)
    static let invalidCommandLength = Sense(0x5, 0x0e, 0x03)
    static let parameterListLength = Sense(0x5, 0x1a, 0x00)
    static let invalidOperationCode = Sense(0x5, 0x20, 0x00)
    static let addressOutOfRange = Sense(0x5, 0x21, 0x00)
    static let logicalUnitNotSupported = Sense(0x5, 0x25, 0x00)
    static let invalidRelease = Sense(0x5, 0x26, 0x04)
    static let savingNotSupported = Sense(0x5, 0x39, 0x00)
    static let insufficientRegistrationResources = Sense(0x5, 0x55, 0x04)
    static let writeProtected = Sense(0x7, 0x27, 0x00)
    static let softwareWriteProtected = Sense(0x7, 0x27, 0x02)
    static let spaceAllocationFailed = Sense(0x7, 0x27, 0x07)
    static let guardCheckFailed = Sense(0xb, 0x10, 0x01)
    static let applicationTagCheckFailed = Sense(0xb, 0x10, 0x02)
    static let referenceTagCheckFailed = Sense(0xb, 0x10, 0x03)

    /// INVALID FIELD IN CDB.
    static func invalidField(byte: Int, bit: UInt8? = nil) -> Sense {
        Sense(0x5, 0x24, 0x00, field: Field(isInCommand: true, byte: UInt16(clamping: byte), bit: bit))
    }

    /// INVALID FIELD IN PARAMETER LIST.
    static func invalidParameter(byte: Int, bit: UInt8? = nil) -> Sense {
        Sense(0x5, 0x26, 0x00, field: Field(isInCommand: false, byte: UInt16(clamping: byte), bit: bit))
    }

    /// MISCOMPARE DURING VERIFY OPERATION.
    ///
    /// - Parameter offset: of the first byte that differs.
    static func miscompare(at offset: Int) -> Sense { Sense(0xe, 0x1d, 0x00, information: UInt64(offset)) }

    // Unit attentions.
    static let powerOn = Sense(0x6, 0x29, 0x00)
    static let deviceReset = Sense(0x6, 0x29, 0x03)
    static let modeParametersChanged = Sense(0x6, 0x2a, 0x01)
    static let reservationsPreempted = Sense(0x6, 0x2a, 0x03)
    static let reservationsReleased = Sense(0x6, 0x2a, 0x04)
    static let registrationsPreempted = Sense(0x6, 0x2a, 0x05)
    static let capacityChanged = Sense(0x6, 0x2a, 0x09)
    static let reportedLUNsChanged = Sense(0x6, 0x3f, 0x0e)
}

extension Sense {
    /// The sense data: 18 bytes in the fixed format, or 8 to 28 in the descriptor format.
    public func encoded(descriptors: Bool = false) -> [UInt8] {
        descriptors ? encodedAsDescriptors : encodedAsFixed
    }

    private var encodedAsFixed: [UInt8] {
        // The field has 32 bits; what does not fit them is not valid.
        let information = information.flatMap { UInt32(exactly: $0) }
        var bytes: [UInt8] = [information == nil ? 0x70 : 0xf0, 0, key]
        bytes.append(bigEndian: information ?? 0)
        bytes += [10, 0, 0, 0, 0, code, qualifier, 0]
        return bytes + (field?.encoded ?? [0, 0, 0])
    }

    private var encodedAsDescriptors: [UInt8] {
        var descriptors: [UInt8] = []
        if let information {
            descriptors += [0x00, 10, 0x80, 0]
            descriptors.append(bigEndian: information)
        }
        if let field { descriptors += [0x02, 6, 0, 0] + field.encoded + [0] }
        return [0x72, key, code, qualifier, 0, 0, 0, UInt8(descriptors.count)] + descriptors
    }
}

extension Sense.Field {
    /// The three bytes of the sense-key specific data.
    fileprivate var encoded: [UInt8] {
        let place: UInt8 = 0x80 | (isInCommand ? 0x40 : 0)
        var bytes = [place | (bit.map { 0x08 | $0 } ?? 0)]
        bytes.append(bigEndian: byte)
        return bytes
    }
}
