// SPDX-License-Identifier: MIT
import LinuxSystem
import SystemPackage
import Testing

@testable import KernelModule

@Suite(.enabled(if: InstalledKernel.isPresent, InstalledKernel.absence))
struct ModuleInfoTests {
    @Test(arguments: ["vhost_scsi", "e1000e", "ext4", "serio"])
    func agreesWithModinfo(name: String) throws {
        let info = try #require(ModuleContext(directory: InstalledKernel.directory).info(of: name).first)
        for key in [
            "license", "description", "vermagic", "alias", "author", "signer", "sig_key", "firmware",
            "depends",
        ] {
            let expected = try Command.output("modinfo", "-k", InstalledKernel.release ?? "", "-F", key, name)
            let values = info.fields.filter { $0.key == key }.map { $0.value + "\n" }.joined()
            #expect(values == expected, "\(key)")
        }
    }

    @Test func structureFollowsTheFields() throws {
        let context = try ModuleContext(directory: InstalledKernel.directory)
        let info = try #require(context.info(of: "tcm_vhost").first)
        #expect(info.name == "vhost_scsi")
        #expect(info.dependencies == ["vhost", "target_core_mod", "scsi_common"])
        #expect(info.parameters.map(\.name) == ["max_io_vqs"])
        #expect(info.parameters.first?.type == "uint")
        #expect(info.isInTree && !info.isBuiltin)
        #expect(info.vermagic?.hasPrefix("\(InstalledKernel.release ?? "") ") == true)
        #expect(info.signature?.format == "PKCS#7")
        #expect(try context.info(of: "serio").first?.isBuiltin == true)
        #expect(try context.info(of: try #require(info.file)) == [info])
    }

    @Test func aFileThatIsNoModuleIsRefused() throws {
        try TemporaryDirectory.use { directory in
            let file = directory.appending("x.ko")
            try TemporaryDirectory.write("no", to: file)
            let context = try ModuleContext(directory: InstalledKernel.directory)
            let error = #expect(throws: OperationError.self) { try context.info(of: file.string) }
            #expect(error?.object == file.string)
            #expect(error?.cause.contains("not a kernel module") == true)
            #expect(throws: OperationError.self) {
                try context.info(of: directory.appending("absent.ko").string)
            }
        }
    }
}

@Suite struct ModuleFieldsTests {
    @Test func softDependenciesStandBehindTheirMark() {
        let fields = ModuleFields(pairs: [
            ("softdep", "pre: a b post: c"), ("softdep", "d"), ("softdep", "post: e"),
        ])
        #expect(fields.softDependencies.before == ["a", "b"])
        #expect(fields.softDependencies.after == ["c", "e"])
    }

    @Test func aParameterIsJoinedFromItsTwoFields() {
        let fields = ModuleFields(pairs: [
            ("parmtype", "n:int"), ("parm", "n:How many: 1 or 2"), ("parm", "old:Text"),
        ])
        #expect(
            fields.parameters == [
                ModuleParameter(name: "n", type: "int", summary: "How many: 1 or 2"),
                ModuleParameter(name: "old", type: nil, summary: "Text"),
            ]
        )
    }
}
