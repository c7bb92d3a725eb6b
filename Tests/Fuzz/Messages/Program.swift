// SPDX-License-Identifier: MIT
import Glibc

// libFuzzer has the main function, and calls this.

/// The bytes are good for this call, and are copied in it.
@_cdecl("LLVMFuzzerTestOneInput")
public func testOneInput(_ bytes: UnsafePointer<UInt8>?, _ size: Int) -> CInt {
    let before = SessionFuzzer.descriptors()
    let input = unsafe Array(UnsafeBufferPointer(start: bytes, count: size))
    SessionFuzzer.run(input)
    let after = SessionFuzzer.descriptors()
    // What a front-end handed over goes when it goes.
    precondition(after == before, "\(after) descriptors are open, \(before) were")
    return 0
}
