// SPDX-License-Identifier: MIT
import GuestProtocol
import LinuxSystem
public import SystemPackage

/// A directory of the host that a guest sees under its own path.
public struct Share: Equatable, Sendable {
    public var directory: FilePath
    public var isWritable: Bool

    public init(_ directory: FilePath, isWritable: Bool = false) {
        self.directory = directory
        self.isWritable = isWritable
    }

    func arguments(tag: String, bus: String) -> [String] {
        let mode = isWritable ? "" : ",readonly=on"
        return [
            "-fsdev",
            "local,id=\(tag),path=\(directory.escaped),security_model=none,multidevs=remap\(mode)",
            "-device", "virtio-9p-\(bus),fsdev=\(tag),mount_tag=\(tag)",
        ]
    }
}

/// A file of the host that a guest has as a disk, the first one as `/dev/vda`.
public struct Disk: Equatable, Sendable {
    public var file: FilePath
    public var isWritable: Bool

    public init(_ file: FilePath, isWritable: Bool = true) {
        self.file = file
        self.isWritable = isWritable
    }

    func arguments(name: String, bus: String) throws -> [String] {
        let mode = isWritable ? "" : ",readonly=on"
        return [
            "-drive", "if=none,id=\(name),format=\(try format),file=\(file.escaped)\(mode)",
            "-device", "virtio-blk-\(bus),drive=\(name)",
        ]
    }

    /// `qcow2` by its magic number; anything else is what it is.
    private var format: String {
        get throws {
            do {
                let image = try FileDescriptor.open(file, .readOnly, options: .closeOnExec)
                return try image.closeAfter { try image.readBytes(upTo: 4) }
                    == Array("QFI\u{fb}".unicodeScalars.map { UInt8($0.value) })
                    ? "qcow2" : "raw"
            } catch {
                throw OperationError("open disk", file.string, errno: error as? Errno)
            }
        }
    }
}

extension FilePath {
    /// The path as QEMU takes it within an option, where a comma ends a value.
    var escaped: String { string.replacing(",", with: ",,") }
}

extension MachineOptions {
    /// All directories that the guest mounts, with the tags of their devices.
    private var taggedShares: [(tag: String, share: Share)] {
        let root = usesHostRoot ? [("root", Share("/"))] : []
        return root + shares.enumerated().map { ("share\($0.offset)", $0.element) }
    }

    /// What the guest mounts once it is up; its root first, because the others have their places in it.
    var mounts: [GuestMount] {
        taggedShares.map { tag, share in
            GuestMount(
                tag: tag,
                target: share.directory.string,
                isWritable: share.isWritable,
                isRoot: tag == "root"
            )
        }
    }

    var deviceArguments: [String] {
        get throws {
            let disks = try disks.enumerated().flatMap {
                try $0.element.arguments(name: "disk\($0.offset)", bus: profile.bus)
            }
            let notes = describesItsMemory ? ["-device", "vmcoreinfo"] : []
            return taggedShares.flatMap { $0.share.arguments(tag: $0.tag, bus: profile.bus) } + disks + notes
        }
    }

    /// The modules that the agent inserts before it says hello.
    var channelModules: [String] {
        profile.modules + ["virtio_console"]
            + (taggedShares.isEmpty ? [] : ["9p", "9pnet_virtio"]) + (usesHostRoot ? ["overlay"] : [])
            + (describesItsMemory ? ["qemu_fw_cfg"] : [])
    }

    /// The modules that the agent inserts before the first command, behind a saved state, whose kernel has not looked at a
    /// disk yet: it may have another size and other partitions in the next machine.
    var diskModules: [String] { disks.isEmpty ? [] : ["virtio_blk"] }
}
