// SPDX-License-Identifier: MIT
import ArgumentParser
import LinuxSystem
import VhostSCSI

struct VhostManageCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "manage",
        abstract: "Send a request over the control queue: task management, asynchronous notification.",
        discussion: """
            The kernel carries out lun-reset alone, and rejects the others; its answer to query and subscribe is that
            there are no such events. The exit status is 1 where the function was not carried out.

            Caution: Linux 6.1, told to reset a unit beside others of its portal group, frees memory that is not its \
            own when the last of them goes.

            EXAMPLES
              ringside vhost manage lun-reset --lun 0 id=a,wwpn=naa.500140500000001,tpgt=1
              ringside vhost manage abort-task --tag 7 id=a,wwpn=naa.500140500000001,tpgt=1
              ringside vhost manage query --events 0x1e id=a,wwpn=naa.500140500000001,tpgt=1
            """
    )

    enum Function: String, CaseIterable, ExpressibleByArgument {
        case abortTask = "abort-task"
        case abortTaskSet = "abort-task-set"
        case clearACA = "clear-aca"
        case clearTaskSet = "clear-task-set"
        case nexusReset = "nexus-reset"
        case lunReset = "lun-reset"
        case queryTask = "query-task"
        case queryTaskSet = "query-task-set"
        case query, subscribe

        /// The task management function; nil for asynchronous notification.
        var management: TaskManagement? {
            Self.allCases.firstIndex(of: self).flatMap { TaskManagement(rawValue: UInt32($0)) }
        }
    }

    @Argument(help: "What to do.")
    var function: Function

    @OptionGroup var device: VhostDeviceOptions

    @Option(help: "The logical unit, 0 to 16383.")
    var lun: UInt16 = 0

    @Option(help: "The tag of the command that is meant.")
    var tag: UInt64 = 0

    @Option(help: "The events that are asked for, as VIRTIO_SCSI_EVT_ASYNC_ bits.", transform: Self.bits)
    var events: UInt32 = 0x1e

    @OptionGroup var output: OutputOptions

    private static func bits(_ text: String) throws -> UInt32 {
        let number = text.hasPrefix("0x") ? UInt32(text.dropFirst(2), radix: 16) : UInt32(text)
        guard let number else { throw ValidationError("it is a number of 32 bits") }
        return number
    }

    func validate() throws {
        guard lun < 16384 else { throw ValidationError("--lun is 0 to 16383.") }
    }

    func run() throws {
        let initiator = try device.start(depth: 1)
        let answer = try initiator.finishing { () throws(OperationError) in try ask(initiator) }
        try output.print(answer) { answer in
            let events = answer.events.map { ", events \($0)" } ?? ""
            return "\(function.rawValue) of LUN \(lun): \(answer.meaning) (\(answer.response))\(events)"
        }
        if !answer.isDone { throw ExitCode(1) }
    }

    private func ask(_ initiator: SCSIInitiator) throws(OperationError) -> ControlAnswer {
        if let management = function.management {
            return ControlAnswer(try initiator.manage(management, lun: lun, tag: tag), events: nil)
        }
        let answer = try initiator.notifications(events, lun: lun, subscribes: function == .subscribe)
        return ControlAnswer(answer.response, events: answer.events)
    }
}

/// What the device answered.
private struct ControlAnswer: Encodable {
    let response: Int
    let meaning: String
    let events: UInt32?

    private static let meanings = [
        0: "done", 3: "no such target", 10: "done", 11: "rejected", 12: "no such logical unit",
    ]

    var isDone: Bool { meaning == "done" }

    init(_ response: UInt8, events: UInt32?) {
        self.response = Int(response)
        meaning = Self.meanings[Int(response)] ?? "failed"
        self.events = events
    }
}
