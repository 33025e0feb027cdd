public import Connectors
internal import GRDB
public import Model

/// A delivery as it would be sent now.
public struct SignedDelivery: Sendable {
    public let request: OutboundRequest
    /// The names of the endpoint's own headers, whose values may open somebody's door.
    public let ownHeaders: [String]
    public let hasCertificate: Bool
}

extension DeliveryStore {
    /// Signs a delivery anew, as of now, under the id that it has, and sends nothing; nil if there is none.
    public func signed(
        _ number: Int64, project: String, now: Timestamp
    ) async throws(WebhookError) -> SignedDelivery? {
        let box = box
        return try await read { db in
            let row = try Row.fetchOne(
                db,
                sql: """
                    SELECT e.id AS endpoint, d.attempts, m.id, m.type, m.depth, m.body FROM deliveries d
                    JOIN endpoints e ON e.number = d.endpoint JOIN messages m ON m.number = d.message
                    WHERE d.number = ? AND d.project = ?
                    """, arguments: [number, project])
            guard let row,
                let record = try Self.records(db, project: project, id: row["endpoint"], actions: true).first
            else { return nil }
            guard record.kind != .action, let url = try? OutboundURL(record.definition.url) else {
                throw WebhookError(.conflict, "it goes by a connector, which signs nothing")
            }
            guard let body = row.bytes("body") else {
                throw WebhookError(.conflict, "what it said is no longer kept")
            }
            let secrets = ((try? Self.secrets(db, record.number, record.id, box)) ?? []).filter { secret in
                secret.ends.map { $0 > now } ?? true
            }
            guard !secrets.isEmpty else {
                throw WebhookError(.conflict, "the endpoint's secret cannot be opened with the server's master key")
            }
            let target = WebhookTarget(
                url: url, secrets: secrets.map(\.secret), headers: try Self.headers(db, record.number, record.id, box),
                timeout: .seconds(record.definition.timeout))
            let message = OutboundMessage(id: row["id"], type: row["type"], body: body, depth: row["depth"])
            let attempts: Int64 = row["attempts"]
            return SignedDelivery(
                request: target.request(message, seconds: now.microseconds / 1_000_000, attempt: max(1, attempts)),
                ownHeaders: record.headers, hasCertificate: record.hasCertificate)
        }
    }
}
