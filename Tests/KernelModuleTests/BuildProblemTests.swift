// SPDX-License-Identifier: MIT
import KernelModule
import Testing

@Suite struct BuildProblemTests {
    @Test func linesOfCompilerModpostAndMakeAreRead() throws {
        let compiler = try #require(BuildProblem("/src/a.c:12:5: error: 'x' undeclared"))
        #expect(compiler.file == "/src/a.c")
        #expect(compiler.line == 12)
        #expect(compiler.message == "'x' undeclared")
        let modpost = try #require(BuildProblem("ERROR: modpost: \"no_such\" [/src/a.ko] undefined!"))
        #expect(modpost.file == "/src/a.ko")
        #expect(modpost.message == "no_such is not exported by this kernel or any of its modules")
        #expect(BuildProblem("WARNING: modpost: missing MODULE_LICENSE() in /src/a.o")?.kind == .warning)
        #expect(BuildProblem("  CC [M]  /src/a.o") == nil)
        #expect(BuildProblem("note: error: is not at a place") == nil)
    }

    @Test func makeIsHeardOnlyWhereNobodyElseSaysWhy() {
        let failed = "make[1]: *** [Makefile:1: a.o] Error 1"
        #expect(BuildProblem.all(in: failed).map(\.message) == ["make: [Makefile:1: a.o] Error 1"])
        let explained = "a.c:1:1: error: no\na.c:1:1: error: no\n\(failed)\n"
        #expect(BuildProblem.all(in: explained).map(\.message) == ["no"])
    }
}
