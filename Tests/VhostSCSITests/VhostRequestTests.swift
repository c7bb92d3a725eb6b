// SPDX-License-Identifier: MIT
import Testing

@testable import VhostSCSI

@Suite struct VhostRequestTests {
    @Test func numbersAreTheKernels() {
        let numbers: [(VhostRequest.Name, UInt)] = [
            (.setOwner, 0xaf01), (.getFeatures, 0x8008_af00), (.setFeatures, 0x4008_af00),
            (.setMemoryTable, 0x4008_af03), (.setRingSize, 0x4008_af10), (.setRingAddresses, 0x4028_af11),
            (.setRingBase, 0x4008_af12), (.getRingBase, 0xc008_af12), (.setRingKick, 0x4008_af20),
            (.setRingCall, 0x4008_af21), (.setRingError, 0x4008_af22), (.getABIVersion, 0x4004_af42),
            (.setEndpoint, 0x40e8_af40), (.clearEndpoint, 0x40e8_af41), (.setLogBase, 0x4008_af04),
            (.newWorker, 0x8004_af08), (.freeWorker, 0x4004_af09), (.attachWorker, 0x4008_af15),
            (.getWorker, 0xc008_af16),
        ]
        for (name, number) in numbers { #expect(name.number == number, "\(name)") }
    }

    @Test func theEndpointIs232BytesWithATerminatedName() {
        let request = VhostRequest.endpoint(.setEndpoint, wwpn: "naa.5", tpgt: 0x0102)
        #expect(request.bytes.count == 232)
        #expect(request.bytes[0..<4] == [0, 0, 0, 0])
        #expect(Array(request.bytes[4..<10]) == Array("naa.5".utf8) + [0])
        #expect(request.bytes[10..<228].allSatisfy { $0 == 0 })
        #expect(request.bytes[228..<232] == [2, 1, 0, 0])
    }

    @Test(arguments: [
        ("fc.2100000000000001", "2100000000000001"), ("naa.5", "naa.5"),
        ("2100000000000001", "2100000000000001"),
        ("iqn.2003-01.org.x:t1", "iqn.2003-01.org.x:t1"), ("fc.naa.5", "fc.naa.5"),
    ])
    func anFCPortIsNamedWithoutItsPrefix(wwpn: String, port: String) {
        for name: VhostRequest.Name in [.setEndpoint, .clearEndpoint] {
            let request = VhostRequest.endpoint(name, wwpn: wwpn, tpgt: 1)
            #expect(Array(request.bytes[4...].prefix { $0 != 0 }) == Array(port.utf8))
            #expect(request.bytes.count == 232)
            #expect(request.detail == "\(wwpn) tpgt 1")
        }
    }

    @Test func anOverlongNameStaysTerminated() {
        let request = VhostRequest.endpoint(.setEndpoint, wwpn: String(repeating: "x", count: 300), tpgt: 0)
        #expect(request.bytes.count == 232)
        #expect(request.bytes[226] == 0x78)
        #expect(request.bytes[227] == 0)
    }

    @Test func theMemoryTableIs8BytesAnd32ForEachRegion() {
        let region = VhostMemoryRegion(
            guestAddress: 0x10_0000,
            byteCount: 0x2000,
            userAddress: 0x7f00_0000_0000
        )
        let bytes = VhostRequest.setMemoryTable([region, region]).bytes
        #expect(bytes.count == 8 + 2 * 32)
        #expect(bytes[0..<8] == [2, 0, 0, 0, 0, 0, 0, 0])
        #expect(bytes[8..<16] == [0, 0, 0x10, 0, 0, 0, 0, 0])
        #expect(bytes[16..<24] == [0, 0x20, 0, 0, 0, 0, 0, 0])
        #expect(bytes[24..<32] == [0, 0, 0, 0, 0, 0x7f, 0, 0])
        #expect(bytes[32..<40].allSatisfy { $0 == 0 })
    }

    @Test func ringAddressesAreDescriptorsUsedAvailableLog() {
        let ring = VhostRing(size: 8, descriptors: 0x1000, available: 0x2000, used: 0x3000)
        let bytes = VhostRequest.setRingAddresses(2, ring).bytes
        #expect(bytes.count == 40)
        #expect(bytes[0..<8] == [2, 0, 0, 0, 0, 0, 0, 0])
        #expect([bytes[9], bytes[17], bytes[25], bytes[33]] == [0x10, 0x30, 0x20, 0])
    }

    @Test func aLoggedRingNamesItsUsedRing() {
        let ring = VhostRing(
            size: 8,
            descriptors: 0x1000,
            available: 0x2000,
            used: 0x3000,
            usedGuestAddress: 0x10_0000
        )
        let bytes = VhostRequest.setRingAddresses(2, ring, isLogged: true).bytes
        #expect(bytes[0..<8] == [2, 0, 0, 0, 1, 0, 0, 0])
        #expect(bytes[32..<40] == [0, 0, 0x10, 0, 0, 0, 0, 0])
        #expect(VhostRequest.setRingAddresses(2, ring).bytes[32..<40].allSatisfy { $0 == 0 })
    }

    @Test func workersHaveNumbers() {
        #expect(VhostRequest.attachWorker(3, 7).bytes == [3, 0, 0, 0, 7, 0, 0, 0])
        #expect(VhostRequest.getWorker(2).bytes == [2, 0, 0, 0, 0, 0, 0, 0])
        #expect(VhostRequest.freeWorker(9).bytes == [9, 0, 0, 0])
    }

    @Test func ringStateAndFileAreTwoWords() {
        #expect(VhostRequest.setRingSize(2, 0x0180).bytes == [2, 0, 0, 0, 0x80, 1, 0, 0])
        #expect(VhostRequest.setRingEvent(.setRingKick, 1, -1).bytes == [1, 0, 0, 0, 255, 255, 255, 255])
        #expect(VhostRequest.setRingEvent(.setRingCall, 1, 9).bytes == [1, 0, 0, 0, 9, 0, 0, 0])
    }

    @Test func featuresHaveNames() {
        let kernel = VhostFeatures(rawValue: RecordingVhostSystem.kernelFeatures)
        #expect(
            kernel.names == [
                "HOTPLUG", "T10_PI", "NOTIFY_ON_EMPTY", "LOG_ALL", "ANY_LAYOUT", "INDIRECT_DESC", "EVENT_IDX",
                "VERSION_1",
            ]
        )
        #expect(VhostFeatures(rawValue: 1 << 40).names == ["bit 40"])
    }
}
