// SPDX-License-Identifier: MIT
import LinuxSystem
import SystemPackage
import VhostSCSI
import Virtqueue

/// What only the ioctl interface has: an owner, an endpoint, and what an active device refuses.
extension ConformanceCase {
    static let owner: [ConformanceCase] =
        [
            ("memory", "SET_MEM_TABLE", VhostIoctl.setMemoryTable, [UInt8](repeating: 0, count: 8)),
            ("ring-size", "SET_VRING_NUM", .setRingSize, KernelPort.state(2, 16)),
            ("kick", "SET_VRING_KICK", .setRingKick, KernelPort.state(2, UInt32.max)),
            ("log-base", "SET_LOG_BASE", .setLogBase, UInt64(4096).littleEndianBytes),
            ("ring-4096", "SET_VRING_NUM of ring 4096", .setRingSize, KernelPort.state(4096, 16)),
        ].map { name, words, ioctl, argument in
            kernel("owner.before-\(name)", "\(words) before SET_OWNER", "EPERM", "vhost_dev_check_owner()") {
                rig in
                let node = try rig.kernel.device.openBare()
                try rig.expectRefusal(.notPermitted) { try node.control(ioctl, argument) }
            }
        } + [
            kernel("owner.twice", "SET_OWNER twice", "EBUSY", "vhost_dev_set_owner()") { rig in
                let node = try rig.kernel.port.node
                try rig.expectRefusal(.resourceBusy) { try node.control(.setOwner) }
            },
            kernel("owner.features-first", "SET_FEATURES before SET_OWNER", "accepted", "vhost_scsi_ioctl()")
            { rig in
                try rig.kernel.device.openBare().control(.setFeatures, UInt64(0).littleEndianBytes)
            },
            kernel("owner.abi-first", "GET_ABI_VERSION before SET_OWNER", "1", "VHOST_SCSI_ABI_VERSION") {
                rig in
                let answer = try rig.kernel.device.openBare().control(.getABIVersion, [9, 9, 9, 9])
                try expect("ABI version", [1, 0, 0, 0] as [UInt8], answer)
            },
            kernel("owner.reset", "RESET_OWNER", "ENOTTY", "vhost_scsi_ioctl()") { rig in
                let node = try rig.kernel.port.node
                try rig.expectRefusal(.inappropriateIOCTLForDevice) { try node.control(.resetOwner) }
            },
            kernel("owner.unknown", "an ioctl that no vhost device has", "ENOTTY", "vhost_vring_ioctl()") {
                rig in
                let node = try rig.kernel.port.node
                try rig.expectRefusal(.inappropriateIOCTLForDevice) { try node.control(.unknown) }
            },
            kernel(
                "owner.unknown-of-ring",
                "the same, with ring 4096 as its argument",
                "ENOBUFS: the ring is looked at first",
                "vhost_vring_ioctl()"
            ) { rig in
                let node = try rig.kernel.port.node
                try rig.expectRefusal(.noBufferSpace) {
                    try node.control(.unknown, KernelPort.state(4096, 0))
                }
            },
            kernel("owner.new-worker", "NEW_WORKER", "accepted", "vhost_new_worker(), Linux 6.5") { rig in
                try rig.kernel.port.node.control(.newWorker, [0, 0, 0, 0])
            },
            kernel(
                "owner.busy-loop",
                "SET_VRING_BUSYLOOP_TIMEOUT, and GET",
                "the same number",
                "vhost_vring_ioctl()"
            ) {
                rig in
                let node = try rig.kernel.port.node
                try node.control(.setBusyLoop, KernelPort.state(2, 77))
                try expect(
                    "timeout",
                    KernelPort.state(2, 77),
                    try node.control(.getBusyLoop, KernelPort.state(2, 0))
                )
            },
            kernel(
                "owner.events-missed",
                "SET_EVENTS_MISSED 1, and GET; then 0, and GET",
                "1, then 0",
                "vhost_scsi_ioctl()"
            ) { rig in
                let node = try rig.kernel.port.node
                for value in [1, 0] as [UInt8] {
                    try node.control(.setEventsMissed, [value, 0, 0, 0])
                    try expect(
                        "events missed",
                        [value, 0, 0, 0],
                        try node.control(.getEventsMissed, [9, 9, 9, 9])
                    )
                }
            },
        ]

    static func kernel(
        _ identifier: String,
        _ action: String,
        _ expectation: String,
        _ source: String,
        needs: Needs = [],
        _ body: @escaping @Sendable (Rig) throws -> Void
    ) -> ConformanceCase {
        ConformanceCase(identifier, action, expectation, source, on: [.kernel], needs: needs, body)
    }

