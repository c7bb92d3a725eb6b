// SPDX-License-Identifier: MIT
import Glibc
import SCSITarget

/// Carries out the commands that `Shim/sg.c` sends for programs that were written for the kernel's `SG_IO`.
///
/// Each connection is one device, `/dev/sg-ringsideN`: unit 0 of the target, seen by initiator N.
final class CommandServer: Sendable {
    let socketPath: String
    private let target: TargetDevice
    private let listener: CInt

    init(_ target: TargetDevice, socketPath: String) {
        self.target = target
        self.socketPath = socketPath
        listener = socket(AF_UNIX, CInt(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        unsafe withUnsafeMutableBytes(of: &address.sun_path) { unsafe $0.copyBytes(from: socketPath.utf8) }
        let bound = unsafe withUnsafePointer(to: &address) { address in
            unsafe address.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                unsafe bind(listener, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        precondition(bound == 0 && listen(listener, 16) == 0, "cannot listen on \(socketPath)")
        startThread { [self] in
            while true {
                let connection = accept(listener, nil, nil)
                if connection < 0 { return }
                startThread { self.serve(connection) }
            }
        }
    }

    func stop() {
        shutdown(listener, CInt(SHUT_RDWR))
        close(listener)
    }

    private func serve(_ connection: CInt) {
        defer { close(connection) }
        // The initiator's number, the command, the size of its data, the room for data.
        while let request = receive(connection, 44) {
            let (sent, room) = (number(request, 36), number(request, 40))
            guard sent <= 64 << 20, room <= 64 << 20, let dataOut = receive(connection, sent) else { return }
            var dataIn = [UInt8](repeating: 0xa5, count: room)
            var span = dataIn.mutableSpan
            let outcome = target.execute(
                request.span.extracting(4..<36),
                lun: 0,
                from: Nexus("iqn.2026-11.test:\(request[0])"),
                dataOut: dataOut.span,
                dataIn: &span
            )
            var answer = [outcome.status.rawValue, UInt8(outcome.sense.count)] + outcome.sense
            answer += [UInt8](repeating: 0, count: 32 - answer.count)
            for count in [outcome.dataInCount, outcome.dataOutCount] {
                answer += (0..<4).map { UInt8(truncatingIfNeeded: count >> (8 * $0)) }
            }
            guard send(connection, answer + dataIn[..<outcome.dataInCount]) else { return }
        }
    }

    private func number(_ bytes: [UInt8], _ offset: Int) -> Int {
        (0..<4).reduce(0) { $0 | Int(bytes[offset + $1]) << (8 * $1) }
    }

    private func receive(_ connection: CInt, _ count: Int) -> [UInt8]? {
        var bytes = [UInt8](repeating: 0, count: count)
        let received = unsafe bytes.withUnsafeMutableBytes {
            count == 0 ? 0 : unsafe recv(connection, $0.baseAddress, count, CInt(MSG_WAITALL))
        }
        return received == count ? bytes : nil
    }

    private func send(_ connection: CInt, _ bytes: [UInt8]) -> Bool {
        var done = 0
        while done < bytes.count {
            let count = unsafe bytes[done...].withUnsafeBytes {
                unsafe Glibc.send(connection, $0.baseAddress, $0.count, CInt(MSG_NOSIGNAL))
            }
            if count <= 0 { return false }
            done += count
        }
        return true
    }
}

private func startThread(_ body: @escaping @Sendable () -> Void) {
    final class Box: Sendable {
        let body: @Sendable () -> Void
        init(_ body: @escaping @Sendable () -> Void) { self.body = body }
    }
    var thread = pthread_t()
    let box = unsafe Unmanaged.passRetained(Box(body)).toOpaque()
    let status = unsafe pthread_create(
        &thread,
        nil,
        { box in
            if let box = unsafe box { unsafe Unmanaged<Box>.fromOpaque(box).takeRetainedValue().body() }
            return nil
        },
        box
    )
    precondition(status == 0)
    pthread_detach(thread)
}
