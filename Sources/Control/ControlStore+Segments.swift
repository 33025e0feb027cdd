internal import GRDB
public import Model

extension ControlStore {
    /// Saves a segment.
    public func createSegment(_ draft: SegmentDraft, project: String) async throws(ControlError) -> SegmentRecord {
        let (id, time) = (Self.newSegmentID(), now())
        return try await write { db in try Self.makeSegment(id, draft, project, at: time, in: db) }
    }

    /// An id for a segment that is to be made.
    public static func newSegmentID() -> String { KeyText.makeID(prefix: "seg_") }

    @discardableResult
    static func makeSegment(
        _ id: String, _ draft: SegmentDraft, _ project: String, at time: Timestamp, in db: Database
    ) throws -> SegmentRecord {
        try db.execute(
            sql: "INSERT INTO segments (id, project, version, created_at) VALUES (?, ?, 1, ?)",
            arguments: [id, project, time.microseconds])
        let number = db.lastInsertedRowID
        try insert(draft, id: id, version: 1, at: time, in: db)
        return SegmentRecord(number: number, id: id, version: 1, draft: draft, createdAt: time, updatedAt: time)
    }

    /// A version of a segment, the newest if none is named; nil if there is none.
    public func segment(
        _ id: String, version: Int64? = nil, project: String
    ) async throws(ControlError) -> SegmentRecord? {
        try await read { db in try Self.fetch(id, version, project, in: db) }
    }

    /// The version of a segment that was the newest at a moment; nil if there was none yet.
    public func segment(
        _ id: String, at moment: Timestamp, project: String
    ) async throws(ControlError) -> SegmentRecord? {
        try await read { db in
            let version = try Int64.fetchOne(
                db, sql: "SELECT max(version) FROM segment_versions WHERE segment = ? AND made_at <= ?",
                arguments: [id, moment.microseconds])
            return try version.flatMap { try Self.fetch(id, $0, project, in: db) }
        }
    }

    /// The project's segments in their newest versions, in the order of their making, after `number`.
    public func segments(
        project: String, after number: Int64 = 0, limit: Int = .max
    ) async throws(ControlError) -> [SegmentRecord] {
        try await read { db in
            try Row.fetchAll(
                db,
                sql: """
                    SELECT s.number, s.id, s.created_at, v.* FROM segments s
                    JOIN segment_versions v ON v.segment = s.id AND v.version = s.version
                    WHERE s.project = ? AND s.number > ? ORDER BY s.number LIMIT ?
                    """, arguments: [project, number, limit]
            ).map(SegmentRecord.init(row:))
        }
    }

    /// Makes a further version; those before stay.
    ///
    /// - Parameter expected: the version that must be the newest; nil for any.
    public func updateSegment(
        _ id: String, _ draft: SegmentDraft, project: String, expected: Int64?
    ) async throws(ControlError) -> SegmentChange {
        let time = now()
        return try await write { db in
            try Self.changeSegment(id, draft, project, expected: expected, at: time, in: db)
        }
    }

    static func changeSegment(
        _ id: String, _ draft: SegmentDraft, _ project: String, expected: Int64?, at time: Timestamp, in db: Database
    ) throws -> SegmentChange {
        guard let known = try fetch(id, nil, project, in: db) else { return .absent }
        guard expected ?? known.version == known.version else { return .changed(version: known.version) }
        let version = known.version + 1
        try insert(draft, id: id, version: version, at: time, in: db)
        try db.execute(sql: "UPDATE segments SET version = ? WHERE id = ?", arguments: [version, id])
        return .done(
            SegmentRecord(
                number: known.number, id: id, version: version, draft: draft, createdAt: known.createdAt,
                updatedAt: time))
    }

    /// Removes a segment with all its versions.
    public func removeSegment(
        _ id: String, project: String, expected: Int64?
    ) async throws(ControlError) -> SegmentChange {
        try await write { db in
            guard let known = try Self.fetch(id, nil, project, in: db) else { return .absent }
            guard expected ?? known.version == known.version else { return .changed(version: known.version) }
            try db.execute(sql: "DELETE FROM segment_versions WHERE segment = ?", arguments: [id])
            try db.execute(sql: "DELETE FROM segments WHERE id = ?", arguments: [id])
            return .done(known)
        }
    }

    /// Rewrites what all versions of the project's segments say; the versions stay what they are.
    ///
    /// - Returns: how many were changed.
    @discardableResult
    public func rewriteSegments(
        project: String, _ rewrite: @escaping @Sendable (SegmentDraft) -> SegmentDraft
    ) async throws(ControlError) -> Int {
        try await write { db in
            let all = try Row.fetchAll(
                db, sql: "SELECT v.* FROM segments s JOIN segment_versions v ON v.segment = s.id WHERE s.project = ?",
                arguments: [project])
            var changed = 0
            for row in all {
                let before = SegmentDraft(row: row)
                let after = rewrite(before)
                guard after != before else { continue }
                changed += 1
                let (id, version) = (row["segment"] as String, row["version"] as Int64)
                try db.execute(
                    sql: """
                        UPDATE segment_versions SET name = ?, description = ?, timezone = ?, tree = ?
                        WHERE segment = ? AND version = ?
                        """, arguments: [after.name, after.description, after.timezone, after.tree, id, version])
            }
            return changed
        }
    }

    private static func insert(
        _ draft: SegmentDraft, id: String, version: Int64, at time: Timestamp, in db: Database
    ) throws {
        try db.execute(
            sql: """
                INSERT INTO segment_versions (segment, version, name, description, timezone, tree, made_at)
                VALUES (?, ?, ?, ?, ?, ?, ?)
                """,
            arguments: [
                id, version, draft.name, draft.description, draft.timezone, draft.tree, time.microseconds,
            ])
    }

    private static func fetch(
        _ id: String, _ version: Int64?, _ project: String, in db: Database
    ) throws -> SegmentRecord? {
        try Row.fetchOne(
            db,
            sql: """
                SELECT s.number, s.id, s.created_at, v.* FROM segments s
                JOIN segment_versions v ON v.segment = s.id AND v.version = coalesce(?, s.version)
                WHERE s.id = ? AND s.project = ?
                """, arguments: [version, id, project]
        ).map(SegmentRecord.init(row:))
    }
}

extension SegmentRecord {
    fileprivate init(row: Row) {
        self.init(
            number: row["number"], id: row["id"], version: row["version"], draft: SegmentDraft(row: row),
            createdAt: Timestamp(microseconds: row["created_at"]), updatedAt: Timestamp(microseconds: row["made_at"]))
    }
}

extension SegmentDraft {
    fileprivate init(row: Row) {
        self.init(
            name: row["name"], description: row["description"], timezone: row["timezone"], tree: row["tree"])
    }
}
