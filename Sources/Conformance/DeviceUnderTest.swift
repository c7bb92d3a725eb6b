// SPDX-License-Identifier: MIT

/// An implementation, and what is known of it and around it.
package protocol DeviceUnderTest: AnyObject {
    var implementation: Implementation { get }
    /// A target with a disk of 512-byte blocks, 1 MiB or more, as LUN 0, which cases overwrite; it has no LUN 77.
    var target: UInt8 { get }
    /// A target whose units come and go.
    var spareTarget: UInt8 { get }
    /// A target that may have a unit with protection information.
    var protectedTarget: UInt8 { get }
    /// How long is waited for what must come.
    var patience: Duration { get }
    /// Whether units can be made to come and go.
    var canPlug: Bool { get }
    /// The command line of a program that calls `ConformanceSuite.hold` with this device; nil where there is none.
    var holder: [String]? { get }
    /// Opens the device anew, as its owner.
    func open() throws -> any DevicePort
    /// Makes a unit of the spare target come.
    func plug(_ lun: UInt16) throws
    /// Makes it go.
    func unplug(_ lun: UInt16) throws
}

/// Whose device it is.
package enum Implementation: Equatable, Sendable {
    /// The kernel of a release such as `6.1.0-56-amd64`.
    case kernel(String)
    /// A back-end at a socket, which does not tell its name.
    case backEnd
}
