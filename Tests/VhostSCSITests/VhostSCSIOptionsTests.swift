// SPDX-License-Identifier: MIT
import LinuxSystem
import Testing

@testable import VhostSCSI

/// A good list, with something added.
private func options(_ extra: String = "", passed: [String: CInt] = [:]) throws -> VhostSCSIOptions {
    try VhostSCSIOptions("id=a,wwpn=naa.5,tpgt=1\(extra)", openIdentifiers: ["taken"], passed: passed)
}

@Suite struct VhostSCSIOptionsTests {
    @Test func readsEveryOption() throws {
        let options = try VhostSCSIOptions(
            "id=vhost-scsi0,wwpn=naa.500140500000001,tpgt=123,vhostfd=0,num_queues=4,virtqueue_size=128,"
                + "max_sectors=1024,cmd_per_lun=512,t10_pi=on,hotplug=on,worker_per_virtqueue=on,boot_tpgt=2"
        )
        #expect(options.id == "vhost-scsi0")
        #expect(options.wwpn == "naa.500140500000001")
        #expect(options.tpgt == 123)
        #expect(options.vhostfd == 0)
        #expect(options.queueCount == 4)
        #expect(options.ringSize == 128)
        #expect(options.maximumTransferBytes == 524288)
        #expect(options.commandsPerUnit == 512)
        #expect(options.requestedFeatures == [.t10PI, .hotplug])
        #expect(options.hasWorkerPerQueue)
        #expect(options.bootTag == 2)
        #expect(Set(VhostSCSIOptions.keys).count == 12)
    }

    @Test func whatIsNotSaidIsLeftToTheDriver() throws {
        let options = try VhostSCSIOptions("tpgt=65535,wwpn=x,id=a")
        #expect(options.vhostfd == nil)
        #expect(options.queueCount == 1)
        #expect(options.ringSize == nil)
        #expect(options.maximumSectors == 65535)
        #expect(options.commandsPerUnit == nil)
        #expect(options.requestedFeatures == [])
        #expect(!options.hasWorkerPerQueue)
        #expect(try VhostSCSIOptions("id=a,wwpn=x,tpgt=1,hotplug=off,t10_pi=off").requestedFeatures == [])
    }

    /// Why each list is refused, beginning with what comes behind `configure vhost-scsi`.
    private static let refused: [(VhostOptionProblem, String, String)] = [
        (
            .malformed, "id=a,wwpm=naa.5,tpgt=1",
            ": option \"wwpm\" at character 6: no such option; did you mean \"wwpn\"?"
        ),
        (.missingID, "wwpn=naa.5,tpgt=1", ": no id\ngive the device a name: id=vhost-scsi0"),
        (
            .duplicateID, "id=taken,wwpn=naa.5,tpgt=1",
            " \"taken\": duplicate id: a device of that name is open"
        ),
        (
            .badID, "id=0,wwpn=naa.5,tpgt=1",
            " \"0\": bad id: an id starts with a letter and goes on with letters, digits, '-', '.' and '_'"
        ),
        (.missingName, "id=a,tpgt=1", " \"a\": missing wwpn\nname the target: wwpn=naa.…"),
        (.nameWithNUL, "id=a,wwpn=naa\u{0}5,tpgt=1", " \"a\": wwpn contains a NUL byte"),
        (
            .longName, "id=a,tpgt=1,wwpn=" + String(repeating: "y", count: 224),
            " \"a\": wwpn is 224 bytes long; the kernel's field holds 223"
        ),
        (
            .missingTag, "id=a,wwpn=naa.5",
            " \"a\": missing tpgt\nname the target portal group by a 16-bit number: tpgt=1"
        ),
        (
            .badTag, "id=a,wwpn=naa.5,tpgt=65536",
            " \"a\": needs a 16-bit tpgt: option \"tpgt\" at character 17: "
                + "\"65536\" is not a whole number from 0 to 65535"
        ),
        (
            .badTag, "id=a,wwpn=naa.5,tpgt=one",
            " \"a\": needs a 16-bit tpgt: option \"tpgt\" at character 17: "
                + "\"one\" is not a whole number from 0 to 65535"
        ),
        (
            .badDescriptor, "id=a,wwpn=naa.5,tpgt=1,vhostfd=-1",
            " \"a\": cannot parse vhostfd \"-1\": it is the number or the name of an open descriptor"
        ),
        (
            .unknownDescriptor, "id=a,wwpn=naa.5,tpgt=1,vhostfd=x",
            " \"a\": no descriptor of the name \"x\" was passed in\n"
                + "pass it by: ringside vhost open id=x,… -- COMMAND"
        ),
        (
            .closedDescriptor, "id=a,wwpn=naa.5,tpgt=1,vhostfd=9999",
            " \"a\": EBADF: vhostfd 9999 is not open here\n"
                + "open the device in the parent, as in: ringside vhost probe …,vhostfd=3 3<>/dev/vhost-scsi"
        ),
        (
            .notANumber, "id=a,wwpn=naa.5,tpgt=1,num_queues=many",
            " \"a\": option \"num_queues\" at character 24: \"many\" is not a whole number from "
                + "-9223372036854775808 to 9223372036854775807"
        ),
        (.outOfRange, "id=a,wwpn=naa.5,tpgt=1,num_queues=0", " \"a\": num_queues=0 is not 1 to 1022"),
        (.outOfRange, "id=a,wwpn=naa.5,tpgt=1,num_queues=1023", " \"a\": num_queues=1023 is not 1 to 1022"),
        (.outOfRange, "id=a,wwpn=naa.5,tpgt=1,virtqueue_size=2", " \"a\": virtqueue_size=2 is not 4 to 1024"),
        (.outOfRange, "id=a,wwpn=naa.5,tpgt=1,max_sectors=0", " \"a\": max_sectors=0 is not 8 to 65535"),
        (.outOfRange, "id=a,wwpn=naa.5,tpgt=1,cmd_per_lun=0", " \"a\": cmd_per_lun=0 is not 1 to 65536"),
        (.outOfRange, "id=a,wwpn=naa.5,tpgt=1,boot_tpgt=-1", " \"a\": boot_tpgt=-1 is not 0 to 65535"),
        (.badFlag, "id=a,wwpn=naa.5,tpgt=1,t10_pi=yes", " \"a\": t10_pi=yes is neither on nor off"),
        (.badFlag, "id=a,wwpn=naa.5,tpgt=1,hotplug=1", " \"a\": hotplug=1 is neither on nor off"),
        (
            .badFlag, "id=a,wwpn=naa.5,tpgt=1,worker_per_virtqueue=maybe",
            " \"a\": worker_per_virtqueue=maybe is neither on nor off"
        ),
        (
            .sizeNotPowerOfTwo, "id=a,wwpn=naa.5,tpgt=1,virtqueue_size=100",
            " \"a\": virtqueue_size=100 is not a power of two"
        ),
        (
            .commandsExceedRings, "id=a,wwpn=naa.5,tpgt=1,virtqueue_size=16,num_queues=2,cmd_per_lun=33",
            " \"a\": cmd_per_lun=33 is more than the rings hold, which is 32"
        ),
    ]

