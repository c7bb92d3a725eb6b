// SPDX-License-Identifier: MIT
import Glibc
import LinuxSystem
import SystemPackage
import Testing

/// `ringside serve` in a process of its own, that listens already.
struct ServedProcess {
    let number: Int32
    private let log: FilePath

    /// - Parameters:
    ///   - directory: where the log goes, and where relative paths begin.
    ///   - arguments: those of `ringside serve`.
    ///   - descriptors: how many it can have open; nil for as many as we can.
    init(in directory: FilePath, _ arguments: String, descriptors: Int? = nil) throws {
        log = directory.appending("log")
        try log.write([])
        let limit = descriptors.map { "ulimit -n \($0) && " } ?? ""
        let line = "cd \(directory) && \(limit)exec \(Host.ringside) serve \(arguments) >\(log) 2>&1"
        let process = try ChildProcess.spawn(arguments: ["/bin/sh", "-c", line], environment: [])
        for stream in [process.input, process.output, process.errorOutput] { try stream.close() }
        number = process.processID
        // It prints its table when it listens.
        for _ in 0..<1000 where try log.readAll().isEmpty { SystemCalls.sleep(microseconds: 10_000) }
    }

    /// What it printed so far.
    var said: String {
        get throws { try log.readText() }
    }

    /// Ends it by a signal.
    ///
    /// - Returns: how it ended, as `waitpid` tells it.
    @discardableResult
    func end(by signal: CInt = SIGTERM) throws -> CInt {
        try #require(kill(number, signal) == 0)
        return wait()
    }

    /// Waits for its end.
    func wait() -> CInt {
        var status: CInt = 0
        // `status` outlives the call.
        while unsafe waitpid(number, &status, 0) < 0 && errno == EINTR {}
        return status
    }
}
