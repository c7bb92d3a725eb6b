// SPDX-License-Identifier: MIT
import LinuxSystem
import SystemPackage

/// A program and everything that must stand beside it for it to start: its interpreter and its shared libraries.
enum ProgramClosure {
    /// The files that `program` needs, itself first, as host paths.
    ///
    /// - Throws: an error when the program is not there, or a library of it is missing.
    static func files(of program: FilePath) async throws -> [FilePath] {
        let start = try head(of: program)
        if start.starts(with: Array("#!".utf8)) {
            return [program] + (try await files(of: interpreter(in: start, of: program)))
        }
        guard start.starts(with: [0x7f] + Array("ELF".utf8)) else { return [program] }
        return [program] + (try await libraries(of: program))
    }

    private static func head(of program: FilePath) throws -> [UInt8] {
        do {
            let file = try FileDescriptor.open(program, .readOnly, options: .closeOnExec)
            return try file.closeAfter { try file.readBytes(upTo: 256) }
        } catch let error as Errno {
            throw OperationError("pack", program.string, errno: error)
        }
    }

    private static func interpreter(in start: [UInt8], of script: FilePath) throws(OperationError) -> FilePath
    {
        let line = String(decoding: start.dropFirst(2).prefix { $0 != UInt8(ascii: "\n") }, as: UTF8.self)
        let words = line.split(separator: " ").map(String.init)
        // `#!/usr/bin/env NAME` looks NAME up, so both are needed; env itself is found as any other program.
        let name = words.first.map { $0.hasSuffix("/env") && words.count > 1 ? words[1] : $0 } ?? ""
        guard let path = FilePath.locate(program: name) else {
            throw OperationError("pack", script.string, cause: "its interpreter \(name) is not on this host")
        }
        return path
    }

    /// What the dynamic loader would map, as `ldd` lists it.
    private static func libraries(of program: FilePath) async throws -> [FilePath] {
        let listing: String
        do {
            listing = try await HostTool.ldd.run([program.string])
        } catch let error as OperationError where error.cause.contains("not a dynamic executable") {
            return []
        }
        return try listing.split(separator: "\n").compactMap { line throws(OperationError) in
            if line.hasSuffix("=> not found") {
                let name = line.split(separator: " ").first.map { $0.drop { $0 == "\t" } } ?? ""
                throw OperationError("pack", program.string, cause: "its library \(name) is not on this host")
            }
            // Either "NAME => PATH (ADDRESS)" or, for the loader itself, "PATH (ADDRESS)".
            return line.split(whereSeparator: { $0 == " " || $0 == "\t" }).first { $0.hasPrefix("/") }.map {
                FilePath(String($0))
            }
        }
    }
}
