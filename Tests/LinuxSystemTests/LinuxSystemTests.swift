// SPDX-License-Identifier: MIT
import LinuxSystem
import SystemPackage
import Testing

@Suite struct OperationErrorTests {
    @Test func namesOperationObjectErrnoAndCause() {
        let error = OperationError("write", "vhost/naa.1/tpgt_1/nexus", errno: .fileExists, hint: "drop it first")
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
