// SPDX-License-Identifier: MIT
import Glibc
public import LinuxSystem
import SystemPackage

extension TargetTree {
    /// Makes a backstore that stays until it is deleted by its name.
    ///
    /// - Parameters:
    ///   - name: 1 to 200 letters, digits, `.`, `_` and `-`.
    ///   - spec: what it keeps its blocks in.
    /// - Returns: the backstore as the kernel has it now.
    /// - Throws: an `OperationError` that names the first thing in the way. What was made before it is removed again.
    @discardableResult
    public func createBackstore(_ name: String, _ spec: BackstoreSpec) throws(OperationError) -> Backstore {
        try changing { () throws(OperationError) in
            try planBackstore(name, spec).apply(in: self, explain: explain)
            return try backstore(named: name)
        }
    }

    /// The steps of `createBackstore`, checked against the running kernel; changes nothing.
    public func planBackstore(_ name: String, _ spec: BackstoreSpec) throws(OperationError) -> Plan {
        try Self.checkBackstoreName(name)
        try requireTargets()
        var plan = Plan()
        var placement = try BackstorePlacement(in: self)
        try checkMemory(for: [spec])
        _ = try planBackstore(BackstoreRequest(name: name, spec: spec), &placement, into: &plan)
        return plan
    }

    /// Checks a name for a backstore of its own. A `:` is kept for those that belong to a target.
    ///
    /// - Throws: an `OperationError` that says what is wrong with `name`.
    public static func checkBackstoreName(_ name: String) throws(OperationError) {
        let isPlain = name.utf8.allSatisfy { byte in
            ("a"..."z").contains(Character(Unicode.Scalar(byte | 0x20)))
                || "0123456789._-".utf8.contains(byte)
        }
        guard isPlain, (1...200).contains(name.utf8.count), name != ".", name != ".." else {
            throw OperationError(
                "parse",
                "backstore name '\(name)'",
                cause: "is not 1 to 200 letters, digits, '.', '_' and '-'"
            )
        }
    }

    /// Appends the steps of one backstore and returns its path.
    func planBackstore(
        _ request: BackstoreRequest,
        _ placement: inout BackstorePlacement,
        into plan: inout Plan
    ) throws(OperationError) -> FilePath {
        let spec = request.spec
        let path = try placement.reserve(request.name, for: spec)
        let size = try checkSource(of: spec)
        let limits = request.attributes.isEmpty ? DeviceLimits() : try limits(of: request)
        for (name, value) in BackstoreAttribute.ordered(request.attributes) {
            try limits.check(name, value, of: request)
        }
        if let file = spec.path, let size, size.isNew { plan.append(.createFile(file, size: size.size)) }
        plan.append(.makeDirectory(path.removingLastComponent()))
        plan.append(.makeDirectory(path))
        let settings = try Self.settings(
            of: request,
            at: path,
            control: control(of: spec, size: size?.size)
        )
        for setting in settings { plan.append(setting) }
        return path
    }

    /// The steps that make an empty backstore directory what the request says.
    static func settings(of request: BackstoreRequest, at path: FilePath, control: String) -> [Operation] {
        var steps: [Operation] = []
        if let file = request.spec.path {
            steps.append(.write(file.string, to: path.appending("udev_path"), replacing: nil))
        }
        steps.append(.write(control, to: path.appending("control"), replacing: nil))
        steps.append(.write("1", to: path.appending("enable"), replacing: nil))
        if request.spec.takesSerial {
            let serial = request.serial ?? Self.serial(of: request.name)
            let file = path.appending("wwn").appending("vpd_unit_serial")
            steps.append(.write(serial, to: file, replacing: nil))
        }
        for (name, value) in BackstoreAttribute.ordered(request.attributes) {
            steps.append(.write(value, to: path.appending("attrib").appending(name), replacing: nil))
        }
        // After the attributes, of which emulate_model_alias changes one.
        for name in InquiryName.all {
            if let value = request.inquiryNames[name.file] {
                steps.append(name.write(value, at: path, replacing: nil))
            }
        }
        for (name, number) in request.aluaGroups.sorted(by: { $0.key < $1.key }) {
            steps += aluaGroup(name, number, at: path)
        }
        return steps
    }

    /// The steps that make an ALUA target port group of a backstore.
    static func aluaGroup(_ name: String, _ number: UInt16, at path: FilePath) -> [Operation] {
        let group = path.appending("alua").appending(name)
        let file = group.appending("tg_pt_gp_id")
        return [.makeDirectory(group)] + (number == 0 ? [] : [.write("\(number)", to: file, replacing: nil)])
    }

    func control(of spec: BackstoreSpec, size: ByteSize?) throws(OperationError) -> String {
        switch spec {
        case .ramdisk(let size, let nullio):
            return "rd_pages=\(size.bytes / Int64(getpagesize()))" + (nullio ? ",rd_nullio=1" : "")
        case .file(let path, _, let mode):
            let modes = [BackstoreSpec.FileMode.buffered: ",fd_buffered_io=1", .direct: ",fd_async_io=1"]
            return "fd_dev_name=\(path),fd_dev_size=\(size?.bytes ?? 0)" + (modes[mode] ?? "")
        case .block(let path, let readOnly): return "udev_path=\(path),readonly=\(readOnly ? 1 : 0)"
        case .pscsi(let path): return try scsiAddress(of: path)
        case .user(let configuration, let size):
            return "dev_config=\(configuration),dev_size=\(size.bytes)"
        }
    }

    /// A serial that stays the same across reboots: a guest knows its disks by it. Shaped as targetcli shapes it.
    package static func serial(of name: String) -> String {
        let digits = StableHash.hexadecimal("serial:\(name)") + StableHash.hexadecimal("unit:\(name)")
        var rest = Substring(digits)
        return [8, 4, 4, 4, 12].map { count in
            defer { rest = rest.dropFirst(count) }
            return String(rest.prefix(count))
        }.joined(separator: "-")
    }
}
