internal import Connectors
internal import Control
internal import EventStore
internal import HTTPTypes
internal import Hummingbird
internal import Journal
internal import Logging
internal import Model
internal import Triggers
internal import Webhooks

/// Triggers: made, read, changed, held and enabled, removed.
enum TriggerRoutes {
    private static let path = "/v1/triggers"
    private static let fields = ["name", "when", "then", "enabled"]

    static let routes = [
        Route(.post, path, .scope(.webhooksWrite), audit: .discreetAct("triggers.create"), create),
        Route(.get, path, .scope(.webhooksRead), audit: .none, list),
        Route(.get, "\(path)/{id}", .scope(.webhooksRead), audit: .none, show),
        Route(.patch, "\(path)/{id}", .scope(.webhooksWrite), audit: .discreetAct("triggers.change"), change),
        Route(.delete, "\(path)/{id}", .scope(.webhooksWrite), audit: .act("triggers.remove"), remove),
        Route(.post, "\(path)/{id}/enable", .scope(.webhooksWrite), audit: .act("triggers.enable"), enable),
        Route(.post, "\(path)/{id}/disable", .scope(.webhooksWrite), audit: .act("triggers.disable"), disable),
        Route(.post, "\(path)/resume-timers", .scope(.admin), audit: .act("triggers.resume"), resumeTimers),
    ]

    /// The machine's clock is right although it leapt ahead: what is held of all projects goes on.
    private static func resumeTimers(_ exchange: Exchange) async throws -> Response {
        guard try exchange.requireCaller().governsProjects else {
            throw Problem.forbidden(
                "timers are held in all projects, so only an admin key of the default project lets them go")
        }
        return .json(["resumed": .bool(exchange.app.webhooks.sender.resumeTimers())])
    }

    private static func create(_ exchange: Exchange) async throws -> Response {
        let bytes = try await Body.decoded(exchange, limit: Body.documentBytes)
        return try await Idempotency.run(exchange, body: bytes) {
            let draft = try await draft(try Body.parse(bytes), exchange)
            let runtime = try exchange.project()
            runtime.keepJournal()
            let record = try await exchange.app.webhooks.store.create(
                draft, project: runtime.name, by: try exchange.requireCaller().key, now: exchange.receivedAt,
                durable: { runtime.journal.durableSeq })
            try await exchange.app.webhooks.sender.reload()
            exchange.note.made(record.id)
            exchange.logger.info("a trigger was made", metadata: ["trigger": "\(record.id)"])
            return (.created, Array(document(record).text.utf8))
        }
    }

    /// What is to be made of a document, once it can be.
    static func draft(_ json: JSONValue, _ exchange: Exchange) async throws -> TriggerDraft {
        let body = try RequestDocument(json, fields: fields)
        guard let name = try body.text("name"), !name.isEmpty else {
            throw RequestDocument.problem("\"name\" is missing: what the trigger is called")
        }
        guard let when = body["when"] else {
            throw RequestDocument.problem("\"when\" is missing: what makes it fire")
        }
        var draft = TriggerDraft(
            name: name, when: when, actions: try await actions(body["then"] ?? .array([]), exchange))
        try await check(when, exchange)
        if try flag(body, "enabled") == false { draft.state = .disabled }
        return draft
    }

    private static func list(_ exchange: Exchange) async throws -> Response {
        let limit = try exchange.query.limit()
        let after = try exchange.query.integer("cursor", in: 1...Int64.max) ?? 0
        let rows = try await exchange.app.webhooks.store.triggers(
            project: try exchange.project().name, after: after, limit: limit + 1)
        return .page(
            rows.prefix(limit).map { document($0) }, next: rows.count > limit ? String(rows[limit - 1].number) : nil)
    }

    private static func show(_ exchange: Exchange) async throws -> Response {
        .json(document(try await exchange.trigger()))
    }

    private static func change(_ exchange: Exchange) async throws -> Response {
        let body = try await RequestDocument(exchange, fields: fields + ["open"])
        let known = try await exchange.trigger()
        if let when = body["when"] { try await check(when, exchange) }
        let name = try body.text("name")
        guard name != "" else { throw RequestDocument.problem("\"name\" is not empty") }
        let enabled = try flag(body, "enabled")
        var open = OpenInstances.pin
        if let word = try body.text("open") {
            guard let meant = OpenInstances(rawValue: word) else {
                throw RequestDocument.problem(
                    "\"open\" says what becomes of what is waited for: pin, migrate or cancel")
            }
            open = meant
        }
        let new: [TriggerAction]?
        if let then = body["then"] { new = try await actions(then, exchange) } else { new = nil }
        let (service, runtime) = (exchange.app.webhooks, try exchange.project())
        var state: TriggerRule.State?
        if let enabled, enabled != (known.state == .enabled) { state = enabled ? .enabled : .disabled }
        let record = try await service.store.update(
            known.id, name: name, when: body["when"], actions: new, open: open, state: state, project: known.project,
            by: try exchange.requireCaller().key, now: exchange.receivedAt, durable: { runtime.journal.durableSeq })
        try await service.sender.reload()
        return .json(document(record))
    }

