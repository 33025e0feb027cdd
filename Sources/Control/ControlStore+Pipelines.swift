internal import GRDB
public import Model

extension ControlStore {
    /// What tells the loads of this data folder from those of others.
    public func installation() async throws(ControlError) -> String {
        try await read { db in try String.fetchOne(db, sql: "SELECT id FROM installation") ?? "" }
    }

    /// Saves what a file defines, all or nothing. What is as it was keeps its version.
    ///
    /// - Parameters:
    ///   - segments: new and changed ones.
    ///   - reports: new and changed ones.
    ///   - at: times of a schedule up to now are none of a new pipeline's.
    public func applyPipelines(
        project: String, pipelines: [(name: String, definition: JSONValue)],
        destinations: [(name: String, settings: JSONValue)], alerts: [(name: String, settings: JSONValue)] = [],
        segments: [(id: String, draft: SegmentDraft, isNew: Bool)] = [],
        reports: [(id: String, name: String, report: JSONValue, isNew: Bool)] = [], isTrusted: Bool, at: Timestamp
    ) async throws(ControlError) {
        let time = now()
        try await write { db in
            for (id, draft, isNew) in segments {
                guard !isNew else {
                    try Self.makeSegment(id, draft, project, at: time, in: db)
                    continue
                }
                // Gone since it was looked at: it comes back as what the file says.
                if case .absent = try Self.changeSegment(id, draft, project, expected: nil, at: time, in: db) {
                    try Self.makeSegment(id, draft, project, at: time, in: db)
                }
            }
            for (id, name, report, isNew) in reports {
                if !isNew {
                    try db.execute(
                        sql: "UPDATE reports SET name = ?, report = ?, changed_at = ? WHERE id = ? AND project = ?",
                        arguments: [name, report.text, time.microseconds, id, project])
                    if db.changesCount > 0 { continue }
                }
                try Self.makeReport(id, name, report, project, at: time, in: db)
            }
            for (name, settings) in destinations {
                try db.execute(
                    sql: """
                        INSERT INTO destinations (project, name, settings, is_trusted, changed_at) VALUES (?, ?, ?, ?, ?)
                        ON CONFLICT (project, name) DO UPDATE SET settings = excluded.settings,
                        is_trusted = excluded.is_trusted, changed_at = excluded.changed_at
                        """, arguments: [project, name, settings.text, isTrusted, at.microseconds])
            }
            try Self.setAlertTargets(alerts, project: project, isTrusted: isTrusted, at: at, in: db)
            for (name, definition) in pipelines {
                let old = try Self.fetchPipeline(name, project: project, in: db)
                if let old, old.definition == definition, old.isTrusted == isTrusted { continue }
                let version = try Self.nextVersion(name, project: project, in: db)
                try db.execute(
                    sql: """
                        INSERT INTO pipelines (
                            project, name, version, definition, is_trusted, scheduled_through, created_at, changed_at)
                        VALUES (?, ?, ?, ?, ?, ?, ?, ?)
                        ON CONFLICT (project, name) DO UPDATE SET version = excluded.version,
                        definition = excluded.definition, is_trusted = excluded.is_trusted,
                        scheduled_through = CASE WHEN definition -> 'schedule' IS excluded.definition -> 'schedule'
                            THEN scheduled_through ELSE excluded.scheduled_through END,
                        changed_at = excluded.changed_at
                        """,
                    arguments: [
                        project, name, version, definition.text, isTrusted, at.microseconds, at.microseconds,
                        at.microseconds,
                    ])
                try db.execute(
                    sql:
                        "INSERT INTO pipeline_versions (project, name, version, definition, made_at) VALUES (?, ?, ?, ?, ?)",
                    arguments: [project, name, version, definition.text, at.microseconds])
            }
        }
    }

    /// The pipelines of a project, or of all, in the order in which they were made.
    public func pipelines(project: String?) async throws(ControlError) -> [PipelineRecord] {
        try await read { db in
            try Row.fetchAll(
                db, sql: "SELECT * FROM pipelines WHERE ? IS NULL OR project = ? ORDER BY number",
                arguments: [project, project]
            ).compactMap(PipelineRecord.init(row:))
        }
    }

    public func pipeline(_ name: String, project: String) async throws(ControlError) -> PipelineRecord? {
        try await read { db in try Self.fetchPipeline(name, project: project, in: db) }
    }

