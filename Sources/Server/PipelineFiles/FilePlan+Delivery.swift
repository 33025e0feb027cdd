internal import Connectors
internal import Model
internal import Pipelines
internal import Triggers
internal import Webhooks

/// What the outbox keeps: endpoints and triggers.
extension FilePlan {
    mutating func add(endpoint thing: FileThing, resolves: Bool) async throws {
        guard let id = known.id(of: thing) else { return }
        let old = known.endpoints.first { $0.id == id }
        var secrets = ThingSecrets(thing, exchange)
        let document = try await secrets.opened(Self.document(thing))
        if resolves, let error = secrets.errors.first { throw error }
        let draft = try await EndpointRoutes.draft(document, exchange)
        try check(draft.notify, thing, "notify")
        let store = exchange.app.webhooks.store
        var changes: [PipelineChange] = []
        let hasSecret = document["secret"] != nil
        var (rotates, tellsOthers) = (false, true)
        if let old {
            guard old.definition.mode == draft.definition.mode else {
                throw thing.error("\"mode\" stays as the endpoint was made; make another one", at: "mode")
            }
            changes = PipelineChange.between(old.definition.json, draft.definition.json)
            let told = try await store.notified(of: old)
            tellsOthers = told != draft.notify
            if tellsOthers {
                changes.append(.init(path: "notify", old: Self.shown(told), new: Self.shown(draft.notify)))
            }
            // What cannot be found now is not known to be another one.
            if secrets.errors.isEmpty {
                let before = try? await store.headers(old)
                if !Self.isSame(before ?? [], draft.headers) {
                    changes.append(
                        .init(path: "headers", old: Self.names(before ?? []), new: Self.names(draft.headers)))
                }
                if hasSecret, try await store.secret(old) != draft.secret {
                    rotates = true
                    changes.append(.init(path: "secret", old: "[hidden]", new: "[hidden]"))
                }
                if try await store.certificate(old) != draft.certificate {
                    changes.append(
                        .init(
                            path: "client_certificate", old: old.hasCertificate ? "[hidden]" : nil,
                            new: draft.certificate == nil ? nil : "[hidden]"))
                }
            }
        }
        if old == nil || !changes.isEmpty {
            endpoints.append(
                EndpointStep(id, isNew: old == nil, draft, rotates: rotates, tellsOthers: tellsOthers))
        }
        var notes = secrets.errors.map(\.message)
        if old == nil, !hasSecret, secrets.errors.isEmpty {
            notes.append("its secret is made by the server, and told once")
        } else if rotates {
            notes.append("the secret before still holds for a day")
        }
        note(
            thing, id, isNew: old == nil, changes, notes: notes,
            secret: old == nil && !hasSecret ? draft.secret.text : nil)
    }

    mutating func add(trigger thing: FileThing) async throws {
        guard let id = known.id(of: thing) else { return }
        let draft = try await TriggerRoutes.draft(Self.document(thing), exchange)
        try check(draft.actions, thing, "then")
        let old = known.triggers.first { $0.id == id }
        // What a file does not say is left to whoever holds and enables it by hand.
        let state: TriggerRule.State? = thing.json["enabled"]?.boolValue.map { $0 ? .enabled : .disabled }
        var changes: [PipelineChange] = []
        if let old {
            changes = PipelineChange.between(old.when, draft.when, path: "when")
            let actions = try await exchange.app.webhooks.store.actions(of: old)
            if actions != draft.actions {
                changes.append(.init(path: "then", old: Self.shown(actions), new: Self.shown(draft.actions)))
            }
            if let state, state != old.state {
                changes.append(
                    .init(
                        path: "enabled", old: .bool(old.state == .enabled), new: .bool(state == .enabled)))
            }
        }
        if old == nil || !changes.isEmpty {
            triggers.append(TriggerStep(id, isNew: old == nil, draft, state: state))
        }
        note(thing, id, isNew: old == nil, changes)
    }

    /// Whether endpoints are there that are named, or will be.
    private func check(_ actions: [TriggerAction], _ thing: FileThing, _ path: String) throws {
        let ids = Set(known.endpoints.map(\.id)).union(known.names.endpoints.values)
        for (index, action) in actions.enumerated() {
            guard case .endpoint(let id) = action, !ids.contains(id) else { continue }
            throw thing.error("\(path): there is no endpoint \"\(id.prefix(64))\"", at: "\(path)[\(index)].endpoint")
        }
    }

    private static func shown(_ actions: [TriggerAction]) -> JSONValue { .array(actions.map(\.shown)) }

    private static func names(_ headers: [(name: String, value: String)]) -> JSONValue {
        .object(headers.map { .init($0.name, "[hidden]") })
    }

    private static func isSame(
        _ a: [(name: String, value: String)], _ b: [(name: String, value: String)]
    ) -> Bool {
        a.count == b.count && zip(a, b).allSatisfy { $0 == $1 }
    }
}

/// The secrets that an endpoint of a file refers to: they are read when the file is applied, and sealed with the endpoint.
private struct ThingSecrets {
    private let thing: FileThing
    private let resolver: SecretResolver
    /// What could not be found.
    private(set) var errors: [PipelineError] = []

    init(_ thing: FileThing, _ exchange: Exchange) {
        self.thing = thing
        let tools = exchange.app.pipelines.tools
        resolver = exchange.caller?.isOwner ?? false ? tools.ownerSecrets : tools.secrets
    }

    /// The document with secrets in the place of their references, and without those that cannot be found.
    mutating func opened(_ document: JSONValue) async throws -> JSONValue {
        guard case .object(let members) = document else { return document }
        var out: [JSONValue.Member] = []
        for member in members {
            switch (member.key, member.value) {
            case ("secret", .string(let text)):
                if let secret = try await open(text, "secret") { out.append(.init("secret", .string(secret))) }
            case ("headers", .object(let headers)):
                var opened: [JSONValue.Member] = []
                for header in headers {
                    guard let text = header.value.stringValue, SecretReference.isReference(text) else {
                        opened.append(header)
                        continue
                    }
                    if let secret = try await open(text, "headers.\(header.key)") {
                        opened.append(.init(header.key, .string(secret)))
                    }
                }
                out.append(.init("headers", .object(opened)))
            default: out.append(member)
            }
        }
        return .object(out)
    }

    private mutating func open(_ text: String, _ path: String) async throws -> String? {
        let resolver = resolver
        do {
            return try await Blocking.run { try resolver.resolve(SecretReference(text)) }
        } catch let error as ConnectorError {
            errors.append(thing.error("\(path): \(error.message)", at: path))
            return nil
        }
    }
}
