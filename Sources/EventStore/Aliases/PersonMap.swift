public import DuckDB
internal import Model

/// Who was which person as of a `seq`.
public enum PersonMap {
    /// The name of the temporary table that `relation` makes.
    public static let table = "person_map"

    /// Makes ready what an answer as of `seq` needs to know of persons.
    ///
    /// `identities.person_id` is that of now. If an alias or an undo after `seq` changed it, this makes a temporary table
    /// `person_map(identity_id BIGINT, person_id BIGINT)` on the connection, with the identities whose person was another
    /// one then, and returns its name; otherwise it returns nil and `person_id` is right as it is:
    ///
    /// ```sql
    /// SELECT …, coalesce(m.person_id, i.person_id) AS person_id
    /// FROM identities i LEFT JOIN person_map m USING (identity_id) WHERE i.first_seq <= $seq
    /// ```
    ///
    /// Call it in the transaction of the answer, so that both see one state.
    public static func relation(_ connection: Connection, asOf seq: Int64) throws -> String? {
        let changed = try connection.row(
            "SELECT count(*) FROM aliases WHERE seq > $1 OR undone_seq > $1", [.int(seq)])
        guard let count = changed?[0].int, count > 0 else { return nil }
        // Two states of the graph differ by the pairs that changed between them, so that only groups with a side of one
        // can differ.
        try connection.execute(
            """
            CREATE OR REPLACE TEMP TABLE person_map_group AS
            SELECT identity_id, person_id FROM identities WHERE person_id IN (
                SELECT person_id FROM identities WHERE identity_id IN (
                    SELECT unnest([identity_id, other_id]) FROM aliases WHERE seq > \(seq) OR undone_seq > \(seq)))
            """)
        var now: [(identity: Int64, person: Int64)] = []
        var groups = UnionFind()
        try forEachPair(connection, "SELECT identity_id, person_id FROM person_map_group ORDER BY identity_id") {
            now.append(($0, $1))
            groups.add($0)
        }
        try forEachPair(
            connection,
            """
            SELECT identity_id, other_id FROM aliases
            WHERE seq <= \(seq) AND (undone_seq IS NULL OR undone_seq > \(seq))
                AND identity_id IN (SELECT identity_id FROM person_map_group)
            """
        ) { groups.join($0, $1) }
        try connection.execute("CREATE OR REPLACE TEMP TABLE \(table)(identity_id BIGINT, person_id BIGINT)")
        var appender = try connection.appender(table, [.int64, .int64])
        for (identity, person) in now {
            let then = groups.root(of: identity)
            guard then != person else { continue }
            appender.setInt64(0, identity)
            appender.setInt64(1, then)
            try appender.endRow()
        }
        try appender.finish()
        return table
    }

    private static func forEachPair(
        _ connection: Connection, _ sql: String, _ body: (Int64, Int64) -> Void
    ) throws(DuckDBError) {
        let rows = try connection.query(sql)
        while let chunk = try rows.nextChunk() {
            for row in 0..<chunk.rowCount { body(chunk.int64(0, row: row), chunk.int64(1, row: row)) }
        }
    }
}

/// Disjoint sets of numbers; a set's root is its smallest number.
struct UnionFind {
    private var parents: [Int64: Int64] = [:]

    mutating func add(_ number: Int64) { if parents[number] == nil { parents[number] = number } }

    mutating func root(of number: Int64) -> Int64 {
        var root = number
        while let parent = parents[root], parent != root { root = parent }
        // Shorten the way for the next time.
        var at = number
        while let parent = parents[at], parent != root {
            parents[at] = root
            at = parent
        }
        return root
    }

    mutating func join(_ a: Int64, _ b: Int64) {
        add(a)
        add(b)
        let (x, y) = (root(of: a), root(of: b))
        if x != y { parents[max(x, y)] = min(x, y) }
    }
}
