// SPDX-License-Identifier: MIT
import Glibc
import LinuxSystem
import Synchronization
import SystemPackage
import Testing

@Suite struct OperationErrorTests {
    @Test func namesOperationObjectErrnoAndCause() {
        let error = OperationError(
            "write",
            "vhost/naa.1/tpgt_1/nexus",
            errno: .fileExists,
            hint: "drop it first"
        )
        #expect("\(error)" == "write vhost/naa.1/tpgt_1/nexus: EEXIST: File exists\ndrop it first")
        #expect("\(OperationError("load", "foo", cause: "no such module"))" == "load foo: no such module")
    }

    @Test func checkTurnsANegativeErrnoIntoAThrow() throws {
        #expect(try Errno.check(3) == 3)
        #expect(throws: Errno.noSpace) { try Errno.check(-28) }
    }

    @Test func anUnknownNumberKeepsItsNumber() {
        #expect(Errno(rawValue: 9999).symbol == "errno 9999")
    }
}

@Suite struct FilesTests {
    @Test func entryNamesAreSortedAndComplete() throws {
        let names = try FilePath("/proc/self").entryNames()
        #expect(names.contains("status") && names.contains("fd"))
        #expect(names == names.sorted())
        #expect(!names.contains("."))
        #expect(throws: Errno.noSuchFileOrDirectory) { try FilePath("/proc/nothing-here").entryNames() }
    }

    @Test func readAllReadsFilesThatDoNotKnowTheirSize() throws {
        #expect(try FilePath("/proc/self/status").readText().contains("\nPid:"))
        #expect(throws: Errno.noSuchFileOrDirectory) { try FilePath("/proc/nothing-here").readAll() }
    }
}

@Suite struct ChildProcessTests {
    @Test func runsAProgramWithItsStreamsAndEnvironment() throws {
        let child = try ChildProcess.spawn(
            arguments: ["sh", "-c", "read line; echo \"$line $A\"; echo e >&2; exit 7"],
            environment: ["A=b"]
        )
        try child.input.writeAll("in\n".utf8)
        try child.input.close()
        #expect(String(decoding: try child.output.readBytes(upTo: 100), as: UTF8.self) == "in b\n")
        #expect(String(decoding: try child.errorOutput.readBytes(upTo: 100), as: UTF8.self) == "e\n")
        var status: Int32 = 0
        #expect(unsafe waitpid(child.processID, &status, 0) == child.processID)
        #expect(status >> 8 == 7)
    }

    @Test func aProgramThatIsNotThereIsAnError() {
        #expect(throws: Errno.noSuchFileOrDirectory) {
            try ChildProcess.spawn(arguments: ["/nothing/here"], environment: [])
        }
    }
}

@Suite struct ProcessorSetTests {
    @Test func hasNumbersThatTheCLibraryHas() {
        for numbers in [[], [-1], [0, 1024]] { #expect(ProcessorSet(numbers) == nil) }
        #expect(ProcessorSet([3, 1, 3])?.description == "1,3")
    }

    @Test func bindsOneThread() throws {
        let status = Mutex("")
        let thread = try WorkerThread(name: "bound") {
            do {
                try ProcessorSet([0])?.bind()
                let text = try FilePath("/proc/thread-self/status").readText()
                status.withLock { $0 = text }
            } catch {
                status.withLock { $0 = "\(error)" }
            }
        }
        thread.join()
        #expect(status.withLock { $0 }.contains("\nCpus_allowed_list:\t0\n"))
        #expect(throws: Errno.invalidArgument) { try ProcessorSet([1023])?.bind() }
        try ProcessorSet.all.bind()
    }
}
