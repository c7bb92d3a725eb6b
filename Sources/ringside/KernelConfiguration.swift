// SPDX-License-Identifier: MIT
import LinuxSystem
import Subprocess
import SystemPackage

/// The options that a kernel was built with.
struct KernelConfiguration {
    /// The file that they come from.
    let source: FilePath
    private let text: String

    /// From `/proc/config.gz`, or the file that the distribution puts beside the image or the modules.
    static func ofRunningKernel() async -> KernelConfiguration? {
        if let own = await compressed("/proc/config.gz") { return own }
        do {
            let release = try Host.runningRelease()
            let places = ["/boot/config-\(release)", "/lib/modules/\(release)/config"].map { FilePath($0) }
            guard let place = places.first(where: \.exists) else { return nil }
            return KernelConfiguration(source: place, text: try place.readText())
        } catch {
            // Unreadable for this user: nothing can be said about it.
            return nil
        }
    }

    private static func compressed(_ path: FilePath) async -> KernelConfiguration? {
        guard path.exists, let gzip = FilePath.locate(program: "gzip") else { return nil }
        do {
            let result = try await Subprocess.run(
                .path(gzip),
                arguments: ["-dc", path.string],
                output: .string(limit: 1 << 24),
                error: .discarded
            )
            return result.standardOutput.isEmpty
                ? nil : KernelConfiguration(source: path, text: result.standardOutput)
        } catch {
            return nil
        }
    }

    /// `y`, `m` or a value; nil for an option that is not set.
    func value(of option: String) -> String? {
        let line = text.split(separator: "\n").first { $0.hasPrefix("\(option)=") }
        return line.map { String($0.dropFirst(option.count + 1)) }
    }
}
