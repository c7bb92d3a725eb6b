// SPDX-License-Identifier: MIT
package import LinuxSystem
package import SystemPackage

/// The system calls that the device makes, so that tests can record them and make any of them fail.
package protocol VhostSystem: AnyObject {
    /// Opens the device node for reading and writing.
    func open(_ path: FilePath) throws(Errno) -> OwnedDescriptor
    /// A descriptor of our own for the open device that `number` names.
    func duplicate(_ number: CInt) throws(Errno) -> OwnedDescriptor
    /// A new eventfd for one direction of one ring.
    func eventFD() throws(Errno) -> EventFD
    /// Passes `request` to the device; the answer, where there is one, is in its bytes afterwards.
    func control(_ device: FileDescriptor, _ request: inout VhostRequest) throws(Errno)
}

/// The calls as Linux makes them.
package final class LinuxVhostSystem: VhostSystem {
    package init() {}

    package func open(_ path: FilePath) throws(Errno) -> OwnedDescriptor {
        try OwnedDescriptor(opening: path, .readWrite)
    }

    package func duplicate(_ number: CInt) throws(Errno) -> OwnedDescriptor {
        try OwnedDescriptor(duplicating: number)
    }

    package func eventFD() throws(Errno) -> EventFD { try EventFD() }

    package func control(_ device: FileDescriptor, _ request: inout VhostRequest) throws(Errno) {
        try device.control(request.name.number, &request.bytes)
    }
}

/// Makes no system call on the device: writes down what would be asked, and answers as a present kernel does.
package final class DryRunVhostSystem: VhostSystem {
    /// What was asked, in order.
    package private(set) var requests: [VhostRequest] = []

    package init() {}

    package func open(_ path: FilePath) throws(Errno) -> OwnedDescriptor {
        try OwnedDescriptor(opening: "/dev/null", .readWrite)
    }

    package func duplicate(_ number: CInt) throws(Errno) -> OwnedDescriptor {
        try OwnedDescriptor(opening: "/dev/null", .readWrite)
    }

    package func eventFD() throws(Errno) -> EventFD { try EventFD() }

    package func control(_ device: FileDescriptor, _ request: inout VhostRequest) throws(Errno) {
        requests.append(request)
        switch request.name {
        case .getFeatures: request.bytes = VhostRequest.setFeatures(.wanted).bytes
        case .getABIVersion: request.bytes = [1, 0, 0, 0]
        default: break
        }
    }
}
