// SPDX-License-Identifier: MIT
internal import CLinux
internal import Glibc
public import SystemPackage

extension SystemCalls {
    /// A descriptor that becomes readable when the kernel announces that an object is there (`NETLINK_KOBJECT_UEVENT`),
    /// and whenever it comes again; nothing else that is announced wakes whoever waits for it.
    ///
    /// - Parameter object: its path below `/sys`, such as `/module/configfs`.
    public static func kernelEventDescriptor(of object: String) throws(Errno) -> FileDescriptor {
        let kind = CInt(SOCK_RAW.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue)
        let events = try result(socket(AF_NETLINK, kind, NETLINK_KOBJECT_UEVENT))
        try accept(beginning: Array("add@\(object)\0".utf8), on: events)
        // Group 1 is the kernel's own announcements.
        var address = sockaddr_nl(nl_family: UInt16(AF_NETLINK), nl_pad: 0, nl_pid: 0, nl_groups: 1)
        let length = socklen_t(MemoryLayout<sockaddr_nl>.size)
        try result(
            unsafe withUnsafePointer(to: &address) { address in
                unsafe address.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    unsafe bind(events, $0, length)
                }
            }
        )
        return FileDescriptor(rawValue: events)
    }

    /// Has the kernel drop messages to a socket that begin otherwise (`SO_ATTACH_FILTER`).
    private static func accept(beginning: [UInt8], on socket: CInt) throws(Errno) {
        let (load, compare) = (UInt16(BPF_LD | BPF_B | BPF_ABS), UInt16(BPF_JMP | BPF_JEQ | BPF_K))
        var program: [sock_filter] = []
        for (place, byte) in beginning.enumerated() {
            let toRefusal = UInt8(2 * (beginning.count - place) - 1)
            program.append(sock_filter(code: load, jt: 0, jf: 0, k: UInt32(place)))
            program.append(sock_filter(code: compare, jt: 0, jf: toRefusal, k: UInt32(byte)))
        }
        for length in [UInt32.max, 0] {
            program.append(sock_filter(code: UInt16(BPF_RET | BPF_K), jt: 0, jf: 0, k: length))
        }
        let size = unsafe socklen_t(MemoryLayout<sock_fprog>.size)
        let status = unsafe program.withUnsafeMutableBufferPointer { code in
            // The kernel copies the program.
            var filter = unsafe sock_fprog(len: UInt16(code.count), filter: code.baseAddress)
            return unsafe setsockopt(socket, SOL_SOCKET, SO_ATTACH_FILTER, &filter, size)
        }
        try result(status)
    }
}
