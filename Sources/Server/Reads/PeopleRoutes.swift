internal import Control
internal import DuckDB
internal import EventStore
internal import HTTPTypes
internal import Hummingbird
internal import Model
internal import People

/// Persons: by identity, by id, what they did, and how their properties changed.
enum PeopleRoutes {
    static let routes = [
        Route(.get, "/v1/people", .scope(.peopleRead), list),
        Route(.get, "/v1/people/{id}", .scope(.peopleRead), person),
        Route(.get, "/v1/people/{id}/events", .scope(.eventsRead), events),
        Route(.get, "/v1/people/{id}/properties", .scope(.peopleRead), changes),
        Route(.get, "/v1/people/{id}/properties/{name}", .scope(.peopleRead), property),
    ]

    /// One person by identity, or all of them by pages.
    private static func list(_ exchange: Exchange) async throws -> Response {
        let (limit, cursor) = (try exchange.query.limit(), exchange.query["cursor"])
        guard let identity = exchange.query["identity"] else {
            return try await exchange.read { reader in try reader.people(limit: limit, cursor: cursor).json }
        }
        let found = try await exchange.reading { reader in try reader.person(identity: identity)?.json }
        guard let found else { throw Problem.notFound("nobody has this identity") }
        return .json(bytes: found)
    }

    private static func person(_ exchange: Exchange) async throws -> Response {
        try await exchange.withPerson { person, _ in .json(bytes: person.json) }
    }

    private static func events(_ exchange: Exchange) async throws -> Response {
        let (limit, cursor) = (try exchange.query.limit(), exchange.query["cursor"])
        return try await exchange.withPerson { person, reader in
            .json(bytes: try reader.events(of: person.id, limit: limit, cursor: cursor).json)
        }
    }

    private static func changes(_ exchange: Exchange) async throws -> Response {
        let (limit, cursor) = (try exchange.query.limit(), exchange.query["cursor"])
        return try await exchange.withPerson { person, reader in
            .json(bytes: try reader.changes(of: person.id, limit: limit, cursor: cursor).json)
        }
    }

    /// The history of one property, or with `at` its value at one moment of it.
    private static func property(_ exchange: Exchange) async throws -> Response {
        let name = exchange.parameters[1]
        let (limit, cursor) = (try exchange.query.limit(), exchange.query["cursor"])
        let moment: PropertyMoment? =
            switch exchange.query["at"] {
            case nil: nil
            case "first": .first
            case "last": .last
            case .some: try exchange.query.time("at").map { .at($0) }
            }
        return try await exchange.withPerson { person, reader in
            guard let moment else {
                return .json(bytes: try reader.changes(of: person.id, name: name, limit: limit, cursor: cursor).json)
            }
            guard let value = try reader.property(name, of: person.id, moment) else {
                throw Problem.notFound("the person had no such property then")
            }
            return .json(bytes: value.json)
        }
    }
}

extension Exchange {
    /// Reads on a lane of the store, once it has reached the `seq` that this read is pinned to.
    func reading<T: Sendable>(_ body: @escaping @Sendable (PeopleReader) throws -> T) async throws -> T {
        let runtime = try project()
        _ = try await runtime.pin(self)
        return try await runtime.store.readPinned { connection, seq in
            try body(PeopleReader(connection, asOf: seq))
        }
    }

    /// Reads a document that is answered as it is.
    func read(_ body: @escaping @Sendable (PeopleReader) throws -> [UInt8]) async throws -> Response {
        .json(bytes: try await reading(body))
    }

    /// Reads of the person whose id is the path's first variable; 307 to the one that stands if it was merged.
    func withPerson(
        _ body: @escaping @Sendable (Person, PeopleReader) throws -> Response
    ) async throws -> Response {
        let written = parameters[0]
        guard let id = PersonID(written) else {
            throw Problem.notFound("\(written.prefix(64)) is no person's id: those are p_ and letters")
        }
        let uri = request.uri
        return try await reading { reader in
            switch try reader.person(id) {
            case .person(let person): return try body(person, reader)
            case .unknown: throw Problem.notFound("there is no person \(id.text)")
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
