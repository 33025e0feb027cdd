internal import Connectors
internal import GRDB
internal import Model

/// An endpoint as the sender and the follower need it.
struct LiveEndpoint: Sendable {
    let record: EndpointRecord
    let url: OutboundURL?
    /// Secrets with their ends, the newest first.
    let secrets: [(secret: WebhookSecret, ends: Timestamp?)]
    let headers: [(name: String, value: String)]
    /// Of an action its kind, and its settings as JSON; nil where the master key is another one.
    var connector: String?
    var settings: JSONValue?
    /// Whether its secrets are looked up as the data folder's owner can.
    var isTrusted = false
    /// A client's certificate with its key, in PEM, or a reference to it.
    var certificate: String?

    /// Those that hold, the newest first.
    func secrets(now: Timestamp) -> [WebhookSecret] {
        secrets.filter { $0.ends.map { $0 > now } ?? true }.map(\.secret)
    }
}

/// All endpoints and triggers of all projects, and how often they were changed.
struct LiveState: Sendable {
    var endpoints: [LiveEndpoint] = []
    var triggers: [String: ProjectTriggers] = [:]
    var change: Int64 = -1
}

extension DeliveryStore {
    static func records(
        _ db: Database, project: String, id: String? = nil, kind: EndpointRecord.Kind? = nil, after number: Int64 = 0,
        limit: Int = .max, actions: Bool = false
    ) throws -> [EndpointRecord] {
        try Row.fetchAll(
            db,
            sql: """
                SELECT e.*, (SELECT count(*) FROM endpoint_secrets s WHERE s.endpoint = e.number) AS secrets,
                    (SELECT max(ends_at) FROM endpoint_secrets s WHERE s.endpoint = e.number) AS overlap
                FROM endpoints e WHERE project = ? AND id = coalesce(?, id) AND kind = coalesce(?, kind) AND number > ?
                    AND (connector IS NULL OR ?)
                ORDER BY number LIMIT ?
                """, arguments: [project, id, kind?.rawValue, number, actions, limit]
        ).map(EndpointRecord.init(row:))
    }

    /// All endpoints of all projects, and how often they were changed.
    func live() async throws(WebhookError) -> LiveState {
        let box = box
        return try await read { db in
            let projects = try String.fetchAll(db, sql: "SELECT DISTINCT project FROM endpoints")
            let records = try projects.flatMap { try Self.records(db, project: $0, actions: true) }
            let endpoints = try records.map { record in
                // What cannot be opened any more is not sent, and each attempt says why.
                let secrets = (try? Self.secrets(db, record.number, record.id, box)) ?? []
                var live = LiveEndpoint(
                    record: record, url: try? OutboundURL(record.definition.url), secrets: secrets,
                    headers: (try? Self.headers(db, record.number, record.id, box)) ?? [])
                if record.kind == .action { try Self.readAction(db, &live, box) }
                if record.hasCertificate { live.certificate = try Self.certificate(db, record, box) }
                return live
            }
            return LiveState(
                endpoints: endpoints, triggers: try Self.projectTriggers(db, endpoints), change: try Self.change(db))
        }
    }

    private static func readAction(_ db: Database, _ live: inout LiveEndpoint, _ box: SecretBox) throws {
        let row = try Row.fetchOne(
            db, sql: "SELECT connector, settings, is_trusted FROM endpoints WHERE number = ?",
            arguments: [live.record.number])
        live.connector = row?["connector"]
        let isTrusted: Bool? = row?["is_trusted"]
        live.isTrusted = isTrusted ?? false
        guard let sealed = row?.bytes("settings"), let bytes = try? box.open(sealed, for: live.record.id) else {
            return
        }
        live.settings = try? JSONValue(bytes.span)
    }

    static func change(_ db: Database) throws -> Int64 {
        try Int64.fetchOne(db, sql: "SELECT number FROM changes") ?? 0
    }

    static func secrets(
        _ db: Database, _ number: Int64, _ id: String, _ box: SecretBox
    ) throws -> [(secret: WebhookSecret, ends: Timestamp?)] {
        try Row.fetchAll(
            db, sql: "SELECT sealed, ends_at FROM endpoint_secrets WHERE endpoint = ? ORDER BY number DESC",
            arguments: [number]
        ).map { row in
            let text = String(decoding: try box.open(row.bytes("sealed") ?? [], for: id), as: UTF8.self)
            let ends: Int64? = row["ends_at"]
            return (try WebhookSecret(text), ends.map { Timestamp(microseconds: $0) })
        }
    }

    static func headers(
        _ db: Database, _ number: Int64, _ id: String, _ box: SecretBox
    ) throws -> [(name: String, value: String)] {
        guard
            let sealed = try Row.fetchOne(
                db, sql: "SELECT headers FROM endpoints WHERE number = ?", arguments: [number])?
                .bytes("headers")
        else { return [] }
        let bytes = try box.open(sealed, for: id)
        guard case .object(let members) = try JSONValue(bytes.span) else { return [] }
        return members.map { ($0.key, $0.value.stringValue ?? "") }
    }
}

extension EndpointRecord {
    init(row: Row) throws {
        func time(_ name: String) -> Timestamp? {
            let value: Int64? = row[name]
            return value.map { Timestamp(microseconds: $0) }
        }
        let text: String = row["definition"]
        let names: String = row["header_names"]
        // One that cannot be read stops no other: it is shown as what it is, and nothing is sent.
        let definition = try? EndpointDefinition(try JSONValue(text: text))
        self.init(
            number: row["number"], id: row["id"], project: row["project"],
            kind: row["connector"] as String? == nil ? Kind(rawValue: row["kind"]) ?? .webhook : .action,
            definition: definition ?? EndpointDefinition(url: "unreadable"),
            headers: names.split(separator: " ").map(String.init), sinceSeq: row["since_seq"],
            state: definition == nil ? .disabled : State(rawValue: row["state"]) ?? .disabled,
            reason: definition == nil ? "its definition cannot be read; remove it and make it anew" : row["reason"],
            changedBy: row["changed_by"],
            stateAt: time("state_at") ?? Timestamp(microseconds: 0),
            health: EndpointHealth(failingSince: time("failing_since"), failures: row["failures"], told: row["told"]),
            createdAt: time("created_at") ?? Timestamp(microseconds: 0),
            updatedAt: time("updated_at") ?? Timestamp(microseconds: 0), secrets: row["secrets"],
            overlapEnds: time("overlap"),
            notify: (row["notify"] as String?).flatMap { try? JSONValue(text: $0) } ?? .array([]),
            hasCertificate: row.bytes("certificate") != nil, isOrdering: row["is_ordering"])
    }
}
