// SPDX-License-Identifier: MIT
import Glibc
import LinuxSystem
import Synchronization
import SystemPackage
import VhostUser

/// Stands between a front-end and a back-end, and breaks what the back-end does in one way.
///
/// It passes messages on, and gives the back-end used rings of its own, whose entries it copies to the front-end's. So
/// any back-end can be broken on purpose, and none has to know of it.
final class MutatingProxy: Sendable {
    let path: FilePath
    private let listener: UnixSocket
    private let target: FilePath
    private let state = Mutex<(mutation: Mutation?, ends: Bool)>((nil, false))
    private let log = Mutex<WriteLog?>(nil)
    private let thread = Mutex<WorkerThread?>(nil)

    /// Listens at `path`, for connections that it passes on to `target`.
    init(at path: FilePath, to target: FilePath) throws {
        self.path = path
        self.target = target
        listener = try UnixSocket(listeningAt: path, permissions: .ownerReadWrite)
        try SystemCalls.setNonBlocking(listener.descriptor)
        let worker = try WorkerThread(name: "proxy") { [self] in run() }
        thread.withLock { $0 = worker }
    }

    /// How connections that are made from now on are broken; nil for not at all.
    var mutation: Mutation? {
        get { state.withLock { $0.mutation } }
        set { state.withLock { $0.mutation = newValue } }
    }

    /// Where written pages are marked, in memory of this process; nil for nowhere.
    var writeLog: WriteLog? {
        get { log.withLock { $0 } }
        set { log.withLock { $0 = newValue } }
    }

    func end() {
        state.withLock { $0.ends = true }
        thread.withLock { $0.take() }?.join()
    }

    private func run() {
        var connections: [ProxyConnection] = []
        var mutationServed: Mutation?
        while !state.withLock({ $0.ends }) {
            do {
                let client = try listener.accept()
                let mutation = mutation
                if mutation == .servesOnce, mutationServed == .servesOnce { continue }
                mutationServed = mutation
                connections.append(
                    ProxyConnection(client, try UnixSocket(connectingTo: target), mutation) { [self] in
                        writeLog
                    }
                )
            } catch Errno.resourceTemporarilyUnavailable {
                // Nobody wants to connect.
            } catch {
                fatalError("the proxy cannot go on: \(error)")
            }
            connections.removeAll { !$0.serve() }
            SystemCalls.sleep(microseconds: 50)
        }
    }
}

/// Where to mark written pages, as `VHOST_SET_LOG_BASE` and `VHOST_SET_VRING_ADDR` say it.
struct WriteLog: Sendable {
    /// The log's address in this process.
    var base: UInt64
    /// Whether buffers are logged.
    var logsAll: Bool
    /// The guest address of each logged used ring.
    var rings: [Int: UInt64]
    /// The eventfd that is told.
    var event: CInt?

    func mark(_ guest: UInt64, _ count: UInt64) {
        guard count > 0 else { return }
        for page in guest >> 12...(guest + count - 1) >> 12 {
            // The front-end has made room for all of its memory's pages.
            guard let byte = unsafe UnsafeMutablePointer<UInt8>(bitPattern: UInt(base + page / 8)) else {
                continue
            }
            unsafe byte.pointee |= 1 << (page % 8)
        }
    }
}
