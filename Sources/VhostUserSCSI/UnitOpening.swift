// SPDX-License-Identifier: MIT
import LinuxSystem
import SCSITarget
import Synchronization
import SystemPackage

/// A unit that is opened for whoever asked for it, on a thread of its own: a server of blocks may let us wait.
final class UnitOpening: Sendable {
    typealias Opened = (unit: LogicalUnit, store: any BlockStore)

    let specification: UnitSpecification
    /// Who asked, and waits for the answer.
    let asker: UnixSocket
    private let result: Result
    private let thread: WorkerThread

    /// Begins to open.
    ///
    /// - Parameters:
    ///   - path: the socket at which the unit will be served.
    ///   - ended: the eventfd that is signalled when there is a result.
    init(
        _ specification: UnitSpecification,
        at path: FilePath,
        for asker: UnixSocket,
        ended: PassedDescriptor
    ) throws(Errno) {
        self.specification = specification
        self.asker = asker
        let result = Result()
        self.result = result
        thread = try WorkerThread(name: "open") {
            let opened = Swift.Result { () throws(OperationError) in try specification.open(for: path) }
            result.value.withLock { $0 = opened }
            EventFD.signal(ended.number)
        }
    }

    /// What came of it; nil while nothing has. To be taken once.
    func takeResult() -> Swift.Result<Opened, OperationError>? {
        let result = result.value.withLock { result in
            defer { result = nil }
            return result
        }
        if result != nil { thread.join() }
        return result
    }

    private final class Result: Sendable {
        let value = Mutex<Swift.Result<Opened, OperationError>?>(nil)
    }
}
