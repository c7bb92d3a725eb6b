// SPDX-License-Identifier: MIT
internal import LinuxSystem
internal import SystemPackage

extension VhostSCSIOptions {
    /// The option list's keys.
    public static let keys = [
        "id", "wwpn", "tpgt", "vhostfd", "num_queues", "virtqueue_size", "max_sectors", "cmd_per_lun",
        "t10_pi",
        "hotplug", "worker_per_virtqueue", "boot_tpgt",
    ]
}

/// Why an option list is refused, before anything is opened.
enum VhostOptionProblem: CaseIterable {
    case malformed, missingID, badID, duplicateID, missingName, longName, nameWithNUL, missingTag, badTag
    case badDescriptor, unknownDescriptor, closedDescriptor, notANumber, outOfRange, badFlag
    case sizeNotPowerOfTwo, commandsExceedRings, depthAboveCommands, transferAboveSectors

    private struct Message {
        /// What is wrong; `%1` and `%2` stand for the values.
        let cause: String
        var hint: String?
        var errno: Errno?
    }

    /// All messages.
    private var message: Message {
        switch self {
        case .malformed: Message(cause: "%1")
        case .missingID: Message(cause: "no id", hint: "give the device a name: id=vhost-scsi0")
        case .badID:
            Message(
                cause: "bad id: an id starts with a letter and goes on with letters, digits, '-', '.' and '_'"
            )
        case .duplicateID: Message(cause: "duplicate id: a device of that name is open")
        case .missingName: Message(cause: "missing wwpn", hint: "name the target: wwpn=naa.…")
        case .longName: Message(cause: "wwpn is %1 bytes long; the kernel's field holds %2")
        case .nameWithNUL: Message(cause: "wwpn contains a NUL byte")
        case .missingTag:
            Message(
                cause: "missing tpgt",
                hint: "name the target portal group by a 16-bit number: tpgt=1"
            )
        case .badTag: Message(cause: "needs a 16-bit tpgt: %1")
        case .badDescriptor:
            Message(cause: "cannot parse vhostfd \"%1\": it is the number or the name of an open descriptor")
        case .unknownDescriptor:
            Message(
                cause: "no descriptor of the name \"%1\" was passed in",
                hint: "pass it by: ringside vhost open id=%1,… -- COMMAND"
            )
        case .closedDescriptor:
            Message(
                cause: "vhostfd %1 is not open here",
                hint:
                    "open the device in the parent, as in: ringside vhost probe …,vhostfd=3 3<>/dev/vhost-scsi",
                errno: .badFileDescriptor
            )
        case .notANumber: Message(cause: "%1")
        case .outOfRange: Message(cause: "%1 is not %2")
        case .badFlag: Message(cause: "%1 is neither on nor off")
        case .sizeNotPowerOfTwo: Message(cause: "virtqueue_size=%1 is not a power of two")
        case .commandsExceedRings: Message(cause: "cmd_per_lun=%1 is more than the rings hold, which is %2")
        case .depthAboveCommands: Message(cause: "%1 requests in flight are more than cmd_per_lun=%2")
        case .transferAboveSectors: Message(cause: "%1 bytes a request are more than max_sectors, %2 bytes")
        }
    }

    /// The refusal of the device `id`, nil before it has a name, with the values that the message names.
    func error(_ id: String?, _ values: String...) -> OperationError {
        let message = message
        return OperationError(
            "configure",
            id.map { "vhost-scsi \"\($0)\"" } ?? "vhost-scsi",
            errno: message.errno,
            cause: Self.filled(message.cause, values),
            hint: message.hint.map { Self.filled($0, values) }
        )
    }

    private static func filled(_ text: String, _ values: [String]) -> String {
        var result = ""
        var parts = text.split(separator: "%", omittingEmptySubsequences: false)
        result += parts.removeFirst()
        for part in parts {
            guard let place = part.first?.wholeNumberValue, values.indices.contains(place - 1) else {
                continue
            }
            result += values[place - 1] + part.dropFirst()
        }
        return result
    }
}
