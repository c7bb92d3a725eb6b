// SPDX-License-Identifier: MIT
import ArgumentParser
import LinuxSystem
import SystemPackage
import VhostUserSCSI

struct ServeControlCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "ctl",
        abstract: "Plug, unplug and resize logical units of a server that runs, and see what it did.",
        discussion: """
            The guest is told over its event ring, and its driver adds, removes or measures the disk.
            A relative path of a file is the server's.

            EXAMPLES
              ringside serve ctl add --control /run/ringside/disk.ctl 2=ramdisk:1G
              ringside serve ctl remove --control /run/ringside/disk.ctl 2
              ringside serve ctl resize --control /run/ringside/disk.ctl 0
              ringside serve ctl counters --control /run/ringside/disk.ctl
            """,
        subcommands: [Add.self, Remove.self, Resize.self, Counters.self]
    )

    struct Socket: ParsableArguments {
        @Option(help: "The server's control socket.", completion: .file())
        var control: String

        @OptionGroup var output: OutputOptions

        func send(_ request: ControlRequest) throws {
            let answer = Answer(answer: try request.send(to: FilePath(control)))
            try output.print(answer) { $0.answer }
        }
    }

    private struct Answer: Encodable {
        let answer: String
    }

    struct Add: ParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Add a logical unit.")

        @OptionGroup var socket: Socket

        @Argument(
            help: ArgumentHelp(
                "The unit, as --lun of `ringside serve` takes it.",
                valueName: "[target:]lun=store"
            ),
            transform: { try UnitSpecification($0) }
        )
        var unit: UnitSpecification

        func run() throws { try socket.send(.add(unit)) }
    }

    struct Place: ParsableArguments {
        @Option(help: "The unit's target.")
        var target: UInt8 = 0

        @Argument(help: "The unit's number.")
        var lun: UInt16
    }

    struct Remove: ParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Remove a logical unit.")

        @OptionGroup var socket: Socket
        @OptionGroup var place: Place

        func run() throws { try socket.send(.remove(target: place.target, lun: place.lun)) }
    }

    struct Resize: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Take over the size that a logical unit's file or device has now."
        )

        @OptionGroup var socket: Socket
        @OptionGroup var place: Place

        func run() throws { try socket.send(.resize(target: place.target, lun: place.lun)) }
    }

    struct Counters: ParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Print what the request rings did.")

        @OptionGroup var socket: Socket

        func run() throws { try socket.send(.counters) }
    }
}
