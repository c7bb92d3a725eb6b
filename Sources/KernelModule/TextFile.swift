// SPDX-License-Identifier: MIT
import SystemPackage

/// A small text file of procfs, sysfs or a module directory, which may not know its own size.
struct TextFile {
    let path: FilePath

    /// The whole content.
    func read() throws(Errno) -> String {
        do {
            let file = try FileDescriptor.open(path, .readOnly, options: .closeOnExec)
            return try file.closeAfter { try Self.readAll(file) }
        } catch let error as Errno {
            throw error
        } catch {
            throw .ioError
        }
    }

    /// The lines; none when there is no such file or it cannot be read.
    ///
    /// For files whose absence means that they have nothing to say.
    func linesIfReadable() -> [Substring] {
        do throws(Errno) {
            return try read().split(separator: "\n")
        } catch {
            return []
        }
    }

    private static func readAll(_ file: FileDescriptor) throws -> String {
        var bytes: [UInt8] = []
        let chunk = 1 << 16
        while true {
            let count = bytes.count
            bytes.append(contentsOf: repeatElement(0, count: chunk))
            let read = try unsafe bytes.withUnsafeMutableBytes {
                try unsafe file.read(into: UnsafeMutableRawBufferPointer(rebasing: $0[count...]))
            }
            bytes.removeLast(chunk - read)
            if read == 0 { return String(decoding: bytes, as: UTF8.self) }
        }
    }
}
