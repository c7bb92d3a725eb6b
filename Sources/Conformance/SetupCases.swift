// SPDX-License-Identifier: MIT
import LinuxSystem
import SystemPackage
import VhostSCSI
import VhostUser
import Virtqueue

/// Setting up features, memory and rings: what is refused, and in which order.
extension ConformanceCase {
    static let setup: [ConformanceCase] = features + memoryTables + ringShapes + ringEvents

    private static func refusal(
        _ name: String,
        _ action: String,
        _ errno: Errno,
        _ source: String,
        on transports: Set<Transport> = [.kernel, .socket],
        _ step: @escaping @Sendable (Rig) throws -> SetupStep
    ) -> ConformanceCase {
        let word =
            switch transports {
            case [.socket]: "refused"
            case [.kernel]: errno.symbol
            default: "\(errno.symbol); refused on a socket"
            }
        return ConformanceCase("setup.\(name)", action, word, source, on: transports) { rig in
            let step = try step(rig)
            try rig.expectRefusal(errno) { try rig.port.perform(step) }
        }
    }

    private static func acceptance(
        _ name: String,
        _ action: String,
        _ source: String,
        on transports: Set<Transport> = [.kernel, .socket],
        _ step: @escaping @Sendable (Rig) throws -> SetupStep
    ) -> ConformanceCase {
        ConformanceCase("setup.\(name)", action, "accepted", source, on: transports) { rig in
            try rig.port.perform(try step(rig))
        }
    }

    private static let features: [ConformanceCase] = [
        ConformanceCase(
            "setup.features-offered",
            "ask for the features",
            "VERSION_1, INDIRECT_DESC, EVENT_IDX and HOTPLUG are offered",
            "VHOST_SCSI_FEATURES in scsi.c"
        ) { rig in
            let wanted: VhostFeatures = [.version1, .indirectDescriptors, .eventIndex, .hotplug]
            try expect("features", wanted.names, rig.port.offered.intersection(wanted).names)
        },
        ConformanceCase(
            "setup.features-never",
            "ask for the features",
            "neither RING_PACKED nor IN_ORDER nor bits above 40 are offered",
            "VHOST_SCSI_FEATURES in scsi.c"
        ) { rig in
            let others = rig.port.offered.rawValue & (1 << 34 | 1 << 35 | ~0 << 41)
            try expect("features", 0, others)
        },
        refusal("unknown-feature", "SET_FEATURES with bit 50", .notSupported, "vhost_scsi_set_features()") {
            _ in .features(VhostFeatures(rawValue: 1 << 32 | 1 << 50))
        },
        refusal(
            "unoffered-packed",
            "SET_FEATURES with RING_PACKED",
            .notSupported,
            "vhost_scsi_set_features()"
        ) {
            _ in .features(VhostFeatures(rawValue: 1 << 32 | 1 << 34))
        },
        acceptance("no-features", "SET_FEATURES with none", "vhost_scsi_set_features()") { _ in .features([])
        },
        acceptance("features-all", "SET_FEATURES with all that is offered", "vhost_scsi_set_features()") {
            .features($0.port.offered)
        },
        ConformanceCase(
            "setup.features-kept",
            "SET_FEATURES with an unknown bit while the device serves",
            "refused, and requests go on",
            "vhost_scsi_set_features()",
            on: [.kernel]
        ) { rig in
            try rig.startReady()
            try rig.expectRefusal(.notSupported) {
                try rig.port.perform(.features([.init(rawValue: 1 << 50)]))
            }
            try rig.send(.ready).expectGood()
        },
    ]

