// SPDX-License-Identifier: MIT
public import LinuxSystem
public import SystemPackage

/// One change to configfs, or to a file behind a backstore, and by that its own inverse.
///
/// Relative paths begin in the `target` directory of configfs.
public enum Operation: Hashable, Sendable {
    /// Undone by removing the directory.
    case makeDirectory(FilePath)
    /// Undone by making the directory again.
    case removeDirectory(FilePath)
    /// Frees a backstore; undone by carrying out `rebuild`. Where that is empty there is no way back: a ramdisk's
    /// contents are gone.
    case removeBackstore(FilePath, rebuild: [Operation])
    /// Writes a value; undone by writing `replacing`, or, where that is nil, with the directory that holds the file.
    case write(String, to: FilePath, replacing: String?)
    /// Exports a backstore through a LUN; undone by taking the link away.
    case link(FilePath, to: FilePath)
    /// Takes the link in a LUN away; undone by linking the backstore again.
    case unlink(FilePath, from: FilePath)
    /// Makes a sparse file; undone by removing it while nothing was written to it.
    case createFile(FilePath, size: ByteSize)

    /// Whether nothing can take it back.
    var isLossy: Bool {
        if case .removeBackstore(_, rebuild: []) = self { return true }
        return false
    }

    /// The verb of an error about it.
    var verb: String {
        switch self {
        case .makeDirectory: "mkdir"
        case .removeDirectory, .removeBackstore: "rmdir"
        case .write: "write"
        case .link: "link"
        case .unlink: "unlink"
        case .createFile: "create"
        }
    }

    /// The path that it changes.
    public var path: FilePath {
        switch self {
        case .makeDirectory(let path), .removeDirectory(let path), .removeBackstore(let path, _),
            .write(_, let path, _), .link(let path, _), .unlink(let path, _), .createFile(let path, _):
            path
        }
    }

    func perform(in base: FilePath, _ fileSystem: any ConfigFileSystem) throws(Errno) {
        let path = base.pushing(path)
        switch self {
        case .makeDirectory: try fileSystem.makeDirectory(path)
        case .removeDirectory, .removeBackstore: try fileSystem.removeDirectory(path)
        case .write(let value, _, _): try fileSystem.write(value, to: path)
        case .link(_, let target): try fileSystem.link(path, to: base.pushing(target))
        case .unlink: try fileSystem.unlink(path)
        case .createFile(_, let size): try fileSystem.createFile(path, size: size.bytes)
        }
    }
}

extension Operation {
    /// What takes it back, as one line for people.
    var reversal: String {
        switch self {
        case .makeDirectory(let path): "rmdir \(path)"
        case .removeDirectory(let path): "mkdir \(path)"
        case .removeBackstore(let path, _): "make \(path)"
        case .write(_, let path, let old): "write \(path) = \(old ?? "")"
        case .link(let path, _): "unlink \(path)"
        case .unlink(let path, let target): "link \(path) -> \(target)"
        case .createFile(let path, _): "remove \(path)"
        }
    }
}

extension Operation: CustomStringConvertible {
    /// One line for people: `write vhost/naa.…/tpgt_1/nexus = naa.…`.
    public var description: String {
        switch self {
        case .write(let value, let path, _): "write \(path) = \(value)"
        case .link(let path, let target): "link \(path) -> \(target)"
        case .createFile(let path, let size): "create \(path) (\(size))"
        default: "\(verb) \(path)"
        }
    }
}
