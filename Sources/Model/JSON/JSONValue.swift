/// A JSON document as a tree, for conditions, specifications and answers: small documents, off the hot paths. Numbers
/// keep their text, objects the order of their keys.
public indirect enum JSONValue: Sendable, Equatable {
    case null
    case bool(Bool)
    /// The number as written.
    case number(String)
    case string(String)
    case array([JSONValue])
    case object([Member])

    /// A key and its value.
    public struct Member: Sendable, Equatable {
        public let key: String
        public let value: JSONValue
        public init(_ key: String, _ value: JSONValue) {
            self.key = key
            self.value = value
        }
    }
}

extension JSONValue {
    /// Reads one document; anything after it but whitespace is an error. A key given twice is one, too.
    public init(_ text: Span<UInt8>) throws(JSONError) {
        var at = 0
        self = try Self.parse(text, &at, depth: 0)
        JSONScanner.skipWhitespace(text, &at)
        guard at == text.count else { throw JSONError("something follows the document", at: at) }
    }

    /// Reads one document from a text.
    public init(text: String) throws(JSONError) { try self.init(Array(text.utf8).span) }

    private static func parse(_ text: Span<UInt8>, _ at: inout Int, depth: Int) throws(JSONError) -> JSONValue {
        JSONScanner.skipWhitespace(text, &at)
        guard at < text.count else { throw JSONError("the text ends where a value should be", at: at) }
        switch text[at] {
        case 0x7b:
            var members: [Member] = []
            var names: Set<ExactText> = []
            try JSONScanner.object(text, &at, depth: depth) { (key, at) throws(JSONError) in
                let name = string(key, in: text)
                guard names.insert(ExactText(name)).inserted else {
                    throw JSONError("the key \"\(name)\" is given twice", at: key.range.lowerBound)
                }
                members.append(Member(name, try parse(text, &at, depth: depth + 1)))
            }
            return .object(members)
        case 0x5b:
            var elements: [JSONValue] = []
            try JSONScanner.array(text, &at, depth: depth) { (at) throws(JSONError) in
                elements.append(try parse(text, &at, depth: depth + 1))
            }
            return .array(elements)
        case 0x22: return .string(string(try JSONScanner.string(text, &at), in: text))
        default:
            let range = try JSONScanner.value(text, &at, depth: depth)
            switch String(utf8: text.extracting(range)) {
            case "null": return .null
            case "true": return .bool(true)
            case "false": return .bool(false)
            case let number: return .number(number)
            }
        }
    }

    private static func string(_ token: JSONStringToken, in text: Span<UInt8>) -> String {
        guard token.escaped else { return String(utf8: text.extracting(token.range)) }
        var out: [UInt8] = []
        JSONText.appendUnescaped(token, in: text, to: &out)
        return String(decoding: out, as: UTF8.self)
    }

    /// The value under `key`, if this is an object that has it.
    public subscript(key: String) -> JSONValue? {
        guard case .object(let members) = self else { return nil }
        return members.first { $0.key == key }?.value
    }

    /// The text, if this is a string.
    public var stringValue: String? { if case .string(let text) = self { text } else { nil } }
    /// The number, if this is a whole one that fits.
    public var intValue: Int64? { if case .number(let text) = self { Int64(text) } else { nil } }
    /// The truth, if this is one.
    public var boolValue: Bool? { if case .bool(let value) = self { value } else { nil } }
    /// The elements, if this is an array.
    public var arrayValue: [JSONValue]? { if case .array(let elements) = self { elements } else { nil } }

    /// Appends the document without whitespace.
    public func write(to out: inout [UInt8]) {
        switch self {
        case .null: out.append(contentsOf: Array("null".utf8))
        case .bool(let value): out.append(contentsOf: Array((value ? "true" : "false").utf8))
        case .number(let text): out.append(contentsOf: Array(text.utf8))
        case .string(let text): JSONText.appendString(text, to: &out)
        case .array(let elements):
            out.append(0x5b)
            for (i, element) in elements.enumerated() {
                if i > 0 { out.append(0x2c) }
                element.write(to: &out)
            }
            out.append(0x5d)
        case .object(let members):
            out.append(0x7b)
            for (i, member) in members.enumerated() {
                if i > 0 { out.append(0x2c) }
                JSONText.appendString(member.key, to: &out)
                out.append(0x3a)
                member.value.write(to: &out)
            }
            out.append(0x7d)
        }
    }

    /// The document without whitespace.
    public var text: String {
        var out: [UInt8] = []
        write(to: &out)
        return String(decoding: out, as: UTF8.self)
    }
}

extension JSONValue: ExpressibleByStringLiteral, ExpressibleByIntegerLiteral, ExpressibleByBooleanLiteral,
    ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral, ExpressibleByNilLiteral
{
    public init(stringLiteral value: String) { self = .string(value) }
    public init(integerLiteral value: Int64) { self = .number(String(value)) }
    public init(booleanLiteral value: Bool) { self = .bool(value) }
    public init(arrayLiteral elements: JSONValue...) { self = .array(elements) }
    public init(dictionaryLiteral elements: (String, JSONValue)...) {
        self = .object(elements.map { Member($0.0, $0.1) })
    }
    public init(nilLiteral: ()) { self = .null }
    /// A whole number.
    public init(_ value: some BinaryInteger) { self = .number(String(value)) }
    /// A text, or null.
    public init(_ value: String?) { self = value.map { .string($0) } ?? .null }
}