    private static let memoryTables: [ConformanceCase] = [
        refusal(
            "memory-padding",
            "SET_MEM_TABLE with padding 1",
            .notSupported,
            "vhost_set_memory()",
            on: [.kernel]
        ) {
            .memory([$0.region], padding: 1)
        },
        refusal("memory-65-regions", "SET_MEM_TABLE with 65 regions", .argListTooLong, "vhost_set_memory()") {
            rig in
            .memory(
                (0..<65).map { index in
                    VhostMemoryRegion(
                        guestAddress: UInt64(index) << 20,
                        byteCount: 4096,
                        userAddress: rig.memory.userAddress
                    )
                }
            )
        },
        refusal(
            "memory-wraps",
            "a region that ends behind the last guest address",
            .badAddress,
            "vhost_iotlb_add_range()"
        ) {
            .memory([$0.region(guest: UInt64.max - 4095, bytes: 8192)])
        },
        refusal("memory-empty-region", "a region of 0 bytes at 1 MiB", .badAddress, "vhost_iotlb_add_range()")
        {
            .memory([$0.region(guest: 1 << 20, bytes: 0)])
        },
        acceptance("memory-no-regions", "SET_MEM_TABLE without a region", "vhost_set_memory()", on: [.kernel])
        { _ in
            .memory([])
        },
        acceptance(
            "memory-64-regions",
            "SET_MEM_TABLE with 64 regions",
            "max_mem_regions in vhost.c",
            on: [.kernel]
        ) {
            rig in
            .memory((0..<64).map { rig.region(guest: UInt64($0) << 20, bytes: 4096) })
        },
        acceptance("memory-twice", "SET_MEM_TABLE with 1 region, after one before it", "vhost_set_memory()") {
            rig in
            try rig.port.perform(.memory([rig.region(guest: 1 << 32, bytes: 4096)]))
            return .memory([rig.region])
        },
        refusal(
            "memory-behind-file",
            "a region of more bytes than its file has",
            .badAddress,
            "vhost-user, SET_MEM_TABLE",
            on: [.socket]
        ) { .memory([$0.region(guest: 1 << 32, bytes: 1 << 30)]) },
        refusal(
            "memory-without-file",
            "a region without a descriptor",
            .badFileDescriptor,
            "vhost-user, SET_MEM_TABLE",
            on: [.socket]
        ) { rig in
            let region = rig.region
            let bare = VhostMemoryRegion(
                guestAddress: region.guestAddress,
                byteCount: region.byteCount,
                userAddress: region.userAddress
            )
            return .memory([bare])
        },
    ]

