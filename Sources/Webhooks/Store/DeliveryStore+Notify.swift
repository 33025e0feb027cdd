internal import Connectors
internal import GRDB
internal import Model
public import Triggers

/// What an endpoint has besides its definition; nil for what stays.
public struct EndpointExtras: Sendable {
    public var notify: [TriggerAction]?
    /// A client's certificate with its key, or a reference to it; empty for none.
    public var certificate: String?

    public init(notify: [TriggerAction]? = nil, certificate: String? = nil) {
        self.notify = notify
        self.certificate = certificate
    }
}

extension DeliveryStore {
    /// Sets who is told of what becomes of an endpoint: other endpoints, and connectors, which are kept as endpoints that are not shown.
    static func setNotify(
        _ db: Database, _ known: EndpointRecord, _ actions: [TriggerAction], by key: String, _ now: Timestamp,
        _ box: SecretBox
    ) throws {
        let (number, id, project) = (known.number, known.id, known.project)
        for old in try Int64.fetchAll(db, sql: "SELECT number FROM endpoints WHERE notify_of = ?", arguments: [number])
        {
            try remove(db, old)
        }
        var shown: [JSONValue] = []
        for action in actions {
            switch action {
            case .endpoint(let other):
                guard other != id, try records(db, project: project, id: other).first != nil else {
                    throw WebhookError(.badEndpoint, "notify: there is no other endpoint \(other.prefix(64))")
                }
                shown.append(["endpoint": .string(other)])
            case .connector(let kind, let settings):
                let made = makeID("act_", now)
                let sealed = try box.seal(Array(settings.text.utf8), for: made)
                try db.execute(
                    sql: """
                        INSERT INTO endpoints (id, project, kind, definition, header_names, since_seq, state, changed_by,
                            state_at, made_by, created_at, updated_at, connector, settings, notify_of)
                        VALUES (?, ?, 'webhook', ?, '', 0, 'active', ?, ?, ?, ?, ?, ?, ?, ?)
                        """,
                    arguments: [
                        made, project, EndpointDefinition(url: kind).json.text, key, now.microseconds, key,
                        now.microseconds, now.microseconds, kind, Blob(sealed).data, number,
                    ])
                shown.append([kind: hidden(kind, settings), "deliveries": .string(made)])
            }
        }
        try db.execute(
            sql: "UPDATE endpoints SET notify = ? WHERE number = ?",
            arguments: [JSONValue.array(shown).text, number])
    }

    static func setCertificate(
        _ db: Database, _ number: Int64, _ id: String, _ text: String, _ box: SecretBox
    ) throws {
        let sealed = text.isEmpty ? DatabaseValue.null : Blob(try box.seal(Array(text.utf8), for: id)).data
        try db.execute(
            sql: "UPDATE endpoints SET certificate = ? WHERE number = ?", arguments: [sealed, number])
    }

    /// An endpoint's own certificate, or a reference to it; nil if it has none.
    public func certificate(_ record: EndpointRecord) async throws(WebhookError) -> String? {
        guard record.hasCertificate else { return nil }
        let box = box
        return try await read { db in try Self.certificate(db, record, box) }
    }

    static func certificate(_ db: Database, _ record: EndpointRecord, _ box: SecretBox) throws -> String? {
        let row = try Row.fetchOne(
            db, sql: "SELECT certificate FROM endpoints WHERE number = ?", arguments: [record.number])
        guard let sealed = row?.bytes("certificate"), let bytes = try? box.open(sealed, for: record.id) else {
            return nil
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}
