internal import Control
internal import EventStore
internal import HTTPTypes
internal import Hummingbird
internal import Model
internal import People

/// Many people at once: those of whom a condition holds, and those that identities name.
enum PeopleSearch {
    static let routes = [
        Route(
            .post, "/v1/people/search", .scope(.peopleRead), columns: .asked,
            audit: .read("people.search", of: "people"), search),
        Route(
            .post, "/v1/people/batch", .scope(.peopleRead), columns: .asked, audit: .read("people.batch", of: "people"),
            batch),
    ]

    /// The most identities of one look-up.
    static let mostIdentities = 1_000

    private static func search(_ exchange: Exchange) async throws -> Response {
        let body = try await RequestDocument(
            exchange, fields: ["segment", "columns", "limit", "cursor", "timezone", "as_of"])
        let (limit, written) = (try body.limit(), try body.cursor())
        let columns = try body.personColumns(try await exchange.allComputed())
        guard let segment = body["segment"] else {
            throw RequestDocument.problem("\"segment\" is missing: a condition on people, or the id of a saved segment")
        }
        let cursor = try written.map { (text) throws(PeopleError) in try MatchCursor(text) }
        let question = try await exchange.question(
            segment, timezone: try body.text("timezone") ?? "UTC", asOf: try body.time("as_of"), cursor: cursor)
        try exchange.requireColumns(question.needs)
        try exchange.requireColumns(columns.needs)
        return try await exchange.page(of: question, columns, limit: limit, cursor: cursor)
    }

    /// One answer for each identity, in their order; of those that nobody has, null.
    private static func batch(_ exchange: Exchange) async throws -> Response {
        let body = try await RequestDocument(exchange, fields: ["identities", "columns"])
        let computed = try await exchange.allComputed()
        let (identities, columns) = (try identities(body), try body.personColumns(computed))
        // Whoever may look identities up finds out whose they are.
        try exchange.requireColumns(columns.needs)
        try exchange.requireColumns([.builtin(.identities)])
        let seq = try await exchange.asOfSeq(nil)
        let wanted = columns.computed(of: try exchange.visible(computed))
        let (persons, documents) = try await exchange.project().store.readPinned { connection, pinned in
            let reader = PeopleReader(connection, pinned, asOf: seq)
            let persons = try reader.persons(of: identities)
            let ids = Set(persons.values).sorted { $0.number < $1.number }
            let found = try reader.computed(wanted, of: ids)
            let documents = try reader.people(ids).map { ($0.id, columns.document($0, found[$0.id])) }
            return (persons, Dictionary(uniqueKeysWithValues: documents))
        }
        exchange.note.rows(persons.count)
        // Who is not there is not written down by name.
        let found = identities.filter { persons[ExactText($0)] != nil }
        let asked: JSONValue = [
            "identities": .array(found.map { .string($0) }), "not_found": JSONValue(identities.count - found.count),
        ]
        exchange.note.asked(Array(asked.text.utf8))
        var out = Array("{\"data\":[".utf8)
        for (i, identity) in identities.enumerated() {
            if i > 0 { out.append(UInt8(ascii: ",")) }
            let person = persons[ExactText(identity)].flatMap { documents[$0] }
            out += Array("{\"identity\":\(JSONValue.string(identity).text),\"found\":\(person != nil),\"person\":".utf8)
            if let person { person.write(to: &out) } else { out += Array("null".utf8) }
            out.append(UInt8(ascii: "}"))
        }
        return .json(bytes: out + Array("],\"as_of_seq\":\(seq)}".utf8))
    }

    private static func identities(_ body: RequestDocument) throws(Problem) -> [String] {
        guard let values = body["identities"]?.arrayValue, (1...mostIdentities).contains(values.count) else {
            throw RequestDocument.problem("\"identities\" is a list of 1 to \(mostIdentities) texts")
        }
        var identities: [String] = []
        for (place, value) in values.enumerated() {
            guard let text = value.stringValue else {
                throw RequestDocument.problem("identities[\(place)]: a text should be here")
            }
            identities.append(text)
        }
        return identities
    }
}
