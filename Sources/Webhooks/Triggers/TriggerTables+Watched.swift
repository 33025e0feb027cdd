internal import GRDB
internal import Model
internal import Triggers

/// What a watcher saw last.
extension TriggerTables {
    func watched(rule: Int64, person: Int64) throws -> WatchRow? {
        try rows("SELECT * FROM trigger_watched WHERE trigger_number = ? AND person = ?", [rule, person]).first
            .map(WatchRow.init(row:))
    }

    func keepWatched(rule: Int64, _ row: WatchRow) throws {
        try run(
            "INSERT OR REPLACE INTO trigger_watched VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            [
                project, rule, row.person, row.identity, row.state.phase.rawValue, row.state.since, row.value.text,
                row.instance,
            ])
    }

    func forgetWatched(rule: Int64, person: Int64) throws {
        try run("DELETE FROM trigger_watched WHERE trigger_number = ? AND person = ?", [rule, person])
    }

    func forgetWatched(rule: Int64) throws { try run("DELETE FROM trigger_watched WHERE trigger_number = ?", [rule]) }

    func noteDepth(_ depth: Int64, identity: String, key: String, seq: Int64, at: Int64) throws {
        try run(
            """
            INSERT INTO trigger_depths VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (project, identity) DO UPDATE SET
                key = excluded.key, depth = excluded.depth, seq = excluded.seq, at = excluded.at
            WHERE excluded.depth >= trigger_depths.depth OR trigger_depths.at < excluded.at - \(TriggerEngine.depthSpan)
            """, [project, identity, key, depth, seq, at])
    }

    func depth(key: String, since: Int64) throws -> Int64 {
        let statement = try db.cachedStatement(
            sql: "SELECT max(depth) FROM trigger_depths WHERE project = ? AND key = ? AND at >= ?")
        return try Int64.fetchOne(statement, arguments: [project, key, since]) ?? 0
    }

    func setPlace(rule: Int64, _ place: WatchPlace) throws {
        try run(
            """
            INSERT INTO trigger_watches (trigger_number, version, since_seq, is_ready, seq, change_seq, looked_at, definition, value)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (trigger_number) DO UPDATE SET version = excluded.version,
                since_seq = excluded.since_seq, is_ready = excluded.is_ready, seq = excluded.seq,
                change_seq = excluded.change_seq, looked_at = excluded.looked_at, definition = excluded.definition,
                value = excluded.value, error = NULL, error_at = NULL
            """,
            [
                rule, place.version, place.since, place.isReady, place.seq, place.changeSeq,
                place.lookedAt.microseconds, place.definition, place.value.text,
            ])
    }
}

extension WatchRow {
    init(row: Row) throws {
        let value: String = row["value"]
        self.init(
            person: row["person"], identity: row["identity"],
            state: WatchState(WatchState.Phase(rawValue: row["phase"]) ?? .crossed, since: row["since"]),
            value: try JSONValue(text: value), instance: row["instance"])
    }
}

extension WatchPlace {
    init(row: Row) throws {
        let (value, lookedAt): (String, Int64) = (row["value"], row["looked_at"])
        self.init(version: row["version"], since: row["since_seq"])
        isReady = row["is_ready"]
        seq = row["seq"]
        changeSeq = row["change_seq"]
        self.lookedAt = Timestamp(microseconds: lookedAt)
        definition = row["definition"]
        self.value = try JSONValue(text: value)
    }
}
