// SPDX-License-Identifier: MIT

/// Something that a vhost-scsi implementation has to do: what is done to it, what must come of that, and who says so.
package struct ConformanceCase: Sendable {
    /// How the implementation is reached.
    package enum Transport: String, CaseIterable, Encodable, Sendable {
        /// The ioctls of `/dev/vhost-scsi`.
        case kernel
        /// A vhost-user-scsi socket.
        case socket
    }

    /// What a case takes beyond rings and requests.
    struct Needs: OptionSet, Sendable {
        let rawValue: Int

        /// `VIRTIO_SCSI_F_HOTPLUG`, and a way to make logical units come and go.
        static let plugging = Needs(rawValue: 1)
        /// `VHOST_F_LOG_ALL`
        static let logging = Needs(rawValue: 2)
        /// `VIRTIO_F_NOTIFY_ON_EMPTY`
        static let notifyOnEmpty = Needs(rawValue: 4)
        /// `VIRTIO_SCSI_F_T10_PI`
        static let protection = Needs(rawValue: 8)
        /// `VIRTIO_RING_F_EVENT_IDX`
        static let eventIndex = Needs(rawValue: 16)
        /// `VIRTIO_RING_F_INDIRECT_DESC`
        static let indirect = Needs(rawValue: 32)
        /// A program that holds the device, to be killed.
        static let holder = Needs(rawValue: 64)
    }

    /// `group.name`
    package let identifier: String
    /// What is done.
    package let action: String
    /// What must come of it.
    package let expectation: String
    /// Who says so: a function of the kernel, or a section of the virtio or vhost-user specification.
    package let source: String
    /// The transports that it applies to.
    package let transports: Set<Transport>
    let needs: Needs
    let body: @Sendable (Rig) throws -> Void

    /// The part of the identifier before the dot.
    package var group: String { String(identifier.prefix { $0 != "." }) }

    init(
        _ identifier: String,
        _ action: String,
        _ expectation: String,
        _ source: String,
        on transports: Set<Transport> = [.kernel, .socket],
        needs: Needs = [],
        _ body: @escaping @Sendable (Rig) throws -> Void
    ) {
        self.identifier = identifier
        self.action = action
        self.expectation = expectation
        self.source = source
        self.transports = transports
        self.needs = needs
        self.body = body
    }
}
