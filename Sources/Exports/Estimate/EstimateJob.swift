internal import Age
internal import DuckDB
internal import EventStore
internal import Model

/// Learns what an export will come to: counts what is cheap to count, and for the rest runs the export's own query over a
/// sample of its rows and the people that they are of.
struct EstimateJob: Sendable {
    /// The temporary table of the persons of whom something is sampled.
    static let persons = "export_sample_persons"

    let spec: ResolvedSpec

    private var writer: ExportQuery.Writer { spec.format == .parquet ? .engine : .rows }

    /// How many rows the ranges leave, and which of them to look at. Blocks, as everything here.
    func survey(_ connection: Connection) throws -> SampleWindows {
        let query = try ExportQuery(spec, writer: writer, all: [])
        switch spec.dataset {
        case .events, .propertyChanges, .aliases:
            let shift = SampleWindows.shift(from: spec.seqFrom, to: spec.seqTo)
            let bucket = DuckDBDialect.shifted(query.rowNumber, by: shift)
            return SampleWindows(try counts(query.buckets(bucket), connection), shift: shift)
        case .report: throw ExportSpec.error("a report is answered to be estimated, not sampled")
        case .people, .identities:
            return try connection.transaction { connection in
                let last = try connection.row("SELECT max(identity_id) FROM identities")?[0].int ?? 0
                let shift = SampleWindows.shift(from: 0, to: last)
                let people = SQLFragment(stringLiteral: try PeopleAsOf(connection, asOf: spec.asOfSeq).sql)
                let bucket = DuckDBDialect.shifted("q.identity_id", by: shift)
                // A person has the number of their first identity.
                let sql: SQLFragment = """
                    SELECT \(bucket) AS bucket, count(*) FROM (\(people)) q WHERE q.identity_id = q.person_id \
                    GROUP BY bucket ORDER BY bucket
                    """
                return SampleWindows(try counts(sql, connection), shift: shift)
            }
        }
    }

    private func counts(_ sql: SQLFragment, _ connection: Connection) throws -> [(bucket: Int64, rows: Int64)] {
        let statement = SQLStatement(sql)
        var out: [(Int64, Int64)] = []
        let rows = try connection.query(statement.text, statement.values)
        while let chunk = try rows.nextChunk() {
            for row in 0..<chunk.rowCount { out.append((chunk.int64(0, row: row), chunk.int64(1, row: row))) }
        }
        return out
    }

    /// Whether a condition must be tried to know the number of rows, and can be tried without knowing all people.
    var canBeCounted: Bool {
        get throws { try spec.condition != nil && !ExportQuery(spec, writer: writer, all: []).needsPeopleTable }
    }

    /// How many rows there are, exactly.
    func count(_ connection: Connection) throws -> Int64 {
        try TokenFunctions.register(on: connection)
        return try number(ExportQuery(spec, writer: writer, all: []).rows("count(*)"), connection)
    }

    private func number(_ sql: SQLFragment, _ connection: Connection) throws -> Int64 {
        let statement = SQLStatement(sql)
        return try connection.row(statement.text, statement.values)?[0].int ?? 0
    }

    /// Encodes the sample.
    ///
    /// - Parameter counted: the number of rows, if somebody knows it.
    func measure(_ survey: SampleWindows, counted: Int64?, _ connection: Connection) throws -> ExportEstimate {
        try TokenFunctions.register(on: connection)
        var query = try ExportQuery(spec, writer: writer, all: [], isSample: true)
        try gather(query, survey, connection)
        try ExportJob.makeTables(query, connection)
        if spec.columns.contains(where: { $0.source == .allProperties }) {
            query = try ExportQuery(
                spec, writer: writer, all: try AllProperties.names(query, connection), isSample: true)
        }
        let sample =
            writer == .rows
            ? try SampleWriter(query: query, style: CellStyle(spec, connection)).rows(connection)
            : try SampleWriter(query: query, style: nil).file(connection)
        let (rows, isExact) = try self.rows(query, survey, counted, found: sample.rows, connection)
        return ExportEstimate(
            rows: rows, bytes: try sealed(sample.bytes(rows: rows, parts: parts(rows)), parts: parts(rows)),
            isExact: isExact, sampledRows: sample.rows,
            searchSeconds: searchSeconds(query, survey, isCounted: counted != nil))
    }

