// SPDX-License-Identifier: MIT
import CYAML
public import LinuxSystem
import SystemPackage

extension Document {
    /// How deep lists and maps may lie in each other.
    static let deepest = 32

    /// Reads one YAML document, or a JSON text, which YAML takes as it is.
    ///
    /// Aliases are refused: what they stand for may be larger than memory. The C library is libyaml.
    ///
    /// - Throws: an `OperationError` with the line that is wrong.
    public init(parsing text: String) throws(OperationError) {
        var events = Events(try EventReader.events(of: Array(text.utf8)))
        guard !events.isAtEnd else {
            self = .plain("null")
            return
        }
        self = try Self.next(&events, depth: 0)
    }

    private static func next(_ events: inout Events, depth: Int) throws(OperationError) -> Document {
        let event = events.take()
        guard depth <= deepest else {
            throw nothing(at: event.line).failure("is nested deeper than \(deepest)")
        }
        switch event.kind {
        case .scalar(let text, let isPlain):
            return Document(.scalar(text, isPlain: isPlain), line: event.line)
        case .listStart:
            var items: [Document] = []
            while !events.takeEnd() { items.append(try next(&events, depth: depth + 1)) }
            return Document(.list(items), line: event.line)
        case .mapStart: return try map(&events, event.line, depth)
        case .end: throw nothing(at: event.line).failure("ends too early")
        }
    }

    private static func map(
        _ events: inout Events,
        _ line: Int,
        _ depth: Int
    ) throws(OperationError) -> Document {
        var pairs: [(key: String, value: Document)] = []
        // A search is faster than a set while there are few.
        var seen: Set<String> = []
        while !events.takeEnd() {
            let key = try next(&events, depth: depth + 1)
            let name = try key.scalar("a key")
            if pairs.count == 8 { seen = Set(pairs.map(\.key)) }
            let isNew = pairs.count < 8 ? !pairs.contains { $0.key == name } : seen.insert(name).inserted
            guard isNew else { throw key.failure("the key '\(name)' is there twice") }
            pairs.append((name, try next(&events, depth: depth + 1)))
        }
        return Document(.map(pairs), line: line)
    }

    private static func nothing(at line: Int) -> Document { Document(.scalar("", isPlain: true), line: line) }
}

/// The parser's events on their way into a document. libyaml sees to it that every start has its end.
private struct Events {
    private let events: [Event]
    private var next = 0

    init(_ events: [Event]) { self.events = events }

    var isAtEnd: Bool { next == events.count }

    mutating func take() -> Event {
        next += 1
        return events[next - 1]
    }

    /// Takes the next event where it is the end of a list or map.
    mutating func takeEnd() -> Bool {
        guard case .end = events[next].kind else { return false }
        next += 1
        return true
    }
}

/// One event of the parser, copied out of its memory.
private struct Event {
    enum Kind {
        case scalar(String, isPlain: Bool)
        case listStart, mapStart, end
    }

    var kind: Kind
    var line: Int
}

private enum EventReader {
    /// The events of the first document.
    static func events(of bytes: [UInt8]) throws(OperationError) -> [Event] {
        // unsafe: the parser and each event live on this frame and are freed on every way out; the input outlives both.
        var parser = unsafe yaml_parser_t()
        guard unsafe yaml_parser_initialize(&parser) == 1 else {
            throw OperationError("read", "line 1", errno: .noMemory)
        }
        defer { unsafe yaml_parser_delete(&parser) }
        let result: Result<[Event], OperationError> = unsafe bytes.withUnsafeBufferPointer { input in
            unsafe yaml_parser_set_input_string(&parser, input.baseAddress, input.count)
            return Result { () throws(OperationError) in try unsafe collect(&parser) }
        }
        return try result.get()
    }

    private static func collect(_ parser: inout yaml_parser_t) throws(OperationError) -> [Event] {
        var events: [Event] = []
        var documents = 0
        while true {
            var event = unsafe yaml_event_t()
            guard unsafe yaml_parser_parse(&parser, &event) == 1 else { throw unsafe failure(parser) }
            defer { unsafe yaml_event_delete(&event) }
            let line = Int(unsafe event.start_mark.line) + 1
            switch unsafe event.type {
            case YAML_STREAM_END_EVENT: return events
            case YAML_DOCUMENT_START_EVENT:
                documents += 1
                if documents > 1 { throw refusal(line, "a second document begins here") }
            case YAML_ALIAS_EVENT: throw refusal(line, "aliases are not taken")
            case YAML_SCALAR_EVENT: events.append(Event(kind: unsafe scalar(event), line: line))
            case YAML_SEQUENCE_START_EVENT: events.append(Event(kind: .listStart, line: line))
            case YAML_MAPPING_START_EVENT: events.append(Event(kind: .mapStart, line: line))
            case YAML_SEQUENCE_END_EVENT, YAML_MAPPING_END_EVENT: events.append(Event(kind: .end, line: line))
            default: break
            }
        }
    }

    private static func scalar(_ event: yaml_event_t) -> Event.Kind {
        let scalar = unsafe event.data.scalar
        let bytes = unsafe UnsafeBufferPointer(start: scalar.value, count: scalar.length)
        let isPlain = unsafe scalar.style == YAML_PLAIN_SCALAR_STYLE
        return .scalar(unsafe String(decoding: bytes, as: UTF8.self), isPlain: isPlain)
    }

    private static func failure(_ parser: yaml_parser_t) -> OperationError {
        // libyaml's problems are string literals.
        let problem = unsafe parser.problem.map { unsafe String(cString: $0) } ?? "is no YAML"
        return refusal(Int(unsafe parser.problem_mark.line) + 1, problem)
    }

    private static func refusal(_ line: Int, _ cause: String) -> OperationError {
        OperationError("read", "line \(line)", cause: cause)
    }
}
