// SPDX-License-Identifier: MIT
import KernelModule
import LinuxSystem
import SystemPackage
import Testing

@Suite(.enabled(if: InstalledKernel.isPresent, InstalledKernel.absence))
struct ClosureTests {
    @Test(arguments: ["vhost_scsi", "tcm_vhost", "target_core_iblock", "9pnet_virtio", "ext4", "btrfs"])
    func holdsWhatModprobeWouldLoad(name: String) throws {
        let context = try ModuleContext(directory: InstalledKernel.directory)
        let paths = try context.closure(of: [name]).map(\.path.string)
        let expected = try InstalledKernel.modprobeShowDepends(name)
        #expect(!expected.isEmpty)
        #expect(Set(paths) == Set(expected))
        #expect(Set(paths).count == paths.count)
    }

    @Test func everyModuleComesAfterItsDependencies() throws {
        let context = try ModuleContext(directory: InstalledKernel.directory)
        let names = try context.closure(of: ["vhost_scsi", "target_core_iblock"]).map(\.name)
        for (name, dependencies) in try InstalledKernel.dependencies() where names.contains(name) {
            let place = try #require(names.firstIndex(of: name))
            for dependency in dependencies {
                let dependencyPlace = try #require(names.firstIndex(of: dependency))
                #expect(dependencyPlace < place, "\(dependency) before \(name)")
            }
        }
        #expect(names.last == "target_core_iblock")
    }

    @Test func aliasStandsForItsModule() throws {
        let context = try ModuleContext(directory: InstalledKernel.directory)
        let alias = try context.closure(of: ["virtio:d00000009v00001AF4"])
        #expect(alias.last?.name == "9pnet_virtio")
        #expect(try context.closure(of: ["tcm_vhost"]).last?.name == "vhost_scsi")
        #expect(try context.closure(of: ["vhost-scsi"]).last?.name == "vhost_scsi")
    }

    @Test func builtinModulesNeedNoFile() throws {
        let context = try ModuleContext(directory: InstalledKernel.directory)
        #expect(try context.closure(of: ["serio"]).isEmpty)
    }

    @Test func aFileOfTheTreeNeedsWhatItsNameNeeds() throws {
        let context = try ModuleContext(directory: InstalledKernel.directory)
        let byName = try context.closure(of: ["vhost_scsi"])
        let file = try #require(byName.last?.path)
        #expect(try context.closure(of: [file.string]) == byName)
    }

    @Test func aFileElsewhereFindsItsDependenciesInTheTree() throws {
        let context = try ModuleContext(directory: InstalledKernel.directory)
        let byName = try context.closure(of: ["vhost_scsi"])
        let file = try #require(byName.last?.path)
        try TemporaryDirectory.use { directory in
            let copy = directory.appending("renamed.ko")
            try InstalledKernel.copy(file, to: copy)
            let resolved = try context.closure(of: [copy.string])
            #expect(resolved.last == ResolvedModule(name: "vhost_scsi", path: copy))
            #expect(Set(resolved.dropLast()) == Set(byName.dropLast()))
        }
    }

    @Test func anUnknownNameIsToldWithTheNearestOnes() throws {
        let context = try ModuleContext(directory: InstalledKernel.directory)
        let error = #expect(throws: OperationError.self) { try context.closure(of: ["vhost_scsy"]) }
        #expect(error?.errno == .noSuchFileOrDirectory)
        #expect(error?.object == "vhost_scsy")
        #expect(error?.hint?.contains("vhost_scsi") == true)
    }

    @Test func aMissingDirectoryIsToldAsSuch() throws {
        let context = try ModuleContext(directory: "/nonexistent/6.6.6")
        let error = #expect(throws: OperationError.self) { try context.closure(of: ["vhost_scsi"]) }
        #expect(error?.object == "/nonexistent/6.6.6/modules.dep.bin")
        #expect(error?.cause.contains("not installed") == true)
    }
}
