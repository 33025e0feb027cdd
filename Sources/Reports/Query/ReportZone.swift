internal import DuckDB
internal import EventStore
internal import Model

/// A zone's offsets over the time that a report looks at, so that its statements add numbers instead of asking the calendar
/// for every row.
struct ReportZone: Sendable, Equatable {
    /// The offset, in microseconds, from a moment on; the first holds before it, too.
    struct Span: Sendable, Equatable {
        let from: Int64
        let offset: Int64
    }

    let spans: [Span]

    static let utc = ReportZone(spans: [Span(from: .min, offset: 0)])

    init(spans: [Span]) { self.spans = spans }

    /// Reads a zone's offsets from the engine.
    ///
    /// - Parameter range: the moments for which they are needed, in microseconds.
    init(_ name: String, over range: ClosedRange<Int64>, _ connection: Connection) throws {
        if let fixed = QueryClock.offset(name) {
            spans = [Span(from: .min, offset: fixed * 1_000_000)]
            return
        }
        let (first, last) = (range.lowerBound / 1_000_000 - Self.step, range.upperBound / 1_000_000 + Self.step)
        let coarse = try Self.offsets(
            DuckDBDialect.steps(from: first, to: last + 1, by: Self.step), name, connection)
        var spans = [Span(from: .min, offset: (coarse.first?.offset ?? 0) * 1_000_000)]
        for (a, b) in zip(coarse, coarse.dropFirst()) where a.offset != b.offset {
            var (before, after) = (a.moment, b.moment)
            while after - before > 1 {
                let middle = before + (after - before) / 2
                let found = try Self.offsets(DuckDBDialect.numbers([middle]), name, connection)
                if found.first?.offset == a.offset { before = middle } else { after = middle }
            }
            spans.append(Span(from: after * 1_000_000, offset: b.offset * 1_000_000))
        }
        self.spans = spans
    }

    /// Seconds; shorter than any time for which a zone has had another offset since 1940.
    private static let step: Int64 = 3 * 86_400

    private static func offsets(
        _ moments: SQLFragment, _ zone: String, _ connection: Connection
    ) throws -> [(moment: Int64, offset: Int64)] {
        let statement = SQLStatement(DuckDBDialect.localSeconds(of: moments, in: zone))
        return try connection.rows(statement.text, statement.values).compactMap { row in
            guard let moment = row[0].int, let local = row[1].int else { return nil }
            return (moment, local - moment)
        }
    }

    /// A moment's local time, both in microseconds.
    ///
    /// - Parameter minutesOnly: only what an offset has beyond whole hours, so that an hour that comes twice stays two.
    func local(_ time: SQLFragment, minutesOnly: Bool = false) -> SQLFragment {
        let offsets = spans.map { minutesOnly ? $0.offset % Interval.hour.microseconds : $0.offset }
        guard Set(offsets).count > 1 else { return offsets.first == 0 ? time : "(\(time) + \(offsets.first ?? 0))" }
        var cases: SQLFragment = .empty
        for (i, span) in spans.enumerated().dropFirst().reversed() {
            cases += "WHEN \(time) >= \(span.from) THEN \(offsets[i]) "
        }
        return "(\(time) + CASE \(cases)ELSE \(offsets[0]) END)"
    }

    /// As the fragment of the same name, of a number.
    func local(_ time: Int64, minutesOnly: Bool = false) -> Int64 {
        let offset = offset(at: time)
        return time + (minutesOnly ? offset % Interval.hour.microseconds : offset)
    }

    /// The moment at which an hour begins whose number `Interval.bucket` gives.
    func hourStart(_ bucket: Int64) -> Timestamp {
        let local = bucket * Interval.hour.microseconds
        return Timestamp(microseconds: local - offset(at: local) % Interval.hour.microseconds)
    }

    private func offset(at time: Int64) -> Int64 { (spans.last { $0.from <= time } ?? spans[0]).offset }
}
