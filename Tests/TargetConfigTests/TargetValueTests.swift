// SPDX-License-Identifier: MIT
import LinuxSystem
import SystemPackage
import Testing

@testable import TargetConfig

/// The error of a value that must not parse.
func refusal<Value>(_ parse: () throws(OperationError) -> Value) -> String {
    do throws(OperationError) {
        return "taken as \(try parse())"
    } catch {
        return error.cause
    }
}

@Suite struct WWPNTests {
    @Test(arguments: [
        ("naa.5001405c0ffee001", "naa.5001405c0ffee001"), ("NAA.5001405C0FFEE001", "naa.5001405c0ffee001"),
        ("naa.600140554cf3a18e600140554cf3a18e", "naa.600140554cf3a18e600140554cf3a18e"),
        ("fc.2100000000000001", "fc.2100000000000001"),
        ("iqn.2003-01.org.x:Disk-1", "iqn.2003-01.org.x:disk-1"),
        ("iqn.2003-01.org", "iqn.2003-01.org"),
    ])
    func becomesCanonical(_ text: String, _ name: String) throws { #expect(try WWPN(text).name == name) }

    @Test(arguments: [
        ("", "begins with none of naa., fc. and iqn."),
        ("eui.0011223344556677", "begins with none of naa., fc. and iqn."),
        ("x.naa.5001405000000001", "begins with none of naa., fc. and iqn."),
        (" naa.5001405000000001", "begins with none of naa., fc. and iqn."),
        ("naa.", "has 0 digits after its prefix, not 16 or 32"),
        ("naa.500140500000001", "has 15 digits after its prefix, not 16 or 32"),
        ("naa.zzzz", "'z' is not a hexadecimal digit"),
        ("naa.5001405 space", "' ' is not a hexadecimal digit"),
        ("naa.500140500000000１", "'１' is not a hexadecimal digit"),
        ("naa.5001405c0ffee00b\u{301}", "'b\u{301}' is not a hexadecimal digit"),
        ("fc.210000000000000\u{31}\u{301}", "'1\u{301}' is not a hexadecimal digit"),
        ("iqn.2003-01\u{301}.org.x", "an iqn. name is iqn.YYYY-MM.REVERSED-DOMAIN[:OWN-PART]"),
        ("iqn.200\u{33}\u{301}-01.org.x", "an iqn. name is iqn.YYYY-MM.REVERSED-DOMAIN[:OWN-PART]"),
        ("iqn.2003-01.org.x\u{301}", "an iqn. name is iqn.YYYY-MM.REVERSED-DOMAIN[:OWN-PART]"),
        ("iqn.2003-01.org.x:t\u{323}", "'t\u{323}' is none of a-z, 0-9, '.', '-' and ':'"),
        ("fc.60014050000000010000000000000000", "has 32 digits after its prefix, not 16"),
        ("iqn.x", "an iqn. name is iqn.YYYY-MM.REVERSED-DOMAIN[:OWN-PART]"),
        ("iqn.2003-13.org.x", "an iqn. name is iqn.YYYY-MM.REVERSED-DOMAIN[:OWN-PART]"),
        ("iqn.2003-01..x", "an iqn. name is iqn.YYYY-MM.REVERSED-DOMAIN[:OWN-PART]"),
        ("iqn.2003-01.org.x:", "nothing follows the ':'"),
        ("iqn.2003-01.org.x:a/b", "'/' is none of a-z, 0-9, '.', '-' and ':'"),
        ("iqn.2003-01.org.xnaa.y", "contains 'naa.', by which the kernel takes it for another protocol"),
        ("iqn.2003-01.org.x:fc.1", "contains 'fc.', by which the kernel takes it for another protocol"),
    ])
    func refuses(_ text: String, _ cause: String) {
        #expect(refusal { () throws(OperationError) in try WWPN(text) } == cause)
    }

    @Test func isNoLongerThanTheABICarries() throws {
        let start = "iqn.2003-01.org.x:"
        let longest = start + String(repeating: "a", count: 223 - start.count)
        #expect(try WWPN(longest).name == longest)
        let cause = refusal { () throws(OperationError) in try WWPN(longest + "a") }
        #expect(cause == "has 224 bytes; the vhost ABI carries 223")
    }

    @Test(arguments: ["naa.5001405c0ffee001", "fc.2100000000000001", "iqn.2003-01.org.x:t1"])
    func namesItsNexusAlwaysTheSameAndOfItsKind(_ text: String) throws {
        let target = try WWPN(text)
        let nexus = WWPN(nexusOf: target, tag: TPGTag(1))
        #expect(nexus == WWPN(nexusOf: target, tag: TPGTag(1)))
        #expect(nexus != WWPN(nexusOf: target, tag: TPGTag(2)))
        #expect(nexus.kind == target.kind)
        #expect(try WWPN(nexus.name) == nexus)
    }

    @Test func aNexusNameIsTheSameInEveryRelease() throws {
        #expect(
            WWPN(nexusOf: try WWPN("naa.5001405c0ffee001"), tag: TPGTag(1)).name == "naa.500140506621473c"
        )
    }
}

