// SPDX-License-Identifier: MIT
import Conformance
import LinuxSystem
import Testing

/// The suite over a real socket, against the user-space target of this package.
struct SocketConformanceTests {
    @Test func theUserSpaceTargetPassesEveryCase() throws {
        let server = try ServedTarget()
        for item in ConformanceSuite.cases {
            let result = ConformanceSuite.run(item, on: server.device)
            if case .fails(let mismatch) = result.verdict { Issue.record("\(item.identifier): \(mismatch)") }
        }
        try server.end()
    }
}
