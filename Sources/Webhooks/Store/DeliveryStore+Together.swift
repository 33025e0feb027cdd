internal import Connectors
internal import GRDB
public import Model
public import Triggers

/// An endpoint that is to be made or changed together with others.
public struct EndpointStep: Sendable {
    public let id: String
    public let isNew: Bool
    public let draft: EndpointDraft
    /// Whether the draft's secret takes the place of the one that it has.
    public let rotates: Bool
    /// Whether those whom it tells are others than before.
    public let tellsOthers: Bool

    public init(_ id: String, isNew: Bool, _ draft: EndpointDraft, rotates: Bool = false, tellsOthers: Bool = true) {
        (self.id, self.isNew, self.draft) = (id, isNew, draft)
        (self.rotates, self.tellsOthers) = (rotates, tellsOthers)
    }
}

/// A trigger that is to be made or changed together with others.
public struct TriggerStep: Sendable {
    public let id: String
    public let isNew: Bool
    public let draft: TriggerDraft
    /// nil lets one that is there be as it is.
    public let state: TriggerRule.State?

    public init(_ id: String, isNew: Bool, _ draft: TriggerDraft, state: TriggerRule.State?) {
        (self.id, self.isNew, self.draft, self.state) = (id, isNew, draft, state)
    }
}

extension DeliveryStore {
    /// How long the secret before still holds where another one takes its place.
    private static let overlap: Int64 = 86_400_000_000

    /// An id for an endpoint or a trigger that is to be made.
    public static func newID(_ prefix: String, _ now: Timestamp) -> String { makeID(prefix, now) }

    /// Makes and changes endpoints and triggers, all or nothing. They may name one another.
    ///
    /// - Parameter durable: the highest `seq` that is on disk now; asked within the transaction.
    public func apply(
        _ endpoints: [EndpointStep], _ triggers: [TriggerStep], project: String, by key: String, now: Timestamp,
        durable: @escaping @Sendable () -> Int64
    ) async throws(WebhookError) {
        let box = box
        try await write { db in
            for step in endpoints where step.isNew {
                try Self.make(db, step.id, step.draft, project, by: key, now, durable, box)
            }
            for step in endpoints where !step.isNew {
                let known = try Self.require(db, step.id, project)
                try Self.change(
                    db, known, step.draft.definition, headers: step.draft.headers,
                    certificate: step.draft.certificate ?? "", now, durable, box)
                if step.rotates {
                    try Self.rotate(db, known, to: step.draft.secret, overlap: Self.overlap, now, box)
                }
            }
            // Once all are there that may be named.
            for step in endpoints where step.isNew || step.tellsOthers {
                try Self.setNotify(
                    db, try Self.require(db, step.id, project), step.draft.notify, by: key, now, box)
            }
            try Self.watchPersons(db, project, now, durable, box)
            for step in triggers {
                if step.isNew {
                    try Self.makeTrigger(
                        db, id: step.id, type: TriggerFiring.firedType, step.draft, project, by: key, now, durable, box)
                } else {
                    let known = try Self.requireTrigger(db, step.id, project)
                    try Self.change(
                        db, known, name: step.draft.name, when: step.draft.when, actions: step.draft.actions,
                        open: .pin,
                        state: step.state, by: key, now, durable, box)
                }
            }
            try Self.noteChange(db)
        }
    }

    /// What a trigger does, with settings as they were given; null where the master key is another one.
    public func actions(of record: TriggerRecord) async throws(WebhookError) -> [TriggerAction] {
        try await opened(record.actions)
    }

    /// Who is told of what becomes of an endpoint, in the same way.
    public func notified(of record: EndpointRecord) async throws(WebhookError) -> [TriggerAction] {
        try await opened(record.notify)
    }

    private func opened(_ shown: JSONValue) async throws(WebhookError) -> [TriggerAction] {
        let box = box
        return try await read { db in
            try (shown.arrayValue ?? []).compactMap { (entry) -> TriggerAction? in
                guard case .object(let members) = entry, let first = members.first else { return nil }
                guard let id = entry["deliveries"]?.stringValue else {
                    return first.value.stringValue.map { .endpoint($0) }
                }
                let row = try Row.fetchOne(db, sql: "SELECT settings FROM endpoints WHERE id = ?", arguments: [id])
                let bytes = row?.bytes("settings").flatMap { try? box.open($0, for: id) }
                return .connector(first.key, bytes.flatMap { opened in try? JSONValue(opened.span) } ?? .null)
            }
        }
    }
}

extension TriggerAction {
    /// As `list` reads it, with secret settings hidden.
    public var shown: JSONValue {
        switch self {
        case .endpoint(let id): ["endpoint": .string(id)]
        case .connector(let kind, let settings): .object([.init(kind, DeliveryStore.hidden(kind, settings))])
        }
    }
}
