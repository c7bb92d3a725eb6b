// SPDX-License-Identifier: MIT
import LinuxSystem
import SystemPackage

/// A parameter that a module says it has.
public struct ModuleParameter: Equatable, Encodable, Sendable {
    public var name: String
    /// The kernel's word for its type, such as `int`, `charp` or `array of int`; nil where the module gives none.
    public var type: String?
    public var summary: String?
}

extension ModuleFields {
    /// The parameters, in the order of the file.
    var parameters: [ModuleParameter] {
        var parameters: [ModuleParameter] = []
        for (key, value) in pairs where key == "parm" || key == "parmtype" {
            let name = String(value.prefix { $0 != ":" })
            let rest = String(value.dropFirst(name.count + 1))
            let place = parameters.firstIndex { $0.name == name } ?? parameters.count
            if place == parameters.count { parameters.append(ModuleParameter(name: name)) }
            if key == "parm" { parameters[place].summary = rest } else { parameters[place].type = rest }
        }
        return parameters
    }

    /// Refuses parameters that the module does not have: the kernel only logs them.
    ///
    /// - Parameter parameters: `NAME=VALUE` or `NAME` each.
    func check(_ given: [String], of module: String) throws(OperationError) {
        let known = parameters.map(\.name)
        // Every module takes these from the kernel itself.
        let general = ["dyndbg", "async_probe"]
        for parameter in given {
            let name = String(parameter.prefix { $0 != "=" })
            if (known + general).contains(where: { kernelSpelling($0) == kernelSpelling(name) }) { continue }
            throw OperationError(
                "load",
                module,
                errno: .invalidArgument,
                cause: "it has no parameter \(name)",
                hint: known.isEmpty
                    ? "it has no parameters at all" : "it has: \(known.joined(separator: ", "))"
            )
        }
    }
}

extension String {
    /// A `NAME=VALUE` as the kernel's parser takes it: a value with a space in it stands in double quotes.
    var kernelQuoted: String {
        guard contains(" "), !contains("\""), let sign = firstIndex(of: "=") else { return self }
        return "\(self[...sign])\"\(self[sign...].dropFirst())\""
    }
}
