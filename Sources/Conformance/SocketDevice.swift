// SPDX-License-Identifier: MIT
package import SystemPackage
import VhostUserSCSI

/// A vhost-user-scsi back-end at a socket.
package final class SocketDevice: DeviceUnderTest {
    package let implementation = Implementation.backEnd
    package let target: UInt8
    package var patience = Duration.seconds(3)
    package var holder: [String]?
    package var spareTarget: UInt8 { target }
    package var protectedTarget: UInt8 { target }
    package var canPlug: Bool { control != nil }
    let path: FilePath
    private let control: FilePath?

    /// - Parameters:
    ///   - target: has a disk of 512-byte blocks as LUN 0, which cases overwrite.
    ///   - control: the control socket of `ringside serve`, by which units come and go; nil where it is another one.
    package init(_ path: FilePath, target: UInt8, control: FilePath?) {
        self.path = path
        self.target = target
        self.control = control
    }

    package func open() throws -> any DevicePort { try SocketPort(path) }

    package func plug(_ lun: UInt16) throws {
        try ask(.add(UnitSpecification("\(spareTarget):\(lun)=ramdisk:1M")))
    }

    package func unplug(_ lun: UInt16) throws { try ask(.remove(target: spareTarget, lun: lun)) }

    private func ask(_ request: ControlRequest) throws {
        guard let control else { return }
        _ = try request.send(to: control)
    }
}
