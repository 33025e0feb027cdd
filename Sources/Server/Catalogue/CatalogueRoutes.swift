internal import Control
internal import EventStore
internal import HTTPTypes
internal import Hummingbird
internal import Model
internal import People

/// The catalogue: which events and properties there are, how often, since when and as what, and what people say of them.
enum CatalogueRoutes {
    static let routes = [
        Route(.get, "/v1/catalogue/events", .scope(.eventsRead), columns: .always(eventColumns), audit: .none, events),
        Route(
            .get, "/v1/catalogue/properties", .scope(.eventsRead), columns: .always(propertyColumns), audit: .none,
            properties),
        Route(.put, "/v1/catalogue/events/{name}", .scope(.segmentsWrite), audit: .act("catalogue.change")) {
            exchange in
            try await note(exchange, .event)
        },
        Route(.put, "/v1/catalogue/properties/{name}", .scope(.segmentsWrite), audit: .act("catalogue.change")) {
            exchange in
            let of = try exchange.query.choice("of", ["event", "person"])
            return try await note(exchange, of == "event" ? .eventProperty : .personProperty)
        },
    ]

    private static let eventColumns: Set<ColumnNeed> = [.builtin(.event), .builtin(.timestamp)]
    private static let propertyColumns = eventColumns.union([.properties, .personProperties])
    /// Of a property that many events have, so many are named.
    private static let mostEvents = 100

    private static func events(_ exchange: Exchange) async throws -> Response {
        let (counts, notes) = try await read(exchange)
        var rows: [Row] = []
        merge(counts.events, notes, .event, to: &rows) { entry in [.init("count", JSONValue(entry?.count ?? 0))] }
        return try page(rows, exchange, counts)
    }

    private static func properties(_ exchange: Exchange) async throws -> Response {
        let kinds: [CatalogueNote.Kind] =
            switch exchange.query["of"] {
            case nil: [.eventProperty, .personProperty]
            case "event": [.eventProperty]
            case "person": [.personProperty]
            default: throw Problem.parameter("of", "must be event or person")
            }
        let (counts, notes) = try await read(exchange)
        var rows: [Row] = []
        for kind in kinds {
            let isOfEvents = kind == .eventProperty
            merge(isOfEvents ? counts.eventProperties : counts.personProperties, notes, kind, to: &rows) { entry in
                let found = zip(CatalogueCounts.ValueKind.allCases, entry?.kinds ?? []).filter { $0.1 > 0 }
                let told = found.filter { $0.0 != .null }.map(\.0.rawValue)
                var members: [JSONValue.Member] = [
                    .init("of", isOfEvents ? "event" : "person"), .init("count", JSONValue(entry?.count ?? 0)),
                    .init("type", told.count > 1 ? "mixed" : JSONValue(told.first)),
                    .init("types", .object(found.map { .init($0.0.rawValue, JSONValue($0.1)) })),
                ]
                if isOfEvents {
                    let names = entry.map { counts.eventNames(of: $0) } ?? []
                    members.append(.init("events", .array(names.prefix(mostEvents).map { .string($0) })))
                }
                return members
            }
        }
        return try page(rows, exchange, counts)
    }

    private static func read(_ exchange: Exchange) async throws -> (CatalogueCounts, [CatalogueNote]) {
        let runtime = try exchange.project()
        let seq = try await runtime.pin(exchange)
        let counts = try await runtime.catalogue.counts(runtime.store, through: seq)
        return (counts, try await exchange.app.control.catalogueNotes(project: runtime.name))
    }

    // MARK: Rows

    private struct Row {
        let name: String
        let kind: CatalogueNote.Kind
        let note: CatalogueNote
        let json: JSONValue

        /// The last row of a page, for the next one.
        var cursor: String { "\(kind.rawValue):\(name)" }

        /// The order of the list: by name, and of one name by what has it.
        func isBefore(_ other: (kind: String, name: String)) -> Bool {
            if ExactText(name) == ExactText(other.name) {
                return kind.rawValue.utf8.lexicographicallyPrecedes(other.kind.utf8)
            }
            return name.utf8.lexicographicallyPrecedes(other.name.utf8)
        }
    }

