// SPDX-License-Identifier: MIT
import LinuxSystem
import SystemPackage
import Virtqueue

/// The bitmap of the pages that were written to, in a file of the front-end.
struct LogArea {
    private let mapping: PeerMapping
    private let offset: Int
    private let byteCount: Int

    /// Takes over a bitmap; bytes that make no whole word of 64 bits are left alone.
    ///
    /// - Parameter lost: an eventfd that is signalled when its file was truncated under us.
    init(_ file: PassedDescriptor, offset: UInt64, byteCount: UInt64, lost: PassedDescriptor) throws(Errno) {
        let (end, overflow) = offset.addingReportingOverflow(byteCount)
        guard !overflow, offset % 8 == 0, byteCount >= 8 else { throw .invalidArgument }
        mapping = try PeerMapping(file, byteCount: end, lost: lost)
        self.offset = Int(offset)
        self.byteCount = Int(byteCount / 8 * 8)
    }

    /// Whether the file was truncated under us.
    var isLost: Bool { mapping.isLost }

    /// The log for a ring whose used ring the guest has at this address.
    func log(used: UInt64) -> DirtyLog {
        DirtyLog(mapping, offset: offset, byteCount: byteCount, used: used)
    }
}

/// The request about the dirty log.
extension BackendSession {
    /// Size and offset of the bitmap, 64 bits each, with its file. It has an answer whether one is asked for or not.
    func setLogBase(_ message: VhostUserMessage) throws(VhostUserRefusal) -> VhostUserMessage {
        var fields = try fields(message, 16, rights: 1)
        let (size, offset): (UInt64, UInt64) = (fields.next(), fields.next())
        guard let file = message.rights.first else { throw VhostUserRefusal("SET_LOG_BASE", "no descriptor") }
        let area = try system("SET_LOG_BASE") { () throws(Errno) in
            try LogArea(file, offset: offset, byteCount: size, lost: lost)
        }
        try paused { () throws(VhostUserRefusal) in log = area }
        return message.reply(UInt64(0).littleEndianBytes)
    }
}
