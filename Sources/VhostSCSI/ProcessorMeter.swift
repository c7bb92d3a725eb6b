// SPDX-License-Identifier: MIT
internal import Glibc
internal import LinuxSystem
internal import SystemPackage

/// Processor time that a run took, in seconds.
public struct ProcessorCosts: Equatable, Sendable {
    /// A kernel thread's share.
    public struct Share: Equatable, Sendable {
        /// How long it ran.
        public var ran: Double
        /// How long it could have run, but waited for a processor.
        public var waited: Double
    }

    /// What this process took, user and system time.
    public let ours: Double
    /// What the device's worker threads in the kernel took; nil where the device is not the kernel's.
    public let worker: Share?
    /// What the kernel's work queues took, which carry out the commands; those of others are in it.
    public let workQueues: Double
}

/// Reads processor times at the start and at the end of a run.
struct ProcessorMeter {
    private let kernel: KernelThreads?
    private let ours: UInt64

    /// - Parameter hasWorker: whether the kernel serves the device.
    init(hasWorker: Bool) {
        // To look for the threads takes milliseconds, which are no part of the run.
        kernel = hasWorker ? KernelThreads() : nil
        ours = ProcessorClock.nanoseconds
    }

    /// What was taken since the meter was made.
    func costs() -> ProcessorCosts {
        let taken = Double(ProcessorClock.nanoseconds - ours) / 1e9
        guard let kernel else { return ProcessorCosts(ours: taken, worker: nil, workQueues: 0) }
        let now = KernelThreads()
        return ProcessorCosts(
            ours: taken,
            worker: now.share(of: \.workers, since: kernel),
            workQueues: now.share(of: \.workQueues, since: kernel).ran
        )
    }
}

/// The kernel's threads that serve a vhost device of this process, with their times.
struct KernelThreads {
    typealias Times = [FilePath: (ran: UInt64, waited: UInt64)]

    /// `vhost-PID`: a process of its own up to Linux 6.3, a thread of its owner since.
    private(set) var workers: Times = [:]
    /// `kworker/…`.
    private(set) var workQueues: Times = [:]

    init() {
        let name = "vhost-\(getpid())\n"
        for directory: FilePath in ["/proc", "/proc/self/task"] {
            for entry in Self.names(directory) where entry.first?.isNumber == true {
                let thread = directory.appending(entry)
                let command = Self.text(thread.appending("comm"))
                if command == name { workers[thread] = Self.times(thread) }
                if command.hasPrefix("kworker/") { workQueues[thread] = Self.times(thread) }
            }
        }
    }

    func share(of threads: KeyPath<KernelThreads, Times>, since start: KernelThreads) -> ProcessorCosts.Share
    {
        self[keyPath: threads].reduce(into: .init(ran: 0, waited: 0)) { share, thread in
            let before = start[keyPath: threads][thread.key] ?? (0, 0)
            share.ran += Double(thread.value.ran - before.ran) / 1e9
            share.waited += Double(thread.value.waited - before.waited) / 1e9
        }
    }

    /// Binds the only worker to the processor that it was on last.
    ///
    /// - Returns: the processor; nil where there are several workers, or this process may not do that.
    func gathered() -> ProcessorSet? {
        guard workers.count == 1, let thread = workers.keys.first else { return nil }
        // The 39th field of `stat`; the second, a name, may have spaces.
        let fields = Self.text(thread.appending("stat")).split(separator: ")").last?.split(separator: " ")
        guard let fields, fields.count > 36, let number = Int(fields[36]) else { return nil }
        guard let processors = ProcessorSet([number]) else { return nil }
        do {
            try bindWorkers(to: processors)
            return processors
        } catch {
            return nil
        }
    }

    /// Lets the workers run on these processors only.
    func bindWorkers(to processors: ProcessorSet) throws(OperationError) {
        for thread in workers.keys {
            guard let number = thread.lastComponent.flatMap({ CInt($0.string) }) else { continue }
            do {
                try processors.bind(number)
            } catch {
                throw OperationError("bind to processors \(processors)", "worker \(number)", errno: error)
            }
        }
    }

    /// The first two numbers of `schedstat`: nanoseconds on a processor, and waiting for one.
    private static func times(_ thread: FilePath) -> (ran: UInt64, waited: UInt64) {
        let fields = text(thread.appending("schedstat")).split(separator: " ").compactMap { UInt64($0) }
        return fields.count >= 2 ? (fields[0], fields[1]) : (0, 0)
    }

    private static func names(_ directory: FilePath) -> [String] {
        do { return try directory.entryNames() } catch { return [] }
    }

    /// The whole file; nothing where the thread has ended meanwhile.
    private static func text(_ path: FilePath) -> String {
        do { return try path.readText() } catch { return "" }
    }
}