    @Test func everyRefusalSaysWhatAndWhy() {
        for (problem, text, message) in Self.refused {
            let error = #expect(throws: OperationError.self) {
                try VhostSCSIOptions(text, openIdentifiers: ["taken"])
            }
            #expect(error?.description == "configure vhost-scsi" + message, "\(problem)")
        }
    }

    @Test func aLoadIsCheckedAgainstTheOptions() throws {
        let system = RecordingVhostSystem(lowest: 980)
        let device = try VhostSCSIDevice(options(",cmd_per_lun=8,max_sectors=8"), system: system)
        let deep = #expect(throws: OperationError.self) { _ = try SCSIInitiator(device, depth: 9) }
        #expect(
            deep?.description
                == "configure vhost-scsi \"a\": 9 requests in flight are more than cmd_per_lun=8"
        )
        let large = #expect(throws: OperationError.self) {
            _ = try SCSIInitiator(device, transferBytes: 4097)
        }
        #expect(
            large?.description
                == "configure vhost-scsi \"a\": 4097 bytes a request are more than max_sectors, 4096 bytes"
        )
        let queues = #expect(throws: OperationError.self) {
            _ = try SCSIInitiator(device, depth: 4, queues: 3)
        }
        #expect(queues?.cause.hasPrefix("12 requests in flight") == true)
        #expect(!system.requests.contains { $0.name == .setFeatures })
        let initiator = try SCSIInitiator(device, depth: 4, queues: 2)
        #expect(initiator.transferBytes == 4096)
    }

    @Test func everyProblemHasACase() {
        let driven = Self.refused.map(\.0) + [.depthAboveCommands, .transferAboveSectors]
        #expect(Set(driven) == Set(VhostOptionProblem.allCases))
    }

    @Test func aNameFitsTheIoctlsFieldWithItsNUL() throws {
        let longest = String(repeating: "x", count: 223)
        #expect(try VhostSCSIOptions("id=a,wwpn=\(longest),tpgt=1").wwpn == longest)
    }

    @Test func aDescriptorCanBeNamed() throws {
        #expect(try options(",vhostfd=disk", passed: ["disk": 1]).vhostfd == 1)
        #expect(PassedNames.parse(count: 3, names: "a:b:c") == ["a": 3, "b": 4, "c": 5])
        #expect(PassedNames.parse(count: 2, names: "a::c") == ["a": 3, "": 4])
        #expect(PassedNames.parse(count: 2, names: "a:a") == ["a": 3])
        #expect(PassedNames.parse(count: -1, names: "a") == [:])
        #expect(PassedNames.variables(["x", "y"]).map(\.value) == ["2", "x:y"])
    }
}
