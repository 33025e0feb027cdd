internal import GRDB
public import Model

/// A place that a pipeline loaded into.
public struct PipelineTarget: Sendable, Equatable {
    public let pipeline: String
    /// The destination's location.
    public let target: String
    /// The destination's settings when it was loaded last, with references in place of secrets.
    public let settings: JSONValue
    public let isTrusted: Bool
    /// Columns by which rows tell whose they are, each with what it holds: `identity`, `person`, `identities`, `seq`, `key`.
    public let columns: [String: String]

    public init(pipeline: String, target: String, settings: JSONValue, isTrusted: Bool, columns: [String: String]) {
        (self.pipeline, self.target, self.settings) = (pipeline, target, settings)
        (self.isTrusted, self.columns) = (isTrusted, columns)
    }
}

extension ControlStore {
    /// Notes a place before it is loaded, so that none is forgotten. Columns that were loaded once stay known.
    public func notePipelineTarget(
        _ target: PipelineTarget, project: String, at: Timestamp
    ) async throws(ControlError) {
        try await write { db in
            let known = try Row.fetchOne(
                db, sql: "SELECT * FROM pipeline_targets WHERE project = ? AND pipeline = ? AND target = ?",
                arguments: [project, target.pipeline, target.target]
            ).flatMap(PipelineTarget.init(row:))
            let columns = (known?.columns ?? [:]).merging(target.columns) { _, new in new }
            let json = JSONValue.object(
                columns.sorted { $0.key < $1.key }.map { .init($0.key, .string($0.value)) })
            try db.execute(
                sql: """
                    INSERT INTO pipeline_targets (project, pipeline, target, settings, is_trusted, columns, loaded_at)
                    VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (project, pipeline, target) DO UPDATE SET
                    settings = excluded.settings, is_trusted = excluded.is_trusted, columns = excluded.columns,
                    loaded_at = excluded.loaded_at
                    """,
                arguments: [
                    project, target.pipeline, target.target, target.settings.text, target.isTrusted, json.text,
                    at.microseconds,
                ])
        }
    }

    /// All places that pipelines of a project loaded into, those of removed pipelines, too.
    public func pipelineTargets(project: String) async throws(ControlError) -> [PipelineTarget] {
        try await read { db in
            try Row.fetchAll(
                db, sql: "SELECT * FROM pipeline_targets WHERE project = ? ORDER BY pipeline, target",
                arguments: [project]
            ).compactMap(PipelineTarget.init(row:))
        }
    }

    /// Where a stream's attempts to load into a target ended that lie above `seq`, in ascending order.
    public func pipelineCuts(
        project: String, pipeline: String, target: String, above seq: Int64
    ) async throws(ControlError) -> [Int64] {
        try await read { db in
            try Int64.fetchAll(
                db,
                sql: """
                    SELECT DISTINCT seq_to FROM pipeline_runs WHERE project = ? AND pipeline = ? AND target = ? AND seq_to > ?
                    ORDER BY seq_to
                    """, arguments: [project, pipeline, target, seq])
        }
    }

    /// The run before this one that loaded, or should have, into the same place and is over; nil if there is none.
    public func lastOver(of run: PipelineRunRecord) async throws(ControlError) -> PipelineRunRecord? {
        try await read { db in
            try Row.fetchOne(
                db,
                sql: """
                    SELECT * FROM pipeline_runs WHERE project = ? AND pipeline = ? AND target = ? AND id <> ?
                    AND status IN ('succeeded', 'failed', 'stale') ORDER BY finished_at DESC, number DESC LIMIT 1
                    """, arguments: [run.project, run.pipeline, run.target, run.id]
            ).flatMap(PipelineRunRecord.init(row:))
        }
    }

    /// Rewrites what pipelines keep where it names somebody: definitions, with all their versions, runs, and what was told of them.
    ///
    /// - Parameter text: what a reason or an alert says, naming nobody; a JSON document stays one.
    /// - Returns: how many records were changed.
    public func rewritePipelines(
        project: String, definition: @escaping @Sendable (JSONValue) -> JSONValue,
        run: @escaping @Sendable (PipelineRunRecord) -> PipelineRunRecord,
        text: @escaping @Sendable (String) -> String
    ) async throws(ControlError) -> Int {
        try await write { db in
            var count = 0
            for table in ["pipelines", "pipeline_versions", "pipeline_runs"] {
                let rows = try Row.fetchCursor(
                    db, sql: "SELECT rowid AS place, definition FROM \(table) WHERE project = ?", arguments: [project])
                var changes: [(Int64, String)] = []
                while let row = try rows.next() {
                    let (number, text): (Int64, String) = (row["place"], row["definition"])
                    guard let json = try? JSONValue(text: text) else { continue }
                    let changed = definition(json)
                    if changed != json { changes.append((number, changed.text)) }
                }
                for (number, text) in changes {
                    try db.execute(
                        sql: "UPDATE \(table) SET definition = ? WHERE rowid = ?", arguments: [text, number])
                }
                count += changes.count
            }
            let rows = try Row.fetchCursor(
                db, sql: "SELECT * FROM pipeline_runs WHERE project = ?", arguments: [project])
            var changes: [PipelineRunRecord] = []
            while let row = try rows.next() {
                guard let record = PipelineRunRecord(row: row) else { continue }
                let changed = run(record)
                if changed != record { changes.append(changed) }
            }
            for record in changes {
                try db.execute(
                    sql: "UPDATE pipeline_runs SET steps = ?, spec = ?, reason = ? WHERE number = ?",
                    arguments: [record.steps.text, record.spec?.text, record.reason, record.number])
            }
            return try count + changes.count + Self.rewriteAlerts(db, project, text)
        }
    }
}

extension ControlStore {
    private static func rewriteAlerts(
        _ db: Database, _ project: String, _ text: (String) -> String
    ) throws -> Int {
        var count = 0
        for (table, column) in [("pipeline_incidents", "reason"), ("pipeline_alerts", "data"), ("backfills", "reason")]
        {
            let rows = try Row.fetchAll(
                db, sql: "SELECT number, \(column) AS said FROM \(table) WHERE project = ? AND \(column) IS NOT NULL",
                arguments: [project])
            for row in rows {
                let (number, said): (Int64, String) = (row["number"], row["said"])
                let changed = text(said)
                guard changed != said else { continue }
                try db.execute(
                    sql: "UPDATE \(table) SET \(column) = ? WHERE number = ?", arguments: [changed, number])
                count += 1
            }
        }
        return count
    }
}

extension PipelineTarget {
    fileprivate init?(row: Row) {
        let (settings, columns): (String, String) = (row["settings"], row["columns"])
        guard let settings = try? JSONValue(text: settings),
            case .object(let members)? = try? JSONValue(text: columns)
        else { return nil }
        self.init(
            pipeline: row["pipeline"], target: row["target"], settings: settings, isTrusted: row["is_trusted"],
            columns: Dictionary(members.map { ($0.key, $0.value.stringValue ?? "") }) { first, _ in first })
    }
}
