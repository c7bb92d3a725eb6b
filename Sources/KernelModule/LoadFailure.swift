// SPDX-License-Identifier: MIT
import Glibc
import LinuxSystem
import SystemPackage

/// Why the kernel did not take a module: its error number, and what it logged about it.
struct LoadFailure {
    let module: String
    let errno: Errno
    let messages: [String]
    /// Whether the log was read at all; otherwise the number is all that is known.
    var isLogReadable = true
    /// The modules that export a symbol.
    var providers: [String: [String]] = [:]

    /// The symbols that nothing loaded exports.
    var unknownSymbols: [String] { values("Unknown symbol ", " (err") }

    var error: OperationError {
        let (cause, next) = explanation
        let quotes = messages.suffix(4).map { "kernel: \($0)" }
        let lines = ([next].compactMap { $0 } + quotes).joined(separator: "\n")
        return OperationError("load", module, errno: errno, cause: cause, hint: lines.isEmpty ? nil : lines)
    }

    private typealias Explanation = (cause: String, next: String?)

    /// The log is more exact than the number, which init functions choose as they like.
    private var explanation: Explanation {
        changedSymbols ?? missingSymbols ?? otherKernel ?? badParameter ?? longParameter ?? duplicateSymbol
            ?? otherProcessor ?? damagedFile ?? byNumber
    }

    private var changedSymbols: Explanation? {
        let symbols = values("disagrees about version of symbol ", "\n")
        guard !symbols.isEmpty else { return nil }
        return (
            "it was built against another version of \(symbols.joined(separator: ", "))",
            "rebuild it against the kernel and the modules that are loaded"
        )
    }

    private var missingSymbols: Explanation? {
        let symbols = unknownSymbols
        guard !symbols.isEmpty else { return nil }
        let told = symbols.map { symbol in
            let modules = providers[symbol] ?? []
            return modules.isEmpty ? symbol : "\(symbol) (provided by \(modules.joined(separator: ", ")))"
        }
        let needed = symbols.flatMap { providers[$0] ?? [] }
        let next =
            needed.isEmpty
            ? "no module of this kernel exports it" : "load first: \(needed.joined(separator: ", "))"
        return ("unknown symbol \(told.joined(separator: ", "))", next)
    }

    private var otherKernel: Explanation? {
        for message in messages {
            guard let module = message.between("version magic '", "'"),
                let kernel = message.between("should be '", "'")
            else { continue }
            return (
                "it was built for '\(module.trimmed)', the running kernel is '\(kernel.trimmed)'",
                "rebuild it with: make -C /lib/modules/$(uname -r)/build M=$PWD modules"
            )
        }
        return nil
    }

    private var badParameter: Explanation? {
        for message in messages {
            for fault in ["invalid", "too large"] {
                guard let name = message.between("' \(fault) for parameter `", "'"),
                    let value = message.between("`", "' \(fault) for")
                else { continue }
                return (
                    "'\(value)' is \(fault) for parameter \(name)",
                    "see its type with: ringside module info \(module)"
                )
            }
        }
        return nil
    }

    private var longParameter: Explanation? {
        guard let name = values("", ": string parameter too long").first else { return nil }
        return ("the value of parameter \(name) is too long", "the kernel takes 1023 characters at most")
    }

    private var otherProcessor: Explanation? {
        guard let machine = values("Invalid architecture in ELF header: ", "\n").first else { return nil }
        let known = ["3": "i386", "21": "ppc64", "22": "s390", "40": "arm", "62": "x86-64", "183": "arm64"]
        let name = known[machine].map { " (\($0))" } ?? ""
        return ("it was built for other processors: ELF machine \(machine)\(name)", nil)
    }

    private var damagedFile: Explanation? {
        guard let message = messages.first(where: { $0.contains("nvalid ELF") }) else { return nil }
        return ("the file is damaged: \(message)", "build or copy it again")
    }

    private var duplicateSymbol: Explanation? {
        for message in messages {
            guard let symbol = message.between("exports duplicate symbol ", " "),
                let owner = message.between("(owned by ", ")")
            else { continue }
            return ("it exports \(symbol), which \(owner) exports already", nil)
        }
        return nil
    }

    private var byNumber: Explanation {
        switch errno {
        case .notPermitted: notPermitted
        case .noFunction:
            ("the running kernel has no loadable modules (CONFIG_MODULES)", "use a test VM: ringside vm run")
        case Errno(rawValue: EKEYREJECTED), Errno(rawValue: ENOKEY):
            (
                "its signature is missing, broken, or of a key that the kernel does not trust",
                "sign it with a key of the kernel's keyring, or use a test VM, which does not ask for signatures"
            )
        case .noMemory: ("not enough memory", nil)
        case .execFormatError:
            (
                "not a module that this kernel can read: cut short, compressed otherwise, or built for another machine",
                nil
            )
        case .fileExists: ("its init function returned EEXIST, and it is not loaded", nil)
        case _ where !isLogReadable:
            (
                "its init function failed, a symbol is unknown or a parameter is bad; the log is not readable",
                "see: dmesg"
            )
        default: ("its init function returned \(errno.symbol) (\(errno))", nil)
        }
    }

    private var notPermitted: Explanation {
        if messages.contains(where: { $0.contains("Lockdown:") }) {
            return (
                "the kernel is locked down and takes signed modules only",
                "see: cat /sys/kernel/security/lockdown"
            )
        }
        if messages.contains(where: { $0.contains("is blacklisted") }) {
            return ("the kernel command line forbids it (module_blacklist=)", "boot without that option")
        }
        if FilePath("/proc/sys/kernel/modules_disabled").linesIfReadable().first == "1" {
            return (
                "loading and unloading is switched off until the next boot (kernel.modules_disabled)", nil
            )
        }
        if geteuid() != 0 { return ("it needs root (CAP_SYS_MODULE)", "run it with sudo") }
        return (
            "not allowed to load modules (CAP_SYS_MODULE), as in a container",
            "use a test VM: ringside vm run"
        )
    }

    /// What the messages name between two marks, each once.
    private func values(_ start: String, _ end: String) -> [String] {
        messages.compactMap { "\($0)\n".between(start, end) }.reduce(into: []) { values, value in
            if !values.contains(value) { values.append(value) }
        }
    }
}
