internal import HTTPTypes
internal import Hummingbird
internal import Model

/// The document of a request, of which every member is known.
struct RequestDocument: Sendable {
    let json: JSONValue

    /// - Parameter fields: the members that there are.
    init(_ json: JSONValue, fields: [String]) throws(Problem) {
        guard case .object(let members) = json else { throw Self.problem("the body is a JSON object") }
        if let other = members.first(where: { !fields.contains($0.key) }) {
            throw Self.problem(
                "there is no field \"\(other.key.prefix(64))\"; there are \(fields.joined(separator: ", "))")
        }
        self.json = json
    }

    /// Reads the body.
    init(_ exchange: Exchange, fields: [String]) async throws {
        try self.init(try Body.parse(try await Body.decoded(exchange, limit: Body.documentBytes)), fields: fields)
    }

    /// A member; null counts as not given.
    subscript(name: String) -> JSONValue? { json[name] == .null ? nil : json[name] }

    /// A text of at most so many bytes.
    func text(_ name: String, atMost most: Int = 255) throws(Problem) -> String? {
        guard let value = self[name] else { return nil }
        guard let text = value.stringValue, text.utf8.count <= most, !text.utf8.contains(0) else {
            throw Self.problem("\"\(name)\" is a text of at most \(most) bytes, none of them zero")
        }
        return text
    }

    /// A time as written: a text, or a number of epoch seconds.
    func time(_ name: String) throws(Problem) -> String? {
        switch self[name] {
        case nil: return nil
        case .number(let digits): return digits
        case .string(let text) where !text.isEmpty: return text
        default: throw Self.problem("\"\(name)\" is a time, such as 2026-01-31, 2026-01-31T12:00:00Z or -7d")
        }
    }

    /// `limit`: how many rows a page has.
    func limit() throws(Problem) -> Int {
        guard let value = self["limit"] else { return 100 }
        guard let limit = value.intValue, (1...1_000).contains(limit) else {
            throw Self.problem("\"limit\" is a whole number from 1 to 1000")
        }
        return Int(limit)
    }

    /// `cursor`: `next_cursor` of the page before.
    func cursor() throws(Problem) -> String? { try text("cursor", atMost: 1_000) }

    static func problem(_ detail: String) -> Problem { .badRequest(detail, code: "invalid_request") }
}
