internal import Control
internal import DuckDB
internal import EventStore
internal import HTTPTypes
internal import Hummingbird
internal import Journal
internal import Model
internal import People

/// Persons: by identity, by id, what they did, and how their properties changed.
enum PeopleRoutes {
    static let routes = [
        Route(
            .get, "/v1/people", .scope(.peopleRead), columns: .always(personColumns),
            audit: .read("people.list", of: "people"), list),
        Route(
            .get, "/v1/people/{id}", .scope(.peopleRead), columns: .always(personColumns),
            audit: .read("people.show", of: "people"), person),
        Route(
            .get, "/v1/people/{id}/events", .scope(.eventsRead), columns: .always(EventRoutes.eventColumns),
            audit: .read("people.events", of: "events"), events),
        Route(
            .get, "/v1/people/{id}/timeline", .scope(.eventsRead), columns: .always(EventRoutes.eventColumns),
            audit: .read("people.timeline", of: "events"), timeline),
        Route(
            .get, "/v1/people/{id}/properties", .scope(.peopleRead), columns: .always(changeColumns),
            audit: .read("people.properties", of: "property_changes"), changes),
        Route(
            .get, "/v1/people/{id}/properties/{name}", .scope(.peopleRead), columns: .asked,
            audit: .read("people.property", of: "property_changes"), property),
    ]

    /// What a person's document has.
    static let personColumns = Set(Dataset.people.columns.map { ColumnExpression($0).need(in: .people) })
    /// What a property's change has, and its value.
    private static let changeColumns: Set<ColumnNeed> = [
        .builtin(.seq), .builtin(.timestamp), .builtin(.identity), .builtin(.name), .builtin(.value),
    ]

    /// One person by identity, or all of them by pages.
    private static func list(_ exchange: Exchange) async throws -> Response {
        let (limit, cursor) = (try exchange.query.limit(), exchange.query["cursor"])
        guard let identity = exchange.query["identity"] else {
            let computed = try await exchange.computedColumns(exchange.receivedAt)
            return try await exchange.read { reader in
                let page = try reader.people(limit: limit, cursor: cursor)
                let values = try reader.computed(computed, of: page.elements.map(\.id))
                let documents = page.elements.map { PersonColumns.all.document($0, values[$0.id]) }
                return exchange.counted(Page(documents, nextCursor: page.nextCursor))
            }
        }
        let profile = try await PersonProfile(exchange)
        var known: PersonIndex.Known?
        if profile.isPlain, exchange.query["as_of_seq"] == nil {
            let runtime = try exchange.project()
            _ = try await runtime.pin(exchange)
            known = runtime.store.known(identity: identity)
            if let known, let person = Person(known) {
                exchange.note.rows(1)
                return .json(bytes: person.json)
            }
        }
        let found = try await exchange.reading { [known] reader -> [UInt8]? in
            if let known, let person = try reader.person(known) { return try profile.document(person, reader) }
            return try reader.person(identity: identity).map { try profile.document($0, reader) }
        }
        exchange.note.rows(found == nil ? 0 : 1)
        guard let found else { throw Problem.notFound("nobody has this identity") }
        return .json(bytes: found)
    }

    private static func person(_ exchange: Exchange) async throws -> Response {
        let profile = try await PersonProfile(exchange)
        return try await exchange.withStanding { id, reader in
            guard case .person(let person) = try reader.person(id) else { throw Problem.nobody(id) }
            exchange.note.rows(1)
            return .json(bytes: try profile.document(person, reader))
        }
    }

    /// What a person did, of the events that are asked for.
    private static func events(_ exchange: Exchange) async throws -> Response {
        let (limit, cursor) = (try exchange.query.limit(), exchange.query["cursor"])
        let filter = try await exchange.eventFilter()
        let isOldestFirst = try exchange.query.choice("order", ["newest", "oldest"]) == "oldest"
        return try await exchange.withStanding { id, reader in
            .json(
                bytes: exchange.counted(
                    try reader.events(of: id, filter, isOldestFirst: isOldestFirst, limit: limit, cursor: cursor)))
        }
    }

    /// The longest break within a session, where the request does not say it.
    private static let gap = "30m"

