// SPDX-License-Identifier: MIT
public import LinuxSystem

/// A message of the vhost-user protocol: a header of 12 bytes, a payload, and open descriptors.
public struct VhostUserMessage: Sendable {
    /// The bytes of a header: request, flags and payload size, 32 bits each, in the order of the machine.
    static let headerBytes = 12
    /// The largest payload that is taken. The protocol's largest is a memory table of 8 regions, 264 bytes.
    static let maximumPayload = 4096
    private static let version: UInt32 = 1
    private static let versionMask: UInt32 = 3
    private static let replyFlag: UInt32 = 1 << 2
    private static let needReplyFlag: UInt32 = 1 << 3

    /// The number of the request, which may be one that this side does not know.
    public let number: UInt32
    public let flags: UInt32
    public let payload: [UInt8]
    public let rights: [PassedDescriptor]

    /// The request, where it is known.
    public var request: VhostUserRequest? { VhostUserRequest(rawValue: number) }
    /// Whether the sender wants an acknowledgement even where the request has no answer.
    public var needsReply: Bool { flags & Self.needReplyFlag != 0 }
    /// Whether it is an answer.
    public var isReply: Bool { flags & Self.replyFlag != 0 }

    /// Any message, right or wrong.
    package init(number: UInt32, flags: UInt32, payload: [UInt8], rights: [PassedDescriptor]) {
        self.number = number
        self.flags = flags
        self.payload = payload
        self.rights = rights
    }

    /// A request.
    public init(
        _ request: VhostUserRequest,
        _ payload: [UInt8] = [],
        rights: [PassedDescriptor] = [],
        needsReply: Bool = false
    ) {
        self.init(
            number: request.rawValue,
            flags: Self.version | (needsReply ? Self.needReplyFlag : 0),
            payload: payload,
            rights: rights
        )
    }

    /// The answer to this request.
    func reply(_ payload: [UInt8], rights: [PassedDescriptor] = []) -> VhostUserMessage {
        VhostUserMessage(
            number: number,
            flags: Self.version | Self.replyFlag,
            payload: payload,
            rights: rights
        )
    }

    /// Header and payload as they go over the socket.
    public var encoded: [UInt8] {
        number.littleEndianBytes + flags.littleEndianBytes + UInt32(payload.count).littleEndianBytes + payload
    }

    static func hasValidVersion(_ flags: UInt32) -> Bool { flags & versionMask == version }
}

/// Why a message was not carried out.
public struct VhostUserRefusal: Error, Equatable, CustomStringConvertible, Sendable {
    public let request: String
    public let cause: String

    init(_ request: String, _ cause: String) {
        self.request = request
        self.cause = cause
    }

    public var description: String { "\(request): \(cause)" }
}

/// Numbers in a payload, in the order of the machine, which is little-endian wherever this package builds.
public struct WireFields {
    private var rest: ArraySlice<UInt8>

    public init(_ bytes: [UInt8]) { rest = bytes[...] }

    /// The next number; 0 behind the end, which the payload's size was checked for.
    public mutating func next<Number: FixedWidthInteger>(_: Number.Type = Number.self) -> Number {
        let width = Number.bitWidth / 8
        defer { rest = rest.dropFirst(width) }
        return rest.prefix(width).reversed().reduce(0) { $0 << 8 | Number(truncatingIfNeeded: $1) }
    }
}
