// SPDX-License-Identifier: MIT
import LinuxSystem
public import SystemPackage

/// How QEMU runs the guest's instructions.
public enum Acceleration: Equatable, Sendable, CustomStringConvertible {
    /// The processor runs them; how long the probe's loop took.
    case kvm(probe: Duration)
    /// QEMU translates them, because KVM is absent or of no use; the reason in words.
    case tcg(reason: String)

    /// What this host offers.
    ///
    /// That `/dev/kvm` opens proves nothing: on some hosts it is an instruction emulator, far slower than TCG. So a
    /// tiny guest runs a loop of 10,000 iterations in real mode, as a boot does at its start. Real hardware needs
    /// well under a millisecond for it.
    public static func probe(device: FilePath = "/dev/kvm") -> Acceleration {
        do {
            let time = try KVMProbeMachine(device: device).run(goal: limit)
            if time <= limit { return .kvm(probe: time) }
            return .tcg(
                reason:
                    "\(device) is an emulator: its probe took \(time.milliseconds) ms, at most \(limit.milliseconds) are of use"
            )
        } catch {
            return .tcg(reason: "\(error)")
        }
    }

    /// What this host offers, probed once for each boot of it.
    static func probe(cache: Cache) async throws -> Acceleration {
        Acceleration(stored: try await cache.line("acceleration") { probe().stored }) ?? probe()
    }

    /// One line for the cache.
    private var stored: String {
        switch self {
        case .kvm(let probe): "kvm \(probe / .nanoseconds(1))"
        case .tcg(let reason): "tcg \(reason)"
        }
    }

    private init?(stored: String) {
        let words = stored.split(separator: " ", maxSplits: 1).map(String.init)
        guard words.count == 2 else { return nil }
        switch words[0] {
        case "kvm": self = .kvm(probe: .nanoseconds(Int64(Double(words[1]) ?? 0)))
        case "tcg": self = .tcg(reason: words[1])
        default: return nil
        }
    }

    /// `kvm` or `tcg`.
    public var name: String {
        switch self {
        case .kvm: "kvm"
        case .tcg: "tcg"
        }
    }

    public var description: String {
        switch self {
        case .kvm: "kvm"
        case .tcg(let reason): "tcg (\(reason))"
        }
    }

    /// More than this for the loop, and TCG is faster.
    static let limit = Duration.milliseconds(2)
}

extension Duration {
    /// Whole milliseconds, rounded down.
    public var milliseconds: Int64 {
        components.seconds * 1000 + components.attoseconds / 1_000_000_000_000_000
    }
}