    static let endpoint: [ConformanceCase] = [
        kernel(
            "endpoint.before-memory",
            "SET_ENDPOINT before SET_MEM_TABLE",
            "EFAULT",
            "vhost_scsi_set_endpoint()"
        ) {
            rig in try rig.expectRefusal(.badAddress) { try rig.port.start([]) }
        },
        kernel(
            "endpoint.reserved",
            "SET_ENDPOINT with reserved 1, before SET_MEM_TABLE",
            "EOPNOTSUPP: looked at first",
            "vhost_scsi_ioctl()"
        ) { rig in
            let (port, device) = try rig.kernel
            try rig.expectRefusal(.notSupported) {
                try port.node.control(.setEndpoint, KernelPort.endpoint(device.wwpn, reserved: 1))
            }
        },
        kernel(
            "endpoint.unknown",
            "SET_ENDPOINT with a name that no target has",
            "ENODEV",
            "vhost_scsi_set_endpoint()"
        ) {
            rig in
            try rig.prepare([2: .init()], features: [.version1])
            try rig.expectRefusal(.operationNotSupportedByDevice) {
                try rig.setEndpoint("naa.5001405c0f0f0fff")
            }
        },
        kernel(
            "endpoint.no-nexus",
            "SET_ENDPOINT of a portal group without a nexus",
            "ENODEV",
            "vhost_scsi_set_endpoint()"
        ) { rig in
            try rig.prepare([2: .init()], features: [.version1])
            let name = try rig.kernel.device.bareWWPN
            try rig.expectRefusal(.operationNotSupportedByDevice) { try rig.setEndpoint(name) }
        },
        kernel(
            "endpoint.unknown-then-known",
            "SET_ENDPOINT with an unknown name, then with the right one",
            "the second is accepted, and requests are served",
            "vhost_scsi_set_endpoint()"
        ) { rig in
            try rig.prepare([2: .init()], features: [.version1])
            try rig.expectRefusal(.operationNotSupportedByDevice) {
                try rig.setEndpoint("naa.5001405c0f0f0fff")
            }
            try rig.port.start([2])
            try rig.takeNews()
            try rig.send(.ready).expectGood()
        },
        kernel(
            "endpoint.twice",
            "SET_ENDPOINT twice",
            "EEXIST, and requests go on",
            "vhost_scsi_set_endpoint()"
        ) { rig in
            try rig.startReady()
            try rig.expectRefusal(.fileExists) { try rig.port.start([]) }
            try rig.send(.ready).expectGood()
        },
        kernel(
            "endpoint.twice-other",
            "SET_ENDPOINT with another name while one is set",
            "EEXIST: looked at before the name",
            "vhost_scsi_set_endpoint()"
        ) { rig in
            try rig.startReady()
            try rig.expectRefusal(.fileExists) { try rig.setEndpoint("naa.5001405c0f0f0fff") }
            try rig.send(.ready).expectGood()
        },
        kernel(
            "endpoint.held",
            "SET_ENDPOINT on a second descriptor",
            "ENODEV, and the first goes on",
            "vhost_scsi_set_endpoint()"
        ) { rig in
            try rig.startReady()
            let second = try Rig(rig.device)
            try second.prepare([2: .init()], features: [.version1])
            try second.expectRefusal(.operationNotSupportedByDevice) { try second.port.start([]) }
            try rig.send(.ready).expectGood()
        },
        kernel(
            "endpoint.version",
            "SET_ENDPOINT with abi_version 7",
            "accepted: it is not looked at",
            "vhost_scsi_ioctl()"
        ) {
            rig in
            try rig.prepare([2: .init()], features: [.version1])
            let (port, device) = try rig.kernel
            try port.node.control(.setEndpoint, KernelPort.endpoint(device.wwpn, version: 7))
        },
        kernel(
            "endpoint.tag",
            "SET_ENDPOINT with vhost_tpgt 99",
            "accepted: every group of the port is claimed",
            "vhost_scsi_set_endpoint()"
        ) { rig in
            try rig.prepare([2: .init()], features: [.version1])
            let (port, device) = try rig.kernel
            try port.node.control(.setEndpoint, KernelPort.endpoint(device.wwpn, tpgt: 99))
            try rig.takeNews()
            try rig.send(.ready).expectGood()
        },
        kernel(
            "endpoint.clear-idle",
            "CLEAR_ENDPOINT with none set",
            "accepted",
            "vhost_scsi_clear_endpoint()"
        ) { rig in
            try rig.port.perform(.memory([rig.region]))
            _ = try rig.port.stop([])
        },
        kernel(
            "endpoint.clear-before-memory",
            "CLEAR_ENDPOINT before SET_MEM_TABLE",
            "EFAULT",
            "vhost_scsi_clear_endpoint()"
        ) { rig in
            try rig.expectRefusal(.badAddress) { _ = try rig.port.stop([]) }
        },
        kernel(
            "endpoint.clear-reserved",
            "CLEAR_ENDPOINT with reserved 1",
            "EOPNOTSUPP, and requests go on",
            "vhost_scsi_ioctl()"
        ) { rig in
            try rig.startReady()
            let (port, device) = try rig.kernel
            try rig.expectRefusal(.notSupported) {
                try port.node.control(.clearEndpoint, KernelPort.endpoint(device.wwpn, reserved: 1))
            }
            try rig.send(.ready).expectGood()
        },
        kernel(
            "endpoint.clear-other",
            "CLEAR_ENDPOINT with another name",
            "EINVAL, and requests go on",
            "vhost_scsi_clear_endpoint()"
        ) { rig in
            try rig.startReady()
            let node = try rig.kernel.port.node
            try rig.expectRefusal(.invalidArgument) {
                try node.control(.clearEndpoint, KernelPort.endpoint("naa.5001405c0f0f0fff"))
            }
            try rig.send(.ready).expectGood()
        },
        kernel(
            "endpoint.clear-tag",
            "CLEAR_ENDPOINT with vhost_tpgt 99",
            "accepted",
            "vhost_scsi_clear_endpoint()"
        ) { rig in
            try rig.startReady()
            let (port, device) = try rig.kernel
            try port.node.control(.clearEndpoint, KernelPort.endpoint(device.wwpn, tpgt: 99))
            _ = try rig.offer(.ready)
            try rig.kick()
            try rig.expectNothingUsed()
        },
        kernel(
            "endpoint.clear-frees",
            "CLEAR_ENDPOINT, and SET_ENDPOINT on a second descriptor",
            "accepted",
            "vhost_scsi_clear_endpoint()"
        ) { rig in
            try rig.startReady()
            try rig.stop()
            let second = try Rig(rig.device)
            try second.startReady()
            try second.send(.ready).expectGood()
        },
    ]

