// SPDX-License-Identifier: MIT
public import LinuxSystem

/// An attribute of a backstore that can be set: `target/core/<plugin>_<n>/<name>/attrib/<attribute>`.
///
/// The rules are those of Linux 6.1 with the attributes that came later. What the kernel answers in one word is
/// refused here in a sentence.
public struct BackstoreAttribute: Sendable {
    /// Which numbers the kernel takes.
    enum Rule {
        case range(ClosedRange<UInt64>)
        case oneOf([UInt64])
        /// Only what it has already.
        case fixed
    }

    public let name: String
    let rule: Rule
    /// Cannot be changed while a LUN exports the backstore.
    let isLocked: Bool

    private init(_ name: String, _ rule: Rule = .range(0...1), locked: Bool = false) {
        (self.name, self.rule, isLocked) = (name, rule, locked)
    }

    private static let word: Rule = .range(0...UInt64(UInt32.max))

    /// Every attribute that can be set, in the order in which the kernel takes them.
    static let all: [BackstoreAttribute] = [
        BackstoreAttribute("alua_support", .fixed),
        BackstoreAttribute("block_size", .oneOf([512, 1024, 2048, 4096]), locked: true),
        BackstoreAttribute("cmd_time_out", .range(0...UInt64(UInt32.max) / 1000), locked: true),
        BackstoreAttribute("emulate_3pc"),
        BackstoreAttribute("emulate_caw"),
        BackstoreAttribute("emulate_dpo"),
        BackstoreAttribute("emulate_fua_read"),
        BackstoreAttribute("emulate_fua_write"),
        BackstoreAttribute("emulate_model_alias", locked: true),
        BackstoreAttribute("emulate_pr"),
        BackstoreAttribute("emulate_rest_reord", .oneOf([0])),
        BackstoreAttribute("emulate_rsoc"),
        BackstoreAttribute("emulate_tas", locked: true),
        BackstoreAttribute("emulate_tpu"),
        BackstoreAttribute("emulate_tpws"),
        BackstoreAttribute("emulate_ua_intlck_ctrl", .range(0...2), locked: true),
        BackstoreAttribute("emulate_write_cache"),
        BackstoreAttribute("enforce_pr_isids"),
        BackstoreAttribute("force_pr_aptpl", locked: true),
        BackstoreAttribute("is_nonrot"),
        BackstoreAttribute("max_unmap_block_desc_count", word),
        BackstoreAttribute("max_unmap_lba_count", word),
        BackstoreAttribute("max_write_same_len", word),
        BackstoreAttribute("optimal_sectors", word, locked: true),
        BackstoreAttribute("pgr_support", .fixed),
        BackstoreAttribute("pi_prot_type", .oneOf([0, 1, 3]), locked: true),
        BackstoreAttribute("pi_prot_verify"),
        BackstoreAttribute("queue_depth", .range(1...UInt64(UInt32.max)), locked: true),
        BackstoreAttribute("submit_type", .range(0...2)),
        BackstoreAttribute("tmr_notification"),
        BackstoreAttribute("unmap_granularity", word),
        BackstoreAttribute("unmap_granularity_alignment", word),
        BackstoreAttribute("unmap_zeroes_data", locked: true),
    ]

    /// The names of those that can be set to more than one value.
    static let settable: [String] = all.filter { attribute in
        if case .fixed = attribute.rule { return false }
        return true
    }.map(\.name)

    /// The values that Linux 6.1 gives a new backstore, where they are not 0. What is a device's own is not among them.
    static func defaults(for spec: BackstoreSpec) -> [String: String] {
        var values = [
            "block_size": "512", "emulate_3pc": "1", "emulate_caw": "1", "emulate_dpo": "1",
            "emulate_fua_read": "1",
            "emulate_fua_write": "1", "emulate_pr": "1", "emulate_tas": "1", "enforce_pr_isids": "1",
            "queue_depth": "128",
        ]
        switch spec {
        case .ramdisk: values.merge(["is_nonrot": "1", "optimal_sectors": "4294967288"]) { $1 }
        case .file(_, _, let mode):
            let file = [
                "max_unmap_block_desc_count": "1", "max_unmap_lba_count": "8192",
                "max_write_same_len": "4096",
                "optimal_sectors": "16384", "unmap_granularity": "1",
            ]
            values.merge(file) { $1 }
            if mode == .buffered { values["emulate_write_cache"] = "1" }
        case .user: values["cmd_time_out"] = "30"
        case .block, .pscsi: break
        }
        return values
    }

