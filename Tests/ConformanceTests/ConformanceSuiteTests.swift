// SPDX-License-Identifier: MIT
import LinuxSystem
import SystemPackage
import Testing
import VhostSCSI

@testable import Conformance

/// The table of cases, and what stands beside it.
struct ConformanceSuiteTests {
    @Test func everyCaseHasANameOfItsOwn() {
        let names = ConformanceSuite.cases.map(\.identifier)
        #expect(Set(names).count == names.count)
        #expect(names.count >= 120)
        for name in names { #expect(name.split(separator: ".").count == 2, "\(name)") }
    }

    @Test func everyDifferenceIsOfACase() {
        let names = Set(ConformanceSuite.cases.map(\.identifier))
        for difference in KnownDifference.all { #expect(names.contains(difference.identifier)) }
    }

    @Test func theDocumentationIsTheTable() throws {
        let root = FilePath(#filePath).removingLastComponent().removingLastComponent().removingLastComponent()
        let file = try root.appending("Sources/Conformance/CASES.md").readText()
        #expect(file == ConformanceSuite.markdown, "ringside vhost conform --list --markdown makes it anew")
    }

    @Test(arguments: [
        ("ring.*", "ring.size-1", true), ("*", "ring.size-1", true), ("*size*", "ring.size-1", true),
        ("ring", "ring.size-1", false), ("*.size-2", "ring.size-1", false),
        ("ring.size-1", "ring.size-1", true),
    ])
    func patternsMatch(_ pattern: String, _ name: String, _ matches: Bool) {
        #expect(ConformanceSuite.cases(matching: pattern).contains { $0.identifier == name } == matches)
    }

    /// The numbers that are put together here, and those that the kernel's header gives the compiler.
    @Test func numbersOfIoctlsAreThoseOfTheHeader() {
        let pairs: [(VhostIoctl, VhostRequest.Name)] = [
            (.setOwner, .setOwner), (.getFeatures, .getFeatures), (.setFeatures, .setFeatures),
            (.setMemoryTable, .setMemoryTable), (.setRingSize, .setRingSize), (.setRingBase, .setRingBase),
            (.getRingBase, .getRingBase), (.setRingAddresses, .setRingAddresses),
            (.setRingKick, .setRingKick), (.setRingCall, .setRingCall), (.setRingError, .setRingError),
            (.getABIVersion, .getABIVersion), (.setEndpoint, .setEndpoint), (.clearEndpoint, .clearEndpoint),
        ]
        for (ours, header) in pairs { #expect(ours.number == header.number, "\(ours.name)") }
    }

    @Test func bytesAreShownInHexadecimal() {
        #expect(inHexadecimal([1, 2, 255] as [UInt8]) == "01 02 ff")
        #expect(inHexadecimal([UInt8](repeating: 0xee, count: 100) + [3]) == "ee×100 03")
        #expect(inHexadecimal([] as [UInt8]) == "nothing")
    }
}
