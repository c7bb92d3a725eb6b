// SPDX-License-Identifier: MIT
public import LinuxSystem
public import SystemPackage

/// Where a unit's persistent reservations survive the process (APTPL, "activate persist through power loss").
public final class ReservationFile: Sendable {
    public let path: FilePath
    /// What the file said when it was opened; nil where there was none.
    let stored: PersistentReservations?

    /// Reads what was kept; a file that is not there is written when there is something to keep.
    ///
    /// - Throws: where the file cannot be read, or is none of these: it is left alone.
    public init(_ path: FilePath) throws(OperationError) {
        self.path = path
        let text: String
        do {
            text = try path.readText()
        } catch Errno.noSuchFileOrDirectory {
            stored = nil
            return
        } catch {
            throw OperationError("read", path.string, errno: error as? Errno)
        }
        guard let reservations = PersistentReservations(stored: text) else {
            throw OperationError("read", path.string, cause: "is no file of persistent reservations")
        }
        stored = reservations
    }

    /// Replaces the file, which is safe on the disk afterwards.
    func save(_ reservations: PersistentReservations) throws(Errno) {
        let text = reservations.isKept ? reservations.storedText : PersistentReservations().storedText
        let new = FilePath(path.string + ".new")
        try Errno.narrow {
            let file = try FileDescriptor.open(
                new,
                .writeOnly,
                options: [.create, .truncate, .closeOnExec],
                permissions: .ownerReadWrite
            )
            try file.closeAfter {
                _ = try file.writeAll(text.utf8)
                try file.syncData()
            }
            try new.rename(to: path)
            let directory = path.removingLastComponent()
            let folder = try FileDescriptor.open(directory.isEmpty ? "." : directory, .readOnly)
            try folder.closeAfter { try folder.syncData() }
        }
    }
}

extension PersistentReservations {
    private static let title = "ringside reservations 1"

    /// One line each: the generation, the reservation, the registrations in order.
    fileprivate var storedText: String {
        var lines = [Self.title, "generation \(generation)"]
        if let reservation { lines.append("reservation \(reservation.type.rawValue) \(reservation.holder)") }
        for one in registrations { lines.append("registration \(String(one.key, radix: 16)) \(one.nexus)") }
        return lines.map { $0 + "\n" }.joined()
    }

    /// Reads `storedText`; nil where it is something else.
    fileprivate init?(stored text: String) {
        let lines = text.split(separator: "\n")
        guard lines.first == Self.title[...] else { return nil }
        for line in lines.dropFirst() {
            let words = line.split(separator: " ", maxSplits: 2, omittingEmptySubsequences: false)
            guard words.count >= 2, read(words) else { return nil }
        }
        isKept = !registrations.isEmpty
    }

    private mutating func read(_ words: [Substring]) -> Bool {
        switch (words[0], words.count) {
        case ("generation", 2):
            guard let number = UInt32(words[1]) else { return false }
            generation = number
        case ("reservation", 3):
            guard let type = UInt8(words[1]).flatMap(ReservationType.init) else { return false }
            reservation = Reservation(type: type, holder: Nexus(String(words[2])))
        case ("registration", 3):
            guard let key = UInt64(words[1], radix: 16), registrations.count < Self.mostRegistrations else {
                return false
            }
            registrations.append(Registration(nexus: Nexus(String(words[2])), key: key))
        default: return false
        }
        return true
    }
}
