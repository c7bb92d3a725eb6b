// SPDX-License-Identifier: MIT
public import LinuxSystem
internal import OptionParsing
internal import SystemPackage

/// What a vhost-scsi host device is made of: `id=vhost-scsi0,wwpn=naa.…,tpgt=1[,vhostfd=N]`.
///
/// Every option is checked here, before anything is opened.
public struct VhostSCSIOptions: Equatable, Sendable {
    /// The option list's keys.
    public static let keys = ["id", "wwpn", "tpgt", "vhostfd"]

    /// The longest WWPN in bytes: the ioctl's field has 224 with the NUL that ends it.
    public static let maximumNameBytes = 223

    /// The device's name, unique among the open ones.
    public let id: String
    /// The target's name as it stands in configfs, such as `naa.500140500000001`.
    public let wwpn: String
    /// The TPG's tag. A kernel with ABI 0 serves that TPG alone; one with ABI 1 ignores it and serves every TPG of
    /// the WWPN that has a nexus. Either way it is the SCSI target that the driver side addresses.
    public let tpgt: UInt16
    /// A descriptor of the vhost-scsi device that was opened elsewhere; nil to open the device node.
    public let vhostfd: CInt?

    /// Parses and checks an option list.
    ///
    /// - Parameters:
    ///   - text: the list, in the syntax of `OptionList`.
    ///   - openIdentifiers: the identifiers of the devices that are open.
    public init(_ text: String, openIdentifiers: Set<String> = []) throws(OperationError) {
        let list: OptionList
        do {
            list = try OptionList(text, known: Self.keys)
        } catch {
            throw Self.refusal("vhost-scsi", error.description)
        }
        id = try Self.identifier(list, openIdentifiers)
        let device = "vhost-scsi \"\(id)\""
        wwpn = try Self.name(list, device)
        tpgt = try Self.tag(list, device)
        vhostfd = try Self.descriptor(list, device)
    }

    private static func identifier(_ list: OptionList, _ taken: Set<String>) throws(OperationError) -> String
    {
        guard let id = list["id"] else {
            throw refusal("vhost-scsi", "no id", hint: "give the device a name: id=vhost-scsi0")
        }
        guard isWellFormed(id) else {
            let rule = "an id starts with a letter and goes on with letters, digits, '-', '.' and '_'"
            throw refusal("vhost-scsi \"\(id)\"", "bad id: \(rule)")
        }
        if taken.contains(id) {
            throw refusal("vhost-scsi \"\(id)\"", "duplicate id: a device of that name is open")
        }
        return id
    }

    private static func isWellFormed(_ id: String) -> Bool {
        guard let first = id.first, first.isASCII, first.isLetter else { return false }
        return id.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || "-._".contains($0)) }
    }

    private static func name(_ list: OptionList, _ device: String) throws(OperationError) -> String {
        guard let wwpn = list["wwpn"] else {
            throw refusal(device, "missing wwpn", hint: "name the target: wwpn=naa.…")
        }
        let count = wwpn.utf8.count
        if count > maximumNameBytes {
            throw refusal(device, "wwpn is \(count) bytes long; the kernel's field holds \(maximumNameBytes)")
        }
        if wwpn.utf8.contains(0) { throw refusal(device, "wwpn contains a NUL byte") }
        return wwpn
    }

    private static func tag(_ list: OptionList, _ device: String) throws(OperationError) -> UInt16 {
        do {
            if let tag = try list.number("tpgt", as: UInt16.self) { return tag }
        } catch {
            throw refusal(device, "needs a 16-bit tpgt: \(error)")
        }
        throw refusal(device, "missing tpgt", hint: "name the target portal group by a 16-bit number: tpgt=1")
    }

    private static func descriptor(_ list: OptionList, _ device: String) throws(OperationError) -> CInt? {
        guard let text = list["vhostfd"] else { return nil }
        guard let number = CInt(text), number >= 0 else {
            throw refusal(device, "cannot parse vhostfd \"\(text)\": it is the number of an open descriptor")
        }
        guard FileDescriptor(rawValue: number).isOpen else {
            let hint =
                "open the device in the parent, as in: ringside vhost probe …,vhostfd=3 3<>/dev/vhost-scsi"
            throw OperationError(
                "configure",
                device,
                errno: .badFileDescriptor,
                cause: "vhostfd \(number) is not open here",
                hint: hint
            )
        }
        return number
    }

    private static func refusal(_ object: String, _ cause: String, hint: String? = nil) -> OperationError {
        OperationError("configure", object, cause: cause, hint: hint)
    }
}
