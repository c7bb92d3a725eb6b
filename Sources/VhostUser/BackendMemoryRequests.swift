// SPDX-License-Identifier: MIT
import LinuxSystem
import SystemPackage

/// Requests about the front-end's memory.
extension BackendSession {
    func changeMemory(_ request: VhostUserRequest, _ message: VhostUserMessage) throws(VhostUserRefusal) {
        if request == .setMemoryTable { return try setMemoryTable(message) }
        guard message.payload.count == 8 + MemoryRegion.wireBytes else {
            throw VhostUserRefusal(request.name, "a payload of \(message.payload.count) bytes")
        }
        var fields = WireFields(message.payload)
        _ = fields.next(UInt64.self)
        let region = MemoryRegion(&fields)
        if request == .removeMemoryRegion {
            return try paused { () throws(VhostUserRefusal) in try memory.remove(region) }
        }
        guard message.rights.count == 1, let file = message.rights.first else {
            throw VhostUserRefusal(request.name, "\(message.rights.count) descriptors instead of 1")
        }
        try paused { () throws(VhostUserRefusal) in try memory.add(region, file) }
    }

    func setMemoryTable(_ message: VhostUserMessage) throws(VhostUserRefusal) {
        var fields = WireFields(message.payload)
        let count = Int(fields.next(UInt32.self))
        _ = fields.next(UInt32.self)
        guard (1...8).contains(count), message.payload.count == 8 + count * MemoryRegion.wireBytes else {
            throw VhostUserRefusal("SET_MEM_TABLE", "\(count) regions in \(message.payload.count) bytes")
        }
        guard message.rights.count == count else {
            throw VhostUserRefusal(
                "SET_MEM_TABLE",
                "\(message.rights.count) descriptors for \(count) regions"
            )
        }
        let regions = (0..<count).map { _ in MemoryRegion(&fields) }
        try paused { () throws(VhostUserRefusal) in try memory.replace(regions, message.rights) }
    }
}
