// swift-tools-version: 6.2
// SPDX-License-Identifier: MIT
import PackageDescription

let settings: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .strictMemorySafety(),
    .treatAllWarnings(as: .error),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
]

/// The C core sees its platform contract (`vq_platform.h`) through a header search path, as Kbuild does with `-I`.
let coreSettings: [CSetting] = [
    .enableWarning("all"),
    .enableWarning("extra"),
    .treatAllWarnings(as: .error),
    .headerSearchPath("../CVirtqueue/user"),
]

/// The minidump core, with a platform contract of its own (`md_platform.h`).
let minidumpSettings: [CSetting] = [
    .enableWarning("all"),
    .enableWarning("extra"),
    .treatAllWarnings(as: .error),
    .headerSearchPath("user"),
]

let system: Target.Dependency = .product(name: "SystemPackage", package: "swift-system")
let subprocess: Target.Dependency = .product(name: "Subprocess", package: "swift-subprocess")
let histogram: Target.Dependency = .product(name: "Histogram", package: "hdrhistogram-swift")
let arguments: Target.Dependency = .product(name: "ArgumentParser", package: "swift-argument-parser")

let package = Package(
    name: "ringside",
    products: [
        .executable(name: "ringside", targets: ["ringside"])
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-system", from: "1.8.1"),
        .package(url: "https://github.com/swiftlang/swift-subprocess", from: "1.0.2", traits: []),
        .package(url: "https://github.com/HdrHistogram/hdrhistogram-swift", from: "0.2.0"),
    ],
    targets: [
        // Floor 0: C, and what the kernel shares.
        .systemLibrary(name: "CLinux"),
        .systemLibrary(name: "CKmod", pkgConfig: "libkmod", providers: [.apt(["libkmod-dev"])]),
        .systemLibrary(name: "CYAML", pkgConfig: "yaml-0.1", providers: [.apt(["libyaml-dev"])]),
        .systemLibrary(name: "CDeflate", pkgConfig: "libdeflate", providers: [.apt(["libdeflate-dev"])]),
        .target(name: "CVirtqueue", exclude: ["user"], cSettings: coreSettings),
        .target(name: "CMinidump", exclude: ["user"], cSettings: minidumpSettings),
        .target(
            name: "CMinidumpBench",
            dependencies: ["CMinidump"],
            cSettings: [.enableWarning("all"), .enableWarning("extra"), .treatAllWarnings(as: .error)]
        ),
        .executableTarget(name: "MinidumpOperations", dependencies: ["CMinidumpBench"]),
        .target(name: "CVirtioSCSI", dependencies: ["CVirtqueue"], cSettings: coreSettings),
        .systemLibrary(name: "CUring", pkgConfig: "liburing", providers: [.apt(["liburing-dev"])]),
        .target(
            name: "CTargetQueue",
            dependencies: ["CNBD", "CPeerEvent", "CUring", "CVirtioSCSI", "CVirtqueue"],
            cSettings: coreSettings + [.define("_GNU_SOURCE")]
        ),
        .target(
            name: "CMemoryGuard",
            cSettings: [
                .enableWarning("all"), .enableWarning("extra"), .treatAllWarnings(as: .error),
                .define("_GNU_SOURCE"),
            ]
        ),
        .target(
            name: "CPeerEvent",
            cSettings: [
                .enableWarning("all"), .enableWarning("extra"), .treatAllWarnings(as: .error),
                .define("_GNU_SOURCE"),
            ]
        ),
        .target(
            name: "CBlockGuard",
            cSettings: [.enableWarning("all"), .enableWarning("extra"), .treatAllWarnings(as: .error)]
        ),
        // libnbd is loaded when it is needed: its headers are.
        .target(
            name: "CNBD",
            cSettings: [
                .enableWarning("all"), .enableWarning("extra"), .treatAllWarnings(as: .error),
                .define("_GNU_SOURCE"),
            ]
        ),
        .target(
            name: "CSandbox",
            cSettings: [
                .enableWarning("all"), .enableWarning("extra"), .treatAllWarnings(as: .error),
                .define("_GNU_SOURCE"),
            ]
        ),
        .target(
            name: "CVirtioLoad",
            dependencies: ["CVirtioSCSI", "CVirtqueue"],
            cSettings: coreSettings + [.define("_GNU_SOURCE")]
        ),
        .target(name: "CRingBench", dependencies: ["CVirtqueue"], cSettings: coreSettings),

        // Floor 1: the machine, and pure values.
        .target(
            name: "LinuxSystem",
            dependencies: [
                "CBlockGuard", "CLinux", "CMemoryGuard", "CNBD", "CPeerEvent", "CSandbox", system,
            ],
            swiftSettings: settings
        ),
        .target(name: "OptionParsing", swiftSettings: settings),

        // Floor 2: one kernel interface each.
        .target(name: "GuestProtocol", dependencies: ["LinuxSystem"], swiftSettings: settings),
        .target(
            name: "Virtqueue",
            dependencies: ["CVirtqueue", "LinuxSystem", system],
            swiftSettings: settings
        ),
        .target(
            name: "Minidump",
            dependencies: ["CDeflate", "CLinux", "CMinidump", "CMinidumpBench", "LinuxSystem", system],
            // RawSpan is handed out by a property.
            swiftSettings: settings + [.enableExperimentalFeature("Lifetimes")]
        ),
        .target(
            name: "KernelModule",
            dependencies: ["CKmod", "LinuxSystem", "OptionParsing", system],
            swiftSettings: settings
        ),
        .target(
            name: "TargetConfig",
            dependencies: ["CYAML", "LinuxSystem", system],
            swiftSettings: settings
        ),

        // Floor 3: devices and machines.
        .target(
            name: "VhostSCSI",
            dependencies: [
                "CLinux", "CVirtioLoad", "CVirtioSCSI", "CVirtqueue", "LinuxSystem", "OptionParsing",
                "Virtqueue",
                histogram, system,
            ],
            exclude: ["DIFFERENCES.md", "throughput.svg"],
            swiftSettings: settings
        ),
        .target(
            name: "VhostUser",
            dependencies: ["CVirtqueue", "LinuxSystem", "Virtqueue", system],
            swiftSettings: settings
        ),
        .target(
            name: "VhostUserSCSI",
            dependencies: [
                "CTargetQueue", "CVirtioSCSI", "CVirtqueue", "LinuxSystem", "OptionParsing", "SCSITarget",
                "VhostSCSI",
                "VhostUser", "Virtqueue", system,
            ],
            exclude: ["DIFFERENCES.md"],
            swiftSettings: settings
        ),
        .target(
            name: "SCSITarget",
            dependencies: ["LinuxSystem", system],
            exclude: ["DIFFERENCES.md"],
            swiftSettings: settings
        ),
        .target(
            name: "Conformance",
            dependencies: [
                "LinuxSystem", "TargetConfig", "VhostSCSI", "VhostUser", "VhostUserSCSI", "Virtqueue", system,
            ],
            exclude: ["CASES.md"],
            swiftSettings: settings
        ),
        .target(
            name: "TestVM",
            dependencies: ["CLinux", "GuestProtocol", "KernelModule", "LinuxSystem", subprocess, system],
            swiftSettings: settings
        ),

        .target(
            name: "RingBench",
            dependencies: ["CRingBench", "LinuxSystem", system],
            swiftSettings: settings
        ),

        // Top: the programs.
        .executableTarget(
            name: "GuestAgent",
            dependencies: ["CLinux", "GuestProtocol", "LinuxSystem", system],
            swiftSettings: settings
        ),
        .executableTarget(
            name: "ringside",
            dependencies: [
                "Conformance", "GuestProtocol", "KernelModule", "LinuxSystem", "Minidump", "OptionParsing",
                "RingBench", "SCSITarget", "TargetConfig", "TestVM", "VhostSCSI", "VhostUserSCSI",
                arguments, subprocess, system,
            ],
            swiftSettings: settings
        ),

        .target(
            name: "CVectors",
            dependencies: ["CVirtioSCSI", "CVirtqueue"],
            path: "Tests/Vectors",
            cSettings: [
                .enableWarning("all"),
                .treatAllWarnings(as: .error),
                .headerSearchPath("../../Sources/CVirtqueue/user"),
            ]
        ),
        .target(
            name: "TestSupport",
            dependencies: ["CVirtqueue", "LinuxSystem", "Virtqueue", subprocess, system],
            path: "Tests/TestSupport",
            swiftSettings: settings
        ),
        .testTarget(
            name: "CVirtqueueTests",
            dependencies: ["CVectors", "CVirtioSCSI", "CVirtqueue", "TestSupport", "Virtqueue", system],
            swiftSettings: settings
        ),
        .target(
            name: "CMinidumpStores",
            path: "Tests/MinidumpStores",
            exclude: ["platform"],
            cSettings: [
                .enableWarning("all"),
                .treatAllWarnings(as: .error),
                .headerSearchPath("platform"),
                .headerSearchPath("../../Sources/CMinidump/include"),
            ]
        ),
        .testTarget(
            name: "CMinidumpTests",
            dependencies: ["CMinidump", "CMinidumpStores"],
            swiftSettings: settings
        ),
        .testTarget(
            name: "LinuxSystemTests",
            dependencies: ["LinuxSystem", system],
            swiftSettings: settings
        ),
        .testTarget(name: "OptionParsingTests", dependencies: ["OptionParsing"], swiftSettings: settings),
        .testTarget(
            name: "GuestProtocolTests",
            dependencies: ["GuestProtocol", "LinuxSystem"],
            swiftSettings: settings
        ),
        .testTarget(
            name: "KernelModuleTests",
            dependencies: ["KernelModule", "LinuxSystem", system],
            swiftSettings: settings
        ),
        // Carries out raw configfs operations, on a kernel in a test VM and on the fake of the unit tests.
        .executableTarget(
            name: "ConfigReplay",
            dependencies: ["LinuxSystem", "TargetConfig", system],
            path: "Tests/ConfigReplay",
            swiftSettings: settings
        ),
        .testTarget(
            name: "MinidumpTests",
            dependencies: ["CMinidump", "LinuxSystem", "Minidump", "TestSupport", system],
            swiftSettings: settings
        ),
        .testTarget(
            name: "TargetConfigTests",
            dependencies: ["ConfigReplay", "TargetConfig", "LinuxSystem", system],
            exclude: ["kernel-answers.txt"],
            swiftSettings: settings
        ),
        .testTarget(
            name: "VhostSCSITests",
            dependencies: [
                "CVirtioLoad", "CVirtioSCSI", "CVirtqueue", "VhostSCSI", "LinuxSystem", "Virtqueue",
                histogram,
                system,
            ],
            swiftSettings: settings
        ),
        .testTarget(
            name: "ConformanceTests",
            dependencies: [
                "Conformance", "LinuxSystem", "SCSITarget", "VhostSCSI", "VhostUser", "VhostUserSCSI",
                "Virtqueue", system,
            ],
            exclude: ["mutations.txt"],
            swiftSettings: settings
        ),
        .testTarget(
            name: "RingBenchTests",
            dependencies: ["RingBench", "LinuxSystem", system],
            swiftSettings: settings
        ),
        .testTarget(
            name: "SCSITargetTests",
            dependencies: ["LinuxSystem", "SCSITarget", "TestSupport", subprocess, system],
            exclude: ["Shim"],
            swiftSettings: settings
        ),
        .testTarget(
            name: "VhostUserTests",
            dependencies: [
                "CVirtqueue", "LinuxSystem", "VhostSCSI", "VhostUser", "VhostUserSCSI", "Virtqueue", system,
            ],
            swiftSettings: settings
        ),
        .testTarget(
            name: "VhostUserSCSITests",
            dependencies: [
                "CTargetQueue", "CVirtioSCSI", "CVirtqueue", "LinuxSystem", "SCSITarget", "VhostSCSI",
                "VhostUser", "VhostUserSCSI", "Virtqueue", system,
            ],
            swiftSettings: settings
        ),
        .testTarget(
            name: "CommandTests",
            dependencies: [
                "LinuxSystem", "SCSITarget", "TargetConfig", "VhostUserSCSI", "ringside", arguments, system,
            ],
            swiftSettings: settings
        ),
        .testTarget(name: "TestVMTests", dependencies: ["TestVM", system], swiftSettings: settings),
        .testTarget(
            name: "IntegrationTests",
            dependencies: [
                "CVirtqueue", "LinuxSystem", "TestSupport", "TestVM", "VhostUser", "Virtqueue", subprocess,
                system,
            ],
            exclude: ["Guest", "Modules"],
            swiftSettings: settings
        ),
    ]
)

// libFuzzer runs these, and only Scripts/fuzz-readers and Scripts/fuzz-messages build them: with its instrumentation
// and its loop.
if Context.environment["RINGSIDE_FUZZ"] != nil {
    package.targets.append(
        .executableTarget(
            name: "Readers",
            dependencies: ["LinuxSystem", "Minidump", system],
            path: "Tests/Fuzz/Readers",
            swiftSettings: settings
        )
    )
    package.targets.append(
        .executableTarget(
            name: "Messages",
            dependencies: ["LinuxSystem", "SCSITarget", "VhostUser", "VhostUserSCSI", system],
            path: "Tests/Fuzz/Messages",
            swiftSettings: settings
        )
    )
}
