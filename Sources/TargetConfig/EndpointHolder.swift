// SPDX-License-Identifier: MIT
import LinuxSystem
import SystemPackage

/// A process that has the vhost-scsi device open, and may therefore hold a target's endpoint.
struct EndpointHolder: Equatable, CustomStringConvertible {
    static let device = "/dev/vhost-scsi"

    var process: Int
    var command: String

    var description: String { "pid \(process), \(command)" }
}

extension TargetTree {
    /// The processes with `/dev/vhost-scsi` open, as far as this user may see. The kernel does not tell which of them
    /// holds which target.
    func endpointHolders() -> [EndpointHolder] {
        names(in: "/proc").compactMap { name in
            guard let process = Int(name) else { return nil }
            let directory = FilePath("/proc").appending(name)
            let descriptors = directory.appending("fd")
            let opens = names(in: descriptors).contains {
                linkTarget(descriptors.appending($0)) == EndpointHolder.device
            }
            return opens ? EndpointHolder(process: process, command: command(of: directory)) : nil
        }
    }

    // A process may end, or belong to another user, at any moment: it is then no holder that could be named.
    private func names(in path: FilePath) -> [String] {
        do throws(Errno) { return try fileSystem.list(path).map(\.name) } catch { return [] }
    }

    private func linkTarget(_ path: FilePath) -> String? {
        do throws(Errno) { return try fileSystem.linkTarget(path).string } catch { return nil }
    }

    private func command(of directory: FilePath) -> String {
        do throws(Errno) {
            return String(try fileSystem.read(directory.appending("comm")).prefix { $0 != "\n" })
        } catch {
            return "?"
        }
    }
}
