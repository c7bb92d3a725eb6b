// SPDX-License-Identifier: MIT
import SystemPackage
import Testing

@testable import ConfigReplay
@testable import TargetConfig

/// The fake answers every operation as the kernel did; the same file is held against a kernel in a test VM.
@Suite struct KernelAnswersTests {
    @Test func theFakeAnswersAsTheKernelDid() throws {
        let file = FilePath(#filePath).removingLastComponent().appending("kernel-answers.txt")
        let lines = try LinuxFileSystem().read(file).split(separator: "\n").map(String.init)
        let fake = FakeConfigFS()
        let replay = ConfigReplay(base: FakeConfigFS.base, fileSystem: fake)
        #expect(lines.count > 150)
        for line in lines { #expect(replay.answer(to: line) == line) }
    }
}
