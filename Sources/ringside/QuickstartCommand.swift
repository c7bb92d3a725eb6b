// SPDX-License-Identifier: MIT
import ArgumentParser
import LinuxSystem
import SystemPackage
import TargetConfig
import TestVM

struct QuickstartCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "quickstart",
        abstract:
            "Show the main job end to end in a test VM: provision a vhost-scsi target, drive it, take it down.",
        discussion: """
            Everything happens in a disposable machine with the distribution's own kernel; this host needs neither \
            vhost_scsi nor configfs and is left as it was. The commands are those that a user types on a real host; \
            each is shown with its output. Any failure is an exit status other than 0, and the machine's logs are kept.

            EXAMPLES
              ringside quickstart
              ringside quickstart --json | python3 -m json.tool
              ringside quickstart --lun ramdisk:256M --memory 1G
            """
    )

    @Option(
        help: ArgumentHelp("What LUN 0 is made of, as for target create.", valueName: "spec"),
        transform: { spec in
            _ = try LUNSpec("0=\(spec)")
            return spec
        }
    )
    var lun = "ramdisk:64M"

    @OptionGroup var machine: MachineArguments

    @Flag(help: "Print the commands and the emulator's command line, and boot nothing.")
    var dryRun = false

    @OptionGroup var output: OutputOptions

    /// The kernel loads all of them when the first backstore is made.
    private static let backstoreModules = [
        "target_core_file", "target_core_iblock", "target_core_pscsi", "target_core_user",
    ]

    private static let wwpn = "naa.5001405c0ffee001"

    /// The commands between a fresh machine and one that is as it was.
    private var steps: [QuickstartStep] {
        let device = "id=vhost-scsi0,wwpn=\(Self.wwpn),tpgt=1"
        return [
            QuickstartStep("load modules", "ringside module load tcm_vhost target_core_mod"),
            QuickstartStep("create target", "ringside target create \(Self.wwpn) --tpgt 1 --lun", "0=\(lun)"),
            QuickstartStep("open device", "ringside vhost open \(device) --seconds 0"),
            QuickstartStep("probe LUNs", "ringside vhost probe \(device)"),
            QuickstartStep("write and compare", "ringside vhost verify \(device) --lun 0 --write"),
            QuickstartStep(
                "throughput",
                "ringside vhost bench \(device) --lun 0 --rw randread --bs 4K --iodepth 1,32 --runtime 1"
            ),
            QuickstartStep("delete target", "ringside target delete \(Self.wwpn)"),
            QuickstartStep(
                "unload modules",
                "ringside module unload --dependents --recursive vhost_scsi target_core_mod"
            ),
            QuickstartStep("unmount configfs", "umount /sys/kernel/config", hasJSON: false),
            QuickstartStep("unload configfs", "ringside module unload configfs"),
        ]
    }

    mutating func run() async throws {
        let clock = ContinuousClock()
        let start = clock.now
        let (options, steps, json) = (try options(), self.steps, output.json)
        if dryRun {
            let machine = try await untilInterrupted { try await Machine(options) }
            let lines = [machine.commandLine.map(shellQuoted).joined(separator: " ")] + steps.map(\.line)
            return try output.print(lines) { $0.joined(separator: "\n") }
        }
        let deadline = Duration.seconds(self.machine.timeout)
        let ((machine, report), prepared) = try await untilInterrupted {
            let machine = try await Machine(options)
            let prepared = start.duration(to: clock.now)
            let booted = try await machine.withFallback(options) { machine in
                try await machine.run(deadline: deadline) { guest in
                    try await QuickstartRun(guest: guest, asJSON: json).run(steps)
                }
            }
            return (booted, prepared)
        }
        let stages =
            [
                QuickstartStage(
                    "prepare",
                    prepared,
                    machine.packed.isEmpty
                        ? "nothing to pack" : "packed \(machine.packed.joined(separator: ", "))"
                ),
                QuickstartStage(
                    "boot",
                    report.bootTime,
                    "kernel \(machine.kernel.release), \(machine.acceleration.name)"
                ),
            ]
            + report.value + [
                QuickstartStage("power off", report.powerOffTime, "nothing left behind, no kernel warning")
            ]
        try output.print(
            QuickstartSummary(machine, stages, start.duration(to: clock.now)),
            describe: \.description
        )
    }

    private func options() throws -> MachineOptions {
        var options = try machine.options(modules: ["vhost_scsi"] + Self.backstoreModules)
        options.processors = machine.cpus ?? 2
        guard let umount = FilePath.locate(program: "umount") else {
            throw OperationError(
                "pack",
                "umount",
                errno: .noSuchFileOrDirectory,
                hint: "apt-get install mount"
            )
        }
        options.programs = [umount]
        return options
    }
}
