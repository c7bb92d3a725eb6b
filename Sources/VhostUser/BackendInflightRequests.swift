// SPDX-License-Identifier: MIT
import LinuxSystem
import SystemPackage

/// Requests about the in-flight area.
extension BackendSession {
    /// The payload of the two requests about the in-flight area: size and offset of 64 bits, then number of rings and
    /// entries of each, 16 bits; QEMU's structure is padded to 24 bytes.
    func inflightShape(_ message: VhostUserMessage) throws(VhostUserRefusal) -> (
        offset: UInt64, queues: Int, size: Int
    ) {
        guard (20...24).contains(message.payload.count) else {
            throw VhostUserRefusal("in-flight area", "a payload of \(message.payload.count) bytes")
        }
        var fields = WireFields(message.payload)
        _ = fields.next(UInt64.self)
        let offset: UInt64 = fields.next()
        let queues = Int(fields.next(UInt16.self))
        let size = Int(fields.next(UInt16.self))
        guard (1...rings.count).contains(queues), (1...32768).contains(size) else {
            throw VhostUserRefusal("in-flight area", "\(queues) rings of \(size) entries")
        }
        return (offset, queues, size)
    }

    func getInflight(_ message: VhostUserMessage) throws(VhostUserRefusal) -> VhostUserMessage {
        let shape = try inflightShape(message)
        let area = try system("GET_INFLIGHT_FD") { () throws(Errno) in
            try InflightArea(queueCount: shape.queues, queueSize: shape.size)
        }
        let padding = [UInt8](repeating: 0, count: message.payload.count - 20)
        return message.reply(area.encoded + padding, rights: [area.file])
    }

    func setInflight(_ message: VhostUserMessage) throws(VhostUserRefusal) {
        let shape = try inflightShape(message)
        guard message.rights.count == 1, let file = message.rights.first else {
            throw VhostUserRefusal("SET_INFLIGHT_FD", "\(message.rights.count) descriptors instead of 1")
        }
        let area = try system("SET_INFLIGHT_FD") { () throws(Errno) in
            try InflightArea(
                file,
                offset: shape.offset,
                queueCount: shape.queues,
                queueSize: shape.size,
                lost: lost
            )
        }
        try paused { () throws(VhostUserRefusal) in inflight = area }
    }
}
