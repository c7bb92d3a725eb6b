// SPDX-License-Identifier: MIT
import Glibc
import LinuxSystem
import SystemPackage
import VhostSCSI
import Virtqueue

/// Stopping, starting anew, and ending without a word.
extension ConformanceCase {
    static let cleanup: [ConformanceCase] = stopping + ending

    private static let stopping: [ConformanceCase] = [
        request(
            "cleanup.stop-in-flight",
            "14 requests and a kick, and the device stopped at once",
            "the index that it gives counts what is used, and nothing is used later",
            "vhost_scsi_flush()"
        ) { rig in
            let before = rig.ring(2).published
            for index in 0..<14 {
                _ = try rig.offer(index % 2 == 0 ? .ready : .inquiry(buffer: 36), Layout(isIndirect: true))
            }
            try rig.kick()
            let base = try rig.stop()[2] ?? 0
            try expect("next available entry", before &+ UInt16(rig.reap().count), base)
            try rig.expectNothingUsed()
        },
        request(
            "cleanup.no-service-after",
            "the device stopped, a request and a kick",
            "nothing is used",
            "vhost_scsi_handle_vq(): no backend"
        ) { rig in
            try rig.stop()
            _ = try rig.offer(.ready)
            try rig.kick()
            try rig.expectNothingUsed()
        },
        request(
            "cleanup.goes-on",
            "6 requests, the device stopped, started at the index that it gave, 6 more",
            "each is answered once",
            "vhost_vring_ioctl(); vhost-user, GET_VRING_BASE"
        ) { rig in
            for _ in 0..<6 { try rig.send(.ready).expectGood() }
            let base = try rig.stop()[2] ?? 0
            try expect("next available entry", rig.ring(2).published, base)
            try rig.resume(2, at: base)
            for _ in 0..<6 { try rig.send(.ready).expectGood() }
        },
        request(
            "cleanup.other-size",
            "the device stopped, and set up with rings of 4 instead of 16",
            "requests are served",
            "vhost_scsi_setup_vq_cmds()"
        ) { rig in
            try rig.stop()
            try rig.startReady([0: .init(size: 4), 1: .init(size: 4), 2: .init(size: 4)])
            for _ in 0..<9 { try rig.send(.ready).expectGood() }
        },
        request(
            "cleanup.other-features",
            "the device stopped, and set up with EVENT_IDX",
            "interrupts go by the used event",
            "vhost_vq_init_access()",
            needs: .eventIndex
        ) { rig in
            try rig.stop()
            try rig.startReady(features: [.version1, .eventIndex])
            let ring = rig.ring(2)
            rig.memory.store(ring.seen &+ 1, at: ring.usedEvent)
            try rig.send(.ready).expectGood()
            try rig.expectNoSignal()
            try rig.send(.ready).expectGood()
            try rig.expectSignal()
        },
        request(
            "cleanup.ten-times",
            "the device stopped and set up anew, ten times",
            "a request is served each time",
            "vhost_scsi_clear_endpoint()"
        ) { rig in
            for _ in 0..<10 {
                try rig.send(.ready).expectGood()
                try rig.stop()
                try rig.startReady([2: .init()])
            }
        },
        request(
            "cleanup.written-stays",
            "WRITE(10), the device stopped and set up anew, READ(10)",
            "the same bytes",
            "vhost_scsi_clear_endpoint()"
        ) { rig in
            try rig.send(.write(70, Pattern.bytes(512, seed: 21))).expectGood()
            try rig.stop()
            try rig.startReady()
            try expect("data", Pattern.bytes(512, seed: 21), try rig.send(.read(70)).data)
        },
        ConformanceCase(
            "cleanup.kick-taken-back",
            "SET_VRING_KICK with none, a request and a signal of the former one",
            "nothing is used",
            "vhost_vring_ioctl()",
            on: [.kernel]
        ) { rig in
            try rig.startReady()
            try rig.port.perform(.event(.kick, 2, .none))
            _ = try rig.offer(.ready)
            try rig.kick()
            try rig.expectNothingUsed()
        },
    ]

    private static let ending: [ConformanceCase] = [
        request(
            "cleanup.closed",
            "the descriptor or connection closed while the device serves",
            "the next one is served",
            "vhost_scsi_release(); vhost-user, Communication"
        ) { rig in
            try rig.expectNextServed()
        },
        request(
            "cleanup.closed-in-flight",
            "14 requests and a kick, and the descriptor or connection closed at once",
            "the next one is served; nothing is used later than that",
            "vhost_scsi_release()"
        ) { rig in
            for _ in 0..<14 { _ = try rig.offer(.inquiry(buffer: 36), Layout(isIndirect: true)) }
            try rig.kick()
            try rig.expectNextServed()
            _ = rig.reap()
            try rig.expectNothingUsed()
        },
        ConformanceCase(
            "cleanup.killed",
            "a process that has 14 requests in flight killed by SIGKILL",
            "the next one is served at once",
            "vhost_scsi_release(); vhost-user, Communication",
            needs: .holder
        ) { rig in
            rig.port.close()
            try rig.killHolder()
            try rig.expectNextServed()
        },
        request(
            "cleanup.closed-half-way",
            "the descriptor or connection closed between setting up and starting",
            "the next one is served",
            "vhost_dev_cleanup()"
        ) { rig in
            rig.port.close()
            let half = try Rig(rig.device)
            try half.prepare([0: .init(), 2: .init()], features: [.version1])
            try half.expectNextServed()
        },
        request(
            "cleanup.closed-broken",
            "head 65535, and the descriptor or connection closed",
            "the next one is served",
            "vhost_scsi_release()"
        ) { rig in
            rig.offer([65535])
            try rig.kick()
            try rig.expectNextServed()
        },
    ]
}

extension Rig {
    /// Starts a process that holds the device, and kills it once it does.
    fileprivate func killHolder() throws {
        let child = try ChildProcess.spawn(arguments: device.holder ?? [], environment: [])
        let streams = [child.input, child.output, child.errorOutput]
        defer { for stream in streams { do { try stream.close() } catch { /* It was open. */  } } }
        var waits = [pollfd(fd: child.output.rawValue, events: Int16(POLLIN), revents: 0)]
        try SystemCalls.poll(&waits, milliseconds: 10_000)
        let said = waits[0].revents == 0 ? [] : try child.output.readBytes(upTo: 64)
        try SystemCalls.send(SIGKILL, to: child.processID)
        SystemCalls.wait(for: child.processID)
        try expect("what the process said", ConformanceSuite.held, String(decoding: said, as: UTF8.self))
    }

    /// Starts a ring where it was stopped.
    fileprivate func resume(_ number: Int, at base: UInt16) throws {
        try port.perform(.ringBase(number, UInt32(base)))
        if port.transport == .socket {
            try port.perform(.event(.kick, number, passed(ring(number).events.kick)))
        }
        try port.start([number])
    }
}
