internal import DuckDB
public import Model

/// Rows that are to leave the store for good.
public struct Removal: Sendable, Equatable {
    /// A rule of retention.
    public struct Aged: Sendable, Equatable {
        /// What happened before it goes.
        public var before: Timestamp
        /// Only events of this name; nil for all events, property changes that a later one has replaced, and rejects.
        public var event: String?

        public init(before: Timestamp, event: String? = nil) {
            self.before = before
            self.event = event
        }
    }

    enum Rows: Sendable, Equatable {
        /// All that these identities did and had.
        case identities([Int64])
        case aged([Aged])
    }

    let rows: Rows

    /// Everything of these identities.
    ///
    /// - Parameter identities: their ids, in any order.
    public static func identities(_ identities: [Int64]) -> Removal { Removal(rows: .identities(identities.sorted())) }

    /// Everything that is too old.
    public static func aged(_ rules: [Aged]) -> Removal { Removal(rows: .aged(rules)) }

    /// The table of what `condition` needs to know beside the row, temporary, on the connection that it is made on.
    private static let table = "removal_rows"
    /// As many numbers are written into a statement; more go through a table.
    private static let mostConstants = 1_000

    /// Makes the connection ready for statements with `condition`; the views of the layout must be shown on it.
    func prepare(_ connection: Connection) throws(DuckDBError) {
        switch rows {
        case .identities(let ids) where ids.count > Self.mostConstants:
            try connection.execute("CREATE OR REPLACE TEMP TABLE \(Self.table)(id BIGINT)")
            var appender = try connection.appender(Self.table, [.int64])
            for id in ids {
                appender.setInt64(0, id)
                try appender.endRow()
            }
            try appender.finish()
        case .identities: break
        case .aged(let rules):
            guard let before = rules.filter({ $0.event == nil }).map(\.before).max() else { return }
            // A property whose newest value is old keeps it: it is still the person's.
            try connection.execute(
                """
                CREATE OR REPLACE TEMP TABLE \(Self.table) AS
                SELECT identity_id, name, \(DuckDBDialect.latestText("seq")) AS seq
                FROM property_changes GROUP BY identity_id, name
                HAVING max(timestamp) < \(DuckDBDialect.momentText(before))
                """)
        }
    }

    /// Whether a cold file can have rows that go.
    func mayConcern(_ contents: ColdContents) -> Bool {
        switch rows {
        case .identities(let ids): ids.contains { contents.identities.contains($0) }
        case .aged(let rules): rules.contains { contents.times.lowerBound < $0.before }
        }
    }

    /// What holds of the rows that go; nil if none of the table do. Of `events`, `property_changes`, `identities`, `aliases`
    /// and `rejects`.
    ///
    /// - Parameter rejects: the numbers of the rejects that go, of which only a matcher knows.
    func condition(_ table: String, rejects: [Int64] = []) -> String? {
        switch rows {
        case .identities(let ids):
            guard !ids.isEmpty || table == "rejects" else { return nil }
            let list =
                ids.count > Self.mostConstants ? "(SELECT id FROM \(Self.table))" : Self.list(ids)
            switch table {
            case "aliases": return "identity_id IN \(list) OR other_id IN \(list)"
            case "rejects": return rejects.isEmpty ? nil : "seq IN \(Self.list(rejects))"
            case "events", "property_changes", "identities": return "identity_id IN \(list)"
            default: return nil
            }
        case .aged(let rules):
            let conditions = rules.compactMap { rule -> String? in
                let old = "< \(DuckDBDialect.momentText(rule.before))"
                switch (table, rule.event) {
                case ("events", nil): return "timestamp \(old)"
                case ("events", .some(let name)): return "(timestamp \(old) AND event = \(DuckDBDialect.quoted(name)))"
                case ("property_changes", nil):
                    return "(timestamp \(old) AND (identity_id, name, seq) NOT IN (SELECT (identity_id, name, seq) "
                        + "FROM \(Self.table)))"
                case ("rejects", nil): return "received_at \(old)"
                default: return nil
                }
            }
            return conditions.isEmpty ? nil : conditions.joined(separator: " OR ")
        }
    }

    /// What holds of the names that nothing has any more once the rows are gone: a name can say as much as a value.
    var unusedNames: String {
        let parts = [("event", "events", "event"), ("property", "property_changes", "name")].map {
            kind, table, column in
            let kept = condition(table).map { " WHERE NOT (\($0))" } ?? ""
            return "(kind = '\(kind)' AND name NOT IN (SELECT DISTINCT \(column) FROM \(table)\(kept)))"
        }
        return parts.joined(separator: " OR ")
    }

    private static func list(_ numbers: [Int64]) -> String {
        "(" + numbers.map(String.init).joined(separator: ",") + ")"
    }
}
