// SPDX-License-Identifier: MIT
import LinuxSystem
import SystemPackage
import Testing

@testable import KernelModule

/// Commands that modprobe.d has in place of loading and unloading, which change a list of modules that is a file.
@Suite(.enabled(if: InstalledKernel.isPresent, InstalledKernel.absence))
struct RemoveCommandTests {
    private static let vhost = "vhost 57344 0 - Live 0x0"

    /// - Parameter configuration: `LIST` in it stands for the list of modules.
    private func withContext(
        _ configuration: String,
        loaded: String = "",
        _ body: (borrowing ModuleContext) throws -> Void
    ) throws {
        try TemporaryDirectory.use { directory in
            let list = directory.appending("modules")
            try TemporaryDirectory.write(loaded, to: list)
            let text = configuration.replacing("LIST", with: list.string)
            try TemporaryDirectory.write(text, to: directory.appending("test.conf"))
            let context = try ModuleContext(
                directory: InstalledKernel.directory,
                configPaths: [directory],
                running: RunningModules(list: list, log: "/nonexistent")
            )
            try body(context)
        }
    }

    @Test(arguments: [("/bin/true", 0), ("/bin/false", 1), ("kill -9 $$", 137)])
    func aCommandThatLeavesTheModuleIsAFailure(command: String, status: Int) throws {
        try withContext("remove vhost \(command)\n", loaded: Self.vhost) { context in
            let error = #expect(throws: OperationError.self) { try context.unload(["vhost"]) }
            let place = "modprobe.d has a command in its place"
            let ending = "which ended with \(status) and did not unload it: \(command)"
            #expect(error?.description == "unload vhost: \(place), \(ending)")
        }
    }

    @Test func aCommandThatUnloadsTheModuleIsASuccess() throws {
        try withContext("remove vhost : >LIST\n", loaded: Self.vhost) { context in
            let report = try context.unload(["vhost"])
            #expect(report.unloaded == ["vhost"])
        }
    }

    @Test func aFailedLoadNamesWhatItsRemoveCommandsLeft() throws {
        let configuration = """
            install vhost_iotlb echo 'vhost_iotlb 16384 0 - Live 0x0' >LIST
            remove vhost_iotlb /bin/true
            install vhost /bin/false

            """
        try withContext(configuration) { context in
            let error = #expect(throws: OperationError.self) { try context.load(["vhost"]) }
            #expect(error?.object == "vhost")
            #expect(error?.hint == "still loaded: vhost_iotlb")
        }
    }
}
