// SPDX-License-Identifier: MIT
package import LinuxSystem
package import VhostSCSI

/// A step of setting a device up, as both transports have it.
package enum SetupStep {
    case features(VhostFeatures)
    /// The memory table, and its padding.
    case memory([VhostMemoryRegion], padding: UInt32 = 0)
    case ringSize(Int, UInt32)
    case ringBase(Int, UInt32)
    case ringPlaces(Int, RingPlaces)
    case event(RingEventKind, Int, EventSource)
    /// A dirty log of so many bytes, at an address of ours and in a file.
    case log(address: UInt64, byteCount: UInt64, file: PassedDescriptor?)
}

/// The addresses of a ring's areas in this process, as `struct vhost_vring_addr` has them.
package struct RingPlaces {
    var descriptors: UInt64
    var available: UInt64
    var used: UInt64
    var flags: UInt32 = 0
    var log: UInt64 = 0
}

package enum RingEventKind {
    case kick
    case call
    case error
}

/// What is handed over for an eventfd.
package enum EventSource {
    case descriptor(PassedDescriptor)
    /// A number that names no open descriptor.
    case closed
    /// None, said in so many words.
    case none
}

/// An open device whose set-up is made step by step.
package protocol DevicePort: AnyObject {
    var transport: ConformanceCase.Transport { get }
    /// What the device offers.
    var offered: VhostFeatures { get }
    /// - Throws: `StepRefusal`
    func perform(_ step: SetupStep) throws
    /// Has the device serve rings that are set up.
    func start(_ rings: [Int]) throws
    /// Has the device let go of them: requests that it took are answered by then.
    ///
    /// - Returns: the index of the next available entry of each.
    func stop(_ rings: [Int]) throws -> [UInt16]
    /// Ends everything without a word, as the end of a process does.
    func close()
}
