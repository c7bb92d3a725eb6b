// SPDX-License-Identifier: MIT
import LinuxSystem
import SystemPackage
import Testing

@testable import KernelModule

@Suite struct RunningModulesTests {
    static let text = """
        t_cons 16384 0 - Live 0x0000000000000000 (OE)
        t_prov 20480 1 t_cons, Live 0x0000000000000000 (OE)
        t_hold 16384 2 - Live 0x0000000000000000 (OE)
        t_noexit 16384 1 [permanent], Live 0x0000000000000000 (OE)
        t_busy 16384 3 t_cons,t_prov, Loading 0x0000000000000000
        t_stuck 16384 - - Unloading 0x0000000000000000

        """

    private func withModules(_ body: (RunningModules) throws -> Void) throws {
        try TemporaryDirectory.use { directory in
            let list = directory.appending("modules")
            try TemporaryDirectory.write(Self.text, to: list)
            try body(RunningModules(list: list, log: "/nonexistent"))
        }
    }

    @Test func readsEveryColumn() throws {
        try withModules { running in
            let modules = try running.all()
            #expect(modules.map(\.name) == ["t_cons", "t_prov", "t_hold", "t_noexit", "t_busy", "t_stuck"])
            #expect(modules[1].size == 20480)
            #expect(modules[1].holders == ["t_cons"])
            #expect(modules[1].taint == "OE")
            #expect(modules[2].otherUsers == 2)
            #expect(modules[3].isPermanent && modules[3].holders.isEmpty)
            #expect(modules[4].state == .loading && modules[4].otherUsers == 1 && modules[4].taint.isEmpty)
            #expect(modules[5].state == .unloading && modules[5].referenceCount == nil)
        }
    }

    @Test func aKernelWithoutModulesIsToldAsSuch() {
        let error = #expect(throws: OperationError.self) { try RunningModules(list: "/nonexistent").all() }
        #expect(error?.errno == .noSuchFileOrDirectory)
        #expect(error?.cause.contains("CONFIG_MODULES") == true)
    }

    @Test func usersGoFirst() throws {
        try withModules { running in
            let context = try ModuleContext(directory: "/nonexistent", configPaths: [], running: running)
            var options = UnloadOptions()
            options.isDryRun = true
            options.includesDependents = true
            #expect(try context.unload(["t-prov"], options: options).unloaded == ["t_cons", "t_prov"])
        }
    }

    @Test(
        arguments: [
            ("t_prov", "unload t_prov: EAGAIN: it is used by t_cons"),
            ("t_hold", "unload t_hold: EAGAIN: it is in use: use count 2"),
            ("t_busy", "unload t_busy: EAGAIN: it is used by t_cons, t_prov and 1 other user"),
            ("t_noexit", "unload t_noexit: EBUSY: it has no exit function and stays until the next boot"),
            ("t_holt", "unload t_holt: ENOENT: no module of that name is loaded\nloaded is: t_hold"),
        ]
    )
    func whatStaysIsExplained(name: String, message: String) throws {
        try withModules { running in
            let context = try ModuleContext(directory: "/nonexistent", configPaths: [], running: running)
            let error = #expect(throws: OperationError.self) { try context.unload([name]) }
            #expect("\(try #require(error))".hasPrefix(message), "\(String(describing: error))")
        }
    }
}

@Suite struct KernelMessagesTests {
    @Test func aRecordsTextIsWhatFollowsItsHeader() {
        #expect(
            KernelMessages.message(of: "4,900,1234,-;t: Unknown symbol x (err -2)\n")
                == "t: Unknown symbol x (err -2)"
        )
        #expect(KernelMessages.message(of: "6,1,2,-;a;b\n SUBSYSTEM=scsi\n") == "a;b")
        #expect(KernelMessages.message(of: "4,1,2,-;one\\x0atwo\n") == "one two")
    }

    @Test func whatProgramsWriteIsNotTheKernels() {
        // Facility 3 is a daemon's.
        #expect(KernelMessages.message(of: "30,901,1234,-;systemd[1]: hello\n") == nil)
        #expect(KernelMessages.message(of: "no header") == nil)
    }
}
