// SPDX-License-Identifier: MIT
import LinuxSystem

/// The fields of a storage object's `info` file, which is text for people.
///
/// The file of every backstore is read for every plan, so it is searched as bytes.
struct BackstoreInfo {
    private let bytes: [UInt8]

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    /// `PAGES/PAGE_SIZE: 16*4096` of a ramdisk, `Size: 1048576` of a file.
    var size: Int64? {
        if let pages = word(after: "PAGES/PAGE_SIZE: ", .first) {
            let factors = pages.split(separator: UInt8(ascii: "*")).map { Int64(Self.text($0)) ?? 0 }
            return factors.count == 2 ? factors[0] * factors[1] : nil
        }
        // A path before it may have the same word in it.
        return word(after: " Size: ", .last).flatMap { Int64(Self.text($0)) }
    }

    var isNullIO: Bool { word(after: "nullio: ", .first).map(Self.text) == "1" }

    /// How a file is written; nil for what is none.
    var mode: BackstoreSpec.FileMode? {
        guard let mode = word(after: "Mode: ", .last).map(Self.text) else { return nil }
        if mode == "Buffered-WCE" { return .buffered }
        return word(after: "Async: ", .last).map(Self.text) == "1" ? .direct : .synchronous
    }

    var isReadOnly: Bool { word(after: "readonly: ", .last).map(Self.text) == "1" }

    /// The handler of a user backstore and what it makes of the rest.
    var configuration: String? { part(from: "Config: ", to: " Size: ") }

    /// The path of a file or device, which may have blanks in it.
    var file: String? {
        part(from: "File: ", to: "  Size: ") ?? part(from: "UDEV PATH: ", to: "  readonly: ")
    }

    private enum Occurrence { case first, last }

    /// Where `label` ends.
    private func end(of label: StaticString, _ occurrence: Occurrence, from start: Int = 0) -> Int? {
        let count = label.utf8CodeUnitCount
        var found: Int?
        // The label is a literal, which is there for ever.
        let label = unsafe UnsafeBufferPointer(start: label.utf8Start, count: count)
        for index in bytes.indices[start...].dropLast(count - 1) where unsafe bytes[index] == label[0] {
            guard unsafe bytes[index..<(index + count)].elementsEqual(label) else { continue }
            found = index + count
            if occurrence == .first { break }
        }
        return found
    }

    private func word(after label: StaticString, _ occurrence: Occurrence) -> ArraySlice<UInt8>? {
        end(of: label, occurrence).map { end in
            bytes[end...].prefix { $0 != UInt8(ascii: " ") && $0 != UInt8(ascii: "\n") }
        }
    }

    private func part(from opening: StaticString, to closing: StaticString) -> String? {
        guard let start = end(of: opening, .first), let end = end(of: closing, .last, from: start) else {
            return nil
        }
        let part = bytes[start..<(end - closing.utf8CodeUnitCount)]
        return part.isEmpty ? nil : Self.text(part)
    }

    private static func text(_ bytes: ArraySlice<UInt8>) -> String { String(decoding: bytes, as: UTF8.self) }
}
