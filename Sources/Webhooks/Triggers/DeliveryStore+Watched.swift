internal import GRDB
public import Model
public import Triggers

extension DeliveryStore {
    /// How far each watcher of a project is, and how often its rows went by another hand.
    public func watchPlaces(
        project: String
    ) async throws(WebhookError) -> [Int64: (place: WatchPlace, generation: Int64)] {
        try await read { db in
            let rows = try Row.fetchAll(
                db,
                sql: """
                    SELECT w.* FROM trigger_watches w JOIN triggers t ON t.number = w.trigger_number WHERE t.project = ?
                    """, arguments: [project])
            var found: [Int64: (place: WatchPlace, generation: Int64)] = [:]
            for row in rows { found[row["trigger_number"]] = (try WatchPlace(row: row), row["generation"]) }
            return found
        }
    }

    /// What is kept of a trigger: of persons by their numbers.
    public func watched(trigger number: Int64) async throws(WebhookError) -> [Int64: WatchState] {
        try await read { db in
            let rows = try Row.fetchCursor(
                db, sql: "SELECT person, phase, since FROM trigger_watched WHERE trigger_number = ?",
                arguments: [number])
            var found: [Int64: WatchState] = [:]
            while let row = try rows.next() {
                found[row[0]] = WatchState(WatchState.Phase(rawValue: row[1]) ?? .crossed, since: row[2])
            }
            return found
        }
    }

    /// Notes why a trigger could not be looked at.
    public func noteWatch(
        of rule: TriggerRule, error: String, now: Timestamp
    ) async throws(WebhookError) {
        try await write { db in
            try db.execute(
                sql: """
                    INSERT INTO trigger_watches (trigger_number, version, since_seq, is_ready, seq, change_seq, looked_at,
                        definition, value, error, error_at)
                    SELECT number, ?2, ?3, 0, 0, 0, 0, '', 'null', ?4, ?5 FROM triggers WHERE number = ?1
                    ON CONFLICT (trigger_number) DO UPDATE SET error = excluded.error, error_at = excluded.error_at
                    """,
                arguments: [rule.number, rule.version, rule.since, String(error.prefix(1_000)), now.microseconds])
        }
    }

    /// How a watched trigger fares; null for those that the journal tells.
    static func watchHealth(_ db: Database, _ trigger: TriggerRecord) throws -> JSONValue {
        guard case .watched = try TriggerWhen.read(trigger.when).0 else { return .null }
        let row = try Row.fetchOne(
            db, sql: "SELECT * FROM trigger_watches WHERE trigger_number = ?", arguments: [trigger.number])
        let kept = try Row.fetchOne(
            db,
            sql: """
                SELECT count(*) FILTER (WHERE phase = 1), count(*) FILTER (WHERE phase = 0) FROM trigger_watched
                WHERE trigger_number = ?
                """, arguments: [trigger.number])
        let (crossed, pending): (Int64, Int64) = (kept?[0] ?? 0, kept?[1] ?? 0)
        let place = try row.map { row in try WatchPlace(row: row) }
        let isReady = place.map { $0.isReady && $0.version == trigger.version && $0.since == trigger.sinceSeq } ?? false
        let error = row.flatMap { $0["error"] as String? }
        let failed = row.flatMap { $0["error_at"] as Int64? }
        let looked = place?.lookedAt.microseconds
        return [
            "ready": .bool(isReady), "looked_at": looked == 0 ? .null : Self.time(looked),
            "seq": place.map { JSONValue($0.seq) } ?? .null, "beyond": JSONValue(crossed),
            "pending": JSONValue(pending), "value": place?.value ?? .null, "error": JSONValue(error),
            "error_at": Self.time(failed),
        ]
    }

    /// What is kept of somebody by a watched trigger; null for nothing.
    static func watchState(_ db: Database, _ trigger: TriggerRecord, names: String) throws -> JSONValue {
        let row = try Row.fetchOne(
            db,
            sql: """
                SELECT * FROM trigger_watched WHERE project = ? AND trigger_number = ?
                    AND identity IN (SELECT value FROM json_each(?))
                """, arguments: [trigger.project, trigger.number, names])
        guard let kept = try row.map({ row in try WatchRow(row: row) }) else { return .null }
        return [
            "state": kept.state.phase == .pending ? "pending" : "beyond", "since": Self.time(kept.state.since),
            "value": kept.value, "instance_id": JSONValue(kept.instance),
        ]
    }
}