    static let active: [ConformanceCase] = [
        whileActive("ring-size", "SET_VRING_NUM", .resourceBusy, "vhost_vring_set_num()") { _ in
            .ringSize(2, 16)
        },
        whileActive("ring-base", "SET_VRING_BASE", .resourceBusy, "vhost_vring_ioctl()") { _ in
            .ringBase(2, 0)
        },
        whileActive("busy-before-argument", "SET_VRING_NUM with 3", .resourceBusy, "vhost_vring_set_num()") {
            _ in
            .ringSize(2, 3)
        },
        whileActive(
            "ring-address",
            "SET_VRING_ADDR with descriptors at an address of the kernel",
            .invalidArgument,
            "vq_access_ok()"
        ) { rig in
            var places = rig.places(rig.ring(2))
            places.descriptors = kernelAddress
            return .ringPlaces(2, places)
        },
        whileActive(
            "memory",
            "SET_MEM_TABLE with memory at an address of the kernel",
            .badAddress,
            "memory_access_ok()"
        ) {
            _ in
            .memory([VhostMemoryRegion(guestAddress: 0, byteCount: 4096, userAddress: kernelAddress)])
        },
        whileActive(
            "log-base",
            "SET_LOG_BASE at an address of the kernel, with LOG_ALL",
            .badAddress,
            "vq_log_access_ok()",
            features: [.version1, .logAll]
        ) { _ in
            .log(address: kernelAddress, byteCount: 4096, file: nil)
        },
        whileActive(
            "features",
            "SET_FEATURES with HOTPLUG more than before",
            .resourceBusy,
            "vhost_scsi_set_features(), since CVE-2026-74702"
        ) { _ in .features([.version1, .hotplug]) },
    ]

    /// No process has memory there.
    private static let kernelAddress: UInt64 = 0xffff_8000_0000_0000

    private static func whileActive(
        _ name: String,
        _ action: String,
        _ errno: Errno,
        _ source: String,
        features: VhostFeatures = [.version1],
        _ step: @escaping @Sendable (Rig) -> SetupStep
    ) -> ConformanceCase {
        kernel(
            "active.\(name)",
            "\(action) while the endpoint is set",
            "\(errno.symbol), and requests go on",
            source
        ) { rig in
            try rig.prepare([0: .init(), 1: .init(), 2: .init()], features: features)
            let log = try rig.memory.allocate(4096, alignment: 4096)
            try rig.port.perform(
                .log(address: rig.memory.userAddress(of: log), byteCount: 4096, file: nil)
            )
            try rig.port.start([])
            try rig.takeNews()
            try rig.expectRefusal(errno) { try rig.port.perform(step(rig)) }
            try rig.send(.ready).expectGood()
        }
    }
}

extension Rig {
    /// Sets the endpoint to a target of any name.
    fileprivate func setEndpoint(_ name: String) throws {
        try kernel.port.node.control(.setEndpoint, KernelPort.endpoint(name))
    }
}
