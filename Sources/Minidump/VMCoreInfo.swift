// SPDX-License-Identifier: MIT
import LinuxSystem

/// What the kernel tells about itself in the `VMCOREINFO` note: `KEY=value` lines.
///
/// The kernel's side is `Documentation/admin-guide/kdump/vmcoreinfo.rst`.
public struct VMCoreInfo: Sendable {
    /// The lines as they were captured.
    public var text: String
    private var values: [String: String] = [:]

    /// Longer ones are not believed: the kernel has one page for it.
    static let sizeLimit = 1 << 16

    init(text: String) {
        self.text = text
        for line in text.split(whereSeparator: \.isNewline) {
            let parts = line.split(separator: "=", maxSplits: 1)
            if parts.count == 2 { values[String(parts[0])] = String(parts[1]) }
        }
    }

    /// A line's value, such as that of `OSRELEASE`.
    public subscript(key: String) -> String? { values[key] }

    /// `SYMBOL(name)`: a virtual address.
    func symbol(_ name: String) -> UInt64? { self["SYMBOL(\(name))"].flatMap { UInt64($0, radix: 16) } }
    /// `OFFSET(structure.field)` in bytes.
    func offset(_ name: String) -> Int? { self["OFFSET(\(name))"].flatMap { Int($0) } }
    /// `SIZE(structure)` in bytes.
    func size(_ name: String) -> Int? { self["SIZE(\(name))"].flatMap { Int($0) } }
    /// `NUMBER(name)`, decimal and possibly negative.
    func number(_ name: String) -> Int64? { self["NUMBER(\(name))"].flatMap { Int64($0) } }
}

/// One note of a PT_NOTE segment.
struct ELFNote {
    var name: String
    var type: UInt32
    var content: Range<Int>

    /// The notes in a segment's bytes, up to the first that does not fit.
    static func notes(in bytes: RawSpan) -> [ELFNote] {
        var notes: [ELFNote] = []
        var position = 0
        while let nameSize = bytes.load(UInt32.self, at: position),
            let size = bytes.load(UInt32.self, at: position + 4),
            let type = bytes.load(UInt32.self, at: position + 8)
        {
            let content = position + 12 + (Int(nameSize) + 3) / 4 * 4
            guard nameSize > 0, content + Int(size) <= bytes.byteCount else { break }
            let name = bytes.text(at: position + 12, limit: min(Int(nameSize), 64)) ?? ""
            notes.append(ELFNote(name: name, type: type, content: content..<content + Int(size)))
            position = content + (Int(size) + 3) / 4 * 4
        }
        return notes
    }

    /// A note as it lies in a file: sizes, type, name and content, each padded to four bytes.
    static func encoded(name: String, type: UInt32, content: [UInt8]) -> [UInt8] {
        func padded(_ bytes: [UInt8]) -> [UInt8] {
            bytes + [UInt8](repeating: 0, count: (4 - bytes.count % 4) % 4)
        }
        let name = Array(name.utf8) + [0]
        return [UInt32(name.count), UInt32(content.count), type].flatMap { $0.littleEndianBytes }
            + padded(name)
            + padded(content)
    }
}

extension VMCoreInfo {
    /// The `VMCOREINFO` note among a segment's notes.
    init?(notes bytes: RawSpan) {
        guard let note = ELFNote.notes(in: bytes).first(where: { $0.name == "VMCOREINFO" }),
            let text = bytes.text(at: note.content.lowerBound, limit: note.content.count), !text.isEmpty
        else { return nil }
        self.init(text: text)
    }

    /// The note for another file.
    var note: [UInt8] { ELFNote.encoded(name: "VMCOREINFO", type: 0, content: Array(text.utf8)) }
}
