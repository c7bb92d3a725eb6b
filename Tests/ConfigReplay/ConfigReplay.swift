// SPDX-License-Identifier: MIT
import LinuxSystem
import SystemPackage
import TargetConfig

/// Carries out raw operations written as lines and answers each with the kernel's error number, so that one script
/// of operations and answers can be held against any kernel, and against a fake of one:
///
///     mkdir vhost/naa.5001405c0ffee001/tpgt_256 => EINVAL
///     write vhost/naa.5001405c0ffee001/tpgt_1/nexus naa.5001405c0ffee002 => OK
///     read vhost/naa.5001405c0ffee001/tpgt_1/nexus => OK naa.5001405c0ffee002
struct ConfigReplay: Sendable {
    let base: FilePath
    let fileSystem: any ConfigFileSystem

    /// - Parameters:
    ///   - base: the directory that the lines' paths begin in.
    ///   - fileSystem: what to carry them out on.
    init(base: FilePath, fileSystem: any ConfigFileSystem) {
        (self.base, self.fileSystem) = (base, fileSystem)
    }

    /// Carries out one line, without its answer if it has one, and returns it with the answer that it got.
    ///
    /// Blank lines and those that begin with `#` come back as they are.
    func answer(to line: String) -> String {
        guard !line.isEmpty, !line.hasPrefix("#") else { return line }
        let words = line.split(separator: " ", omittingEmptySubsequences: false).map(String.init)
        let operation = Array(words.prefix { $0 != "=>" })
        let request = operation.joined(separator: " ")
        do throws(Errno) {
            let value = try perform(operation)
            return value.isEmpty ? "\(request) => OK" : "\(request) => OK \(value)"
        } catch {
            return "\(request) => \(error.symbol)"
        }
    }

    private func perform(_ words: [String]) throws(Errno) -> String {
        guard words.count > 1 else { throw .invalidArgument }
        let path = base.pushing(FilePath(words[1]))
        let rest = words.dropFirst(2).joined(separator: " ")
        switch words[0] {
        case "mkdir": try fileSystem.makeDirectory(path)
        case "rmdir": try fileSystem.removeDirectory(path)
        case "unlink": try fileSystem.unlink(path)
        case "link": try fileSystem.link(path, to: base.pushing(FilePath(rest)))
        case "write": try fileSystem.write(rest, to: path)
        case "read": return String(try fileSystem.read(path).prefix { $0 != "\n" })
        case "list": return try fileSystem.list(path).map(\.name).joined(separator: " ")
        default: throw .invalidArgument
        }
        return ""
    }
}
