// SPDX-License-Identifier: MIT
import LinuxSystem
import SystemPackage
import Testing

@testable import KernelModule

/// modprobe.d, with the installed kernel's modules and nothing loaded.
@Suite(.enabled(if: InstalledKernel.isPresent, InstalledKernel.absence))
struct ConfigurationTests {
    private func plan(
        _ names: [String],
        configuration: String,
        parameters: [String] = [],
        loaded: String = "",
        _ change: (inout LoadOptions) -> Void = { _ in }
    ) throws -> LoadReport {
        var options = LoadOptions()
        options.isDryRun = true
        change(&options)
        var report = LoadReport()
        try TemporaryDirectory.use { directory in
            try TemporaryDirectory.write(configuration, to: directory.appending("test.conf"))
            let list = directory.appending("modules")
            try TemporaryDirectory.write(loaded, to: list)
            let context = try ModuleContext(
                directory: InstalledKernel.directory,
                configPaths: [directory],
                running: RunningModules(list: list, log: "/nonexistent")
            )
            report = try context.load(names, parameters: parameters, options: options)
        }
        return report
    }

    @Test func optionsComeBeforeGivenParameters() throws {
        let report = try plan(
            ["vhost_scsi"],
            configuration: "options vhost-scsi max_io_vqs=64\n",
            parameters: ["max_io_vqs=32"]
        )
        #expect(report.loaded.last?.name == "vhost_scsi")
        #expect(report.loaded.last?.parameters == "max_io_vqs=64 max_io_vqs=32")
        #expect(report.loaded.dropLast().allSatisfy { $0.parameters.isEmpty })
    }

    @Test(arguments: ["", " # why", "\tand more"])
    func aBlacklistedModuleIsRefusedWithTheLineThatSaysSo(rest: String) throws {
        let configuration = "# comment\n\n  blacklist  vhost-scsi\(rest)\n"
        for name in ["vhost_scsi", "tcm_vhost"] {
            let error = #expect(throws: OperationError.self) {
                try plan([name], configuration: configuration)
            }
            #expect(error?.object == "vhost_scsi")
            #expect(error?.cause.hasSuffix("/test.conf:3") == true)
        }
        let report = try plan(["vhost_scsi"], configuration: configuration) { $0.ignoresBlacklist = true }
        #expect(report.loaded.last?.name == "vhost_scsi")
    }

    @Test func aBlacklistedSoftDependencyIsLeftOutAndAHardOneIsNot() throws {
        let report = try plan(
            ["crc_t10dif"],
            configuration: "blacklist crct10dif_generic\nblacklist crct10dif_common\n"
        )
        #expect(report.skipped.map(\.name) == ["crct10dif_generic"])
        #expect(report.loaded.map(\.name).contains("crct10dif_common"))
        #expect(report.loaded.last?.name == "crc_t10dif")
    }

    @Test func softDependenciesOfTheConfigurationCount() throws {
        let report = try plan(["vhost"], configuration: "softdep vhost pre: configfs post: 9pnet\n")
        let names = report.loaded.map(\.name)
        let places = try ["configfs", "vhost", "9pnet"].map { try #require(names.firstIndex(of: $0)) }
        #expect(places == places.sorted())
    }

    @Test func aliasesOfTheConfigurationCount() throws {
        let report = try plan(["my-alias"], configuration: "alias my-alias vhost_scsi\n")
        #expect(report.requested == ["vhost_scsi"])
    }

    @Test func anUnknownParameterIsRefusedUnlessAllowed() throws {
        let error = #expect(throws: OperationError.self) {
            try plan(["vhost_scsi"], configuration: "", parameters: ["max_vqs=3"])
        }
        #expect(error?.errno == .invalidArgument)
        #expect(error?.cause == "it has no parameter max_vqs")
        #expect(error?.hint == "it has: max_io_vqs")
        let report = try plan(["vhost_scsi"], configuration: "", parameters: ["max_vqs=3"]) {
            $0.allowsUnknownParameters = true
        }
        #expect(report.loaded.last?.parameters == "max_vqs=3")
    }

    @Test func whatIsLoadedOrBuiltInNeedsNothing() throws {
        let line = "vhost_iotlb 16384 0 - Live 0x0\n"
        let report = try plan(["vhost", "serio"], configuration: "", loaded: line)
        #expect(report.loaded.map(\.name) == ["vhost"])
        #expect(report.alreadyLoaded == ["vhost_iotlb"])
        #expect(report.builtin == ["serio"])
        let error = #expect(throws: OperationError.self) {
            try plan(["vhost_iotlb"], configuration: "", loaded: line) { $0.mustBeNew = true }
        }
        #expect(error?.errno == .fileExists)
    }

    @Test func valuesWithSpacesAreQuotedForTheKernel() {
        #expect("a=b c".kernelQuoted == "a=\"b c\"")
        #expect("a=b".kernelQuoted == "a=b")
        #expect("flag".kernelQuoted == "flag")
    }
}
