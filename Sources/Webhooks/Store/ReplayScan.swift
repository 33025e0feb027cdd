internal import GRDB
internal import Model

/// Finds what is to be sent again of an endpoint, page by page, each by an index of what it looks for: however much there is of others, and
/// of what arrived, nobody who writes waits for it.
struct ReplayScan: Sendable {
    enum Branch: Sendable {
        /// What waits for its time; not what is sent again with others already.
        case due
        case parked
        case done(DeliveryState)
    }

    private let endpoint: Int64
    private let filter: DeliveryFilter
    private var branches: [Branch]
    private var after = (Int64.min, Int64.min)

    init(_ filter: DeliveryFilter, of endpoint: Int64) {
        self.filter = filter
        self.endpoint = endpoint
        branches = filter.states.flatMap { state -> [Branch] in
            switch state {
            case .pending: [.due, .parked]
            case .sending: []
            default: [.done(state)]
            }
        }
    }

    /// The next ones, which may be none of a page; nil at the end.
    mutating func next(_ db: Database, most: Int) throws -> [Int64]? {
        guard let branch = branches.first else { return nil }
        let rows = try Row.fetchAll(
            db, sql: Self.sql(branch) + " LIMIT \(most)",
            arguments: [endpoint, after.0, after.1, filter.from?.microseconds, filter.to?.microseconds])
        if rows.count == most, let last = rows.last {
            after = (last[1], last[2])
        } else {
            branches.removeFirst()
            after = (.min, .min)
        }
        return rows.filter { $0[3] }.map { $0[0] }
    }

    /// A page of everything that is so, with whether it is in the time and its words are kept.
    static func sql(_ branch: Branch) -> String {
        let fits = """
            (?4 IS NULL OR created_at >= ?4) AND (?5 IS NULL OR created_at < ?5)
                AND EXISTS (SELECT 1 FROM messages m WHERE m.number = d.message AND m.body IS NOT NULL)
            """
        switch branch {
        case .due:
            return """
                SELECT number, next_at, number, \(fits) FROM deliveries d INDEXED BY deliveries_due
                WHERE endpoint = ?1 AND lane = 0 AND state = 0 AND next_at IS NOT NULL AND (next_at, number) > (?2, ?3)
                ORDER BY next_at, number
                """
        case .parked:
            return """
                SELECT number, message, 0, \(fits) FROM deliveries d INDEXED BY deliveries_parked
                WHERE state = 0 AND next_at IS NULL AND message > ?2 AND endpoint = ?1 ORDER BY message
                """
        case .done(let state):
            // "IS": by "=" and the index's own condition SQLite would look at all that is done.
            return """
                SELECT number, number, 0, \(fits) FROM deliveries d INDEXED BY deliveries_done
                WHERE endpoint = ?1 AND state IS \(state.rawValue) AND state >= 2 AND number > ?2 ORDER BY number
                """
        }
    }
}
