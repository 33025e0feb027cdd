internal import DuckDB
internal import EventStore
internal import Model

/// The statements whose rows, one after another, are an export's rows in its order.
enum RowStatements {
    /// How the rows of one statement come into the export's order.
    enum Arrival: Equatable {
        /// They come in it.
        case inOrder
        /// They come in it as they are stored, with what that is as the last columns, and are checked for it.
        case ascending(ExportOrder)
        /// They come in any order, with what they are sorted by as the last columns.
        case sorted(ExportOrder)
    }

    struct Statement {
        let sql: SQLFragment
        var arrival = Arrival.inOrder
        /// At most so many rows in all statements together; 0 if nobody knows.
        var total: Int64 = 0
    }

    static func make(
        _ query: ExportQuery, _ connection: Connection, _ layout: Layout, _ settings: StoreSettings
    ) throws -> [Statement] {
        switch query.spec.dataset {
        case .events: try ofRows(query, .events, connection, layout, settings)
        case .propertyChanges: try ofRows(query, .propertyChanges, connection, layout, settings)
        case .aliases: [Statement(sql: query.select(order: query.order), total: try count("aliases", connection))]
        case .identities, .people, .report:
            [Statement(sql: query.select(order: query.order), total: try count(PeopleAsOf.table, connection))]
        }
    }

    private static func count(_ table: String, _ connection: Connection) throws -> Int64 {
        try connection.row("SELECT count(*) FROM \(table)")?[0].int ?? 0
    }

    private static func ofRows(
        _ query: ExportQuery, _ table: RowTable, _ connection: Connection, _ layout: Layout, _ settings: StoreSettings
    ) throws -> [Statement] {
        let sources = try layout.sources.compactMap { source in
            try RowSource(source, table, query.spec, connection)
        }
        let total = sources.reduce(0) { $0 + $1.rows }
        if query.writer == .engine { return try ofEngine(query, table, sources, connection, settings) }
        var statements: [Statement] = []
        for part in RowPlan.make(sources, query.spec.order) {
            let from = query.relation(part.sources, table)
            let filter = part.months.map { query.within($0) }
            if !part.isSorted, let inOrder = try inOrder(query, part.sources, table, filter, connection) {
                statements += inOrder.map { Statement(sql: $0.sql, arrival: $0.arrival, total: total) }
            } else if table == .propertyChanges && query.hasJoins {
                // The changes of one item, which are told apart by their names alone and which a join may have mixed, are sorted
                // by the engine: all rows, a piece at a time.
                let all = query.relation(sources.map(\.source), table)
                let pieces = SortedPieces(query: query, from: all, connection: connection, rows: settings.sortedRows)
                return try pieces.pieces().map {
                    Statement(sql: query.select(from: all, filter: $0.filter, order: query.order), total: total)
                }
            } else {
                let order = query.spec.order
                statements.append(
                    Statement(
                        sql: query.select(query.sortColumns(order), from: from, filter: filter),
                        arrival: .sorted(order), total: total))
            }
        }
        return statements
    }

    /// So few rows are one row group however they come: groups are of 30,720 rows, but for what is near that.
    private static let smallestGroups: Int64 = 28_000

    /// The most pieces that an export is cut into: each looks at all rows of its time again.
    private static let mostPieces: Int64 = 32

    /// Rows that the engine writes itself, in pieces that it can sort in memory. Where a piece begins depends on the rows alone,
    /// so that a file is the same wherever they lie.
    private static func ofEngine(
        _ query: ExportQuery, _ table: RowTable, _ sources: [RowSource], _ connection: Connection,
        _ settings: StoreSettings
    ) throws -> [Statement] {
        guard !sources.isEmpty else { return [] }
        let all = query.relation(sources.map(\.source), table)
        let total = try SortedPieces.count(query, all, connection)
        let rows = max(settings.sortedRows, total / mostPieces)
        let pieces = try SortedPieces(query: query, from: all, connection: connection, rows: rows).pieces()
        let plan = RowPlan.make(sources, query.spec.order)
        return try pieces.map { piece in
            // What has one piece's rows in order, and no others of their time.
            let part = plan.first { part in
                if part.isSorted { return false }
                if pieces.count == 1 && plan.count == 1 { return true }
                guard let months = piece.months, let within = part.months else { return false }
                return within.lowerBound <= months.lowerBound && months.upperBound <= within.upperBound
            }
            // The engine makes row groups of what a scan brings at once, which depends on where rows lie; of sorted rows it fills them.
            if total < smallestGroups, let part, part.sources.count == 1,
                let inOrder = try inOrder(query, part.sources, table, piece.filter, connection)
            {
                return inOrder[0]
            }
            return Statement(sql: query.selectSorted(from: all, filter: piece.filter))
        }
    }

    /// Rows as they lie, a statement for each source; nil if the engine's plan of one does not keep their order.
    private static func inOrder(
        _ query: ExportQuery, _ sources: [Layout.Source], _ table: RowTable, _ filter: SQLFragment?,
        _ connection: Connection
    ) throws -> [Statement]? {
        var statements: [Statement] = []
        for source in sources {
            var arrival = Arrival.inOrder
            var extra: [SQLFragment] = []
            if query.writer == .rows {
                let order = if case .generation = source { ExportOrder.seq } else { query.spec.order }
                extra = query.sortColumns(order)
                arrival = .ascending(order)
            }
            let sql = query.select(extra, from: query.relation([source], table), filter: filter)
            guard try !query.hasJoins || OrderGuard.keepsOrder(connection, sql, of: source.name(table)) else {
                return nil
            }
            statements.append(Statement(sql: sql, arrival: arrival))
        }
        return statements
    }
}

/// A source that may have rows of an export.
struct RowSource {
    let source: Layout.Source
    let rows: Int64
    let seqs: ClosedRange<Int64>
    let months: ClosedRange<Month>
    /// Nobody else has rows in a cold file.
    let identities: ClosedRange<Int64>

    var isCold: Bool { if case .file = source { true } else { false } }
}

extension RowSource {
    /// Nil if it has none in the ranges of the specification.
    init?(_ source: Layout.Source, _ table: RowTable, _ spec: ResolvedSpec, _ connection: Connection) throws {
        self.source = source
        let times: ClosedRange<Timestamp>
        switch source {
        case .file(let file):
            rows = table == .events ? file.contents.events : file.contents.changes
            (seqs, times, identities) = (file.contents.seqs, file.contents.times, file.contents.identities)
        case .generation:
            let found = try connection.row(
                "SELECT count(*), min(seq), max(seq), min(timestamp), max(timestamp) FROM \(source.name(table))")
            guard let found, let low = found[1].int, let high = found[2].int, let first = found[3].timestamp,
                let last = found[4].timestamp
            else { return nil }
            rows = found[0].int ?? 0
            (seqs, identities) = (low...high, .min ... .max)
            times = Timestamp(microseconds: first)...Timestamp(microseconds: last)
        }
        months = Month(of: times.lowerBound)...Month(of: times.upperBound)
        guard rows > 0, seqs.lowerBound <= spec.seqTo, seqs.upperBound > spec.seqFrom else { return nil }
        if let from = spec.from, times.upperBound < from { return nil }
        if let to = spec.to, times.lowerBound >= to { return nil }
    }
}
