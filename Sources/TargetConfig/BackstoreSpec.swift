// SPDX-License-Identifier: MIT
public import LinuxSystem
public import SystemPackage

/// What a backstore keeps its blocks in, and how to write that down.
///
///     ramdisk:SIZE[,nullio]
///     file:/PATH[,size=SIZE][,buffered|,direct]
///     block:/DEV[,readonly]
///     pscsi:/DEV
///     user:HANDLER/CONFIG,size=SIZE
///
/// The corresponding configfs object is `target/core/<plugin>_<n>/<name>` with its `control` and `enable` files.
public enum BackstoreSpec: Hashable, Sendable, CustomStringConvertible {
    /// Pages of the kernel's memory; with `nullio` none at all: reads and writes move no data.
    case ramdisk(size: ByteSize, nullio: Bool)
    /// A file, made with `size` where it is absent.
    case file(FilePath, size: ByteSize?, mode: FileMode)
    /// A whole block device, claimed for the backstore alone.
    case block(FilePath, readOnly: Bool)
    /// A SCSI disk whose own command set is passed through.
    case pscsi(FilePath)
    /// What a program in user space keeps (TCMU): the handler's name and what it makes of the rest.
    case user(String, size: ByteSize)

    /// How a file is written.
    public enum FileMode: String, Hashable, Sendable, Encodable {
        /// A write reaches the disk before it is answered (`O_DSYNC`).
        case synchronous
        /// Through the page cache, with a write cache that the guest sees.
        case buffered
        /// Past the page cache, asynchronously (`O_DIRECT`).
        case direct
    }

    /// The longest path in bytes: the kernel cuts a longer one without a word.
    public static let longestPath = 255

    /// The prefix of the configfs directory of the kernel's plugin.
    var plugin: String {
        switch self {
        case .ramdisk: "rd_mcp"
        case .file: "fileio"
        case .block: "iblock"
        case .pscsi: "pscsi"
        case .user: "user"
        }
    }

    /// The file or device behind it.
    public var path: FilePath? {
        switch self {
        case .ramdisk, .user: nil
        case .file(let path, _, _), .block(let path, _), .pscsi(let path): path
        }
    }

    /// Whether it can be given a serial number: a SCSI disk that is passed through has its own.
    var takesSerial: Bool {
        if case .pscsi = self { false } else { true }
    }

    public var description: String {
        switch self {
        case .ramdisk(let size, let nullio): "ramdisk:\(size)\(nullio ? ",nullio" : "")"
        case .file(let path, let size, let mode):
            "file:\(path)\(size.map { ",size=\($0)" } ?? "")\(mode == .synchronous ? "" : ",\(mode)")"
        case .block(let path, let readOnly): "block:\(path)\(readOnly ? ",readonly" : "")"
        case .pscsi(let path): "pscsi:\(path)"
        case .user(let configuration, let size): "user:\(configuration),size=\(size)"
        }
    }

    /// Reads `KIND:ARGUMENT[,OPTION]…`.
    ///
    /// - Throws: an `OperationError` that says what is wrong with `text`.
    public init(_ text: String) throws(OperationError) {
        var options = SpecOptions(text)
        switch options.kind {
        case "ramdisk": self = try Self.ramdisk(&options)
        case "file", "fileio": self = try Self.file(&options)
        case "block", "iblock": self = try Self.block(&options)
        case "pscsi": self = .pscsi(try options.path())
        case "user": self = try Self.user(&options)
        default:
            throw options.failure(
                options.kind.isEmpty
                    ? "names no kind of backstore" : "'\(options.kind)' is no kind of backstore",
                hint: "the kinds are ramdisk:SIZE, file:/PATH, block:/DEV, pscsi:/DEV and user:HANDLER/CONFIG"
            )
        }
        try options.finish()
    }

    private static func ramdisk(_ options: inout SpecOptions) throws(OperationError) -> BackstoreSpec {
        guard !options.argument.isEmpty else {
            throw options.failure("a ramdisk needs a size", hint: "for example ramdisk:64M")
        }
        let size = try ByteSize(options.argument)
        guard size.bytes % 4096 == 0 else { throw options.failure("\(size) is not a multiple of 4096") }
        guard size.bytes / 4096 <= Int64(Int32.max) else {
            throw options.failure("\(size) is more than the kernel's count of pages holds")
        }
        return .ramdisk(size: size, nullio: try options.flag("nullio"))
    }

