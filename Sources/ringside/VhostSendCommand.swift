// SPDX-License-Identifier: MIT
import ArgumentParser
import LinuxSystem
import SystemPackage
import VhostSCSI

struct VhostSendCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "send",
        abstract: "Send any SCSI command, byte for byte, and print what comes back.",
        discussion: """
            The exit status is 1 where the command does not end with GOOD; unit attentions are met and passed first.

            EXAMPLES
              ringside vhost send --socket s --cdb '9e 10 00 00 00 00 00 00 00 00 00 00 00 20 00 00' --in 32
              ringside vhost send --socket s --lun 1 --cdb 35000000000000000000
              ringside vhost send --cdb '42 00 00 00 00 00 00 00 18 00' --out list id=a,wwpn=naa.500140500000001,tpgt=1
            """
    )

    @OptionGroup var device: VhostDeviceOptions

    @Option(help: "The logical unit, 0 to 16383.")
    var lun: UInt16 = 0

    @Option(
        help: ArgumentHelp("The command descriptor block, 6 to 32 bytes.", valueName: "hexadecimal"),
        transform: Self.bytes
    )
    var cdb: [UInt8]

    @Option(name: .customLong("in"), help: "How many bytes the command is to bring.")
    var incoming = 0

    @Option(help: "A file with the data that goes with the command.", completion: .file())
    var out: String?

    @OptionGroup var output: OutputOptions

    private static func bytes(_ text: String) throws -> [UInt8] {
        let digits = Array(text.filter { $0 != " " })
        let bytes = stride(from: 0, to: digits.count - 1, by: 2).compactMap { place in
            UInt8(String(digits[place...place + 1]), radix: 16)
        }
        guard digits.allSatisfy(\.isHexDigit), bytes.count * 2 == digits.count, (6...32).contains(bytes.count)
        else {
            throw ValidationError("it is 6 to 32 bytes of two hexadecimal digits each.")
        }
        return bytes
    }

    func validate() throws {
        guard lun < 16384 else { throw ValidationError("--lun is 0 to 16383.") }
        guard (0...SCSIInitiator.defaultTransfer).contains(incoming), incoming == 0 || out == nil else {
            throw ValidationError("--in is 0 to \(SCSIInitiator.defaultTransfer), and goes without --out.")
        }
    }

    func run() throws {
        let data = try out.map { try FilePath($0).readAll() } ?? []
        let command = SCSICommand.raw(cdb, byteCount: max(incoming, data.count), isWrite: !data.isEmpty)
        let initiator = try device.start(depth: 1)
        let answer = try initiator.finishing { () throws(OperationError) in
            let response = try initiator.settle(command, data, lun: lun)
            return RawAnswer(response, data.isEmpty ? initiator.received(command, response) : [])
        }
        try output.print(answer) { $0.description }
        if answer.outcome != "GOOD" { throw ExitCode(1) }
    }
}

/// How a command ended, and what it brought.
private struct RawAnswer: Encodable, CustomStringConvertible {
    let outcome: String
    let residual: UInt32
    let sense: String
    let data: String

    init(_ response: SCSIResponse, _ data: [UInt8]) {
        outcome = response.failure ?? "GOOD"
        residual = response.residual
        sense = response.sense.hexadecimalPairs.joined(separator: " ")
        self.data = response.isGood ? data.hexadecimalPairs.joined(separator: " ") : ""
    }

    /// The outcome, then the data, 16 bytes a line.
    var description: String {
        let pairs = data.split(separator: " ")
        let lines = stride(from: 0, to: pairs.count, by: 16).map { start in
            pairs[start..<min(start + 16, pairs.count)].joined(separator: " ")
        }
        return ([residual == 0 ? outcome : "\(outcome), residual \(residual)"] + lines)
            .joined(separator: "\n")
    }
}
