// SPDX-License-Identifier: MIT
import ArgumentParser
import Conformance
import KernelModule
import LinuxSystem
import SystemPackage
import TargetConfig
import VhostSCSI

struct VhostConformCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "conform",
        abstract: "Check that a vhost-scsi implementation does what the kernel and the specifications say.",
        discussion: """
            Without --socket, the kernel's device is checked, on targets and RAM disks that are made for it in configfs
            and deleted at the end. With --socket, a vhost-user-scsi back-end is checked, whose LUN 0 is overwritten; it
            wants --write to be said.
            Each case opens the device anew. A case passes, differs in a way that is known of this kernel, fails with
            what was expected and received, or is skipped where the device does not offer what it takes.

            EXAMPLES
              ringside vm run --module vhost_scsi -- ringside vhost conform --load
              ringside vhost conform --write --socket /run/ringside/disk.sock --control /run/ringside/disk.ctl
              ringside vhost conform --case 'ring.*' --json
              ringside vhost conform --list
            """
    )

    @Argument(help: "The vhost-scsi device node.", completion: .file())
    var device = VhostSCSIDevice.defaultPath.string

    @Option(
        help: ArgumentHelp("Check the back-end at this socket instead.", valueName: "path"),
        completion: .file()
    )
    var socket: String?

    @Option(
        help: ArgumentHelp(
            "With --socket, the control socket of `ringside serve`, by which units are plugged.",
            valueName: "path"
        ),
        completion: .file()
    )
    var control: String?

    @Option(help: "With --socket, the target whose LUN 0 has 512-byte blocks, at least 1 MiB of them.")
    var target: UInt8 = 0

    @Flag(help: "With --socket, overwrite LUN 0.")
    var write = false

    @Option(
        name: .customLong("case"),
        help: ArgumentHelp("Only cases that match; * is anything.", valueName: "glob")
    )
    var pattern = "*"

    @Flag(help: "Load vhost_scsi and mount configfs first where that is not done.")
    var load = false

    @Flag(help: "List the cases, and run none.")
    var list = false

    @Flag(help: "With --list, the table for the documentation.")
    var markdown = false

    @Flag(help: .hidden)
    var hold = false

    @OptionGroup var targets: TargetOptions
    @OptionGroup var output: OutputOptions

    func validate() throws {
        guard socket != nil || control == nil else { throw ValidationError("--control is for --socket.") }
        guard socket == nil || write || list || hold else {
            throw ValidationError("--socket overwrites LUN 0 of the back-end: say --write to do it.")
        }
        guard list || !markdown else { throw ValidationError("--markdown is for --list.") }
        guard !cases.isEmpty else {
            throw ValidationError("No case for this device matches '\(pattern)'; see --list.")
        }
    }

    func run() throws {
        if markdown { return Terminal.write(String(ConformanceSuite.markdown.dropLast())) }
        if list { return try output.print(cases.map(ListedCase.init), describe: ListedCase.table) }
        guard let socket else { return try checkKernel() }
        let control = control.map { FilePath($0) }
        let device = SocketDevice(FilePath(socket), target: target, control: control)
        if hold { return try ConformanceSuite.hold(device) }
        device.holder = Self.holder + ["--socket", socket, "--target", "\(target)"]
        let report = check(device)
        try print(report)
        try report.throwFailure()
    }

    /// This program, as one that holds a device until it is killed.
    private static let holder = ["/proc/self/exe", "vhost", "conform", "--hold"]

    /// The cases that were asked for, as far as they apply to the transport.
    private var cases: [ConformanceCase] {
        let transport: ConformanceCase.Transport? = list ? nil : socket == nil ? .kernel : .socket
        return ConformanceSuite.cases(matching: pattern).filter { item in
            transport.map(item.transports.contains) ?? true
        }
    }

    private func checkKernel() throws {
        let release = try Host.runningRelease()
        if load { try prepareKernel() }
        if hold {
            let made = ConformanceTargets(existingIn: targets.tree)
            return try ConformanceSuite.hold(made.device(FilePath(device), release: release))
        }
        let made = try ConformanceTargets(in: targets.tree)
        let kernel = made.device(FilePath(device), release: release)
        kernel.holder = Self.holder + [device]
        let report = check(kernel)
        // What was found is told even where the targets cannot be deleted.
        let printing = Result { try print(report) }
        try made.delete()
        try printing.get()
        try report.throwFailure()
    }

    private func check(_ device: any DeviceUnderTest) -> ConformanceReport {
        let results = cases.map { item in
            Terminal.showProgress(item.identifier)
            return ConformanceSuite.run(item, on: device)
        }
        Terminal.endProgress()
        return ConformanceReport(results)
    }

    private func print(_ report: ConformanceReport) throws { try output.print(report) { $0.description } }

    /// Loads the module, and mounts configfs.
    private func prepareKernel() throws {
        _ = try ModuleContext(directory: nil, configPaths: nil).load(
            ["vhost_scsi"],
            parameters: [],
            options: LoadOptions()
        )
        do throws(Errno) {
            try SystemCalls.mount(type: "configfs", at: FilePath(targets.configfs))
        } catch .resourceBusy {
            // It is mounted.
        }
    }
}