    /// Values in an order in which a new backstore takes them: larger blocks lower what `optimal_sectors` can be set to,
    /// but leave it as it is.
    static func ordered(_ values: [String: String]) -> [(key: String, value: String)] {
        func rank(_ name: String) -> String { name == "optimal_sectors" ? "" : name }
        return values.sorted { rank($0.key) < rank($1.key) }
    }

    /// Whether Linux 6.1 or a later one has the attribute for that kind of backstore.
    private func exists(for spec: BackstoreSpec) -> Bool {
        let own = ["cmd_time_out", "tmr_notification"]
        return switch spec {
        case .ramdisk, .file, .block: !own.contains(name)
        case .user:
            (own + ["emulate_pr", "emulate_write_cache", "enforce_pr_isids", "force_pr_aptpl"]).contains(name)
        case .pscsi: name == "emulate_pr"
        }
    }

    private static let byName = Dictionary(uniqueKeysWithValues: all.map { ($0.name, $0) })

    /// Whether it cannot be changed while a LUN exports the backstore; the serial is no attribute but has the same lock.
    static func isLocked(_ name: String) -> Bool { byName[name]?.isLocked ?? false }

    /// What is wrong with a value for a backstore of that kind; nil where nothing is.
    static func fault(_ name: String, _ text: String, for spec: BackstoreSpec) -> String? {
        guard let attribute = byName[name] else { return unknown(name) }
        guard let number = Decimal.value(of: text) else {
            return "\(name) is '\(text)', not a decimal number"
        }
        if let fault = attribute.fault(number) { return fault }
        guard attribute.exists(for: spec) else { return "this kind of backstore has no \(name)" }
        if number == 1, let lack = lack(name, of: spec) { return "\(name) is 1, but \(lack)" }
        guard let limit = DeviceLimits(ofKind: spec).exceeded(name, by: number) else { return nil }
        return "\(name) is \(number), above the \(limit) of this kind of backstore"
    }

    /// What needs a device that gives space back.
    static let discarding = ["emulate_tpu", "emulate_tpws", "unmap_zeroes_data"]

    private static func lack(_ name: String, of spec: BackstoreSpec) -> String? {
        switch spec {
        case .ramdisk where discarding.contains(name): "a ramdisk cannot discard"
        case .block where name == "emulate_write_cache": "a device has a write cache of its own or none"
        default: nil
        }
    }

    private func fault(_ number: UInt64) -> String? {
        switch rule {
        case .range(let range) where !range.contains(number):
            "\(name) is \(number), not from \(range.lowerBound) to \(range.upperBound)"
        case .oneOf(let numbers) where !numbers.contains(number):
            "\(name) is \(number), not " + Self.alternatives(numbers)
        default: nil
        }
    }

    /// What it can be set to, in words.
    var allowed: String {
        let numbers =
            switch rule {
            case .range(let range): "\(range.lowerBound) to \(range.upperBound)"
            case .oneOf(let numbers): Self.alternatives(numbers)
            case .fixed: "nothing else"
            }
        return isLocked ? "\(numbers), without a LUN" : numbers
    }

    private static func alternatives(_ numbers: [UInt64]) -> String {
        let words = numbers.map(String.init)
        return words.count < 2
            ? words.joined() : "\(words.dropLast().joined(separator: ", ")) or \(words[words.count - 1])"
    }

    private static func unknown(_ name: String) -> String {
        if name.hasPrefix("hw_") { return "\(name) is the device's own and cannot be set" }
        if name == "pi_prot_format" { return "pi_prot_format is an action, not a setting" }
        return "'\(name)' is no attribute of a backstore"
    }
}

/// An attribute of a backstore, its value, and what it could be.
public struct AttributeDescription: Sendable, Encodable {
    public var name: String
    public var value: String
    /// What Linux 6.1 gives a new backstore of this kind; nil where that is the device's own.
    public var `default`: String?
    /// The values that the kernel takes, in words.
    public var allowed: String
}

extension TargetTree {
    /// The attributes of a backstore that can be set, with their values, their defaults and what they could be.
    public func describedAttributes(of backstore: Backstore) throws(OperationError) -> [AttributeDescription]
    {
        var defaults: [String: String]?
        switch backstore.spec {
        case .ramdisk?, .file?, .user?: defaults = backstore.spec.map { BackstoreAttribute.defaults(for: $0) }
        default: break
        }
        let values = Dictionary(
            uniqueKeysWithValues: try attributes(of: backstore).map { ($0.name, $0.value) }
        )
        return BackstoreAttribute.all.compactMap { attribute in
            values[attribute.name].map { value in
                AttributeDescription(
                    name: attribute.name,
                    value: value,
                    default: defaults.map { $0[attribute.name, default: "0"] },
                    allowed: attribute.allowed
                )
            }
        }
    }
}
