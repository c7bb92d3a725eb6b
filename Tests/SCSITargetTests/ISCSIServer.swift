// SPDX-License-Identifier: MIT
import Glibc
import LinuxSystem
import SCSITarget
import SystemPackage

/// A target for iSCSI on the loopback interface: as much of RFC 7143 as a test program's initiator needs, so that it
/// reaches the unit with several initiators and with lengths of its own.
final class ISCSIServer: Sendable {
    /// Where it listens, on 127.0.0.1.
    let port: UInt16
    private let listener: UnixSocket
    private let thread: WorkerThread

    /// Serves every connection on a thread of its own, until ``stop()``.
    init(_ target: TargetDevice) throws {
        let number = socket(AF_INET, CInt(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        listener = UnixSocket(adopting: OwnedDescriptor(adopting: FileDescriptor(rawValue: number)))
        port = try Self.listen(number)
        thread = try WorkerThread(name: "iscsi") { [listener] in
            var sessions: [WorkerThread] = []
            defer { for session in sessions { session.join() } }
            while true {
                let number = accept(listener.descriptor.rawValue, nil, nil)
                if number < 0 { return }
                // An answer's last unit must not wait for the first to be acknowledged.
                var isOn: CInt = 1
                unsafe setsockopt(number, CInt(IPPROTO_TCP), TCP_NODELAY, &isOn, socklen_t(4))
                let socket = UnixSocket(adopting: OwnedDescriptor(adopting: FileDescriptor(rawValue: number)))
                do throws(Errno) {
                    let session = try WorkerThread(name: "iscsi-session") {
                        var session = ISCSISession(target, socket)
                        session.run()
                    }
                    sessions.append(session)
                } catch {
                    fatalError("no thread: \(error)")
                }
            }
        }
    }

    /// To be called once, when no initiator is connected any more.
    func stop() {
        shutdown(listener.descriptor.rawValue, CInt(SHUT_RDWR))
        thread.join()
    }

    /// Binds a socket to a free port of the loopback interface.
    private static func listen(_ number: CInt) throws(Errno) -> UInt16 {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = in_addr_t(INADDR_LOOPBACK).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let result = unsafe withUnsafeMutablePointer(to: &address) { address in
            unsafe address.withMemoryRebound(to: sockaddr.self, capacity: 1) { name in
                unsafe bind(number, name, length) + Glibc.listen(number, 16)
                    + getsockname(number, name, &length)
            }
        }
        if result != 0 { throw Errno(rawValue: Glibc.errno) }
        return UInt16(bigEndian: address.sin_port)
    }
}

/// A unit of the protocol: its header, and its data without the padding.
private struct PDU {
    var header: [UInt8]
    var data: [UInt8]
    /// An extended command descriptor block.
    var extendedCommand: [UInt8] = []

    init(_ opcode: UInt8, flags: UInt8 = 0x80, like request: PDU, data: [UInt8] = []) {
        header = [opcode, flags] + [UInt8](repeating: 0, count: 46)
        header.replaceSubrange(16..<20, with: request.header[16..<20])
        self.data = data
    }

    init?(from socket: UnixSocket) throws(Errno) {
        guard let header = try socket.receiveAll(48) else { return nil }
        self.header = header
        let extra = Int(header[4]) * 4
        let size = Int(header[5]) << 16 | Int(header[6]) << 8 | Int(header[7])
        guard let more = try socket.receiveAll(extra + (size + 3) / 4 * 4) else { return nil }
        // The first additional header segment begins with its length, type and a reserved byte.
        if extra > 4 { extendedCommand = Array(more[4..<3 + (Int(more[0]) << 8 | Int(more[1]))]) }
        data = Array(more[extra..<extra + size])
    }

    var opcode: UInt8 { header[0] & 0x3f }
    var flags: UInt8 { header[1] }

    func number(_ offset: Int) -> Int { header[offset..<offset + 4].reduce(0) { $0 << 8 | Int($1) } }
    mutating func put(_ value: Int, at offset: Int) {
        header.replaceSubrange(offset..<offset + 4, with: bytes(UInt64(value), 4))
    }

    var encoded: [UInt8] {
        var header = header
        header.replaceSubrange(5..<8, with: bytes(UInt64(data.count), 3))
        return header + data + [UInt8](repeating: 0, count: (4 - data.count % 4) % 4)
    }
}

extension UnixSocket {
    /// All of `count` bytes; nil where the connection ends before.
    func receiveAll(_ count: Int) throws(Errno) -> [UInt8]? {
        var bytes: [UInt8] = []
        while bytes.count < count {
            // Receiving does not wait.
            var ready = [pollfd(fd: descriptor.rawValue, events: Int16(POLLIN), revents: 0)]
            try SystemCalls.poll(&ready, milliseconds: -1)
            let part = try receive(upTo: count - bytes.count).bytes
            if part.isEmpty { return nil }
            bytes += part
        }
        return bytes
    }
}

/// One connection of one initiator; commands are carried out one after the other.
private struct ISCSISession {
    private let target: TargetDevice
    private let socket: UnixSocket
    private var nexus = Nexus("")
    private var statusNumber = 1
    /// What came while the data of a command was awaited.
    private var waiting: [PDU] = []

    init(_ target: TargetDevice, _ socket: UnixSocket) {
        self.target = target
        self.socket = socket
    }

    mutating func run() {
        do throws(Errno) {
            while let request = try waiting.isEmpty ? PDU(from: socket) : waiting.removeFirst() {
                if try !answer(request) { break }
            }
        } catch {
            // The initiator is gone.
        }
        target.disconnect(nexus)
    }

    /// - Returns: false after the logout.
    private mutating func answer(_ request: PDU) throws(Errno) -> Bool {
        switch request.opcode {
        case 0x00:
            if request.number(16) != 0xffff_ffff {
                try reply(PDU(0x20, like: request, data: request.data), to: request)
            }
        case 0x01: try command(request)
        case 0x02: try manage(request)
        case 0x03: try logIn(request)
        case 0x06: try reply(PDU(0x26, like: request), to: request)
        default: throw .protocolNotSupported
        }
        return request.opcode != 0x06
    }

    /// Sends an answer that carries a status, with the numbers that every answer has.
    private mutating func reply(_ pdu: PDU, to request: PDU, countsStatus: Bool = true) throws(Errno) {
        var pdu = pdu
        if countsStatus {
            pdu.put(statusNumber, at: 24)
            statusNumber += 1
        }
        // An immediate command does not advance the numbers.
        let next =
            request.opcode == 0x05
            ? request.number(28) : request.number(24) + (request.header[0] >> 6 & 1 == 1 ? 0 : 1)
        pdu.put(next, at: 28)
        pdu.put(next + 31, at: 32)
        try socket.send(pdu.encoded)
    }

    private mutating func logIn(_ request: PDU) throws(Errno) {
        let keys = request.data.split(separator: 0).map { String(decoding: $0, as: UTF8.self) }
        for key in keys where key.hasPrefix("InitiatorName=") {
            let session = request.header[8..<14].map { String($0, radix: 16) }.joined()
            nexus = Nexus("\(key.dropFirst(14)),i,0x\(session)")
        }
        var answers: [String] = []
        if request.flags >> 2 & 3 == 0 { answers = ["AuthMethod=None", "TargetPortalGroupTag=1"] }
        if request.flags >> 2 & 3 == 1 {
            answers = [
                "HeaderDigest=None", "DataDigest=None", "InitialR2T=Yes", "ImmediateData=No",
                "MaxBurstLength=16776192",
                "FirstBurstLength=262144", "MaxRecvDataSegmentLength=262144", "MaxOutstandingR2T=1",
                "ErrorRecoveryLevel=0",
            ]
        }
        let text = Array(answers.map { $0 + "\0" }.joined().utf8)
        var answer = PDU(0x23, flags: request.flags, like: request, data: text)
        answer.header.replaceSubrange(8..<14, with: request.header[8..<14])
        answer.header[15] = 1
        try reply(answer, to: request)
    }

    private mutating func manage(_ request: PDU) throws(Errno) {
        switch request.flags & 0x7f {
        case 5: target[0]?.reset()
        case 6, 7: target.reset()
        default: break
        }
        try reply(PDU(0x22, like: request), to: request)
    }

    private mutating func command(_ request: PDU) throws(Errno) {
        let expected = request.number(20)
        let isWrite = request.flags & 0x20 != 0
        let sent = isWrite ? try receiveData(of: request, expected) : []
        let cdb = Array(request.header[32..<48]) + request.extendedCommand
        var room = [UInt8](repeating: 0, count: isWrite ? 0 : expected)
        var span = room.mutableSpan
        let lun = UInt16(request.header[8] & 0x3f) << 8 | UInt16(request.header[9])
        let outcome = target.execute(cdb.span, lun: lun, from: nexus, dataOut: sent.span, dataIn: &span)
        try sendData(room[..<outcome.dataInCount], of: request)
        let sense = outcome.sense.isEmpty ? [] : bytes(UInt64(outcome.sense.count), 2) + outcome.sense
        var answer = PDU(0x21, like: request, data: sense)
        answer.header[3] = outcome.status.rawValue
        // The residual: overflow or underflow.
        let wanted = outcome.status == .good ? outcome.wanted : 0
        if wanted != expected { answer.header[1] |= wanted > expected ? 0x04 : 0x02 }
        answer.put(abs(wanted - expected), at: 44)
        try reply(answer, to: request)
    }

    /// Asks for the data of a command, and collects it.
    private mutating func receiveData(of request: PDU, _ expected: Int) throws(Errno) -> [UInt8] {
        var data = request.data
        while data.count < expected {
            var ready = PDU(0x31, like: request)
            ready.header.replaceSubrange(8..<16, with: request.header[8..<16])
            ready.put(1, at: 20)
            ready.put(statusNumber, at: 24)
            ready.put(data.count, at: 40)
            ready.put(min(expected - data.count, 262_144), at: 44)
            try reply(ready, to: request, countsStatus: false)
            var isLast = false
            while !isLast {
                guard let part = try PDU(from: socket) else { throw .connectionReset }
                if part.opcode == 0x05 {
                    data += part.data
                    isLast = part.flags & 0x80 != 0
                } else {
                    waiting.append(part)
                }
            }
        }
        return data
    }

    private mutating func sendData(_ data: ArraySlice<UInt8>, of request: PDU) throws(Errno) {
        var rest = data
        var number = 0
        while !rest.isEmpty {
            let part = rest.prefix(262_144)
            var pdu = PDU(0x25, flags: part.count == rest.count ? 0x80 : 0, like: request, data: Array(part))
            pdu.put(0xffff_ffff, at: 20)
            pdu.put(number, at: 36)
            pdu.put(part.startIndex, at: 40)
            try reply(pdu, to: request, countsStatus: false)
            rest = rest.dropFirst(part.count)
            number += 1
        }
    }
}
