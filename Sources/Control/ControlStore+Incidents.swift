internal import GRDB
public import Model

extension ControlStore {
    /// Runs that nobody has looked at since they were over, or since they were made to catch up; oldest first.
    public func unwatchedRuns(limit: Int) async throws(ControlError) -> [PipelineRunRecord] {
        try await read { db in
            try Row.fetchAll(
                db,
                sql: """
                    SELECT * FROM pipeline_runs WHERE watched < 2 AND (status NOT IN ('queued', 'running')
                        OR (cause = 'catch_up' AND watched = 0)) ORDER BY number LIMIT ?
                    """, arguments: [limit]
            ).compactMap(PipelineRunRecord.init(row:))
        }
    }

    /// Everything that is wrong now.
    public func openIncidents() async throws(ControlError) -> [IncidentRecord] {
        try await read { db in
            try Row.fetchAll(db, sql: "SELECT * FROM pipeline_incidents WHERE closed_at IS NULL ORDER BY number")
                .compactMap(IncidentRecord.init(row:))
        }
    }

    /// A project's incidents, newest first, below `before` if that is given.
    public func incidents(
        project: String, pipeline: String? = nil, isOpen: Bool? = nil, before: Int64? = nil, limit: Int
    ) async throws(ControlError) -> [IncidentRecord] {
        try await read { db in
            try Row.fetchAll(
                db,
                sql: """
                    SELECT * FROM pipeline_incidents WHERE project = ? AND (? IS NULL OR pipeline = ?)
                    AND (? IS NULL OR (closed_at IS NULL) = ?) AND number < ? ORDER BY number DESC LIMIT ?
                    """, arguments: [project, pipeline, pipeline, isOpen, isOpen, before ?? .max, limit]
            ).compactMap(IncidentRecord.init(row:))
        }
    }

    /// The alerts of an incident, oldest first.
    public func alerts(ofIncident id: String) async throws(ControlError) -> [AlertRecord] {
        try await read { db in
            try Row.fetchAll(
                db, sql: "SELECT * FROM pipeline_alerts WHERE incident = ? ORDER BY number", arguments: [id]
            )
            .compactMap(AlertRecord.init(row:))
        }
    }

    /// Alerts that the outbox does not have yet, oldest first.
    public func waitingAlerts(limit: Int) async throws(ControlError) -> [AlertRecord] {
        try await read { db in
            try Row.fetchAll(
                db, sql: "SELECT * FROM pipeline_alerts WHERE handed_at IS NULL ORDER BY number LIMIT ?",
                arguments: [limit]
            ).compactMap(AlertRecord.init(row:))
        }
    }

    /// Writes what a look came to. An alert is in the same transaction as what it is about: neither is there without the other.
    public func note(_ work: WatchWork) async throws(ControlError) {
        try await write { db in
            for incident in work.incidents { try Self.save(incident, in: db) }
            for alert in work.alerts {
                try db.execute(
                    sql: """
                        INSERT INTO pipeline_alerts (id, project, incident, type, data, targets, made_at)
                        VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO NOTHING
                        """,
                    arguments: [
                        alert.id, alert.project, alert.incident, alert.type, alert.data.text, alert.targets.text,
                        alert.madeAt.microseconds,
                    ])
            }
            for (run, isOver) in work.seen {
                try db.execute(
                    sql: "UPDATE pipeline_runs SET watched = max(watched, ?) WHERE number = ?",
                    arguments: [isOver ? 2 : 1, run])
            }
        }
    }

    private static func save(_ incident: IncidentRecord, in db: Database) throws {
        try db.execute(
            sql: """
                INSERT INTO pipeline_incidents (
                    id, project, pipeline, kind, severity, what, reason, run, times, opened_at, changed_at, closed_at)
                VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET
                severity = excluded.severity, what = excluded.what, reason = excluded.reason, run = excluded.run,
                times = excluded.times, changed_at = excluded.changed_at, closed_at = excluded.closed_at
                """,
            arguments: [
                incident.id, incident.project, incident.pipeline, incident.kind, incident.severity.rawValue,
                incident.what, incident.reason, incident.run, incident.times, incident.openedAt.microseconds,
                incident.changedAt.microseconds, incident.closedAt?.microseconds,
            ])
    }

    /// Notes that the outbox has an alert.
    public func alertHanded(_ id: String, problem: String?, at: Timestamp) async throws(ControlError) {
        try await write { db in
            try db.execute(
                sql: "UPDATE pipeline_alerts SET handed_at = ?, problem = ? WHERE id = ?",
                arguments: [at.microseconds, problem, id])
        }
    }

    /// Whom a project's alerts go to, in the order in which they were made.
    public func alertTargets(project: String) async throws(ControlError) -> [AlertTargetRecord] {
        try await read { db in
            try Row.fetchAll(
                db, sql: "SELECT * FROM alert_targets WHERE project = ? ORDER BY number", arguments: [project]
            ).compactMap(AlertTargetRecord.init(row:))
        }
    }

    static func setAlertTargets(
        _ targets: [(name: String, settings: JSONValue)], project: String, isTrusted: Bool, at: Timestamp,
        in db: Database
    ) throws {
        for (name, settings) in targets {
            try db.execute(
                sql: """
                    INSERT INTO alert_targets (project, name, settings, is_trusted, changed_at) VALUES (?, ?, ?, ?, ?)
                    ON CONFLICT (project, name) DO UPDATE SET settings = excluded.settings,
                    is_trusted = excluded.is_trusted, changed_at = excluded.changed_at
                    """, arguments: [project, name, settings.text, isTrusted, at.microseconds])
        }
    }
}

extension IncidentRecord {
    fileprivate init?(row: Row) {
        let severity: String = row["severity"]
        guard let severity = Severity(rawValue: severity) else { return nil }
        self.init(
            number: row["number"], id: row["id"], project: row["project"], pipeline: row["pipeline"],
            kind: row["kind"], severity: severity, what: row["what"], reason: row["reason"], run: row["run"],
            times: row["times"], openedAt: Timestamp(microseconds: row["opened_at"]),
            changedAt: Timestamp(microseconds: row["changed_at"]), closedAt: timestamp(row["closed_at"]))
    }
}

extension AlertRecord {
    fileprivate init?(row: Row) {
        let (data, targets): (String, String) = (row["data"], row["targets"])
        guard let data = try? JSONValue(text: data), let targets = try? JSONValue(text: targets) else { return nil }
        self.init(
            id: row["id"], project: row["project"], incident: row["incident"], type: row["type"], data: data,
            targets: targets, madeAt: Timestamp(microseconds: row["made_at"]), handedAt: timestamp(row["handed_at"]),
            problem: row["problem"])
    }
}

extension AlertTargetRecord {
    fileprivate init?(row: Row) {
        let text: String = row["settings"]
        guard let settings = try? JSONValue(text: text) else { return nil }
        self.init(
            name: row["name"], settings: settings, isTrusted: row["is_trusted"],
            changedAt: Timestamp(microseconds: row["changed_at"]))
    }
}
