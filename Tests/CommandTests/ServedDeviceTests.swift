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
}
