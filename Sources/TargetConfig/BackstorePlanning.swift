// SPDX-License-Identifier: MIT
public import LinuxSystem
import SystemPackage

/// The part of the planner that is about backstores.
extension ConfigurationPlanner {
    mutating func plan(_ request: BackstoreRequest) throws(OperationError) {
        let old = present[request.name]
        guard let old, !released.contains(old.path) else { return try make(request, insteadOf: old) }
        paths[request.name] = old.path
        let (unit, isLocked) = try changes(of: request, old)
        if isLocked { released.insert(old.path) }
        let details = unit.map { operation in
            guard case .write(let value, let path, let before?) = operation else {
                return operation.description
            }
            return "\(path.lastComponent?.string ?? "") \(before) -> \(value)"
        }
        report(unit.isEmpty ? .keep : .change, "backstore \(request.name)", details)
        if !unit.isEmpty { makings.append(unit) }
    }

    private mutating func make(_ request: BackstoreRequest, insteadOf old: Backstore?) throws(OperationError)
    {
        var plan = Plan()
        paths[request.name] = try tree.planBackstore(request, &placement, into: &plan).string
        makings.append(plan.operations)
        let before = old.map { "\($0.spec.map(String.init(describing:)) ?? "not enabled") -> " } ?? ""
        report(old == nil ? .create : .replace, "backstore \(request.name)", [before + "\(request.spec)"])
    }

    /// The writes that make a running backstore what it is to be, and whether its LUNs have to let go of it for them.
    private func changes(
        of request: BackstoreRequest,
        _ old: Backstore
    ) throws(OperationError) -> (Plan.Unit, isLocked: Bool) {
        if request.serial == nil && request.attributes.isEmpty && request.aluaGroups.isEmpty
            && request.inquiryNames.isEmpty
        {
            return ([], false)
        }
        var unit: Plan.Unit = []
        var isLocked = false
        let path = FilePath(old.path)
        if let serial = request.serial {
            let before = try tree.serial(of: old)
            let file = path.appending("wwn").appending("vpd_unit_serial")
            if serial != before {
                unit.append(.write(serial, to: file, replacing: before))
                isLocked = true
            }
        }
        for write in try attributeChanges(of: request, old) {
            unit.append(write)
            isLocked = isLocked || BackstoreAttribute.isLocked(write.path.lastComponent?.string ?? "")
        }
        for write in try inquiryChanges(of: request, old) {
            unit.append(write)
            isLocked = true
        }
        if !request.aluaGroups.isEmpty {
            let present = try tree.aluaGroups(of: old)
            for (name, number) in request.aluaGroups.sorted(by: { $0.key < $1.key })
            where present[name] != number {
                if let other = present[name] {
                    throw OperationError(
                        "set",
                        "\(path)/alua/\(name)",
                        cause: "its number is \(other), which stays as long as it is there"
                    )
                }
                unit += TargetTree.aluaGroup(name, number, at: path)
            }
        }
        return (unit, isLocked && !old.exportedBy.isEmpty)
    }

    private func inquiryChanges(of request: BackstoreRequest, _ old: Backstore) throws(OperationError)
        -> Plan.Unit
    {
        guard !request.inquiryNames.isEmpty else { return [] }
        let present = try tree.inquiryNames(of: old)
        return InquiryName.all.compactMap { name in
            guard let wanted = request.inquiryNames[name.file], wanted != present[name.file] else {
                return nil
            }
            return name.write(wanted, at: FilePath(old.path), replacing: present[name.file])
        }
    }

    private func attributeChanges(of request: BackstoreRequest, _ old: Backstore) throws(OperationError)
        -> Plan.Unit
    {
        guard !request.attributes.isEmpty, let directory = try tree.open(old.path + "/attrib") else {
            return []
        }
        var unit: Plan.Unit = []
        var wanted = request.attributes
        let limits = try tree.limits(of: request, running: directory)
        var passed: String?
        if let size = try blockSizeInTheWay(of: request, directory) {
            // Only the smallest blocks let so many sectors in.
            unit.append(.write("512", to: FilePath(directory.path).appending("block_size"), replacing: size))
            wanted["block_size"] = wanted["block_size"] ?? size
            passed = "512"
        }
        for (name, value) in BackstoreAttribute.ordered(wanted) {
            let file = FilePath(directory.path).appending(name)
            guard var before = try directory.attribute(name) else {
                throw OperationError(
                    "set",
                    file.string,
                    errno: .noSuchFileOrDirectory,
                    cause: "this kernel has no such attribute"
                )
            }
            if name == "block_size", let passed { before = passed }
            if Decimal.value(of: before) == Decimal.value(of: value) { continue }
            try limits.check(name, value, of: request)
            unit.append(.write(value, to: file, replacing: before))
        }
        return unit
    }