    private static func remove(_ exchange: Exchange) async throws -> Response {
        let id = exchange.parameters[0]
        guard
            try await exchange.app.webhooks.store.removeTrigger(id, project: try exchange.project().name)
        else { throw Problem.notFound("there is no trigger \(id.prefix(64))") }
        try await exchange.app.webhooks.sender.reload()
        exchange.logger.info("a trigger was removed", metadata: ["trigger": "\(id)"])
        return Response(status: .noContent)
    }

    private static func enable(_ exchange: Exchange) async throws -> Response {
        let body = try await optional(exchange, fields: ["held"])
        var sends: Bool?
        switch try body.text("held") {
        case nil: break
        case "send": sends = true
        case "drop": sends = false
        default: throw RequestDocument.problem("\"held\" is send or drop: what becomes of what came due meanwhile")
        }
        return .json(document(try await setState(exchange, .enabled, sendsHeld: sends)))
    }

    private static func disable(_ exchange: Exchange) async throws -> Response {
        let body = try await optional(exchange, fields: ["due"])
        switch try body.text("due") {
        case nil, "drop": return .json(document(try await setState(exchange, .disabled)))
        case "hold": return .json(document(try await setState(exchange, .held)))
        default: throw RequestDocument.problem("\"due\" is drop or hold: what becomes of what comes due meanwhile")
        }
    }

    // MARK: Parts

    private static func setState(
        _ exchange: Exchange, _ state: TriggerRule.State, sendsHeld: Bool? = nil
    ) async throws -> TriggerRecord {
        let (service, runtime) = (exchange.app.webhooks, try exchange.project())
        let record = try await service.store.setState(
            exchange.parameters[0], state, sendsHeld: sendsHeld, by: try exchange.requireCaller().key,
            project: runtime.name, now: exchange.receivedAt, durable: { runtime.journal.durableSeq })
        try await service.sender.reload()
        return record
    }

    static func optional(_ exchange: Exchange, fields: [String]) async throws -> RequestDocument {
        let bytes = try await Body.decoded(exchange, limit: Body.documentBytes)
        return try RequestDocument(bytes.isEmpty ? .object([]) : try Body.parse(bytes), fields: fields)
    }

    private static func flag(_ body: RequestDocument, _ name: String) throws -> Bool? {
        guard let value = body[name] else { return nil }
        guard let flag = value.boolValue else { throw RequestDocument.problem("\"\(name)\" is true or false") }
        return flag
    }

    /// Reads `then`; what a connector would refuse is refused now.
    private static func actions(_ json: JSONValue, _ exchange: Exchange) async throws -> [TriggerAction] {
        let actions = try TriggerAction.list(json)
        try await exchange.check(actions, at: "then")
        return actions
    }

    static func document(_ record: TriggerRecord) -> JSONValue {
        [
            "id": .string(record.id), "name": .string(record.name), "version": JSONValue(record.version),
            "when": record.when, "then": record.actions, "enabled": .bool(record.state == .enabled),
            "state": .string(record.state.rawValue), "reason": JSONValue(record.reason),
            "state_changed_by": .string(record.changedBy),
            "state_at": .string(record.stateAt.text), "since_seq": JSONValue(record.sinceSeq),
            "created_at": .string(record.createdAt.text), "updated_at": .string(record.updatedAt.text),
        ]
    }
}

extension Exchange {
    /// Looks at connectors' settings: what would be refused when something is to be sent is refused now.
    func check(_ actions: [TriggerAction], at path: String) async throws {
        for (place, action) in actions.enumerated() {
            guard case .connector(let kind, let settings) = action else { continue }
            do throws(ConnectorError) {
                _ = try await app.webhooks.actions.make(kind, settings)
                if let text = settings["url"]?.stringValue, !SecretReference.isReference(text) {
                    try await app.webhooks.client.vet(try OutboundURL(text))
                }
            } catch {
                var problem = Problem.badRequest(error.message, code: error.code.rawValue)
                problem.members = [.init("path", .string("\(path)[\(place)].\(kind)"))]
                throw problem
            }
        }
    }

    /// The trigger that the path names, of the caller's project.
    func trigger() async throws -> TriggerRecord {
        let id = parameters[0]
        guard let record = try await app.webhooks.store.trigger(id, project: try project().name) else {
            throw Problem.notFound("there is no trigger \(id.prefix(64))")
        }
        return record
    }
}
