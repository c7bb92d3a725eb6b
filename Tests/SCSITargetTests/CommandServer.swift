// SPDX-License-Identifier: MIT
import Glibc
import LinuxSystem
import SCSITarget
import SystemPackage

/// Carries out the commands that `Shim/sg.c` sends for programs that were written for the kernel's `SG_IO`.
///
/// A connection is an open device, `/dev/sg-ringsideN`: unit 0 of the target, seen by initiator N.
final class CommandServer: Sendable {
    let socketPath: FilePath
    private let listener: UnixSocket
    private let thread: WorkerThread

    /// Listens at a path and serves one connection after the other, until ``stop()``.
    init(_ target: TargetDevice, socketPath: FilePath) throws {
        self.socketPath = socketPath
        let listener = try UnixSocket(listeningAt: socketPath, permissions: .ownerReadWrite)
        self.listener = listener
        thread = try WorkerThread(name: "command-server") {
            while true {
                let number = accept(listener.descriptor.rawValue, nil, nil)
                if number < 0 { return }
                let owner = OwnedDescriptor(adopting: FileDescriptor(rawValue: number))
                do {
                    try Self.serve(UnixSocket(adopting: owner), target)
                } catch {
                    // The program ended in the middle of a command.
                }
            }
        }
    }

    /// To be called once, when no program has the device open any more.
    func stop() {
        shutdown(listener.descriptor.rawValue, CInt(SHUT_RDWR))
        thread.join()
    }

    private static func serve(_ connection: UnixSocket, _ target: TargetDevice) throws(Errno) {
        // The initiator's number, the command, the size of its data, the room for data.
        while let request = try connection.receiveAll(44) {
            let (sent, room) = (number(request, 36), number(request, 40))
            guard sent <= 64 << 20, room <= 64 << 20, let dataOut = try connection.receiveAll(sent) else {
                return
            }
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
                answer += bytes(UInt64(count), 4).reversed()
            }
            try connection.send(answer + dataIn[..<outcome.dataInCount])
        }
    }

    private static func number(_ bytes: [UInt8], _ offset: Int) -> Int {
        bytes[offset..<offset + 4].reversed().reduce(0) { $0 << 8 | Int($1) }
    }
}
