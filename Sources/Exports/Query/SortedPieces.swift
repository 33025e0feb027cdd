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

    /// The filters of the pieces, in order.
    func filters() throws -> [SQLFragment] {
        let row: SQLFragment = query.spec.dataset == .events ? "e" : "c"
        switch query.spec.order {
        case .seq: return try ranges("\(row).seq", nil).map { Self.filter("\(row).seq", $0) }
        case .timestamp: return try ranges(DuckDBDialect.microseconds(query.timeColumn), nil).map { times($0) }
        case .storage:
            var all: [SQLFragment] = []
            for months in try ranges(DuckDBDialect.monthNumber(query.timeColumn), nil) {
                let within = query.within(Month(rawValue: months.lowerBound)..<Month(rawValue: months.upperBound).next)
                guard months.count == 1 else {
                    all.append(within)
                    continue
                }
                // One month can be more than one piece.
                let identity: SQLFragment = "\(row).identity_id"
                all += try ranges(identity, within).map { within + " AND " + Self.filter(identity, $0) }
            }
            return all
        }
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