    /// Whether there is a pipeline of this name, or was one: its runs stay.
    public func hasHadPipeline(_ name: String, project: String) async throws(ControlError) -> Bool {
        try await read { db in
            try Bool.fetchOne(
                db, sql: "SELECT EXISTS (SELECT 1 FROM pipeline_versions WHERE project = ? AND name = ?)",
                arguments: [project, name]) ?? false
        }
    }

    /// Pauses a pipeline or lets it go on; times of its schedule that passed meanwhile are none of its.
    public func pausePipeline(
        _ name: String, project: String, isPaused: Bool, at: Timestamp
    ) async throws(ControlError) -> PipelineRecord? {
        try await write { db in
            try db.execute(
                sql: """
                    UPDATE pipelines SET is_paused = ?, scheduled_through =
                    CASE WHEN is_paused = 1 AND ? = 0 THEN ? ELSE scheduled_through END WHERE project = ? AND name = ?
                    """, arguments: [isPaused, isPaused, at.microseconds, project, name])
            return try Self.fetchPipeline(name, project: project, in: db)
        }
    }

    /// Removes a pipeline. Its runs, its versions and how far it came stay. Returns false if there is none.
    public func removePipeline(_ name: String, project: String) async throws(ControlError) -> Bool {
        try await write { db in
            try db.execute(sql: "DELETE FROM pipelines WHERE project = ? AND name = ?", arguments: [project, name])
            return db.changesCount == 1
        }
    }

    public func destination(_ name: String, project: String) async throws(ControlError) -> DestinationRecord? {
        try await read { db in
            try Row.fetchOne(
                db, sql: "SELECT * FROM destinations WHERE project = ? AND name = ?", arguments: [project, name]
            ).flatMap(DestinationRecord.init(row:))
        }
    }

    public func destinations(project: String) async throws(ControlError) -> [DestinationRecord] {
        try await read { db in
            try Row.fetchAll(
                db, sql: "SELECT * FROM destinations WHERE project = ? ORDER BY number", arguments: [project]
            ).compactMap(DestinationRecord.init(row:))
        }
    }

    public func watermark(
        pipeline: String, project: String, target: String
    ) async throws(ControlError) -> PipelineWatermark? {
        try await read { db in
            try Row.fetchOne(
                db, sql: "SELECT * FROM pipeline_watermarks WHERE project = ? AND pipeline = ? AND target = ?",
                arguments: [project, pipeline, target]
            ).map(PipelineWatermark.init(row:))
        }
    }

    private static func nextVersion(_ name: String, project: String, in db: Database) throws -> Int64 {
        let last = try Int64.fetchOne(
            db, sql: "SELECT max(version) FROM pipeline_versions WHERE project = ? AND name = ?",
            arguments: [project, name])
        return (last ?? 0) + 1
    }

    static func fetchPipeline(_ name: String, project: String, in db: Database) throws -> PipelineRecord? {
        try Row.fetchOne(
            db, sql: "SELECT * FROM pipelines WHERE project = ? AND name = ?", arguments: [project, name]
        ).flatMap(PipelineRecord.init(row:))
    }
}

extension PipelineRecord {
    fileprivate init?(row: Row) {
        let text: String = row["definition"]
        guard let definition = try? JSONValue(text: text) else { return nil }
        self.init(
            number: row["number"], project: row["project"], name: row["name"], version: row["version"],
            definition: definition, isTrusted: row["is_trusted"], isPaused: row["is_paused"],
            scheduledThrough: Timestamp(microseconds: row["scheduled_through"]),
            createdAt: Timestamp(microseconds: row["created_at"]),
            changedAt: Timestamp(microseconds: row["changed_at"]))
    }
}

extension DestinationRecord {
    fileprivate init?(row: Row) {
        let text: String = row["settings"]
        guard let settings = try? JSONValue(text: text) else { return nil }
        self.init(
            name: row["name"], settings: settings, isTrusted: row["is_trusted"],
            changedAt: Timestamp(microseconds: row["changed_at"]))
    }
}

extension PipelineWatermark {
    fileprivate init(row: Row) {
        self.init(
            target: row["target"], seq: row["seq"], run: row["run"],
            loadedAt: Timestamp(microseconds: row["loaded_at"]))
    }
}