@Suite struct NumberTests {
    @Test(arguments: [("0", 0), ("1", 1), ("01", 1), ("255", 255)] as [(String, UInt8)])
    func readsATag(_ text: String, _ tag: UInt8) throws { #expect(try TPGTag(text).rawValue == tag) }

    @Test(arguments: [
        ("256", "is above 255"), ("65535", "is above 255"),
        ("65536", "does not fit the 16 bits of the vhost ABI"),
        ("99999999999999999999", "does not fit the 16 bits of the vhost ABI"),
        ("", "is not a decimal number"),
        ("-1", "is not a decimal number"), ("+1", "is not a decimal number"),
        ("0x1", "is not a decimal number"),
        ("1 ", "is not a decimal number"), ("١", "is not a decimal number"),
    ])
    func refusesATag(_ text: String, _ cause: String) {
        #expect(refusal { () throws(OperationError) in try TPGTag(text) } == cause)
    }

    @Test func aLUNHas14Bits() throws {
        #expect(try LUNNumber("16383").rawValue == 16383)
        let cause = refusal { () throws(OperationError) in try LUNNumber("16384") }
        #expect(cause == "is above 16383, the highest that virtio-scsi can address")
        #expect(refusal { () throws(OperationError) in try LUNNumber("0x10") } == "is not a decimal number")
    }

    @Test(
        arguments: [("512", 512), ("64K", 65536), ("64m", 67_108_864), ("1G", 1 << 30), ("2T", 2 << 40)]
            as [(String, Int64)]
    )
    func readsASize(_ text: String, _ bytes: Int64) throws { #expect(try ByteSize(text).bytes == bytes) }

    @Test(arguments: [
        ("", "is not a number with an optional K, M, G or T"),
        ("M", "is not a number with an optional K, M, G or T"),
        ("1.5G", "is not a number with an optional K, M, G or T"),
        ("-1", "is not a number with an optional K, M, G or T"),
        ("0", "is zero"), ("0G", "is zero"), ("8388608T", "does not fit 63 bits"),
        ("99999999999999999999", "does not fit 63 bits"),
    ])
    func refusesASize(_ text: String, _ cause: String) {
        #expect(refusal { () throws(OperationError) in try ByteSize(text) } == cause)
    }

    @Test func printsTheShortestExactSize() throws {
        #expect(ByteSize(bytes: 64 << 20).description == "64M")
        #expect(ByteSize(bytes: 1000).description == "1000")
        #expect(ByteSize(bytes: 3 << 29).description == "1536M")
    }
}

@Suite struct SpecTests {
    @Test(arguments: [
        "ramdisk:64M", "ramdisk:1G,nullio", "file:/var/lib/a disk.img", "file:/a,size=1G,buffered",
        "block:/dev/sda,readonly",
    ])
    func printsAsItWasWritten(_ text: String) throws { #expect(try BackstoreSpec(text).description == text) }

    @Test(arguments: [
        ("", "names no kind of backstore"), ("disk:1", "'disk' is no kind of backstore"),
        ("ramdisk", "a ramdisk needs a size"), ("ramdisk:", "a ramdisk needs a size"),
        ("ramdisk:0", "is zero"), ("ramdisk:100", "100 is not a multiple of 4096"),
        ("ramdisk:8T", "8T is more than the kernel's count of pages holds"),
        ("ramdisk:1M,fast", "'fast' is no option of ramdisk"),
        ("ramdisk:1M,nullio=1", "'nullio=1' is no option of ramdisk"),
        ("ramdisk:1M,nullio,nullio", "'nullio' is one option too many"),
        ("ramdisk:1M,", "'' is no option of ramdisk"),
        ("file:disk.img", "needs an absolute path"), ("file:", "needs an absolute path"),
        ("file:/a,b.img", "'b.img' is no option of file"),
        ("file:/a,size=1000", "1000 is not a multiple of 512"),
        ("file:/a,size=", "is not a number with an optional K, M, G or T"),
        ("file:/a\nb", "the path has a control character"),
        ("block:sda", "needs an absolute path"),
        ("block:/dev/sda,size=1G", "'size=1G' is no option of block"),
    ])
    func refuses(_ text: String, _ cause: String) {
        #expect(refusal { () throws(OperationError) in try BackstoreSpec(text) } == cause)
    }

    @Test func aPathIsNoLongerThanTheKernelKeeps() throws {
        let path = "/" + String(repeating: "a", count: 254)
        #expect(try BackstoreSpec("file:\(path)").path?.string == path)
        let cause = refusal { () throws(OperationError) in try BackstoreSpec("file:\(path)a") }
        #expect(cause == "the path has 256 bytes; the kernel keeps 255")
    }

    @Test func aCommaInAPathIsExplained() {
        #expect(throws: OperationError.self) { try BackstoreSpec("file:/a,b.img") }
        do throws(OperationError) {
            _ = try BackstoreSpec("file:/a,b.img")
        } catch {
            #expect(error.hint == "a path cannot have a comma: the kernel cuts it there")
        }
    }

    @Test(arguments: ["0=ramdisk:64M", "16383=name:disk1", "5=file:/a,size=1G"])
    func aLUNPrintsAsItWasWritten(_ text: String) throws { #expect(try LUNSpec(text).description == text) }

    @Test(arguments: [
        ("ramdisk:64M", "is not N=KIND:ARGUMENT"), ("0", "is not N=KIND:ARGUMENT"),
        ("x=ramdisk:1M", "is not a decimal number"),
        ("0=", "names no kind of backstore"), ("0=name:", "names no backstore"),
    ])
    func refusesALUN(_ text: String, _ cause: String) {
        #expect(refusal { () throws(OperationError) in try LUNSpec(text) } == cause)
    }

    @Test(arguments: [
        (["0=ramdisk:1M", "0=ramdisk:2M"], "LUN 0 is given twice"),
        (["0=ramdisk:1M", "00=ramdisk:2M"], "LUN 0 is given twice"),
        (["0=file:/a", "1=file:/a,buffered"], "/a is given twice"),
    ])
    func aRequestHasNothingTwice(_ luns: [String], _ cause: String) throws {
        let specs = try luns.map { try LUNSpec($0) }
        let wwpn = try WWPN("naa.5001405c0ffee001")
        #expect(
            refusal { () throws(OperationError) in try TargetRequest(wwpn: wwpn, tag: TPGTag(1), luns: specs)
            } == cause
        )
    }

    @Test func aNexusIsOfTheTargetsProtocol() throws {
        let (wwpn, nexus) = (try WWPN("naa.5001405c0ffee001"), try WWPN("fc.2100000000000001"))
        let cause = refusal { () throws(OperationError) in
            try TargetRequest(wwpn: wwpn, tag: TPGTag(1), nexus: nexus, luns: [])
        }
        #expect(cause == "the nexus fc.2100000000000001 is of another protocol than naa.5001405c0ffee001")
    }
}
