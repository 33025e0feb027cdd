internal import Control
internal import EventStore
internal import HTTPTypes
internal import Hummingbird
internal import Model
internal import People

/// Who is in a saved segment: how many, which, and whether somebody is and why.
enum SegmentPeople {
    static let routes = [
        Route(
            .get, "/v1/segments/{id}/count", .scope(.peopleRead), columns: .asked,
            audit: .read("segments.count", of: "people"), count),
        Route(
            .get, "/v1/segments/{id}/people", .scope(.peopleRead), columns: .asked,
            audit: .read("segments.people", of: "people"), people),
        Route(
            .get, "/v1/segments/{id}/people/{person}", .scope(.peopleRead), columns: .asked,
            audit: .read("segments.member", of: "people"), member),
    ]

    private static func count(_ exchange: Exchange) async throws -> Response {
        let began = SystemClock.monotonicMicroseconds()
        let (record, question) = try await question(exchange)
        try exchange.requireColumns(question.needs)
        let count = try await exchange.members(of: question).count
        let took = SystemClock.monotonicMicroseconds() - began
        return .json([
            "segment": reference(record), "count": JSONValue(Int64(count)), "as_of": .string(question.asOf.text),
            "as_of_seq": JSONValue(question.asOfSeq), "query_ms": .number("\(took / 1_000)"),
        ])
    }

    /// All of them by pages, or with `identity` whether that person is one of them.
    private static func people(_ exchange: Exchange) async throws -> Response {
        if let identity = exchange.query["identity"] {
            return try await check(exchange) { reader in try reader.persons(of: [identity])[ExactText(identity)] }
        }
        let limit = try exchange.query.limit()
        let cursor = try exchange.query["cursor"].map { (text) throws(PeopleError) in try MatchCursor(text) }
        let columns = try exchange.query.personColumns(try await exchange.allComputed())
        let (_, question) = try await question(exchange, cursor)
        try exchange.requireColumns(question.needs)
        try exchange.requireColumns(columns.needs)
        return try await exchange.page(of: question, columns, limit: limit, cursor: cursor)
    }

    private static func member(_ exchange: Exchange) async throws -> Response {
        let written = exchange.parameters[1]
        guard let id = PersonID(written) else {
            throw Problem.notFound("\(written.prefix(64)) is no person's id: those are p_ and letters")
        }
        return try await check(exchange) { reader in
            switch try reader.standing(id) {
            case .here: id
            case .moved(let standing): standing
            case .unknown: nil
            }
        }
    }

    /// Whether a person is in the segment, and which parts of its condition hold.
    private static func check(
        _ exchange: Exchange, _ find: @escaping @Sendable (PeopleReader) throws -> PersonID?
    ) async throws -> Response {
        let (record, question) = try await question(exchange)
        try exchange.requireColumns(question.needs)
        try exchange.requireColumns([.builtin(.personID)])
        let found = try await exchange.project().store.readPinned { connection, pinned in
            let reader = PeopleReader(connection, pinned, asOf: question.asOfSeq)
            return try find(reader).map { id in
                (id, try reader.explain([(question.tree, question.json)], of: id)[0])
            }
        }
        exchange.note.rows(found == nil ? 0 : 1)
        guard let (id, why) = found else { throw Problem.notFound("there is no such person") }
        let head: JSONValue = [
            "segment": reference(record), "person_id": .string(id.text), "in_segment": .bool(why.holds),
            "as_of": .string(question.asOf.text), "as_of_seq": JSONValue(question.asOfSeq),
        ]
        var body = Array(head.text.utf8.dropLast())
        body += Array(",\"why\":".utf8)
        why.write(to: &body)
        return .json(bytes: body + [UInt8(ascii: "}")])
    }

    private static func question(
        _ exchange: Exchange, _ cursor: MatchCursor? = nil
    ) async throws -> (SegmentRecord, SegmentQuestion) {
        let record = try await exchange.savedSegment(version: cursor?.version)
        let question = try await exchange.question(
            try JSONValue(text: record.draft.tree), timezone: record.draft.timezone,
            asOf: cursor == nil ? exchange.query["as_of"] : nil, version: record.version, cursor: cursor)
        return (record, question)
    }

    private static func reference(_ record: SegmentRecord) -> JSONValue {
        ["id": .string(record.id), "name": .string(record.draft.name), "version": JSONValue(record.version)]
    }
}
