// SPDX-License-Identifier: MIT
internal import Glibc
public import SystemPackage

extension FileDescriptor {
    /// Passes `bytes` to a device's ioctl and returns them as the kernel left them.
    ///
    /// The corresponding C function is `ioctl`. It is repeated when a signal interrupts it.
    ///
    /// - Parameters:
    ///   - request: the number that `_IO`, `_IOW` or `_IOR` made.
    ///   - bytes: the argument's storage; the caller gives it the size that `request` encodes. Empty for `_IO`.
    /// - Returns: the ioctl's result, 0 or more.
    @discardableResult
    public func control(_ request: UInt, _ bytes: inout [UInt8]) throws(Errno) -> CInt {
        while true {
            // The pointer is used for the call only, and the kernel touches no more than `request` encodes.
            let result = unsafe bytes.withUnsafeMutableBytes { storage in
                guard let argument = storage.baseAddress else { return Glibc.ioctl(rawValue, request) }
                return unsafe Glibc.ioctl(rawValue, request, argument)
            }
            if result >= 0 { return result }
            let error = Errno(rawValue: Glibc.errno)
            if error != .interrupted { throw error }
        }
    }
}
