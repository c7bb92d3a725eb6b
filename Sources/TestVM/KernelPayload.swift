// SPDX-License-Identifier: MIT
import LinuxSystem
import Subprocess
import SystemPackage

/// The ELF file inside a compressed kernel image.
///
/// A PVH machine enters it directly. That spares the guest its own decompression, the slowest part of a boot under
/// emulation. The image's layout is that of `Documentation/x86/boot.rst`.
enum KernelPayload {
    /// The uncompressed kernel of `kernel`, from the cache where it is there.
    static func uncompressed(_ kernel: KernelImage, cache: Cache) async throws -> (FilePath, isNew: Bool) {
        let digest = try await Cache.digests(of: [kernel.image]).joined()
        return try await cache.file("vmlinux", digest: digest) { path in
            try await extract(from: kernel.image, to: path)
        }
    }

    private static func extract(from image: FilePath, to path: FilePath) async throws {
        let bytes = try image.readAll()
        let payload = try locate(in: bytes, of: image)
        guard let format = CompressionFormat.all.first(where: { bytes[payload].starts(with: $0.magic) })
        else {
            throw OperationError("extract kernel from", image.string, cause: "its compression is not known")
        }
        // The image ends with the uncompressed size, four bytes that belong to no format but gzip's own trailer.
        let stream = FilePath("\(path).payload")
        try stream.write(bytes[payload.lowerBound..<payload.upperBound - (format.holdsSize ? 0 : 4)])
        do {
            try await format.decompress(stream, to: path)
        } catch {
            try stream.removeTree()
            throw error
        }
        try stream.removeTree()
    }

    /// Where the payload is: the setup header's sector count, payload offset and payload length.
    private static func locate(in bytes: [UInt8], of image: FilePath) throws(OperationError) -> Range<Int> {
        func word(_ offset: Int) -> Int { (0..<4).reduce(0) { $0 | Int(bytes[offset + $1]) << ($1 * 8) } }
        guard bytes.count > 0x250, Array(bytes[0x202..<0x206]) == Array("HdrS".utf8) else {
            throw OperationError("extract kernel from", image.string, cause: "it is not an x86 boot image")
        }
        let start = (Int(bytes[0x1f1]) + 1) * 512 + word(0x248)
        let end = start + word(0x24c)
        guard start < end, end <= bytes.count, end - start > 8 else {
            throw OperationError(
                "extract kernel from",
                image.string,
                cause: "its payload lies outside of the file"
            )
        }
        return start..<end
    }
}

/// One way in which a kernel image can be compressed, and the program that undoes it.
private struct CompressionFormat: Sendable {
    var magic: [UInt8]
    var tool: HostTool
    var arguments: [String]
    var holdsSize = false

    static let all = [
        CompressionFormat(
            magic: [0xfd, 0x37, 0x7a, 0x58],
            tool: HostTool(name: "xz", package: "xz-utils"),
            arguments: ["-dc", "--threads=0"]
        ),
        CompressionFormat(
            magic: [0x28, 0xb5, 0x2f, 0xfd],
            tool: HostTool(name: "zstd", package: "zstd"),
            arguments: ["-dcq"]
        ),
        CompressionFormat(
            magic: [0x1f, 0x8b],
            tool: HostTool(name: "gzip", package: "gzip"),
            arguments: ["-dc"],
            holdsSize: true
        ),
        CompressionFormat(
            magic: [0x02, 0x21, 0x4c, 0x18],
            tool: HostTool(name: "lz4", package: "lz4"),
            arguments: ["-dcq"]
        ),
    ]

    func decompress(_ stream: FilePath, to path: FilePath) async throws {
        let output = try FileDescriptor.open(
            path,
            .writeOnly,
            options: [.create, .truncate, .closeOnExec],
            permissions: [.ownerReadWrite, .groupRead, .otherRead]
        )
        let result = try await Subprocess.run(
            .path(try tool.locate()),
            arguments: Arguments(arguments + [stream.string]),
            output: .fileDescriptor(output, closeAfterSpawningProcess: true),
            error: .string(limit: 4096)
        )
        guard result.terminationStatus == .exited(0) else {
            throw OperationError("run", tool.name, cause: result.standardError)
        }
    }
}