    /// The block size with which a file takes fewer `optimal_sectors` than it is to have.
    private func blockSizeInTheWay(of request: BackstoreRequest, _ directory: TreeDirectory)
        throws(OperationError)
        -> String?
    {
        guard case .file = request.spec, let wanted = request.attributes["optimal_sectors"],
            let sectors = Decimal.value(of: wanted), let size = try directory.attribute("block_size"),
            let limit = try directory.attribute("hw_max_sectors").flatMap({ Decimal.value(of: $0) })
        else { return nil }
        let isThere = try directory.attribute("optimal_sectors") == wanted
        return isThere || sectors <= limit || size == "512" ? nil : size
    }

    mutating func report(_ kind: ObjectChange.Kind, _ object: String, _ details: [String] = []) {
        changes.append(ObjectChange(kind: kind, object: object, details: details))
    }

    /// The steps that take backstores away: those that can be made again as they were before the others are made, because
    /// they may hold a file or device that is to be used anew; ramdisks, whose contents are lost, after everything else.
    func removals() throws(OperationError) -> (early: [Plan.Unit], late: [Plan.Unit]) {
        var early: [Plan.Unit] = []
        var late: [Plan.Unit] = []
        let all = Dictionary(grouping: live.backstores, by: \.hba)
        for (hba, leaving) in Dictionary(grouping: leaving, by: \.hba).sorted(by: { $0.key < $1.key }) {
            var lossless: Plan.Unit = []
            var lossy: Plan.Unit = []
            for backstore in leaving {
                let steps = try tree.removal(of: backstore)
                if steps.contains(where: \.isLossy) { lossy += steps } else { lossless += steps }
            }
            // The directory goes with the last that is in it.
            if all[hba]?.count == leaving.count {
                let removal = Operation.removeDirectory(FilePath(hba))
                if lossy.isEmpty { lossless.append(removal) } else { lossy.append(removal) }
            }
            early.append(lossless)
            late.append(lossy)
        }
        return (early, late)
    }
}

extension TargetTree {
    /// The steps that take a backstore away, its own ALUA groups first.
    func removal(of backstore: Backstore) throws(OperationError) -> Plan.Unit {
        let path = FilePath(backstore.path)
        var unit: Plan.Unit = []
        for (name, number) in try aluaGroups(of: backstore).sorted(by: { $0.key < $1.key }) {
            let group = path.appending("alua").appending(name)
            let settings = try copies(KeptSetting.ofALUAGroup, in: group.string)
            unit.append(
                .removeBackstore(group, rebuild: Self.aluaGroup(name, number, at: path) + settings)
            )
        }
        return unit + [.removeBackstore(path, rebuild: try rebuild(backstore))]
    }

    /// The steps that make a backstore again as it is; none for one with contents that would be lost.
    private func rebuild(_ backstore: Backstore) throws(OperationError) -> [Operation] {
        let path = FilePath(backstore.path)
        guard backstore.isEnabled else { return [.makeDirectory(path)] }
        guard let spec = backstore.spec else { return [] }
        if case .ramdisk = spec { return [] }
        let request = BackstoreRequest(
            name: backstore.name,
            spec: spec,
            serial: try serial(of: backstore),
            attributes: Dictionary(
                uniqueKeysWithValues: try attributes(of: backstore).map { ($0.name, $0.value) }
            )
        )
        let control = try control(of: spec, size: backstore.size.map { ByteSize(bytes: $0) })
        // Others may have told the kernel another path, or none.
        let udevPath = try attribute(path.appending("udev_path")) ?? ""
        let settings = Self.settings(of: request, at: path, control: control).compactMap { step in
            guard step.path.lastComponent == "udev_path" else { return step }
            return udevPath.isEmpty ? nil : Operation.write(udevPath, to: step.path, replacing: nil)
        }
        let group = path.appending("alua").appending("default_tg_pt_gp")
        return try [.makeDirectory(path)] + settings + copies(KeptSetting.ofBackstore, in: path.string)
            + copies(KeptSetting.ofALUAGroup, in: group.string)
    }

    /// The ALUA target port groups of a backstore beside the kernel's own; 0 stands for one without a number.
    func aluaGroups(of backstore: Backstore) throws(OperationError) -> [String: UInt16] {
        guard let directory = try open(backstore.path + "/alua") else { return [:] }
        var groups: [String: UInt16] = [:]
        for name in try directory.directories() where name != "default_tg_pt_gp" {
            groups[name] = try directory.attribute(name + "/tg_pt_gp_id").flatMap { UInt16($0) } ?? 0
        }
        return groups
    }

    /// The attributes of a backstore that can be set, with their values, in the order of their names.
    public func attributes(of backstore: Backstore) throws(OperationError) -> [(name: String, value: String)]
    {
        let directory = try open(backstore.path + "/attrib")
        var found: [(name: String, value: String)] = []
        for name in BackstoreAttribute.settable {
            if let value = try directory?.attribute(name) { found.append((name, value)) }
        }
        return found
    }
}
