// SPDX-License-Identifier: MIT
import Conformance
import LinuxSystem
import SystemPackage
import Testing

/// Every case can fail: `mutations.txt` names for each a way to break the device that it finds.
///
/// The lines are those of a full run, cases by mutations; of several that a case finds, that which fewest others find.
/// Cases of the log have one for the ioctls and one for the socket.
/// `RINGSIDE_FIND_MUTATIONS=1` prints them all anew.
@Suite(.serialized) struct MutationMatrixTests {
    private static let table: [String: [String]] = {
        do {
            let file = FilePath(#filePath).removingLastComponent().appending("mutations.txt")
            let lines = try file.readText().split(separator: "\n").map { $0.split(separator: " ") }
            return Dictionary(
                uniqueKeysWithValues: lines.map { (String($0[0]), $0.dropFirst().map(String.init)) }
            )
        } catch {
            return [:]
        }
    }()

    private static let searches = SystemCalls.environmentValue("RINGSIDE_FIND_MUTATIONS") != nil

    private static let socketCases = ConformanceSuite.cases.filter { $0.transports.contains(.socket) }
    /// What the ioctls alone have, and what our back-end does not offer but the fake does.
    private static let kernelCases = ConformanceSuite.cases.filter {
        $0.transports == [.kernel] || $0.group == "log"
    }

    @Test func everyCaseOfTheSocketFindsABrokenDevice() throws {
        let server = try ServedTarget()
        let proxy = try MutatingProxy(at: server.directory.appending("p"), to: server.socket)
        let device = server.device(at: proxy.path)
        for item in Self.socketCases {
            proxy.mutation = nil
            device.patience = .seconds(4)
            let whole = ConformanceSuite.run(item, on: device).verdict
            device.patience = .milliseconds(200)
            if case .skipped = whole {
                // It must not pass where the feature is claimed, and not there.
                proxy.mutation = .claimsFeatures
                expectFailure(item, device, "claimsFeatures")
                continue
            }
            #expect(whole == .passes, "\(item.identifier) behind a proxy that breaks nothing")
            check(item, device, Mutation.allCases) { proxy.mutation = $0 }
        }
        proxy.end()
        try server.end()
    }

    @Test func everyCaseOfTheKernelFindsABrokenInterface() throws {
        let server = try ServedTarget()
        let proxy = try MutatingProxy(at: server.directory.appending("p"), to: server.socket)
        let kernel = FakeKernel(proxy)
        let device = kernel.device(server)
        for item in Self.kernelCases {
            kernel.fault = nil
            device.patience = .seconds(4)
            let whole = ConformanceSuite.run(item, on: device).verdict
            device.patience = .milliseconds(200)
            #expect(whole == .passes, "\(item.identifier) on a fake that is right")
            check(item, device, IoctlFault.allCases) { kernel.fault = $0 }
        }
        proxy.end()
        try server.end()
    }

    @Test func everyMutationIsFound() {
        let named = Set(Self.table.values.joined())
        let all = Mutation.allCases.map(\.rawValue) + IoctlFault.allCases.map(\.rawValue)
        #expect(Set(all).subtracting(named).sorted() == [])
    }

    /// Runs a case on a device that is broken as the table says, or in every way.
    private func check<Fault: RawRepresentable<String>>(
        _ item: ConformanceCase,
        _ device: any DeviceUnderTest,
        _ faults: [Fault],
        _ breakDevice: (Fault) -> Void
    ) {
        if Self.searches {
            for fault in faults {
                breakDevice(fault)
                if word(item, device) == "FAILS" { print("\(item.identifier) \(fault.rawValue)") }
            }
            return
        }
        guard let fault = Self.table[item.identifier]?.compactMap(Fault.init(rawValue:)).first else {
            return _ = Issue.record("\(item.identifier) is not in the table of mutations")
        }
        breakDevice(fault)
        expectFailure(item, device, fault.rawValue)
    }

    private func expectFailure(_ item: ConformanceCase, _ device: any DeviceUnderTest, _ fault: String) {
        #expect(word(item, device) == "FAILS", "\(item.identifier) does not find \(fault)")
    }

    private func word(_ item: ConformanceCase, _ device: any DeviceUnderTest) -> String {
        ConformanceSuite.run(item, on: device).verdict.word
    }
}
