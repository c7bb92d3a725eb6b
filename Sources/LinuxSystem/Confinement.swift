// SPDX-License-Identifier: MIT
internal import CSandbox
internal import Glibc
public import SystemPackage

/// Rights that a process gives up for good.
public enum Confinement {
    /// Becomes a user, with the groups that it has; the corresponding C functions are `getpwnam`, `initgroups`,
    /// `setgid` and `setuid`.
    ///
    /// To be called before there are other threads.
    ///
    /// - Throws: `ESRCH` where there is no such user; `EPERM` where this process is not root.
    public static func become(user name: String) throws(Errno) {
        // What it points to is copied before anybody else asks.
        guard let entry = unsafe getpwnam(name)?.pointee else { throw .noSuchProcess }
        let (user, group) = unsafe (entry.pw_uid, entry.pw_gid)
        guard unsafe initgroups(name, group) == 0, setgid(group) == 0, setuid(user) == 0 else {
            throw Errno(rawValue: Glibc.errno)
        }
        // Root again would be no confinement.
        precondition(user == 0 || setuid(0) != 0, "root was given up")
    }

    /// Gives up all system calls but those that serving blocks takes, in all threads: see `sandbox_enter`.
    ///
    /// - Parameter opensFiles: whether files may still be opened.
    /// - Throws: `EINVAL` or `ENOSYS` where the kernel has no filters, `EOPNOTSUPP` for a processor that is not known.
    public static func keepOnlyServing(opensFiles: Bool) throws(Errno) {
        let result = sandbox_enter(opensFiles)
        if result < 0 { throw Errno(rawValue: -result) }
    }
}
