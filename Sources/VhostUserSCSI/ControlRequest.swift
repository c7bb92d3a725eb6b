// SPDX-License-Identifier: MIT
public import LinuxSystem
public import SystemPackage

/// What a running server can be asked over its control socket: one line of text, answered by one line.
public enum ControlRequest: Equatable, Sendable {
    /// `add SPECIFICATION`: a logical unit comes.
    case add(UnitSpecification)
    /// `remove TARGET:LUN`: one goes.
    case remove(target: UInt8, lun: UInt16)
    /// `resize TARGET:LUN`: what holds one's blocks has another size now.
    case resize(target: UInt8, lun: UInt16)
    /// `counters`: what the request rings did.
    case counters

    /// The line without its end.
    public var line: String {
        switch self {
        case .add(let unit): "add \(unit.text)"
        case .remove(let target, let lun): "remove \(target):\(lun)"
        case .resize(let target, let lun): "resize \(target):\(lun)"
        case .counters: "counters"
        }
    }

    init(_ line: String) throws(OperationError) {
        let words = line.split(separator: " ", maxSplits: 1)
        switch words.first {
        case "add" where words.count == 2: self = .add(try UnitSpecification(String(words[1])))
        case "remove" where words.count == 2:
            let (target, lun) = try UnitSpecification.address(String(words[1]), line)
            self = .remove(target: target, lun: lun)
        case "resize" where words.count == 2:
            let (target, lun) = try UnitSpecification.address(String(words[1]), line)
            self = .resize(target: target, lun: lun)
        case "counters" where words.count == 1: self = .counters
        default: throw OperationError("parse", "\"\(line)\"", cause: "it is no request")
        }
    }

    /// Asks the server whose control socket is at `path`.
    ///
    /// - Returns: its answer.
    /// - Throws: the server's refusal, in its words; what `connect` gives.
    public func send(to path: FilePath) throws(OperationError) -> String {
        let answer: String
        do throws(Errno) {
            let socket = try UnixSocket(connectingTo: path)
            try socket.send(Array((line + "\n").utf8))
            answer = try Self.readLine(socket, seconds: 10)
        } catch {
            let hint = error == .connectionRefused || error == .noSuchFileOrDirectory
            throw OperationError(
                "ask the server at",
                path.string,
                errno: error,
                hint: hint ? "start it with --control \(path)" : nil
            )
        }
        if answer.hasPrefix("ok ") { return String(answer.dropFirst(3)) }
        throw OperationError(line, "the server at \(path)", cause: String(answer.dropFirst("no ".count)))
    }

    /// Reads up to the end of a line.
    ///
    /// - Throws: `ETIMEDOUT` where none comes in time, `EMSGSIZE` for one of over 4 KiB.
    static func readLine(_ socket: UnixSocket, seconds: UInt64) throws(Errno) -> String {
        let deadline = MonotonicClock.nanoseconds + seconds * 1_000_000_000
        var bytes: [UInt8] = []
        while MonotonicClock.nanoseconds < deadline {
            do throws(Errno) {
                let part = try socket.receive(upTo: 4096 - bytes.count).bytes
                bytes += part
                if bytes.last == 10 { return String(decoding: bytes.dropLast(), as: UTF8.self) }
                if part.isEmpty { throw bytes.count < 4096 ? .connectionReset : .messageTooLong }
            } catch .resourceTemporarilyUnavailable {
                SystemCalls.sleep(microseconds: 1000)
            }
        }
        throw .timedOut
    }
}
