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
        deadline: Duration = .seconds(120),
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
