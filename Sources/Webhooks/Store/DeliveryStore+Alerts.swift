internal import Connectors
internal import GRDB
public import Model

/// A message about something of the server's own, and whom it goes to.
public struct Alert: Sendable {
    public let project: String
    public let id: String
    public let type: String
    public let data: JSONValue
    /// `[{"key", "name", "type", "settings", "trusted"}]`; `type` is a connector's kind, or `endpoint` with an `id` in the settings.
    public let targets: JSONValue
    public let at: Timestamp

    public init(project: String, id: String, type: String, data: JSONValue, targets: JSONValue, at: Timestamp) {
        self.project = project
        self.id = id
        self.type = type
        self.data = data
        self.targets = targets
        self.at = at
    }
}

/// Where an alert is with one of those that it goes to.
public struct AlertDelivery: Sendable {
    public let delivery: String
    /// The endpoint's id, or that of the connector's row.
    public let endpoint: String
    public let state: DeliveryState
    public let attempts: Int64
}

extension DeliveryStore {
    /// Puts an alert into the outbox: to whom it names, and to all endpoints that want messages of its type. The same id counts once.
    ///
    /// - Returns: what keeps it from somebody, and whether rows were made, so that the sender has to read them.
    public func put(_ alert: Alert, now: Timestamp) async throws(WebhookError) -> (problem: String?, hasChanged: Bool) {
        let box = box
        return try await writeToEnd { db in
            var (numbers, problems): ([Int64], [String]) = ([], [])
            var hasChanged = false
            for target in alert.targets.arrayValue ?? [] {
                let name = target["name"]?.stringValue ?? "?"
                guard let kind = target["type"]?.stringValue, let settings = target["settings"] else {
                    problems.append("there is no alert target \"\(name)\"")
                    continue
                }
                if kind == "endpoint" {
                    let id = settings["id"]?.stringValue ?? ""
                    guard let found = try Self.records(db, project: alert.project, id: id).first else {
                        problems.append("\(name): there is no endpoint \(id.prefix(64))")
                        continue
                    }
                    numbers.append(found.number)
                } else {
                    let row = try Self.alertRow(
                        db, alert.project, key: target["key"]?.stringValue ?? name, kind, settings,
                        isTrusted: target["trusted"] == true, now, box)
                    numbers.append(row.number)
                    hasChanged = hasChanged || row.isNew
                }
            }
            let wanting = try Self.records(db, project: alert.project).filter {
                $0.definition.receives(type: alert.type)
            }
            var seen: Set<Int64> = []
            let all = (numbers + wanting.map(\.number)).filter { seen.insert($0).inserted }
            if hasChanged { try Self.noteChange(db) }
            guard !all.isEmpty else {
                problems.append("nobody is told: there are no alert targets, and no endpoint wants \(alert.type)")
                return (problems.joined(separator: "; "), hasChanged)
            }
            let body = MessageBody.envelope(
                type: alert.type, at: alert.at, id: alert.id, data: Array(alert.data.text.utf8))
            // What is about one thing goes out one after another: that it is over is told after that it began.
            let order = alert.data["incident"]?.stringValue
            var answer = LedgerAnswer()
            try Self.insert(
                OutboxMessage(
                    id: alert.id, type: alert.type, variant: "full", seq: nil, body: body,
                    targets: all.map { .init(endpoint: $0, orderKey: order) }),
                project: alert.project, db, now, &answer)
            return (problems.isEmpty ? nil : problems.joined(separator: "; "), hasChanged)
        }
    }

    /// The row of a connector that alerts go by, with the settings as they are now. One that was shut since its receiver failed for long
    /// is opened: each alert gets its attempts.
    private static func alertRow(
        _ db: Database, _ project: String, key: String, _ kind: String, _ settings: JSONValue, isTrusted: Bool,
        _ now: Timestamp, _ box: SecretBox
    ) throws -> (number: Int64, isNew: Bool) {
        let text = settings.text
        if let row = try Row.fetchOne(
            db,
            sql:
                "SELECT number, id, connector, settings, state, is_trusted FROM endpoints WHERE project = ? AND alert_key = ?",
            arguments: [project, key])
        {
            let (number, id): (Int64, String) = (row["number"], row["id"])
            let opened = row.bytes("settings").flatMap { try? box.open($0, for: id) }
            let (connector, state, trusted): (String?, String, Bool) = (
                row["connector"], row["state"], row["is_trusted"]
            )
            let isSame =
                connector == kind && opened == Array(text.utf8) && state == "active" && trusted == isTrusted
            if isSame { return (number, false) }
            try db.execute(
                sql: """
                    UPDATE endpoints SET connector = ?, settings = ?, is_trusted = ?, state = 'active', reason = NULL,
                    failing_since = NULL, failures = 0, told = 0, definition = ?, updated_at = ? WHERE number = ?
                    """,
                arguments: [
                    kind, Blob(try box.seal(Array(text.utf8), for: id)).data, isTrusted, definition(kind).text,
                    now.microseconds, number,
                ])
            return (number, true)
        }
        let id = makeID("act_", now)
        try db.execute(
            sql: """
                INSERT INTO endpoints (id, project, kind, definition, header_names, since_seq, state, changed_by,
                    state_at, made_by, created_at, updated_at, connector, settings, alert_key, is_trusted)
                VALUES (?, ?, 'webhook', ?, '', 0, 'active', 'sluice', ?, 'sluice', ?, ?, ?, ?, ?, ?)
                """,
            arguments: [
                id, project, definition(kind).text, now.microseconds, now.microseconds, now.microseconds, kind,
                Blob(try box.seal(Array(text.utf8), for: id)).data, key, isTrusted,
            ])
        return (db.lastInsertedRowID, true)
    }

    private static func definition(_ kind: String) -> JSONValue {
        var definition = EndpointDefinition(url: kind)
        definition.order = .person
        definition.retry = RetrySchedule(
            delays: [5, 30, 120, 600, 1_800, 7_200, 21_600, 43_200, 86_400].map { $0 * 1_000_000 })
        return definition.json
    }

    /// Where an alert is with those that it goes to.
    public func deliveries(ofAlert id: String, project: String) async throws(WebhookError) -> [AlertDelivery] {
        try await read { db in
            try Row.fetchAll(
                db,
                sql: """
                    SELECT d.number, d.state, d.attempts, e.id FROM messages m JOIN deliveries d ON d.message = m.number
                    JOIN endpoints e ON e.number = d.endpoint WHERE m.project = ? AND m.id = ? ORDER BY d.number
                    """, arguments: [project, id]
            ).map { row in
                AlertDelivery(
                    delivery: DeliveryRecord.id(row["number"]), endpoint: row["id"],
                    state: DeliveryState(rawValue: row["state"]) ?? .pending, attempts: row["attempts"])
            }
        }
    }
}