    private static func timeline(_ exchange: Exchange) async throws -> Response {
        let limit = try exchange.query.integer("limit", in: 1...Int64(Session.mostSessions)) ?? 20
        let cursor = exchange.query["cursor"]
        guard let gap = Durations.microseconds(exchange.query["gap"] ?? gap), gap > 0 else {
            throw Problem.parameter("gap", "must be a duration such as 30m (s m h d w)")
        }
        return try await exchange.withStanding { id, reader in
            .json(bytes: exchange.counted(try reader.timeline(of: id, gap: gap, limit: Int(limit), cursor: cursor)))
        }
    }

    private static func changes(_ exchange: Exchange) async throws -> Response {
        let (limit, cursor) = (try exchange.query.limit(), exchange.query["cursor"])
        return try await exchange.withStanding { id, reader in
            .json(bytes: exchange.counted(try reader.changes(of: id, limit: limit, cursor: cursor)))
        }
    }

    /// The history of one property, or with `at` its value at one moment of it.
    private static func property(_ exchange: Exchange) async throws -> Response {
        let name = exchange.parameters[1]
        try exchange.requireColumns(changeColumns.subtracting([.builtin(.name), .builtin(.value)]))
        try exchange.requireColumns([.person(ExactText(name))])
        let (limit, cursor) = (try exchange.query.limit(), exchange.query["cursor"])
        let moment: PropertyMoment? =
            switch exchange.query["at"] {
            case nil: nil
            case "first": .first
            case "last": .last
            case .some: try exchange.query.time("at").map { .at($0) }
            }
        return try await exchange.withStanding { id, reader in
            guard let moment else {
                return .json(
                    bytes: exchange.counted(try reader.changes(of: id, name: name, limit: limit, cursor: cursor)))
            }
            guard let value = try reader.property(name, of: id, moment) else {
                throw Problem.notFound("the person had no such property then")
            }
            exchange.note.rows(1)
            return .json(bytes: value.json)
        }
    }
}

extension Exchange {
    /// Reads on a lane of the store, once it has reached the `seq` that this read is pinned to.
    func reading<T: Sendable>(_ body: @escaping @Sendable (PeopleReader) throws -> T) async throws -> T {
        let runtime = try project()
        let asOf = try query.integer("as_of_seq", in: 0...Int64.max)
        // Whoever may ask as of any seq finds out when each row was stored.
        if asOf != nil { try requireColumns([.builtin(.seq)]) }
        let durable = runtime.journal.durableSeq
        if let asOf, asOf > durable {
            throw Problem.badRequest("as_of_seq is \(asOf), which is beyond what is stored (\(durable))")
        }
        _ = try await runtime.pin(self)
        // `wait_seq` may name less.
        if let asOf { _ = try await runtime.pin(asOf, wait: app.configuration.readWait) }
        return try await runtime.store.readPinned { connection, pinned in
            try body(PeopleReader(connection, pinned, asOf: asOf))
        }
    }

    /// Reads a document that is answered as it is.
    func read(_ body: @escaping @Sendable (PeopleReader) throws -> [UInt8]) async throws -> Response {
        .json(bytes: try await reading(body))
    }

    /// Reads of the person whose id is the path's first variable; 307 to the one that stands if it was merged.
    func withStanding(
        _ body: @escaping @Sendable (PersonID, PeopleReader) throws -> Response
    ) async throws -> Response {
        let written = parameters[0]
        guard let id = PersonID(written) else {
            throw Problem.notFound("\(written.prefix(64)) is no person's id: those are p_ and letters")
        }
        let uri = request.uri
        return try await reading { reader in
            switch try reader.standing(id) {
            case .here: return try body(id, reader)
            case .unknown: throw Problem.nobody(id)
            case .moved(let standing):
                let rest = uri.path.dropFirst("/v1/people/\(written)".count)
                let query = uri.query.map { "?" + $0 } ?? ""
                return Response(
                    status: .temporaryRedirect,
                    headers: [.location: "/v1/people/\(standing.text)\(rest)\(query)", .cacheControl: "no-store"])
            }
        }
    }
}

extension Problem {
    fileprivate static func nobody(_ id: PersonID) -> Problem { notFound("there is no person \(id.text)") }
}
