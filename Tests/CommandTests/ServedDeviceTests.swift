// SPDX-License-Identifier: MIT
import LinuxSystem
import SCSITarget
import SystemPackage
import TargetConfig
import Testing
import VhostUserSCSI

@testable import ringside

/// A file of targets as `serve` has it.
struct ServedDeviceTests {
    @Test func aBackstoreIsOneUnitBehindAllItsLUNs() throws {
        let text = """
            backstores:
              shared: {source: "ramdisk:1M"}
              other: {source: "ramdisk:1M"}
            targets:
              naa.5001405c0ffee001: {1: {luns: {0: name:shared, 1: name:other}}, 2: {luns: {0: name:shared}}}
              naa.5001405c0ffee002: {1: {luns: {5: name:shared}}}
            """
        let devices = try ServedDevice.devices(
            of: try Configuration(parsing: text),
            in: "/tmp",
            makesFiles: false
        )
        let opened = try ServedDevice.open(devices, makesFiles: false)
        #expect(opened.map(\.count) == [3, 1])
        let units = opened.flatMap { $0 }
        let shared = units.filter { $0.unit === units[0].unit }
        #expect(
            shared.map { [$0.specification.target, UInt8($0.specification.lun)] } == [
                [1, 0], [2, 0], [1, 5],
            ]
        )
        #expect(Set(units.map(\.unit.identity.serial)).count == 2)
        #expect(shared.allSatisfy { $0.store as AnyObject === units[0].store as AnyObject })
    }

    private func device(_ backstore: String, reservations: FilePath? = nil) throws -> ServedDevice? {
        let text = """
            backstores:
              one: {source: "ramdisk:1M"\(backstore)}
            targets:
              naa.5001405c0ffee001: {1: {luns: {0: name:one}}}
            """
        return try ServedDevice.devices(
            of: try Configuration(parsing: text),
            in: "/tmp",
            reservations: reservations,
            makesFiles: false
        ).first
    }

    /// The kernel has more sizes of blocks than are served.
    @Test func blocksThatAreNotServedAreRefused() throws {
        for size in [512, 4096] {
            let places = try #require(try device(", attributes: {block_size: \(size)}")).places
            #expect(places.map(\.specification.blockSize) == [size])
        }
        for size in [1024, 2048] {
            let error = #expect(throws: OperationError.self) {
                try device(", attributes: {block_size: \(size)}")
            }
            #expect(error?.cause == "block_size is \(size)")
        }
    }

    @Test func reservationsAreKeptByBackstore() throws {
        #expect(try device("")?.places[0].specification.reservations == nil)
        let places = try #require(try device("", reservations: "/var/lib/pr")).places
        #expect(places[0].specification.reservations == "/var/lib/pr/one.pr")
    }
}
