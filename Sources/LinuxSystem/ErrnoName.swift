// SPDX-License-Identifier: MIT
import CLinux
public import SystemPackage

extension Errno {
    /// The symbol that `errno.h` gives this number, such as `EINVAL`; the number itself where it gives none.
    ///
    /// The corresponding C function is `strerrorname_np`.
    public var symbol: String {
        guard let name = unsafe strerrorname_np(rawValue) else { return "errno \(rawValue)" }
        return unsafe String(cString: name)
    }

    /// The value that the C core's `0 or -errno` result stands for, thrown when it is an error.
    ///
    /// - Parameter result: what a function of the C core returned: 0 or more, or `-errno`.
    /// - Returns: `result` when it is 0 or more.
    @discardableResult
    public static func check(_ result: CInt) throws(Errno) -> CInt {
        if result < 0 { throw Errno(rawValue: -result) }
        return result
    }
}
