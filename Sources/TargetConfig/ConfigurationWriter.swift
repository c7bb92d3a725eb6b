// SPDX-License-Identifier: MIT

extension Configuration {
    /// The configuration as `init(parsing:)` reads it, always the same for the same configuration.
    ///
    /// A backstore that bears the name of the LUN that exports it stands with that LUN.
    public var document: Document {
        let owned = Set(groups.flatMap { group in group.luns.filter { group.owns($0) }.map(\.backstore) })
        let requests = Dictionary(backstores.map { ($0.name, $0) }) { first, _ in first }
        let own = backstores.filter { !owned.contains($0.name) }.sorted { $0.name < $1.name }
        let targets = Dictionary(grouping: groups) { $0.wwpn.name }.sorted { $0.key < $1.key }
        return .map([
            ("version", .plain(1)),
            ("backstores", .map(own.map { ($0.name, .map($0.pairs)) })),
            (
                "targets",
                .map(
                    targets.map { name, groups in
                        let sorted = groups.sorted { $0.tag < $1.tag }
                        return (name, .map(sorted.map { ("\($0.tag)", $0.document(requests)) }))
                    }
                )
            ),
        ])
    }
}

extension BackstoreRequest {
    /// The names for INQUIRY that it has, in their order.
    var inquiryPairs: [(key: String, value: String)] {
        InquiryName.all.compactMap { name in inquiryNames[name.file].map { (name.file, $0) } }
    }

    fileprivate var pairs: [(key: String, value: Document)] {
        var pairs: [(key: String, value: Document)] = [("source", .text("\(spec)"))]
        if let serial { pairs.append(("serial", .text(serial))) }
        for (name, value) in inquiryPairs { pairs.append((name, .text(value))) }
        if !attributes.isEmpty {
            let sorted = attributes.sorted { $0.key < $1.key }
            pairs.append(("attributes", .map(sorted.map { ($0.key, .plain($0.value)) })))
        }
        if !aluaGroups.isEmpty {
            let sorted = aluaGroups.sorted { $0.key < $1.key }
            pairs.append(("alua_groups", .map(sorted.map { ($0.key, .plain($0.value)) })))
        }
        return pairs
    }
}

extension GroupRequest {
    func owns(_ lun: LUNRequest) -> Bool {
        lun.backstore == Backstore.ownedName(wwpn.name, tag, lun.number.rawValue)
    }

    fileprivate func document(_ backstores: [String: BackstoreRequest]) -> Document {
        var pairs: [(key: String, value: Document)] = []
        if let nexus { pairs.append(("nexus", .text(nexus.name))) }
        if let protection { pairs.append(("fabric_prot_type", .plain(protection))) }
        let luns = luns.sorted { $0.number < $1.number }.map { lun -> (key: String, value: Document) in
            let own = owns(lun) ? backstores[lun.backstore] : nil
            var parts = own?.pairs ?? [("source", .text("name:\(lun.backstore)"))]
            if let group = lun.aluaGroup { parts.append(("alua_group", .text(group))) }
            return ("\(lun.number)", parts.count == 1 ? parts[0].value : .map(parts))
        }
        pairs.append(("luns", .map(luns)))
        return .map(pairs)
    }
}
