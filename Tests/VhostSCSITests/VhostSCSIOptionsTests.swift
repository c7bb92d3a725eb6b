// SPDX-License-Identifier: MIT
import LinuxSystem
import Testing
import VhostSCSI

@Suite struct VhostSCSIOptionsTests {
    @Test func readsEveryOption() throws {
        let options = try VhostSCSIOptions("id=vhost-scsi0,wwpn=naa.500140500000001,tpgt=123,vhostfd=0")
        #expect(options.id == "vhost-scsi0")
        #expect(options.wwpn == "naa.500140500000001")
        #expect(options.tpgt == 123)
        #expect(options.vhostfd == 0)
        #expect(try VhostSCSIOptions("tpgt=65535,wwpn=x,id=a").vhostfd == nil)
    }

    @Test(arguments: [
        ("wwpn=naa.5,tpgt=1", "configure vhost-scsi: no id\ngive the device a name: id=vhost-scsi0"),
        (
            "id=taken,wwpn=naa.5,tpgt=1",
            "configure vhost-scsi \"taken\": duplicate id: a device of that name is open"
        ),
        (
            "id=0,wwpn=naa.5,tpgt=1",
            "configure vhost-scsi \"0\": bad id: an id starts with a letter and goes on with letters, digits, "
                + "'-', '.' and '_'"
        ),
        ("id=a,tpgt=1", "configure vhost-scsi \"a\": missing wwpn\nname the target: wwpn=naa.…"),
        (
            "id=a,wwpn=naa.5",
            "configure vhost-scsi \"a\": missing tpgt\nname the target portal group by a 16-bit number: tpgt=1"
        ),
        (
            "id=a,wwpn=naa.5,tpgt=65536",
            "configure vhost-scsi \"a\": needs a 16-bit tpgt: option \"tpgt\" at character 17: "
                + "\"65536\" is not a whole number from 0 to 65535"
        ),
        (
            "id=a,wwpn=naa.5,tpgt=one",
            "configure vhost-scsi \"a\": needs a 16-bit tpgt: option \"tpgt\" at character 17: "
                + "\"one\" is not a whole number from 0 to 65535"
        ),
        (
            "id=a,wwpn=naa.5,tpgt=1,vhostfd=x",
            "configure vhost-scsi \"a\": cannot parse vhostfd \"x\": it is the number of an open descriptor"
        ),
        (
            "id=a,wwpn=naa.5,tpgt=1,vhostfd=-1",
            "configure vhost-scsi \"a\": cannot parse vhostfd \"-1\": it is the number of an open descriptor"
        ),
        (
            "id=a,wwpn=naa.5,tpgt=1,vhostfd=9999",
            "configure vhost-scsi \"a\": EBADF: vhostfd 9999 is not open here\n"
                + "open the device in the parent, as in: ringside vhost probe …,vhostfd=3 3<>/dev/vhost-scsi"
        ),
        (
            "id=a,wwpm=naa.5,tpgt=1",
            "configure vhost-scsi: option \"wwpm\" at character 6: no such option; did you mean \"wwpn\"?"
        ),
    ])
    func everyRefusalSaysWhatAndWhy(text: String, message: String) {
        let error = #expect(throws: OperationError.self) {
            try VhostSCSIOptions(text, openIdentifiers: ["taken"])
        }
        #expect(error?.description == message)
    }

    @Test func aNameFitsTheIoctlsFieldWithItsNUL() throws {
        let longest = String(repeating: "x", count: 223)
        #expect(try VhostSCSIOptions("id=a,wwpn=\(longest),tpgt=1").wwpn == longest)
        let error = #expect(throws: OperationError.self) {
            try VhostSCSIOptions("id=a,wwpn=\(longest)y,tpgt=1")
        }
        #expect(error?.cause == "wwpn is 224 bytes long; the kernel's field holds 223")
    }
}
