internal import GRDB
internal import Triggers

/// Who is who.
extension TriggerTables {
    func key(of identity: String) throws -> String {
        let statement = try db.cachedStatement(
            sql: "SELECT key FROM trigger_people WHERE project = ? AND identity = ?")
        return try String.fetchOne(statement, arguments: [project, identity]) ?? identity
    }

    func members(of key: String) throws -> [String] {
        let statement = try db.cachedStatement(
            sql: "SELECT identity FROM trigger_people WHERE project = ? AND key = ? ORDER BY identity")
        return try String.fetchAll(statement, arguments: [project, key])
    }

    func move(_ identity: String, to key: String) throws {
        try run(
            "INSERT INTO trigger_people VALUES (?, ?, ?) ON CONFLICT (project, identity) DO UPDATE SET key = excluded.key",
            [project, identity, key])
        for table in ["trigger_instances", "trigger_marks", "trigger_values", "trigger_firings", "trigger_depths"] {
            try run(
                "UPDATE \(table) SET key = ?3 WHERE project = ?1 AND identity = ?2 AND key <> ?3",
                [project, identity, key])
        }
    }

    private static func pair(_ a: String, _ b: String) -> (low: String, high: String) {
        a.utf8.lexicographicallyPrecedes(b.utf8) ? (a, b) : (b, a)
    }

    func isTied(_ a: String, _ b: String) throws -> Bool? {
        let pair = Self.pair(a, b)
        let statement = try db.cachedStatement(
            sql: "SELECT tied FROM trigger_ties WHERE project = ? AND low = ? AND high = ?")
        return try Bool.fetchOne(statement, arguments: [project, pair.low, pair.high])
    }

    func setTie(_ a: String, _ b: String, _ isTied: Bool) throws {
        let pair = Self.pair(a, b)
        try run(
            "INSERT INTO trigger_ties VALUES (?, ?, ?, ?) ON CONFLICT (project, low, high) DO UPDATE SET tied = excluded.tied",
            [project, pair.low, pair.high, isTied])
    }

    func ties(of identity: String) throws -> [String] {
        let statement = try db.cachedStatement(
            sql: """
                SELECT high FROM trigger_ties WHERE project = ?1 AND low = ?2 AND tied = 1
                UNION ALL SELECT low FROM trigger_ties WHERE project = ?1 AND high = ?2 AND tied = 1
                """)
        return try String.fetchAll(statement, arguments: [project, identity])
    }
}
