// SPDX-License-Identifier: MIT
import SystemPackage

/// What the path of a file or device stands for, however it is spelt.
enum BackstoreSource: Hashable {
    /// What is there.
    case present(FileStatus.Identity)
    /// A file that has yet to be made, in that directory.
    case absent(FileStatus.Identity, FilePath.Component)
    /// A path that cannot be looked at stands for itself.
    case unseen(FilePath)
}

extension TargetTree {
    func source(at path: FilePath) -> BackstoreSource {
        do throws(Errno) {
            if let present = try fileSystem.statusIfPresent(path)?.identity { return .present(present) }
            let directory = try fileSystem.statusIfPresent(path.removingLastComponent())?.identity
            guard let directory, let name = path.lastComponent else { return .unseen(path) }
            return .absent(directory, name)
        } catch {
            return .unseen(path)
        }
    }
}
