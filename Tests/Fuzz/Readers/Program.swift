// SPDX-License-Identifier: MIT
import Glibc

// libFuzzer has the main function, and calls these two.

/// The program's name says which reader it is to feed; Scripts/fuzz-readers makes a link for each.
@_cdecl("LLVMFuzzerInitialize")
public func initialize(
    _ count: UnsafeMutablePointer<CInt>,
    _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<UnsafeMutablePointer<CChar>>>
) -> CInt {
    // There is always a first argument.
    let name =
        unsafe String(cString: arguments.pointee[0]).split(separator: "/").last.map { String($0) } ?? ""
    guard let reader = Reader(rawValue: name) else {
        print("usage: one of \(Reader.allCases.map(\.rawValue)), and libFuzzer's options")
        exit(2)
    }
    do {
        let fuzzer = try ReaderFuzzer(reader)
        // Before libFuzzer's loop, and never again.
        unsafe ReaderFuzzer.current = fuzzer
    } catch {
        print("\(name): \(error)")
        exit(1)
    }
    return 0
}

/// The bytes are good for this call, and are copied in it.
@_cdecl("LLVMFuzzerTestOneInput")
public func testOneInput(_ bytes: UnsafePointer<UInt8>?, _ size: Int) -> CInt {
    unsafe ReaderFuzzer.current?.run(Array(UnsafeBufferPointer(start: bytes, count: size)))
    return 0
}