    /// How many bytes there are when they are encrypted, in parts of about one size.
    func sealed(_ bytes: Int64, parts: Int64) throws -> Int64 {
        guard !spec.recipients.isEmpty else { return bytes }
        return try AgeEncryptor.size(of: bytes / parts, for: spec.recipients) * parts + bytes % parts
    }

    private func searchSeconds(_ query: ExportQuery, _ survey: SampleWindows, isCounted: Bool) -> Double {
        guard query.hasSelection else { return 0 }
        // Counting looked at the same rows, and was allowed no more.
        if isCounted { return Double(ExportRunner.countingMilliseconds) / 1_000 }
        // To select people, the events of all are looked at.
        return Double(spec.dataset == .people ? spec.asOfSeq : survey.total) * ExportPace.search
    }

    func parts(_ rows: Int64) -> Int64 {
        guard let size = spec.partRows.map(Int64.init) else { return 1 }
        return max(1, rows / size + (rows % size > 0 ? 1 : 0))
    }

    /// How many rows there will be, and whether that is certain.
    private func rows(
        _ query: ExportQuery, _ survey: SampleWindows, _ counted: Int64?, found: Int64, _ connection: Connection
    ) throws -> (rows: Int64, isExact: Bool) {
        if survey.windows == nil { return (found, true) }
        if let counted { return (counted, true) }
        let all = try spec.dataset == .identities ? identityCount(query, connection) : survey.total
        guard query.hasSelection else { return (all, true) }
        let sampled = try number(query.sampledCount, connection)
        return (sampled > 0 ? Int64(Double(all) * Double(found) / Double(sampled)) : 0, false)
    }

    private func identityCount(_ query: ExportQuery, _ connection: Connection) throws -> Int64 {
        try connection.transaction { connection in
            let people = SQLFragment(stringLiteral: try PeopleAsOf(connection, asOf: spec.asOfSeq).sql)
            var sql: SQLFragment = "SELECT count(*) FROM (\(people)) m"
            if !query.ranges.isEmpty { sql += " WHERE \(query.ranges.joined(" AND "))" }
            return try number(sql, connection)
        }
    }

    // MARK: The sample

    /// Puts the sampled rows, or nothing else than the sampled people, where the query looks for them.
    private func gather(_ query: ExportQuery, _ survey: SampleWindows, _ connection: Connection) throws {
        let isOfPeople = spec.dataset == .people || spec.dataset == .identities
        if !isOfPeople { try fill(ExportQuery.sampleTable, survey, connection) { query.sampleRows($0) } }
        guard query.needsPeopleTable else { return }
        try connection.transaction { connection in
            let people = try PeopleAsOf(connection, asOf: spec.asOfSeq)
            let all = SQLFragment(stringLiteral: people.sql)
            if !isOfPeople {
                let make: SQLFragment = """
                    CREATE OR REPLACE TEMP TABLE \(ident: Self.persons) AS SELECT DISTINCT q.person_id FROM (\(all)) q \
                    WHERE q.identity_id IN (SELECT s.identity_id FROM \(ident: ExportQuery.sampleTable) s)
                    """
                try execute(make, connection)
            } else {
                try fill(Self.persons, survey, connection) { window in
                    let own: SQLFragment = "SELECT q.person_id FROM (\(all)) q WHERE q.identity_id = q.person_id"
                    return window.map { own + " AND q.identity_id > \($0.after) AND q.identity_id <= \($0.upTo)" }
                        ?? own
                }
            }
            try people.materialise(connection, onlyPersonsOf: Self.persons)
        }
    }

    /// Makes a table of the rows of all windows: a statement for each, so that the engine skips what lies outside.
    private func fill(
        _ table: String, _ survey: SampleWindows, _ connection: Connection,
        rows: (SampleWindows.Window?) -> SQLFragment
    ) throws {
        let windows = survey.windows ?? []
        try execute("CREATE OR REPLACE TEMP TABLE \(ident: table) AS \(rows(windows.first))", connection)
        for window in windows.dropFirst() { try execute("INSERT INTO \(ident: table) \(rows(window))", connection) }
    }

    private func execute(_ sql: SQLFragment, _ connection: Connection) throws {
        let statement = SQLStatement(sql)
        try connection.execute(statement.text, statement.values)
    }

    /// Drops the temporary tables.
    static func cleanUp(_ connection: Connection) throws {
        try ExportJob.cleanUp(connection)
        for table in [ExportQuery.sampleTable, persons] {
            try connection.execute("DROP TABLE IF EXISTS temp.\(table)")
        }
    }
}