    private static let ringShapes: [ConformanceCase] =
        [
            (0, "ring-size-0"), (3, "ring-size-3"), (65536, "ring-size-65536"),
            (1 << 31, "ring-size-2-31"), (UInt32.max, "ring-size-largest"),
        ].map { (size: UInt32, name: String) in
            refusal(name, "SET_VRING_NUM with \(size)", .invalidArgument, "vhost_vring_set_num()") { _ in
                .ringSize(Rig.request, size)
            }
        }
        + [1, 2, 32768].map { (size: UInt32) in
            acceptance("ring-size-\(size)", "SET_VRING_NUM with \(size)", "vhost_vring_set_num()") { _ in
                .ringSize(Rig.request, size)
            }
        }
        + [
            refusal("ring-4096", "SET_VRING_NUM of ring 4096", .noBufferSpace, "vhost_vring_ioctl()") { _ in
                .ringSize(4096, 16)
            },
            refusal("ring-last", "SET_VRING_NUM of ring 4294967295", .noBufferSpace, "vhost_vring_ioctl()") {
                _ in
                .ringSize(Int(UInt32.max), 16)
            },
            refusal("ring-base-no-ring", "SET_VRING_BASE of ring 4096", .noBufferSpace, "vhost_vring_ioctl()")
            { _ in
                .ringBase(4096, 0)
            },
            refusal("ring-base-65536", "SET_VRING_BASE with 65536", .invalidArgument, "vhost_vring_ioctl()") {
                _ in
                .ringBase(Rig.request, 65536)
            },
            ConformanceCase(
                "setup.ring-base-kept",
                "SET_VRING_BASE with 65535, and GET_VRING_BASE",
                "65535",
                "vhost_vring_ioctl(); vhost-user, GET_VRING_BASE"
            ) { rig in
                try rig.port.perform(.ringBase(Rig.request, 65535))
                let base =
                    rig.port.transport == .kernel
                    ? try rig.kernel.port.base(Rig.request) : try rig.port.stop([Rig.request])[0]
                try expect("base", 65535, base)
            },
            refusal(
                "used-misaligned",
                "SET_VRING_ADDR with used at 2 beyond a multiple of 4",
                .invalidArgument,
                "vhost_vring_set_addr()",
                on: [.kernel]
            ) { try $0.misplaced { $0.used += 2 } },
            refusal(
                "available-misaligned",
                "SET_VRING_ADDR with avail at an odd address",
                .invalidArgument,
                "vhost_vring_set_addr()",
                on: [.kernel]
            ) { try $0.misplaced { $0.available += 1 } },
            refusal(
                "log-misaligned",
                "SET_VRING_ADDR with log at 2 beyond a multiple of 4",
                .invalidArgument,
                "vhost_vring_set_addr()",
                on: [.kernel]
            ) { try $0.misplaced { $0.log += 2 } },
            refusal(
                "address-flags",
                "SET_VRING_ADDR with flag 2",
                .notSupported,
                "vhost_vring_set_addr()",
                on: [.kernel]
            ) { try $0.misplaced { $0.flags = 2 } },
            refusal("address-no-ring", "SET_VRING_ADDR of ring 4096", .noBufferSpace, "vhost_vring_ioctl()") {
                rig in
                .ringPlaces(4096, rig.places(try rig.place(2, .init())))
            },
            acceptance(
                "address-before-memory",
                "SET_VRING_ADDR before there is a memory table",
                "vhost_vring_set_addr(): checked while active only"
            ) { try $0.misplaced { _ in } },
            ConformanceCase(
                "setup.misaligned-not-served",
                "a used ring at 2 beyond a multiple of 4, handed over and enabled",
                "the ring is not served",
                "virtio 1.2, 2.7 (alignment); vhost-user, SET_VRING_ADDR",
                on: [.socket]
            ) { rig in
                try rig.prepare([2: .init()], features: [.version1])
                var places = rig.places(rig.ring(2))
                places.used += 2
                do { try rig.port.perform(.ringPlaces(2, places)) } catch is StepRefusal { return }
                try rig.port.start([2])
                _ = try rig.offer(.ready)
                try rig.kick()
                try rig.expectNothingUsed()
            },
        ]

    private static let ringEvents: [ConformanceCase] =
        [(RingEventKind.kick, "KICK"), (.call, "CALL"), (.error, "ERR")].flatMap { (kind, word) in
            let name = word.lowercased()
            return [
                refusal(
                    "\(name)-not-eventfd",
                    "SET_VRING_\(word) with /dev/zero",
                    .invalidArgument,
                    "eventfd_ctx_fdget()"
                ) { _ in
                    let file = PassedDescriptor(try OwnedDescriptor(opening: "/dev/zero", .readWrite))
                    return .event(kind, Rig.request, .descriptor(file))
                },
                refusal(
                    "\(name)-closed",
                    "SET_VRING_\(word) with a descriptor that is not open; on a socket, with none",
                    .badFileDescriptor,
                    "eventfd_ctx_fdget(); vhost-user, SET_VRING_\(word)"
                ) { _ in .event(kind, Rig.request, .closed) },
                acceptance("\(name)-none", "SET_VRING_\(word) with none, after one", "vhost_vring_ioctl()") {
                    rig in
                    try rig.port.perform(.event(kind, Rig.request, rig.passed(EventFD())))
                    return .event(kind, Rig.request, .none)
                },
            ]
        }
}

extension Rig {
    /// Some bytes of the memory, at another guest address.
    fileprivate func region(guest: UInt64, bytes: UInt64) -> VhostMemoryRegion {
        VhostMemoryRegion(
            guestAddress: guest,
            byteCount: bytes,
            userAddress: memory.userAddress,
            file: memory.file
        )
    }

    /// The step that hands over the addresses of the request ring, with one thing changed.
    fileprivate func misplaced(_ change: (inout RingPlaces) -> Void) throws -> SetupStep {
        try port.perform(.ringSize(Self.request, 16))
        var places = places(try place(Self.request, .init()))
        change(&places)
        return .ringPlaces(Self.request, places)
    }
}
