internal import DuckDB
internal import EventStore
internal import Model

/// Cuts rows that the engine has to sort into pieces that it can sort in little memory: everything in one piece comes
/// before everything in the next.
struct SortedPieces {
    let query: ExportQuery
    let from: SQLFragment
    let connection: Connection
    /// Rows that are sorted at once, about; more only where very many share one moment or one identity.
    let rows: Int64

    struct Piece {
        let filter: SQLFragment
        /// The months in which its rows lie, where pieces are cut by months.
        var months: Range<Month>?
    }

    /// The pieces, in order. They depend on the rows alone, not on where these lie.
    func pieces() throws -> [Piece] {
        let row: SQLFragment = query.spec.dataset == .events ? "e" : "c"
        switch query.spec.order {
        case .seq: return try ranges("\(row).seq", nil).map { Piece(filter: Self.filter("\(row).seq", $0)) }
        case .timestamp:
            return try ranges(DuckDBDialect.microseconds(query.timeColumn), nil).map { Piece(filter: times($0)) }
        case .storage:
            var all: [Piece] = []
            for numbers in try ranges(DuckDBDialect.monthNumber(query.timeColumn), nil) {
                let months = Month(rawValue: numbers.lowerBound)..<Month(rawValue: numbers.upperBound).next
                let within = query.within(months)
                guard numbers.count == 1 else {
                    all.append(Piece(filter: within, months: months))
                    continue
                }
                // One month can be more than one piece.
                let identity: SQLFragment = "\(row).identity_id"
                all += try ranges(identity, within).map {
                    Piece(filter: within + " AND " + Self.filter(identity, $0), months: months)
                }
            }
            return all
        }
    }

    /// How many rows there are in all pieces.
    static func count(_ query: ExportQuery, _ from: SQLFragment, _ connection: Connection) throws -> Int64 {
        let sql = SQLStatement("SELECT count(*) FROM \(from) WHERE \(query.ranges.joined(" AND "))")
        return try connection.row(sql.text, sql.values)?[0].int ?? 0
    }

    private static func filter(_ value: SQLFragment, _ range: ClosedRange<Int64>) -> SQLFragment {
        "\(value) >= \(range.lowerBound) AND \(value) <= \(range.upperBound)"
    }

    private func times(_ range: ClosedRange<Int64>) -> SQLFragment {
        let (first, last) = (Timestamp(microseconds: range.lowerBound), Timestamp(microseconds: range.upperBound))
        return "\(query.timeColumn) >= \(first) AND \(query.timeColumn) <= \(last)"
    }

    /// Ranges of a number, each with about so many rows: counted in equal steps, and a step that has too many again.
    private func ranges(_ value: SQLFragment, _ filter: SQLFragment?) throws -> [ClosedRange<Int64>] {
        let rest = source(filter)
        let whole = SQLStatement("SELECT min(\(value)), max(\(value)), count(*)" + rest)
        guard let found = try connection.row(whole.text, whole.values), let low = found[0].int, let high = found[1].int,
            let count = found[2].int
        else { return [] }
        if count <= self.rows || low == high { return [low...high] }
        let step = max(1, (high - low) / (count / self.rows * 8))
        let counted = SQLStatement(
            "SELECT (\(value) - \(low)) // \(step) AS step, count(*)" + rest + " GROUP BY step ORDER BY step")
        var out: [ClosedRange<Int64>] = []
        var (start, gathered) = (low, 0 as Int64)
        for row in try connection.rows(counted.text, counted.values) {
            guard let number = row[0].int, let rows = row[1].int else { continue }
            let first = low + number * step
            if gathered > 0, gathered + rows > self.rows {
                out.append(start...(first - 1))
                (start, gathered) = (first, 0)
            }
            if rows > self.rows, step > 1 {
                let last = min(high, first + step - 1)
                let inside = Self.filter(value, first...last)
                out += try ranges(value, filter.map { $0 + " AND " + inside } ?? inside)
                start = last + 1
            } else {
                gathered += rows
            }
        }
        return gathered > 0 ? out + [start...high] : out
    }

    private func source(_ filter: SQLFragment?) -> SQLFragment {
        let tests = query.ranges + (filter.map { [$0] } ?? [])
        return " FROM \(from) WHERE \(tests.joined(" AND "))"
    }
}
