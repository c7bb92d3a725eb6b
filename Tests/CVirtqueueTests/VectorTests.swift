// SPDX-License-Identifier: MIT
import CVectors
import Testing

/// Runs the vectors that are data, and shared with the kernel.
struct VectorTests {
    /// What came of each: its name, and what went wrong.
    private static let outcomes = run()

    private static func run() -> [(name: String, fault: String?)] {
        var outcomes: [(name: String, fault: String?)] = []
        let storage = UnsafeMutableRawPointer.allocate(byteCount: Int(MOCK_BYTES), alignment: 64)
        defer { unsafe storage.deallocate() }
        while true {
            var fault: UnsafePointer<CChar>?
            // Names and faults are constants.
            let name = unsafe vector_run(UInt32(outcomes.count), storage, &fault)
            guard let name = unsafe name else { return outcomes }
            unsafe outcomes.append((String(cString: name), fault.map { unsafe String(cString: $0) }))
        }
    }

    @Test(arguments: outcomes.indices)
    func passes(_ index: Int) {
        let outcome = Self.outcomes[index]
        #expect(outcome.fault == nil, "\(outcome.name)")
    }

    @Test func thereAreVectorsOfEachKind() {
        let names = Set(Self.outcomes.map(\.name))
        #expect(names.count == Self.outcomes.count, "names tell them apart")
        #expect(Self.outcomes.count > 150)
    }
}