    /// What is stored and what is only spoken of yet.
    private static func merge(
        _ entries: [CatalogueCounts.Entry], _ notes: [CatalogueNote], _ kind: CatalogueNote.Kind, to rows: inout [Row],
        _ members: (CatalogueCounts.Entry?) -> [JSONValue.Member]
    ) {
        var ofKind: [ExactText: CatalogueNote] = [:]
        for note in notes where note.kind == kind { ofKind[ExactText(note.name)] = note }
        func add(_ name: String, _ entry: CatalogueCounts.Entry?, _ note: CatalogueNote?) {
            let note = note ?? CatalogueNote(kind, name)
            let seen: [JSONValue.Member] = [
                .init("first_seen", JSONValue(entry?.first)), .init("last_seen", JSONValue(entry?.last)),
            ]
            let json = JSONValue.object([.init("name", .string(name))] + members(entry) + seen + said(note))
            rows.append(Row(name: name, kind: kind, note: note, json: json))
        }
        for entry in entries { add(entry.name, entry, ofKind.removeValue(forKey: ExactText(entry.name))) }
        for note in ofKind.values { add(note.name, nil, note) }
    }

    private static func said(_ note: CatalogueNote) -> [JSONValue.Member] {
        [
            .init("description", .string(note.description)), .init("owner", .string(note.owner)),
            .init("milestone", .bool(note.isMilestone)), .init("churn_signal", .bool(note.isChurnSignal)),
            .init("updated_at", JSONValue(note.updatedAt)),
        ]
    }

    /// In the order of the names. A cursor is the last row's name, so that it holds whatever comes meanwhile.
    private static func page(_ all: [Row], _ exchange: Exchange, _ counts: CatalogueCounts) throws -> Response {
        let limit = try exchange.query.limit()
        let marked = try exchange.query["marked"].map { _ throws(Problem) in
            try exchange.query.choice("marked", ["milestone", "churn_signal"])
        }
        var rows = all.filter { row in
            switch marked {
            case "milestone": row.note.isMilestone
            case "churn_signal": row.note.isChurnSignal
            default: true
            }
        }
        if let part = exchange.query["q"] { rows = rows.filter { $0.name.contains(part) } }
        rows.sort { $0.isBefore(($1.kind.rawValue, $1.name)) }
        if let cursor = exchange.query["cursor"] {
            let kind = cursor.prefix { $0 != ":" }
            guard CatalogueNote.Kind(rawValue: String(kind)) != nil, kind.endIndex < cursor.endIndex else {
                throw Problem.parameter("cursor", PeopleError.strangeCursor.message)
            }
            let shown = (String(kind), String(cursor[kind.endIndex...].dropFirst()))
            rows = rows.filter { !$0.isBefore(shown) && $0.cursor != cursor }
        }
        let next = rows.count > limit ? rows[limit - 1].cursor : nil
        return .json([
            "data": .array(rows.prefix(limit).map(\.json)), "next_cursor": JSONValue(next),
            "as_of_seq": JSONValue(counts.seq),
        ])
    }

    // MARK: Notes

    /// Says something of a name, which need not have come yet. What the body does not name stays as it is.
    private static func note(_ exchange: Exchange, _ kind: CatalogueNote.Kind) async throws -> Response {
        let body = try await RequestDocument(exchange, fields: ["description", "owner", "milestone", "churn_signal"])
        let name = exchange.parameters[0]
        guard !name.isEmpty, !name.utf8.contains(0) else {
            throw Problem.badRequest("a note is for a name of one byte and more, none of them zero")
        }
        guard name.utf8.count <= 255 else { throw RequestDocument.problem("a name has at most 255 bytes") }
        let project = try exchange.project().name
        let notes = try await exchange.app.control.catalogueNotes(project: project)
        var note =
            notes.first { $0.kind == kind && ExactText($0.name) == ExactText(name) } ?? CatalogueNote(kind, name)
        note.description =
            try body.text("description", atMost: 4_096) ?? (isGiven(body, "description") ? "" : note.description)
        note.owner = try body.text("owner") ?? (isGiven(body, "owner") ? "" : note.owner)
        note.isMilestone = try truth(body, "milestone") ?? note.isMilestone
        note.isChurnSignal = try truth(body, "churn_signal") ?? note.isChurnSignal
        let saved = try await exchange.app.control.saveCatalogueNote(note, project: project)
        var members: [JSONValue.Member] = [.init("name", .string(name))]
        if kind != .event { members.append(.init("of", kind == .eventProperty ? "event" : "person")) }
        return .json(.object(members + said(saved)))
    }

    /// Whether a member is there, be it null: that takes away what was said.
    private static func isGiven(_ body: RequestDocument, _ name: String) -> Bool { body.json[name] != nil }

    private static func truth(_ body: RequestDocument, _ name: String) throws(Problem) -> Bool? {
        guard let value = body[name] else { return isGiven(body, name) ? false : nil }
        guard let truth = value.boolValue else { throw RequestDocument.problem("\"\(name)\" is true or false") }
        return truth
    }
}
