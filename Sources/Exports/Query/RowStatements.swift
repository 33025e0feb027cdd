internal import DuckDB
internal import EventStore
internal import Model

/// The statements whose rows, one after another, are an export's rows in its order.
enum RowStatements {
    struct Statement {
        let sql: SQLFragment
        /// Whether the rows come as they are stored, with `seq` as the last column, and are to be checked for it.
        var ascends = false
        /// At most so many rows in all statements together; 0 if nobody knows.
        var total: Int64 = 0
        /// How much of the export is done after this one.
        var shareAtEnd: Double?
    }

    /// The most rows that are sorted at once, unless one month (or, ordered by time, one day) has more.
    static let sortedRows: Int64 = 400_000

    static func make(_ query: ExportQuery, _ connection: Connection) throws -> [Statement] {
        switch query.spec.dataset {
        case .events, .propertyChanges:
            if query.spec.order == .seq { return [try inStoredOrder(query, connection)] }
            return try sorted(query, connection)
        case .aliases, .identities, .people:
            let table = query.spec.dataset == .aliases ? "aliases" : PeopleAsOf.table
            let total = try connection.row("SELECT count(*) FROM \(table)")?[0].int ?? 0
            return [Statement(sql: query.select(order: query.order), total: total)]
        }
    }

    /// Rows as they lie in the table, where the engine's plan keeps that order; sorted where it does not.
    private static func inStoredOrder(_ query: ExportQuery, _ connection: Connection) throws -> Statement {
        let extra = query.writer == .rows ? query.seqColumn.map { [$0] } ?? [] : []
        let plain = query.select(extra)
        let keeps = try !query.hasJoins || OrderGuard.keepsOrder(connection, plain, of: query.streamedTable)
        return Statement(sql: keeps ? plain : query.select(extra, order: query.order), ascends: query.writer == .rows)
    }

    /// Sorted a few months (or days) at a time, so that no sort is larger than it must be.
    private static func sorted(_ query: ExportQuery, _ connection: Connection) throws -> [Statement] {
        let buckets = try self.buckets(query, connection)
        let total = buckets.reduce(0) { $0 + $1.rows }
        var statements: [Statement] = []
        var done: Int64 = 0
        var first = 0
        while first < buckets.count {
            var last = first
            var rows = buckets[first].rows
            while last + 1 < buckets.count, rows + buckets[last + 1].rows <= sortedRows {
                last += 1
                rows += buckets[last].rows
            }
            let time = query.timeColumn
            let (from, to) = (start(buckets[first].number, query), start(buckets[last].number + 1, query))
            done += rows
            statements.append(
                Statement(
                    sql: query.select(filter: "\(time) >= \(from) AND \(time) < \(to)", order: query.order),
                    total: total,
                    shareAtEnd: Double(done) / Double(total)))
            first = last + 1
        }
        return statements
    }

    private static func buckets(
        _ query: ExportQuery, _ connection: Connection
    ) throws -> [(number: Int64, rows: Int64)] {
        let bucket =
            query.spec.order == .timestamp
            ? DuckDBDialect.dayNumber(query.timeColumn) : DuckDBDialect.monthNumber(query.timeColumn)
        let statement = SQLStatement(query.buckets(bucket))
        var out: [(Int64, Int64)] = []
        let rows = try connection.query(statement.text, statement.values)
        while let chunk = try rows.nextChunk() {
            for row in 0..<chunk.rowCount { out.append((chunk.int64(0, row: row), chunk.int64(1, row: row))) }
        }
        return out
    }

    /// The first moment of a bucket.
    private static func start(_ number: Int64, _ query: ExportQuery) -> Timestamp {
        let days =
            query.spec.order == .timestamp
            ? number : CivilDate(year: number / 12, month: number % 12 + 1, day: 1).daysSinceEpoch
        return Timestamp(microseconds: days * 86_400_000_000)
    }
}
