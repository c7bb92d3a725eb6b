// SPDX-License-Identifier: MIT
import CKmod
import LinuxSystem
import SystemPackage

extension ModuleContext {
    /// Whether modprobe.d or the kernel command line keeps a module from being loaded.
    ///
    /// The corresponding C function is `kmod_config_get_blacklists`.
    func isBlacklisted(_ name: String) -> Bool {
        guard let entries = unsafe kmod_config_get_blacklists(raw) else { return false }
        defer { unsafe kmod_config_iter_free_iter(entries) }
        while unsafe kmod_config_iter_next(entries) {
            if let key = unsafe kmod_config_iter_get_key(entries),
                unsafe kernelSpelling(String(cString: key)) == name
            {
                return true
            }
        }
        return false
    }

    /// Where a module is blacklisted, as `FILE:LINE`.
    func blacklistSource(of name: String) -> String {
        for file in configFiles() {
            let lines = wholeLines(of: file)
            let line = lines.firstIndex { line in
                let words = line.split { $0 == " " || $0 == "\t" }
                return words.count >= 2 && words[0] == "blacklist" && kernelSpelling(words[1]) == name
            }
            if let line { return "\(file):\(line + 1)" }
        }
        return "the kernel command line (modprobe.blacklist=)"
    }

    func blacklisted(_ name: String) -> OperationError {
        OperationError(
            "load",
            name,
            cause: "it is blacklisted in \(blacklistSource(of: name))",
            hint: "load it all the same with --ignore-blacklist, or remove that line"
        )
    }

    /// The configuration files in the order in which modprobe reads them.
    private func configFiles() -> [FilePath] {
        configPaths.flatMap { path -> [FilePath] in
            do throws(Errno) {
                return try path.entryNames().filter { $0.hasSuffix(".conf") }.map { path.appending($0) }
            } catch {
                // A single file, or a directory that is not there.
                return [path]
            }
        }
    }

    /// The lines of a file, empty ones too, so that their numbers are right.
    private func wholeLines(of file: FilePath) -> [Substring] {
        do {
            return try file.readText().split(separator: "\n", omittingEmptySubsequences: false)
        } catch {
            return []
        }
    }
}
