// SPDX-License-Identifier: MIT

/// What kind of machine a test VM is.
public enum MachineProfile: Sendable {
    /// The board that boots fastest: `microvm`.
    case fast
    /// A board with PCI, a device that hears of panics, and a kernel that checks its slab allocator.
    case debug

    /// The board, and the words for the kernel that go with it.
    var board: String {
        switch self {
        case .fast: "microvm,acpi=on"
        case .debug: "q35"
        }
    }

    var firmware: [String] {
        switch self {
        case .fast: ["-bios", "qboot.rom"]
        case .debug: []
        }
    }

    var kernelWords: [String] {
        switch self {
        case .fast: ["pci=off"]
        // Sanity checks, red zones, poison, and who allocated what.
        case .debug: ["slab_nomerge", "slub_debug=FZPU"]
        }
    }

    var devices: [String] {
        switch self {
        case .fast: []
        case .debug: ["-device", "pvpanic-pci"]
        }
    }

    /// How the names of its virtio devices end.
    var bus: String {
        switch self {
        case .fast: "device"
        case .debug: "pci"
        }
    }

    /// The modules that the agent inserts for the bus and its devices.
    var modules: [String] {
        switch self {
        case .fast: ["virtio_mmio"]
        case .debug: ["virtio_pci", "pvpanic_pci"]
        }
    }
}
