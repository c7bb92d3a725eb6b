// SPDX-License-Identifier: MIT
internal import CVirtqueue
internal import LinuxSystem
internal import Virtqueue

/// One read or write of a workload.
struct BlockRequest {
    /// The first logical block.
    var address: UInt64
    /// How many there are.
    var blocks: UInt32
    var isWrite: Bool
}

/// Decides what is read and written, and looks at what comes back.
protocol BlockWorkload {
    /// The next request, or nil when there is none left.
    ///
    /// - Parameter now: the time on `MonotonicClock`, in nanoseconds.
    mutating func next(now: UInt64) -> BlockRequest?
    /// Fills a request's data before it is handed over.
    mutating func prepare(_ request: BlockRequest, _ words: inout MutableSpan<UInt64>)
    /// Looks at a request that succeeded; `words` are a read's data.
    ///
    /// - Parameter nanoseconds: from handing the request over to seeing it back.
    mutating func complete(_ request: BlockRequest, _ words: Span<UInt64>, nanoseconds: UInt64)
}

extension SCSIInitiator {
    /// Keeps as many requests of `workload` in flight as there are slots, until it has none left.
    ///
    /// Requests are added in batches with one kick for each. Nothing is allocated for a request.
    func run<Workload: BlockWorkload>(
        _ workload: inout Workload,
        lun: UInt16,
        blockSize: Int
    ) throws(OperationError) {
        try checkIdle()
        var free = Array((0..<depth).reversed())
        var requests = [BlockRequest](
            repeating: BlockRequest(address: 0, blocks: 0, isWrite: false),
            count: depth
        )
        var started = [UInt64](repeating: 0, count: depth)
        for slot in free { queue.address(slot, target: target, lun: lun) }
        var hasMore = true
        while true {
            var now = MonotonicClock.nanoseconds
            while hasMore, let slot = free.last {
                guard let request = workload.next(now: now) else {
                    hasMore = false
                    break
                }
                free.removeLast()
                requests[slot] = request
                started[slot] = now
                try submit(slot, request, &workload, blockSize)
            }
            if free.count == depth { return }
            try queue.kick()
            var count = try queue.reap(into: &done)
            if count == 0 { count = try queue.wait(until: now + UInt64(timeout * 1e9), into: &done) }
            now = MonotonicClock.nanoseconds
            for index in 0..<count {
                let slot = Int(done[index].cookie)
                try finish(slot, requests[slot], now - started[slot], &workload, lun, blockSize)
                free.append(slot)
            }
        }
    }

    private func submit<Workload: BlockWorkload>(
        _ slot: Int,
        _ request: BlockRequest,
        _ workload: inout Workload,
        _ blockSize: Int
    ) throws(OperationError) {
        queue.fill(slot, byteCount: Int(request.blocks) * blockSize) { workload.prepare(request, &$0) }
        try queue.submit(slot, command(request, blockSize))
    }

    private func finish<Workload: BlockWorkload>(
        _ slot: Int,
        _ request: BlockRequest,
        _ nanoseconds: UInt64,
        _ workload: inout Workload,
        _ lun: UInt16,
        _ blockSize: Int
    ) throws(OperationError) {
        guard queue.isComplete(slot) else {
            let response = try queue.response(slot)
            let cause = response.failure ?? "\(response.residual) bytes of the data were not transferred"
            throw refusal(command(request, blockSize), lun, "block \(request.address): \(cause)")
        }
        queue.inspect(slot, byteCount: Int(request.blocks) * blockSize) { words in
            workload.complete(request, words, nanoseconds: nanoseconds)
        }
    }

    private func command(_ request: BlockRequest, _ blockSize: Int) -> SCSICommand {
        request.isWrite
            ? .write(address: request.address, blocks: request.blocks, blockSize: blockSize)
            : .read(address: request.address, blocks: request.blocks, blockSize: blockSize)
    }
}
