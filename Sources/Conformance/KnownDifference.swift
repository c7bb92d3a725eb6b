// SPDX-License-Identifier: MIT
import LinuxSystem

/// Where a known implementation is known not to do what a case asks for.
struct KnownDifference: Sendable {
    /// The case.
    let identifier: String
    /// The kernel that it was first seen in, and the first that must no longer have it, as `major.minor`; nil for none.
    let since: String
    let until: String?
    /// What is received there, as the mismatch says it: anything else is a failure.
    let received: String
    let reason: String

    func applies(to implementation: Implementation) -> Bool {
        guard case .kernel(let release) = implementation else { return false }
        let isOld = VersionOrder.isOlder(release, since)
        return !isOld && until.map { VersionOrder.isOlder(release, $0) } ?? true
    }

    /// Differences that all have one reason: the case, and what is received.
    private static func because(
        _ reason: String,
        since: String = "6.1",
        until: String? = nil,
        _ cases: KeyValuePairs<String, String>
    ) -> [KnownDifference] {
        cases.map { identifier, received in
            KnownDifference(
                identifier: identifier,
                since: since,
                until: until,
                received: received,
                reason: reason
            )
        }
    }

    static let all: [KnownDifference] = interface + rings + requests + protection + control + events

    private static let interface =
        because("vhost has workers for each ring since 6.5", until: "6.5", ["owner.new-worker": "ENOTTY"])
        + because(
            "vhost-scsi of 6.1 does not look whether the endpoint is set",
            ["active.features": "accepted"]
        )

    private static let rings =
        because(
            "the kernel drops kicks before SET_ENDPOINT, and does not look for requests afterwards",
            ["ring.early-kick": "nothing"]
        )
        + because(
            "the kernel says 0 for the length of every used buffer",
            [
                "request.used-length": "0", "request.used-length-write": "0", "control.used-length": "0",
                "event.used-length": "0",
            ]
        )
        + because(
            "the kernel drops what it cannot answer, and the driver never gets its descriptors back",
            [
                "request.response-107": "nothing", "request.response-none": "nothing",
                "control.type-9": "nothing",
                "control.type-missing": "nothing", "control.no-room": "nothing",
                "control.query-room-4": "nothing",
                "event.small-buffer": "nothing",
            ]
        )
        + because(
            "vhost-scsi of 6.1 logs the used ring alone; later kernels log data, too",
            ["log.response": "false", "log.data-in": "false"]
        )

    private static let requests =
        because(
            "the target core fills all of the buffer, with zeroes behind the data",
            ["request.residual-inquiry": "00×164"]
        )
        + because(
            "the kernel never says OVERRUN; the residual is what did not fit",
            ["request.overrun": "0"]
        )
        + because(
            "the target core moves data the way the buffers say, so that READ overwrites the block",
            ["request.read-with-data-out": "from byte 0 on: b0 19 81 ea 53 bc 25 8e f7 60 c9 32 9b 03 6c d5"]
        )
        + because(
            "6.1 takes the response's room for one piece, and writes behind its first",
            ["layout.bad-target-split": "00×63"]
        )

    private static let protection = because(
        "6.1 neither makes, checks nor clears protection information where none comes with a request",
        ["protection.inserted": "2", "protection.bad-block-alone": "0"]
    )

    private static let control =
        because("the kernel says FUNCTION SUCCEEDED", ["control.reset": "0a"])
        + because(
            "the kernel says FUNCTION REJECTED to whatever it does not do, and does not tell why",
            ["control.reset-no-lun": "0b", "control.abort": "0b"]
        )
        + because(
            "6.1 writes the 108 bytes of a command's response there, whose first ones are the length of the sense data",
            [
                "control.reset-no-target": "00", "control.reset-first-byte-0": "00",
                "control.short-management": "00",
                "control.query-first-byte-0": "0",
            ]
        )

    private static let events = because(
        "the kernel wants one piece of exactly 16 bytes, and counts the event as missed",
        ["event.large-buffer": "ee×16", "event.split-buffer": "ee×16"]
    )
}
