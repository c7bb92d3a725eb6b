// SPDX-License-Identifier: MIT
import LinuxSystem
import VhostSCSI
import Virtqueue

/// When the device interrupts.
extension ConformanceCase {
    static let signals: [ConformanceCase] = [
        ConformanceCase("signal.plain", "a request, without EVENT_IDX", "an interrupt", "vhost_notify()") {
            rig in
            try rig.startReady()
            try rig.send(.ready).expectGood()
            try rig.expectSignal()
        },
        ConformanceCase(
            "signal.suppressed",
            "a request with NO_INTERRUPT in the available ring",
            "none",
            "vhost_notify(); virtio 1.2, 2.7.7"
        ) {
            rig in
            try rig.startReady()
            rig.memory.store(1 as UInt16, at: rig.ring(2).availableFlags)
            try rig.send(.ready).expectGood()
            try rig.expectNoSignal()
        },
        ConformanceCase(
            "signal.on-empty",
            "NOTIFY_ON_EMPTY, and the last request with NO_INTERRUPT",
            "an interrupt",
            "vhost_notify()",
            needs: .notifyOnEmpty
        ) { rig in
            try rig.startReady(features: [.version1, .notifyOnEmpty])
            rig.memory.store(1 as UInt16, at: rig.ring(2).availableFlags)
            try rig.send(.ready).expectGood()
            try rig.expectSignal()
        },
        ConformanceCase(
            "signal.event-first",
            "the first request of all, with a used event that is far away",
            "an interrupt",
            "vhost_notify(): signalled_used_valid",
            needs: .eventIndex
        ) { rig in
            try rig.start(features: [.version1, .eventIndex])
            rig.want(20000)
            _ = try rig.send(.ready)
            try rig.expectSignal()
        },
        ConformanceCase(
            "signal.event-next",
            "a request whose used entry is the used event",
            "an interrupt",
            "vring_need_event()",
            needs: .eventIndex
        ) { rig in
            try rig.startReady(features: [.version1, .eventIndex])
            rig.want(rig.ring(2).seen)
            try rig.send(.ready).expectGood()
            try rig.expectSignal()
        },
        ConformanceCase(
            "signal.event-later",
            "a request whose used entry is the one before the used event",
            "none",
            "vring_need_event()",
            needs: .eventIndex
        ) { rig in
            try rig.startReady(features: [.version1, .eventIndex])
            rig.want(rig.ring(2).seen &+ 1)
            try rig.send(.ready).expectGood()
            try rig.expectNoSignal()
        },
        ConformanceCase(
            "signal.event-past",
            "a request whose used entry is behind the used event",
            "none",
            "vring_need_event()",
            needs: .eventIndex
        ) { rig in
            try rig.startReady(features: [.version1, .eventIndex])
            rig.want(rig.ring(2).seen &- 1)
            try rig.send(.ready).expectGood()
            try rig.expectNoSignal()
        },
        ConformanceCase(
            "signal.event-wraps",
            "requests with the used event at 65535 and at 0",
            "an interrupt each",
            "vring_need_event()",
            needs: .eventIndex
        ) { rig in
            try rig.startReady([2: .init(base: 65500)], features: [.version1, .eventIndex])
            rig.want(10000)
            while rig.ring(2).seen != 65535 { try rig.send(.ready).expectGood() }
            try rig.expectNoSignal()
            for event in [65535, 0] as [UInt16] {
                rig.want(event)
                try rig.send(.ready).expectGood()
                try rig.expectSignal()
            }
        },
        ConformanceCase(
            "signal.event-flags-ignored",
            "EVENT_IDX, NO_INTERRUPT, and a used event that is reached",
            "an interrupt",
            "vhost_notify(); virtio 1.2, 2.7.7",
            needs: .eventIndex
        ) { rig in
            try rig.startReady(features: [.version1, .eventIndex])
            rig.memory.store(1 as UInt16, at: rig.ring(2).availableFlags)
            rig.want(rig.ring(2).seen)
            try rig.send(.ready).expectGood()
            try rig.expectSignal()
        },
        ConformanceCase(
            "signal.other-eventfd",
            "SET_VRING_CALL with another eventfd, and a request",
            "an interrupt there",
            "vhost_vring_ioctl(); vhost-user, SET_VRING_CALL"
        ) { rig in
            try rig.startReady()
            let other = try EventFD()
            try rig.port.perform(.event(.call, 2, rig.passed(other)))
            // A new one may be signalled for what the former one was.
            SystemCalls.sleep(microseconds: 1000)
            try other.drain()
            try rig.send(.ready).expectGood()
            try expect("interrupt", true, try rig.wait { try other.drain() > 0 })
            try rig.expectNoSignal()
        },
        ConformanceCase(
            "signal.none",
            "SET_VRING_CALL with none, and a request",
            "answered without an interrupt",
            "vhost_signal()"
        ) { rig in
            try rig.startReady()
            try rig.port.perform(.event(.call, 2, .none))
            try rig.ring(2).events.call.drain()
            try rig.send(.ready).expectGood()
            try rig.expectNoSignal()
        },
        ConformanceCase(
            "signal.of-its-ring",
            "a request in ring 3",
            "an interrupt of ring 3, and none of ring 2",
            "vhost_signal()"
        ) { rig in
            try rig.startReady([2: .init(), 3: .init()])
            try rig.send(.ready, nil, 3).expectGood()
            try rig.expectSignal(3)
            try rig.expectNoSignal(2)
        },
    ]
}

extension Rig {
    /// Sets the used event of the request ring.
    fileprivate func want(_ event: UInt16) { memory.store(event, at: ring(Self.request).usedEvent) }
}
