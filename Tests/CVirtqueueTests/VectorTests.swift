// SPDX-License-Identifier: MIT
import CVectors
import Testing

/// Runs the vectors that are data, and shared with the kernel.
struct VectorTests {
    static let chainCount = vectorCount { unsafe chain_vector_at($0) != nil }
    static let packedCount = vectorCount { unsafe packed_vector_at($0) != nil }
    static let signalCount = vectorCount { unsafe signal_vector_at($0) != nil }
    static let eventCount = vectorCount { unsafe event_vector_at($0) != nil }
    static let orderCount = vectorCount { unsafe order_vector_at($0) != nil }
    static let requestCount = vectorCount { unsafe request_vector_at($0) != nil }
    static let controlCount = vectorCount { unsafe control_vector_at($0) != nil }
    static let answerCount = vectorCount { unsafe answer_vector_at($0) != nil }
    static let reportCount = vectorCount { unsafe report_vector_at($0) != nil }

    /// Lends memory for a mock driver.
    @safe private func withStorage(_ body: (UnsafeMutableRawPointer) -> UnsafePointer<CChar>?) -> String? {
        let storage = UnsafeMutableRawPointer.allocate(byteCount: Int(MOCK_BYTES), alignment: 64)
        defer { unsafe storage.deallocate() }
        return unsafe body(storage).map { unsafe String(cString: $0) }
    }

    @Test(arguments: 0..<chainCount)
    func chains(_ index: UInt32) {
        guard let vector = unsafe chain_vector_at(index) else { return }
        let name = unsafe String(cString: vector.pointee.name)
        let fault = withStorage { unsafe chain_vector_run(vector, $0) }
        #expect(fault == nil, "\(name)")
    }

    @Test(arguments: 0..<packedCount)
    func packedChains(_ index: UInt32) {
        guard let vector = unsafe packed_vector_at(index) else { return }
        let name = unsafe String(cString: vector.pointee.name)
        let fault = withStorage { unsafe packed_vector_run(vector, $0) }
        #expect(fault == nil, "\(name)")
    }

    @Test(arguments: 0..<signalCount)
    func signals(_ index: UInt32) {
        guard let vector = unsafe signal_vector_at(index) else { return }
        let name = unsafe String(cString: vector.pointee.name)
        let fault = withStorage { unsafe signal_vector_run(vector, $0) }
        #expect(fault == nil, "\(name)")
    }

    @Test(arguments: 0..<eventCount)
    func events(_ index: UInt32) {
        guard let vector = unsafe event_vector_at(index) else { return }
        let name = unsafe String(cString: vector.pointee.name)
        let fault = withStorage { unsafe event_vector_run(vector, $0) }
        #expect(fault == nil, "\(name)")
    }

    @Test(arguments: 0..<orderCount)
    func buffersInOrder(_ index: UInt32) {
        guard let vector = unsafe order_vector_at(index) else { return }
        let name = unsafe String(cString: vector.pointee.name)
        let fault = withStorage { unsafe order_vector_run(vector, $0) }
        #expect(fault == nil, "\(name)")
    }

    @Test(arguments: 0..<requestCount)
    func requests(_ index: UInt32) {
        guard let vector = unsafe request_vector_at(index) else { return }
        let name = unsafe String(cString: vector.pointee.name)
        let fault = withStorage { unsafe request_vector_run(vector, $0) }
        #expect(fault == nil, "\(name)")
    }

    @Test(arguments: 0..<controlCount)
    func controlRequests(_ index: UInt32) {
        guard let vector = unsafe control_vector_at(index) else { return }
        let name = unsafe String(cString: vector.pointee.name)
        let fault = withStorage { unsafe control_vector_run(vector, $0) }
        #expect(fault == nil, "\(name)")
    }

    @Test(arguments: 0..<answerCount)
    func answers(_ index: UInt32) {
        guard let vector = unsafe answer_vector_at(index) else { return }
        let name = unsafe String(cString: vector.pointee.name)
        let fault = withStorage { unsafe answer_vector_run(vector, $0) }
        #expect(fault == nil, "\(name)")
    }

    @Test(arguments: 0..<reportCount)
    func reports(_ index: UInt32) {
        guard let vector = unsafe report_vector_at(index) else { return }
        let name = unsafe String(cString: vector.pointee.name)
        let fault = withStorage { unsafe report_vector_run(vector, $0) }
        #expect(fault == nil, "\(name)")
    }
}

/// Counts the vectors that `exists` finds.
private func vectorCount(_ exists: (UInt32) -> Bool) -> UInt32 {
    var count: UInt32 = 0
    while exists(count) { count += 1 }
    return count
}
