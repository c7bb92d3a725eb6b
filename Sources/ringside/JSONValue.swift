// SPDX-License-Identifier: MIT
import FoundationEssentials

/// Any JSON value, for results that are passed on without being looked into.
enum JSONValue: Codable, Equatable {
    case null
    case bool(Bool)
    case integer(Int64)
    case number(Double)
    case string(String)
    case array([JSONValue])
    case object([String: JSONValue])

    /// - Throws: a decoding error where `bytes` are not one JSON value.
    init(parsing bytes: [UInt8]) throws { self = try JSONDecoder().decode(JSONValue.self, from: Data(bytes)) }

    init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        func value<Value: Decodable>(_ make: (Value) -> JSONValue) -> JSONValue? {
            do { return make(try container.decode(Value.self)) } catch { return nil }
        }
        if container.decodeNil() {
            self = .null
        } else if let value = value(JSONValue.bool) ?? value(JSONValue.integer) ?? value(JSONValue.number)
            ?? value(JSONValue.string) ?? value(JSONValue.array)
        {
            self = value
        } else {
            self = .object(try container.decode([String: JSONValue].self))
        }
    }

    func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        switch self {
        case .null: try container.encodeNil()
        case .bool(let value): try container.encode(value)
        case .integer(let value): try container.encode(value)
        case .number(let value): try container.encode(value)
        case .string(let value): try container.encode(value)
        case .array(let value): try container.encode(value)
        case .object(let value): try container.encode(value)
        }
    }
}