private struct ListedCase: Encodable {
    let name: String
    let action: String
    let expectation: String
    let source: String
    let transports: [String]

    init(_ item: ConformanceCase) {
        name = item.identifier
        action = item.action
        expectation = item.expectation
        source = item.source
        transports = item.transports.map(\.rawValue).sorted()
    }

    static func table(_ cases: [ListedCase]) -> String {
        let rows = cases.map { [$0.name, $0.transports.joined(separator: ","), $0.action, $0.expectation] }
        return Table(columns: ["case", "on", "what is done", "what must come of it"], rows: rows).description
            + "\n\(cases.count) cases"
    }
}

/// How all cases ended.
private struct ConformanceReport: Encodable {
    struct Line: Encodable {
        let name: String
        let verdict: String
        let milliseconds: Int
        let what: String?
        let expected: String?
        let received: String?
        let reason: String?

        init(_ result: CaseResult) {
            name = result.conformanceCase.identifier
            verdict = result.verdict.word.lowercased()
            milliseconds = result.milliseconds
            switch result.verdict {
            case .passes: (what, expected, received, reason) = (nil, nil, nil, nil)
            case .skipped(let why): (what, expected, received, reason) = (nil, nil, nil, why)
            case .differs(let mismatch, let why):
                (what, expected, received, reason) = (
                    mismatch.what, mismatch.expected, mismatch.received, why
                )
            case .fails(let mismatch):
                (what, expected, received, reason) = (
                    mismatch.what, mismatch.expected, mismatch.received, nil
                )
            }
        }

        /// What is to be said besides the verdict.
        var remark: String {
            guard let what, let expected, let received else { return reason ?? "" }
            let difference = "\(what): \(expected) expected, \(received) received"
            return reason.map { "\(difference) (\($0))" } ?? difference
        }
    }

    let passes: Int
    let differs: Int
    let fails: Int
    let skipped: Int
    let cases: [Line]

    init(_ results: [CaseResult]) {
        let lines = results.map(Line.init)
        cases = lines
        passes = lines.count { $0.verdict == "passes" }
        differs = lines.count { $0.verdict == "differs" }
        fails = lines.count { $0.verdict == "fails" }
        skipped = lines.count { $0.verdict == "skipped" }
    }

    var description: String {
        let rows = cases.map { [$0.name, $0.verdict == "fails" ? "FAILS" : $0.verdict, $0.remark] }
        return Table(columns: ["case", "verdict", "remark"], rows: rows).description
            + "\n\(passes) pass, \(differs) differ as known, \(fails) fail, \(skipped) skipped"
    }

    /// Ends the program with status 1 where a case failed.
    func throwFailure() throws {
        if fails > 0 { throw ExitCode(1) }
    }
}