    private static func file(_ options: inout SpecOptions) throws(OperationError) -> BackstoreSpec {
        let path = try options.path()
        let size = try options.size("size")
        if let size, size.bytes % 512 != 0 { throw options.failure("\(size) is not a multiple of 512") }
        let isBuffered = try options.flag("buffered")
        guard try options.flag("direct") else {
            return .file(path, size: size, mode: isBuffered ? .buffered : .synchronous)
        }
        if isBuffered { throw options.failure("'buffered' and 'direct' exclude each other") }
        return .file(path, size: size, mode: .direct)
    }

    private static func user(_ options: inout SpecOptions) throws(OperationError) -> BackstoreSpec {
        let handler = options.argument.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        guard handler.count == 2, handler.allSatisfy({ !$0.isEmpty }) else {
            throw options.failure("needs HANDLER/CONFIG", hint: "for example user:rbd/pool/image,size=1G")
        }
        guard options.argument.utf8.count < longestPath else {
            throw options.failure(
                "the configuration is longer than the \(longestPath - 1) bytes that the kernel keeps"
            )
        }
        guard let size = try options.size("size") else {
            throw options.failure("a user backstore needs a size")
        }
        guard size.bytes % 512 == 0 else { throw options.failure("\(size) is not a multiple of 512") }
        return .user(options.argument, size: size)
    }

    private static func block(_ options: inout SpecOptions) throws(OperationError) -> BackstoreSpec {
        .block(try options.path(), readOnly: try options.flag("readonly"))
    }
}

/// `KIND:ARGUMENT[,OPTION]…` taken apart; every option is taken once, and what is left over is an error.
struct SpecOptions {
    let text: String
    let kind: String
    let argument: String
    private var options: [String]

    init(_ text: String) {
        let parts = text.utf8.split(
            separator: UInt8(ascii: ":"),
            maxSplits: 1,
            omittingEmptySubsequences: false
        )
        let rest = parts.count == 2 ? parts[1] : Substring().utf8
        let fields = rest.split(separator: UInt8(ascii: ","), omittingEmptySubsequences: false)
            .map { String(Substring($0)) }
        self.text = text
        kind = String(Substring(parts[0]))
        argument = fields.first ?? ""
        options = Array(fields.dropFirst())
    }

    func failure(_ cause: String, hint: String? = nil) -> OperationError {
        OperationError("parse", "backstore '\(text)'", cause: cause, hint: hint)
    }

    mutating func flag(_ name: String) throws(OperationError) -> Bool {
        try take { $0 == name } != nil
    }

    mutating func size(_ name: String) throws(OperationError) -> ByteSize? {
        guard let option = try take({ $0.hasPrefix("\(name)=") }) else { return nil }
        return try ByteSize(String(option.dropFirst(name.count + 1)))
    }

    /// The argument as a path that the kernel takes whole: it would cut one at a comma, or at 255 bytes.
    func path() throws(OperationError) -> FilePath {
        let path = FilePath(argument)
        guard path.isAbsolute else {
            throw failure("needs an absolute path", hint: "for example \(kind):/var/lib/disk.img")
        }
        guard argument.utf8.count <= BackstoreSpec.longestPath else {
            throw failure(
                "the path has \(argument.utf8.count) bytes; the kernel keeps \(BackstoreSpec.longestPath)"
            )
        }
        guard !argument.unicodeScalars.contains(where: { $0.value < 0x20 || $0.value == 0x7f }) else {
            throw failure("the path has a control character")
        }
        return path
    }

    func finish() throws(OperationError) {
        guard let option = options.first else { return }
        let hint = argument.hasPrefix("/") ? "a path cannot have a comma: the kernel cuts it there" : nil
        throw failure("'\(option)' is no option of \(kind)", hint: hint)
    }

    private mutating func take(_ isWanted: (String) -> Bool) throws(OperationError) -> String? {
        let found = options.filter(isWanted)
        guard found.count < 2 else { throw failure("'\(found[1])' is one option too many") }
        options.removeAll(where: isWanted)
        return found.first
    }
}
