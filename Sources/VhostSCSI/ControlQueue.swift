// SPDX-License-Identifier: MIT
internal import CVirtqueue
internal import CVirtioSCSI
internal import LinuxSystem
internal import SystemPackage
internal import Virtqueue

/// The driver side of the control ring: task management and asynchronous notification, one request at a time.
final class ControlQueue {
    static let byteCount = 1024

    let ring: DriverRing
    private let memory: GuestAccess
    private let request: GuestBuffer
    private let response: GuestBuffer
    private let table: GuestBuffer
    private var done = [Completion](repeating: Completion(), count: 1)

    init(size: Int, in memory: inout GuestMemory, features: VhostFeatures) throws(Errno) {
        ring = try DriverRing("the control ring", size: size, in: &memory, features: features)
        request = try memory.allocate(64)
        response = try memory.allocate(MemoryLayout<virtio_scsi_cmd_resp>.size)
        table = try memory.allocate(64)
        self.memory = memory.access
    }

    /// Sends a task management function.
    ///
    /// - Returns: the device's answer, `VIRTIO_SCSI_S_*`.
    func manage(_ control: vscsi_control, until deadline: UInt64) throws(OperationError) -> UInt8 {
        var control = control
        var header = virtio_scsi_ctrl_tmf_req()
        // Both structures are ours alone.
        let result = unsafe vscsi_control_build_tmf(&control, &header)
        precondition(result == 0, "LUN \(control.address.lun) has no place in an address")
        memory.write(request) { $0.storeBytes(of: header, as: virtio_scsi_ctrl_tmf_req.self) }
        try exchange(MemoryLayout.size(ofValue: header), 1, deadline)
        let answer = memory.copy(response)
        // Linux 6.1 refuses a bad target with a whole response of a command, whose verdict is its byte 11.
        return answer[11] == UInt8(VIRTIO_SCSI_S_BAD_TARGET) ? answer[11] : answer[0]
    }

    /// Asks which asynchronous events a logical unit reports, or subscribes to some.
    ///
    /// - Returns: the device's answer, `VIRTIO_SCSI_S_*`, and the events that it has.
    func notify(_ control: vscsi_control, until deadline: UInt64) throws(OperationError)
        -> (response: UInt8, events: UInt32)
    {
        var control = control
        var header = virtio_scsi_ctrl_an_req()
        // Both structures are ours alone.
        let result = unsafe vscsi_control_build_an(&control, &header)
        precondition(result == 0, "LUN \(control.address.lun) has no place in an address")
        memory.write(request) { $0.storeBytes(of: header, as: virtio_scsi_ctrl_an_req.self) }
        try exchange(MemoryLayout.size(ofValue: header), 5, deadline)
        return memory.read(response) { bytes in
            // struct virtio_scsi_ctrl_an_resp is packed: four bytes of events, then the answer.
            (
                unsafe bytes.unsafeLoad(fromByteOffset: 4, as: UInt8.self),
                unsafe bytes.unsafeLoad(as: UInt32.self)
            )
        }
    }

    private func exchange(_ bytesOut: Int, _ bytesIn: Int, _ deadline: UInt64) throws(OperationError) {
        // An answer that the device leaves out must not look like an earlier one.
        memory.fill(response, with: [UInt8](repeating: 0xff, count: response.byteCount))
        let pieces: [2 of BufferPiece] = [
            BufferPiece(request.slice(0, bytesOut)), BufferPiece(response.slice(0, bytesIn)),
        ]
        try ring.add(pieces.span, readable: 1, table: table, in: memory, cookie: 0)
        try ring.kick()
        _ = try ring.wait(until: deadline, into: &done)
    }
}
