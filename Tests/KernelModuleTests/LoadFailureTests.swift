// SPDX-License-Identifier: MIT
import LinuxSystem
import SystemPackage
import Testing

@testable import KernelModule

/// The kernel's messages are those of 6.1, taken from real refusals.
@Suite struct LoadFailureTests {
    @Test(
        arguments: [
            (
                Errno.invalidArgument, ["t: `abc' invalid for parameter `n'"],
                "load t: EINVAL: 'abc' is invalid for parameter n"
            ),
            (
                .noSpace, ["t: `aaaa' too large for parameter `text'"],
                "load t: ENOSPC: 'aaaa' is too large for parameter text"
            ),
            (
                .execFormatError, ["t: version magic '6.1.0-99 SMP ' should be '6.1.0-56 SMP '"],
                "load t: ENOEXEC: it was built for '6.1.0-99 SMP', the running kernel is '6.1.0-56 SMP'"
            ),
            (
                .invalidArgument,
                ["t: disagrees about version of symbol f", "t: Unknown symbol f (err -22)"],
                "load t: EINVAL: it was built against another version of f"
            ),
            (
                .execFormatError, ["t: exports duplicate symbol f (owned by u)"],
                "load t: ENOEXEC: it exports f, which u exports already"
            ),
            (
                .notPermitted,
                ["Lockdown: modprobe: unsigned module loading is restricted; see man kernel_lockdown.7"],
                "load t: EPERM: the kernel is locked down and takes signed modules only"
            ),
            (
                Errno(rawValue: 129), ["Loading of unsigned module is rejected"],
                "load t: EKEYREJECTED: its signature is missing, broken, or of a key that the kernel does not trust"
            ),
            (
                .noSuchFileOrDirectory, [],
                "load t: ENOENT: its init function returned ENOENT (No such file or directory)"
            ),
            (.fileExists, [], "load t: EEXIST: its init function returned EEXIST, and it is not loaded"),
        ] as [(Errno, [String], String)]
    )
    func isToldInWords(errno: Errno, messages: [String], text: String) {
        let error = LoadFailure(module: "t", errno: errno, messages: messages).error
        #expect("\(error)".hasPrefix(text), "\(error)")
        for message in messages { #expect(error.hint?.contains("kernel: \(message)") == true) }
    }

    @Test(arguments: [Errno.noSuchFileOrDirectory, .invalidArgument, .noSpace])
    func withoutTheLogNothingIsAsserted(errno: Errno) {
        let error = LoadFailure(module: "t", errno: errno, messages: [], isLogReadable: false).error
        #expect(
            error.cause
                == "its init function failed, a symbol is unknown or a parameter is bad; the log is not readable"
        )
        #expect(error.hint == "see: dmesg")
    }

    @Test func whetherTheLogIsReadIsKnown() {
        for (log, isReadable) in [("/nonexistent", false), ("/dev/null", true)] {
            let messages = KernelMessages(log: FilePath(log))
            let answer = messages.isReadable
            #expect(answer == isReadable)
        }
    }

    @Test func unknownSymbolsNameTheirProviders() {
        var failure = LoadFailure(
            module: "t",
            errno: .noSuchFileOrDirectory,
            messages: [
                "t: Unknown symbol f (err -2)", "t: Unknown symbol g (err -2)",
                "t: Unknown symbol f (err -2)",
            ]
        )
        #expect(failure.unknownSymbols == ["f", "g"])
        failure.providers = ["f": ["u"], "g": []]
        #expect(failure.error.cause == "unknown symbol f (provided by u), g")
        #expect(failure.error.hint?.hasPrefix("load first: u\n") == true)
    }
}
