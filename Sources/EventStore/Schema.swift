internal import DuckDB

/// The tables of a project's hot file, format 3.
///
/// No table has a key, and one has an index: appends are in `seq` order and happen once, since `applied_seq` changes in the same transaction as
/// the rows. Events and property changes lie in generations of tables (`Generations`) and are never updated there, so that
/// their physical order is that of `seq`; each generation becomes a cold file some day.
enum Schema {
    static let version: Int64 = 3

    private static let tables = """
        CREATE TABLE identities(identity_id BIGINT, identity VARCHAR, person_id BIGINT, named_seq BIGINT,
            first_seq BIGINT);
        CREATE TABLE aliases(seq BIGINT, timestamp TIMESTAMP, identity VARCHAR, other VARCHAR, identity_id BIGINT,
            other_id BIGINT, derived BOOLEAN, undone_seq BIGINT);
        CREATE TABLE rejects(seq BIGINT, received_at TIMESTAMP, protocol VARCHAR, reason VARCHAR, raw VARCHAR);
        CREATE TABLE names(kind VARCHAR, name VARCHAR, folded VARCHAR, first_seq BIGINT);
        CREATE TABLE state(key VARCHAR, value BIGINT);
        INSERT INTO state VALUES ('format_version', \(version)), ('applied_seq', 0), ('identity_count', 0),
            ('committed_at', 0), ('last_cold_id', 0);
        """ + Generations.table + ColdCatalogue.table + Generations.tables(1)
        + "INSERT INTO generations VALUES (1);" + identityIndex()

    /// Finds an identity by its text; appends cost a little more for those that are new.
    static func identityIndex(in catalog: String = "") -> String {
        "CREATE INDEX identities_by_text ON \(catalog)identities(identity);"
    }

    static let events: [ColumnType] = [.int64, .text, .int64, .text, .timestamp, .timestamp, .text]
    static let identities: [ColumnType] = [.int64, .text, .int64, .int64, .int64]
    static let propertyChanges: [ColumnType] = [.int64, .int64, .timestamp, .text, .text]
    static let aliases: [ColumnType] = [.int64, .timestamp, .text, .text, .int64, .int64, .boolean, .int64]
    static let rejects: [ColumnType] = [.int64, .timestamp, .text, .text, .text]
    static let names: [ColumnType] = [.text, .text, .text, .int64]

    static let tableNames = ["events", "identities", "property_changes", "aliases", "rejects", "names"]

    /// Makes the tables in an empty file; refuses a file of a newer format.
    ///
    /// - Returns: whether the file was empty.
    @discardableResult
    static func prepare(_ connection: Connection, path: String) throws(StoreError) -> Bool {
        let isNew = try storing {
            try connection.row("SELECT count(*) FROM duckdb_tables() WHERE table_name = 'state'")?[0].int == 0
        }
        if isNew {
            try storing { try connection.transaction { connection in try connection.execute(tables) } }
        }
        let found = try StateRows.read(connection)["format_version"] ?? 0
        guard found <= version else {
            throw StoreError(
                .newerFormat,
                "The store \(path) has the format \(found), and this program reads up to \(version). Start the "
                    + "program that wrote it, or a newer one.")
        }
        guard found > 0 else {
            throw StoreError(.files, "The file \(path) is no store of this program: it names the format \(found).")
        }
        if found < 2 { try upgradeToGenerations(connection) } else if found < 3 { try upgradeToRuns(connection) }
        // A copy for a backup comes without it.
        try storing {
            try connection.execute("CREATE INDEX IF NOT EXISTS identities_by_text ON identities(identity)")
            // It can be found anew from all the others, so that it has no part in the format's number.
            try connection.execute(PeopleSchema.tables)
        }
        return isNew
    }

    /// Format 1 had one table of events and one of property changes: they are the first generation.
    private static func upgradeToGenerations(_ connection: Connection) throws(StoreError) {
        try storing {
            try connection.transaction { connection in
                try connection.execute(
                    """
                    ALTER TABLE events RENAME TO events_1;
                    ALTER TABLE property_changes RENAME TO property_changes_1;
                    \(Generations.table) \(ColdCatalogue.table) \(identityIndex())
                    INSERT INTO generations VALUES (1);
                    INSERT INTO state VALUES ('last_cold_id', 0);
                    UPDATE state SET value = \(version) WHERE key = 'format_version';
                    """)
            }
        }
    }

    /// Format 2 had one cold file for each sorted run.
    private static func upgradeToRuns(_ connection: Connection) throws(StoreError) {
        try storing {
            try connection.transaction { connection in
                try connection.execute(
                    ColdCatalogue.addingRuns + "UPDATE state SET value = \(version) WHERE key = 'format_version'")
            }
        }
    }
}

/// The rows of `state`.
enum StateRows {
    static func read(_ connection: Connection) throws(StoreError) -> [String: Int64] {
        let rows = try storing { try connection.rows("SELECT key, value FROM state") }
        var state: [String: Int64] = [:]
        for row in rows {
            if let key = row[0].text, let value = row[1].int { state[key] = value }
        }
        return state
    }

    /// Writes numbers under their names, whether they were there before or not. In a transaction.
    static func put(_ numbers: [String: Int64], _ connection: Connection) throws(DuckDBError) {
        for (key, number) in numbers.sorted(by: { $0.key < $1.key }) {
            try connection.execute("DELETE FROM state WHERE key = $1", [.text(key)])
            try connection.execute("INSERT INTO state VALUES ($1, $2)", [.text(key), .int(number)])
        }
    }

    /// Writes what a batch changed, in the batch's transaction.
    static func write(
        _ connection: Connection, appliedSeq: Int64, identityCount: Int64, committedAt: Int64
    ) throws(DuckDBError) {
        try connection.execute(
            """
            UPDATE state SET value = CASE key WHEN 'applied_seq' THEN $1 WHEN 'identity_count' THEN $2 ELSE $3 END
            WHERE key IN ('applied_seq', 'identity_count', 'committed_at')
            """, [.int(appliedSeq), .int(identityCount), .int(committedAt)])
    }
}

/// Runs `body` and makes the engine's error the store's.
func storing<T>(_ body: () throws -> T) throws(StoreError) -> T {
    do { return try body() } catch { throw StoreError(error) }
}

extension StoreError {
    /// The store's error for one of the engine's, or of the tasks'.
    init(_ error: any Error) {
        switch error {
        case let error as StoreError: self = error
        case let error as DuckDBError:
            let code: Code = error.code == .busy ? .busy : error.code == .closed ? .closed : .database
            self.init(code, error.message, isTransient: error.isTransient)
        case is CancellationError: self.init(.cancelled, "The task was cancelled.")
        default: self.init(.database, String(describing: error))
        }
    }
}
