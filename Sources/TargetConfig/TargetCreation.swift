// SPDX-License-Identifier: MIT
public import LinuxSystem
import SystemPackage

extension TargetTree {
    /// Makes a target with everything below it, or nothing.
    ///
    /// - Parameter request: what to make.
    /// - Returns: the target as the kernel has it now.
    /// - Throws: an `OperationError` that names the first thing in the way. What was made before it is removed again.
    @discardableResult
    public func create(_ request: TargetRequest) throws(OperationError) -> Target {
        try changing { () throws(OperationError) in
            try plan(creating: request).apply(in: self, explain: explain)
            return try target(named: request.wwpn.name)
        }
    }

    /// The steps of `create`, checked against the running kernel; changes nothing.
    ///
    /// - Throws: an `OperationError` when a step would fail as far as can be told beforehand.
    public func plan(creating request: TargetRequest) throws(OperationError) -> Plan {
        let fabric = try fabric()
        let present = try entries(fabric)
        var plan = Plan()
        if present.isEmpty { plan.append(.makeDirectory(fabric)) }
        let port = fabric.appending(request.wwpn.name)
        let groups = try entries(port)
        try checkTag(of: request, in: groups.map(\.name))
        let sources = try planBackstores(of: request, into: &plan)
        if groups.isEmpty { plan.append(.makeDirectory(port)) }
        let group = port.appending(request.tag.directory)
        plan.append(.makeDirectory(group))
        plan.append(.write(request.nexus.name, to: group.appending("nexus"), replacing: nil))
        for (lun, source) in zip(request.luns, sources) {
            let unit = group.appending("lun").appending(lun.number.directory)
            plan.append(.makeDirectory(unit))
            plan.append(.link(unit.appending("backstore"), to: source))
        }
        return plan
    }

    private func checkTag(of request: TargetRequest, in names: [String]) throws(OperationError) {
        guard let taken = names.first(where: { TPGTag(directory: $0) == request.tag }) else { return }
        guard taken == request.tag.directory else {
            throw request.failure(
                "\(taken) is there already, and is the same tag to the kernel",
                errno: .fileExists
            )
        }
        throw request.failure(
            "the target is there already",
            errno: .fileExists,
            hint: "see it with: ringside target show \(request.wwpn)"
        )
    }

    /// Appends the steps that make the request's backstores, and returns the path of each LUN's backstore.
    private func planBackstores(of request: TargetRequest, into plan: inout Plan) throws(OperationError)
        -> [FilePath]
    {
        var placement = try BackstorePlacement(in: self)
        try checkMemory(for: request.specs)
        var sources: [FilePath] = []
        for lun in request.luns {
            switch lun.source {
            case .existing(let name): sources.append(try placement.find(name))
            case .made(let spec):
                let name = Backstore.ownedName(request.wwpn.name, request.tag, lun.number.rawValue)
                let request = BackstoreRequest(name: name, spec: spec)
                sources.append(try planBackstore(request, &placement, into: &plan))
            }
        }
        return sources
    }
}
