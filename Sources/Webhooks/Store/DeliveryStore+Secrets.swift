public import Connectors
internal import GRDB
public import Model

/// What opens doors: secrets that messages are signed with, and headers of an endpoint's own. All of it sealed.
extension DeliveryStore {
    /// Gives an endpoint a further secret; those before hold for so long.
    public func rotate(
        _ id: String, to secret: WebhookSecret, overlap: Int64, project: String, now: Timestamp
    ) async throws(WebhookError) -> EndpointRecord {
        let box = box
        return try await write { db in
            let known = try Self.require(db, id, project)
            try Self.rotate(db, known, to: secret, overlap: overlap, now, box)
            try Self.noteChange(db)
            return try Self.require(db, id, project)
        }
    }

    static func rotate(
        _ db: Database, _ known: EndpointRecord, to secret: WebhookSecret, overlap: Int64, _ now: Timestamp,
        _ box: SecretBox
    ) throws {
        let end = now.microseconds + overlap
        try db.execute(
            sql: "UPDATE endpoint_secrets SET ends_at = ? WHERE endpoint = ? AND (ends_at IS NULL OR ends_at > ?)",
            arguments: [end, known.number, end])
        try db.execute(
            sql: "DELETE FROM endpoint_secrets WHERE endpoint = ? AND ends_at <= ?",
            arguments: [known.number, now.microseconds])
        let live = try Int.fetchOne(
            db, sql: "SELECT count(*) FROM endpoint_secrets WHERE endpoint = ?", arguments: [known.number])
        guard (live ?? 0) < 10 else {
            throw WebhookError(.conflict, "ten secrets of this endpoint hold still; wait until the oldest ends")
        }
        try addSecret(db, secret, known.number, known.id, box, now)
    }

    /// The newest secret; null where the master key is another one.
    public func secret(_ record: EndpointRecord) async throws(WebhookError) -> WebhookSecret? {
        let box = box
        return try await read { db in try Self.secrets(db, record.number, record.id, box).first?.secret }
    }

    /// An endpoint's own headers.
    public func headers(_ record: EndpointRecord) async throws(WebhookError) -> [(name: String, value: String)] {
        let box = box
        return try await read { db in try Self.headers(db, record.number, record.id, box) }
    }

    static func addSecret(
        _ db: Database, _ secret: WebhookSecret, _ number: Int64, _ id: String, _ box: SecretBox, _ now: Timestamp
    ) throws {
        try db.execute(
            sql: "INSERT INTO endpoint_secrets (endpoint, sealed, made_at) VALUES (?, ?, ?)",
            arguments: [number, Blob(try box.seal(Array(secret.text.utf8), for: id)).data, now.microseconds])
    }

    static func seal(
        _ headers: [(name: String, value: String)], _ id: String, _ box: SecretBox
    ) throws -> (sealed: DatabaseValue, names: String) {
        guard !headers.isEmpty else { return (.null, "") }
        let document = JSONValue.object(headers.map { .init($0.name, .string($0.value)) })
        let sealed = try box.seal(Array(document.text.utf8), for: id)
        return (Blob(sealed).data, headers.map(\.name).joined(separator: " "))
    }
}
