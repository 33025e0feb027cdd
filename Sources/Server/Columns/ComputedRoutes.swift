internal import Control
internal import EventStore
internal import HTTPTypes
internal import Hummingbird
internal import Model
internal import People

/// A person's computed columns, and how the value of each comes about.
enum ComputedRoutes {
    static let routes = [
        Route(
            .get, "/v1/people/{id}/computed", .scope(.peopleRead), columns: .asked,
            audit: .read("people.computed", of: "people"), all),
        Route(
            .get, "/v1/people/{id}/computed/{name}", .scope(.peopleRead), columns: .asked,
            audit: .read("people.computed_parts", of: "people"), parts),
    ]

    private static func all(_ exchange: Exchange) async throws -> Response {
        try exchange.requireColumns([.builtin(.personID)])
        let columns = try await exchange.computedColumns(try await exchange.moment())
        exchange.note.used(Set(columns.map { .computed($0.name) }))
        return try await exchange.withStanding { id, reader in
            exchange.note.rows(1)
            let found = try reader.computed(columns, of: [id])[id] ?? [:]
            return .json([
                "person_id": .string(id.text), "computed": found, "as_of_day": JSONValue(columns.first?.day.text),
                "timezone": JSONValue(columns.first?.day.timezone), "as_of_seq": JSONValue(reader.seq),
            ])
        }
    }

    /// What each term is, what it adds, or which case holds. It tells of events, so that a key with a list needs what is read of
    /// them, too.
    private static func parts(_ exchange: Exchange) async throws -> Response {
        let name = exchange.parameters[1]
        guard let entry = try exchange.project().columns.entry(name) else { throw Problem.noColumn(name) }
        try exchange.requireColumns(entry.formula.needs.union([.computed(name), .builtin(.personID)]))
        let all = try await exchange.project().columns.columns(at: try await exchange.moment())
        guard let column = all.first(where: { $0.name == name }) else { throw Problem.noColumn(name) }
        return try await exchange.withStanding { id, reader in
            guard let parts = try reader.parts(of: column, id) else { throw Problem.noColumn(name) }
            exchange.note.rows(1)
            return .json(document(column, parts, id, reader.seq))
        }
    }

    private static func document(
        _ column: ComputedColumn, _ parts: ComputedParts, _ id: PersonID, _ seq: Int64
    ) -> JSONValue {
        func value(_ text: String?) -> JSONValue { text.flatMap { try? JSONValue(text: $0) } ?? .null }
        let formula = column.formula
        var weights: [String: (weight: String, contribution: String?)] = [:]
        if case .weights(let all) = formula.value {
            for (term, contribution) in zip(all.terms, parts.contributions) {
                weights[term.term] = (term.weight, contribution)
            }
        }
        let terms = zip(formula.terms, parts.terms).map { term, found -> JSONValue in
            var members: [JSONValue.Member] = [
                .init("term", .string(term.name)), .init("measure", .string(term.measure.rawValue)),
                .init("value", value(found)),
            ]
            if let weight = weights[term.name] {
                members.append(.init("weight", .number(weight.weight)))
                members.append(.init("contribution", value(weight.contribution)))
            }
            return .object(members)
        }
        var members: [JSONValue.Member] = [
            .init("person_id", .string(id.text)), .init("name", .string(column.name)),
            .init("value", value(parts.value)),
            .init("version", JSONValue(column.version)), .init("as_of_day", .string(column.day.text)),
            .init("timezone", .string(column.day.timezone)), .init("as_of_seq", JSONValue(seq)),
            .init("terms", .array(terms)),
        ]
        if case .cases = formula.value {
            // None of them: what stands under "else".
            members.append(.init("case", JSONValue(optional: parts.caseNumber.map(Int64.init))))
        }
        return .object(members + [.init("formula", formula.json)])
    }
}

extension Exchange {
    /// The computed columns that the caller may see, as of a moment.
    func computedColumns(_ moment: Timestamp) async throws -> [ComputedColumn] {
        let grant = try requireCaller().grant
        return try await project().columns.columns(at: moment).filter { grant.allows(.computed($0.name)) }
    }

    /// All computed columns as of now, by which names are read.
    func allComputed() async throws -> [ComputedColumn] { try await project().columns.columns(at: receivedAt) }

    /// Those that the caller may see.
    func visible(_ columns: [ComputedColumn]) throws -> [ComputedColumn] {
        let grant = try requireCaller().grant
        return columns.filter { grant.allows(.computed($0.name)) }
    }

    /// The moment that `as_of` names, or now.
    func moment() async throws -> Timestamp {
        guard let text = query["as_of"] else { return receivedAt }
        let runtime = try project()
        return try await runtime.store.moment(
            text, path: "as_of", timezone: runtime.columns.timezone, now: receivedAt)
    }
}
