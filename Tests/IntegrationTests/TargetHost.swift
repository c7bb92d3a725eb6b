// SPDX-License-Identifier: MIT
import LinuxSystem
import SystemPackage
import TestVM
import Testing

/// What tests of targets have in common.
extension VirtualHost {
    /// The modules of the fabric and of the backstores.
    static let targetModules = ["vhost_scsi", "target_core_file", "target_core_iblock", "loop"]

    /// A machine with configfs and the modules loaded, whose kernel has nothing to report afterwards.
    static func bootForTargets(
        modules: [String] = targetModules,
        programs: [String] = [],
        files: [(host: FilePath, guest: FilePath)] = [],
        deadline: Duration = .seconds(300),
        _ body: @Sendable @escaping (VirtualHost) async throws -> Void
    ) async throws {
        let log = try await boot(modules: modules, programs: programs, files: files, deadline: deadline) {
            host in
            for module in modules { try await host.expectSuccess("ringside module load \(module)") }
            try await body(host)
        }
        #expect(log.trouble.map(\.text) == [])
    }

    @discardableResult
    func expectSuccess(_ line: String) async throws -> String {
        let outcome = try await run(line)
        #expect(outcome.status == 0, "\(line): \(outcome.output)\(outcome.error)")
        return outcome.output
    }

    /// Has a process of its own claim a TPG, until `closeEndpoint`.
    func openEndpoint(_ wwpn: String, tpgt: Int) async throws {
        try await expectSuccess(
            """
            ringside vhost open id=a,wwpn=\(wwpn),tpgt=\(tpgt) >/tmp/open 2>&1 &
            until [ -s /tmp/open ]; do sleep 0.1; done
            """
        )
    }

    /// Ends that process.
    func closeEndpoint() async throws {
        try await expectSuccess("kill $(pidof ringside); while pidof ringside; do sleep 0.1; done")
    }

    /// Every path of the target's configfs with each link's end and each nexus, and the files made for backstores.
    func tree() async throws -> String {
        try await run(
            """
            cd /sys/kernel/config/target && find . | sort
            for f in $(find . -type l -o -name nexus | sort); do echo $f $(readlink $f || cat $f 2>/dev/null); done
            ls /tmp | grep -v '^open$\\|^l$\\|^disk'
            """
        ).output
    }
}
