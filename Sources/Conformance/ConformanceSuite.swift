// SPDX-License-Identifier: MIT
import LinuxSystem
import SystemPackage
import VhostSCSI

/// All cases, and how they are run.
package enum ConformanceSuite {
    /// The cases in the order in which they run, the groups one after the other.
    package static let cases: [ConformanceCase] =
        ConformanceCase.setup + ConformanceCase.owner + ConformanceCase.endpoint + ConformanceCase.active
        + ConformanceCase.messages + ConformanceCase.rings + ConformanceCase.broken
        + ConformanceCase.indirect + ConformanceCase.signals + ConformanceCase.requests
        + ConformanceCase.protectedUnits
        + ConformanceCase.addresses + ConformanceCase.layouts + ConformanceCase.commands
        + ConformanceCase.control + ConformanceCase.events + ConformanceCase.logging
        + ConformanceCase.cleanup

    /// The cases whose identifier matches a pattern in which `*` stands for anything.
    package static func cases(matching pattern: String) -> [ConformanceCase] {
        cases.filter { matches($0.identifier[...], pattern[...]) }
    }

    private static func matches(_ text: Substring, _ pattern: Substring) -> Bool {
        guard let first = pattern.first else { return text.isEmpty }
        if first == "*" {
            return matches(text, pattern.dropFirst()) || !text.isEmpty && matches(text.dropFirst(), pattern)
        }
        return text.first == first && matches(text.dropFirst(), pattern.dropFirst())
    }

    /// Runs one case on a device that is opened anew for it.
    package static func run(_ conformanceCase: ConformanceCase, on device: any DeviceUnderTest) -> CaseResult
    {
        let start = MonotonicClock.nanoseconds
        let verdict = judge(conformanceCase, device)
        let time = Int((MonotonicClock.nanoseconds - start) / 1_000_000)
        return CaseResult(conformanceCase: conformanceCase, verdict: verdict, milliseconds: time)
    }

    /// Starts a device, hands it requests, tells so on the standard output, and goes on until the process is killed.
    package static func hold(_ device: any DeviceUnderTest) throws {
        let rig = try Rig(device)
        try rig.startReady()
        for _ in 0..<14 { _ = try rig.offer(.inquiry(buffer: 36), Layout(isIndirect: true)) }
        try rig.kick()
        _ = try FileDescriptor.standardOutput.writeAll(Self.held.utf8)
        while true { SystemCalls.sleep(microseconds: 1_000_000) }
    }

    static let held = "held\n"

    private static func judge(_ conformanceCase: ConformanceCase, _ device: any DeviceUnderTest) -> Verdict {
        do {
            let rig = try Rig(device)
            if let obstacle = obstacle(conformanceCase, rig) { return .skipped(obstacle) }
            try conformanceCase.body(rig)
            return .passes
        } catch let obstacle as Obstacle {
            return .skipped(obstacle.reason)
        } catch let mismatch as Mismatch {
            return verdict(on: mismatch, conformanceCase, device)
        } catch let refusal as StepRefusal {
            let mismatch = Mismatch(what: "a step", expected: "accepted", received: refusal.name)
            return verdict(on: mismatch, conformanceCase, device)
        } catch {
            return .fails(Mismatch(what: "the run", expected: "no error", received: "\(error)"))
        }
    }

    private static func verdict(
        on mismatch: Mismatch,
        _ conformanceCase: ConformanceCase,
        _ device: any DeviceUnderTest
    ) -> Verdict {
        let known = KnownDifference.all.first { difference in
            difference.identifier == conformanceCase.identifier
                && difference.applies(to: device.implementation)
                && difference.received == mismatch.received
        }
        return known.map { .differs(mismatch, reason: $0.reason) } ?? .fails(mismatch)
    }

    /// Why a case cannot be tried on a device; nil where it can.
    private static func obstacle(_ conformanceCase: ConformanceCase, _ rig: Rig) -> String? {
        let needs = conformanceCase.needs
        let offered = rig.port.offered
        if !conformanceCase.transports.contains(rig.port.transport) {
            return "is for \(conformanceCase.transports.map(\.rawValue).sorted().joined(separator: ", "))"
        }
        if needs.contains(.plugging), !rig.device.canPlug { return "no way to make units come and go" }
        if needs.contains(.plugging), !offered.contains(.hotplug) { return "HOTPLUG is not offered" }
        if needs.contains(.holder), rig.device.holder == nil { return "no program to be killed" }
        if needs.contains(.logging), !offered.contains(.logAll) { return "LOG_ALL is not offered" }
        if needs.contains(.protection), !offered.contains(.t10PI) { return "T10_PI is not offered" }
        if needs.contains(.eventIndex), !offered.contains(.eventIndex) { return "EVENT_IDX is not offered" }
        if needs.contains(.notifyOnEmpty), !offered.contains(.notifyOnEmpty) {
            return "NOTIFY_ON_EMPTY is not offered"
        }
        if needs.contains(.indirect), !offered.contains(.indirectDescriptors) {
            return "INDIRECT_DESC is not offered"
        }
        return nil
    }

    /// The table of all cases for the documentation, in Markdown.
    package static var markdown: String {
        var lines = [
            "<!-- SPDX-License-Identifier: MIT -->",
            "# The cases of `ringside vhost conform`",
            "",
            "Made by `ringside vhost conform --list --markdown`. \(cases.count) cases; K is the kernel's ioctl interface,"
                + " S a vhost-user socket.",
        ]
        var group = ""
        for item in cases {
            if item.group != group {
                group = item.group
                lines += [
                    "", "## \(group)", "", "| case | what is done | what must come of it | source | on |",
                ]
                lines.append("| --- | --- | --- | --- | --- |")
            }
            let on =
                (item.transports.contains(.kernel) ? "K" : "")
                + (item.transports.contains(.socket) ? "S" : "")
            let name = item.identifier.dropFirst(group.count + 1)
            lines.append(
                "| \(name) | \(item.action) | \(item.expectation) | \(item.source) | \(on) |"
            )
        }
        return lines.joined(separator: "\n") + "\n" + KnownDifference.markdown
    }
}

/// Why a case cannot be tried on a device, where only the device itself can say.
struct Obstacle: Error {
    let reason: String
}

extension KnownDifference {
    /// The table of all known differences, in Markdown.
    fileprivate static var markdown: String {
        let rows = all.map { difference in
            let range =
                difference.until.map { "\(difference.since) to before \($0)" } ?? "\(difference.since) on"
            return "| \(difference.identifier) | \(range) | \(difference.received) | \(difference.reason) |"
        }
        let head = [
            "", "## Known differences of the kernel", "",
            "| case | kernel | received instead | why |", "| --- | --- | --- | --- |",
        ]
        return (head + rows).joined(separator: "\n") + "\n"
    }
}
