internal import EventStore
internal import Model

/// The statements that read everything of a window of `seq` for the KISSmetrics layout, in its order.
///
/// The window bounds what the engine sorts at once, so that memory is bounded whatever order the rows lie in.
struct LayoutQuery {
    /// How many `seq` a window has.
    static let width: Int64 = 200_000

    /// The window (from, to].
    let from: Int64
    let to: Int64
    /// Aliases that were undone up to this `seq` are so.
    let asOf: Int64

    /// What a row is.
    enum Kind: Int64 { case event = 0, change = 1, alias = 2, undoneAlias = 3 }

    /// The columns of `rows`, in their order.
    enum Column {
        static let seq = 0, kind = 1, identity = 2, time = 3, name = 4, value = 5, sets = 6
    }

    /// Events, property changes that came without an event, and aliases. The rows of one item follow one another.
    var rows: SQLFragment {
        """
        SELECT e.seq AS seq, CAST(0 AS BIGINT) AS kind, e.identity_id AS identity_id, e.timestamp AS timestamp, \
        e.event AS name, e.properties AS value, \
        e.seq IN (SELECT c.seq FROM property_changes c WHERE \(window("c"))) AS sets \
        FROM events e WHERE \(window("e")) \
        UNION ALL SELECT c.seq, CAST(1 AS BIGINT), c.identity_id, c.timestamp, c.name, c.value, true \
        FROM property_changes c WHERE \(window("c")) AND \(isAlone) \
        UNION ALL SELECT a.seq, CAST(CASE WHEN a.undone_seq <= \(asOf) THEN 3 ELSE 2 END AS BIGINT), \
        CAST(0 AS BIGINT), a.timestamp, a.identity, a.other, false FROM aliases a WHERE \(window("a")) \
        ORDER BY seq, name
        """
    }

    /// The first and the last moment of the window's events; one row, NULL where there are none.
    var eventTimes: SQLFragment {
        "SELECT min(e.timestamp), max(e.timestamp) FROM events e WHERE \(window("e"))"
    }

    /// The same of its changes without an event.
    var changeTimes: SQLFragment {
        "SELECT min(c.timestamp), max(c.timestamp) FROM property_changes c WHERE \(window("c")) AND \(isAlone)"
    }

    /// `seq` and number of the window's events that are not the first of their identity, name and second.
    ///
    /// - Parameter times: see `eventTimes`; what lies outside cannot be in the same second.
    func repeatedEvents(_ times: ClosedRange<Timestamp>) -> SQLFragment {
        let name = DuckDBDialect.kissmetricsName("s.event", folded: "n.folded")
        let second = DuckDBDialect.second("e.timestamp")
        return """
            WITH w AS (SELECT DISTINCT e.identity_id AS identity_id, \(second) AS second FROM events e \
            WHERE \(window("e"))), \
            s AS (SELECT e.seq AS seq, e.identity_id AS identity_id, e.event AS event, w.second AS second FROM events e \
            JOIN w ON w.identity_id = e.identity_id AND w.second = \(second) WHERE \(before("e", times))), \
            r AS (SELECT s.seq AS seq, \
            \(DuckDBDialect.rowNumber("s.identity_id, s.second, \(name)", by: "s.seq")) AS nth \
            FROM s LEFT JOIN names n ON n.kind = 'event' AND n.name = s.event) \
            SELECT r.seq, r.nth FROM r WHERE r.nth > 1 AND r.seq > \(from)
            """
    }

    /// `seq`, name and number of the window's changes without an event that are not the first of their identity, second, name
    /// and value.
    func repeatedChanges(_ times: ClosedRange<Timestamp>) -> SQLFragment {
        let name = DuckDBDialect.kissmetricsName("s.name", folded: "n.folded")
        let second = DuckDBDialect.second("c.timestamp")
        return """
            WITH w AS (SELECT DISTINCT c.identity_id AS identity_id, \(second) AS second FROM property_changes c \
            WHERE \(window("c")) AND \(isAlone)), \
            s AS (SELECT c.seq AS seq, c.identity_id AS identity_id, c.name AS name, c.value AS value, \
            w.second AS second FROM property_changes c \
            JOIN w ON w.identity_id = c.identity_id AND w.second = \(second) WHERE \(before("c", times))), \
            r AS (SELECT s.seq AS seq, s.name AS name, \
            \(DuckDBDialect.rowNumber("s.identity_id, s.second, \(name), s.value", by: "s.seq, s.name")) AS nth \
            FROM s LEFT JOIN names n ON n.kind = 'property' AND n.name = s.name \
            WHERE NOT EXISTS (SELECT 1 FROM events e WHERE e.seq = s.seq AND e.seq <= \(to))) \
            SELECT r.seq, r.name, r.nth FROM r WHERE r.nth > 1 AND r.seq > \(from)
            """
    }

    /// How many aliases of before the window were undone in it.
    var undoneLater: SQLFragment {
        "SELECT count(*) FROM aliases a WHERE a.seq <= \(from) AND a.undone_seq > \(from) AND a.undone_seq <= \(to)"
    }

    private func window(_ table: SQLFragment) -> SQLFragment { "\(table).seq > \(from) AND \(table).seq <= \(to)" }

    private func before(_ table: SQLFragment, _ times: ClosedRange<Timestamp>) -> SQLFragment {
        let first = Timestamp(microseconds: times.lowerBound.microseconds - 1_000_000)
        let last = Timestamp(microseconds: times.upperBound.microseconds + 1_000_000)
        return "\(table).seq <= \(to) AND \(table).timestamp > \(first) AND \(table).timestamp < \(last)"
    }

    /// Whether a change's `seq` is that of no event: an event's own properties are in its line.
    private var isAlone: SQLFragment {
        "NOT EXISTS (SELECT 1 FROM events e WHERE e.seq = c.seq AND \(window("e")))"
    }
}
