internal import DuckDB
internal import Model

/// One step of the table of people, in one transaction: notes of whom something was stored, and brings a bounded number of persons up to
/// date.
struct PeopleStep {
    private static let batch: SQLFragment = "people_batch"
    private static let map: SQLFragment = "people_batch_map"
    private static let rows: SQLFragment = "people_batch_rows"
    private static let changes: SQLFragment = "people_changes"

    let set: ComputedSet
    let now: Timestamp
    /// Everything up to this `seq` is there to be read.
    let seq: Int64
    /// The most persons of one step.
    let most: Int64

    func run(_ connection: Connection) throws -> PeopleSnapshot {
        let day = ComputedDay(
            try ComputedDay.number(of: now, in: set.timezone, connection), in: set.timezone)
        let columns = set.columns(on: day.number)
        let known = try PeopleState.read(connection)
        var state = PeopleState(columns, day: day)
        (state.seq, state.changeSeq) = (known?.seq ?? 0, known?.changeSeq ?? 0)
        let persons = SQLFragment(stringLiteral: try Self.persons(connection, asOf: seq))
        if let known, state.differs(from: known) {
            try connection.execute("DELETE FROM people_pending WHERE NOT is_new")
            try connection.execute(
                fragment: """
                    INSERT INTO people_pending SELECT m.person_id, false FROM \(persons) m \
                    WHERE m.identity_id = m.person_id AND m.first_seq <= \(state.seq)
                    """)
        }
        if seq > state.seq {
            let touched = PeopleTouched.identities(after: state.seq, through: seq, changes: "property_changes")
            try connection.execute(
                fragment: """
                    INSERT INTO people_pending SELECT DISTINCT m.person_id, true FROM \(persons) m \
                    WHERE m.identity_id IN (\(touched))
                    """)
            state.seq = seq
        }
        state.changeSeq += try update(connection, columns, persons, after: state.changeSeq)
        if state != known { try state.write(connection) }
        var snapshot = PeopleSnapshot()
        (snapshot.seq, snapshot.changeSeq, snapshot.set, snapshot.state) = (state.seq, state.changeSeq, set, state)
        snapshot.pending = try connection.row("SELECT count(*) FROM people_pending")?[0].int ?? 0
        return snapshot
    }

    /// Every identity with its person as of a `seq`.
    static func persons(_ connection: Connection, asOf seq: Int64) throws -> String {
        guard let map = try PersonMap.relation(connection, asOf: seq) else { return "identities" }
        return """
            (SELECT i.identity_id, i.first_seq, coalesce(m.person_id, i.person_id) AS person_id FROM identities i \
            LEFT JOIN \(map) m ON m.identity_id = i.identity_id)
            """
    }

    /// Looks at a batch of those that are pending; how many rows changed.
    private func update(
        _ connection: Connection, _ columns: [ComputedColumn], _ persons: SQLFragment, after number: Int64
    ) throws -> Int64 {
        guard try connection.row("SELECT 1 FROM people_pending LIMIT 1") != nil else { return 0 }
        // What was done by somebody comes before what only time has changed.
        try connection.execute(
            fragment: """
                CREATE OR REPLACE TEMP TABLE \(Self.batch) AS SELECT p.person_id, bool_or(p.is_new) AS is_new \
                FROM people_pending p GROUP BY p.person_id ORDER BY is_new DESC, p.person_id LIMIT \(most)
                """)
        try connection.execute(
            fragment: """
                CREATE OR REPLACE TEMP TABLE \(Self.map) AS SELECT m.identity_id, m.person_id FROM \(persons) m \
                WHERE m.first_seq <= \(seq) AND m.person_id IN (SELECT b.person_id FROM \(Self.batch) b)
                """)
        try gather(connection, columns, persons)
        try connection.execute(
            fragment: """
                CREATE OR REPLACE TEMP TABLE \(Self.changes) AS \
                SELECT r.*, c.person_id IS NOT NULL AS is_known, \
                \(number) + row_number() OVER (ORDER BY r.person_id) AS change_seq \
                FROM \(Self.rows) r LEFT JOIN people_current c ON c.person_id = r.person_id \
                WHERE c.person_id IS NULL OR r.is_new OR c.erased OR c.computed IS DISTINCT FROM r.computed \
                OR c.merged_into IS DISTINCT FROM r.merged_into
                """)
        // Changed where they lie: the table keeps the order of persons, by which one is found.
        try connection.execute(
            fragment: """
                UPDATE people_current SET change_seq = x.change_seq, merged_into = x.merged_into, erased = false, \
                computed = x.computed FROM \(Self.changes) x WHERE x.person_id = people_current.person_id AND x.is_known
                """)
        try connection.execute(
            fragment: """
                INSERT INTO people_current SELECT x.person_id, x.change_seq, x.merged_into, false, x.computed \
                FROM \(Self.changes) x WHERE NOT x.is_known ORDER BY x.person_id
                """)
        try connection.execute(
            fragment: "DELETE FROM people_pending WHERE person_id IN (SELECT b.person_id FROM \(Self.batch) b)")
        let count = try connection.row(SQLStatement("SELECT count(*) FROM \(Self.changes)").text)?[0].int ?? 0
        for table in [Self.batch, Self.map, Self.rows, Self.changes] {
            try connection.execute(fragment: "DROP TABLE temp.\(table)")
        }
        return count
    }

    /// The rows that the persons of the batch are to have: their own, and for each further identity where it leads.
    private func gather(
        _ connection: Connection, _ columns: [ComputedColumn], _ persons: SQLFragment
    ) throws {
        var query: SQLFragment = """
            SELECT q.person_id, q.merged_into, NULL::VARCHAR AS computed, false AS is_new FROM (\
            SELECT m.identity_id AS person_id, m.person_id AS merged_into FROM \(Self.map) m \
            WHERE m.identity_id <> m.person_id UNION \
            SELECT b.person_id, m.person_id FROM \(Self.batch) b JOIN \(persons) m ON m.identity_id = b.person_id \
            WHERE m.person_id <> b.person_id) q
            """
        let all = ComputedSQL.Source(asOf: seq, map: Self.map)
        if let source = try ComputedTable.narrowed(connection, all, to: "people_batch_map") {
            let sql = ComputedSQL(columns, day: columns.first?.day ?? ComputedDay(0, in: "UTC"))
            let object = DuckDBDialect.object(zip(columns, sql.tokens).map { ($0.name, $1) })
            query += """
                 UNION ALL SELECT r.person_id, NULL, r.computed, b.is_new FROM \
                (\(sql.relation("\(object) AS computed", source))) r JOIN \(Self.batch) b ON b.person_id = r.person_id
                """
        }
        try connection.execute(fragment: "CREATE OR REPLACE TEMP TABLE \(Self.rows) AS \(query)")
    }
}
