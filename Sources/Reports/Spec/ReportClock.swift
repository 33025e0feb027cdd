public import EventStore
public import Model

/// Makes moments of the times that a report writes: those of `QueryClock`, as moments that can be.
public struct ReportClock {
    /// The moment that relative times count from.
    public let now: Timestamp
    /// Whether zones by name are known here; otherwise they count as UTC, which is enough to check a specification.
    public let knowsZones: Bool
    private let clock: QueryClock
    private let zone: ZoneReader?

    /// `UTC`, an offset (`+02:00`) or a name (`Europe/Berlin`).
    public var timezone: String { clock.timezone }

    /// - Parameter zone: asked only for zones by name; nil where they are not known.
    public init(now: Timestamp, timezone: String, zone: ZoneReader? = nil) {
        self.now = now
        clock = QueryClock(timezone: timezone)
        knowsZones = zone != nil
        self.zone = zone
    }

    /// A date is its start in the zone; a time without an offset is one of the zone; `-7d` is so long before `now`; `this_month`
    /// is its start.
    public func moment(_ text: String, _ path: String) throws(QueryError) -> Timestamp {
        let moment = try clock.read(text, now: now) { (local) throws(QueryError) in
            try zone?.moment(ofLocal: local) ?? Timestamp(microseconds: local)
        }
        guard let moment else {
            throw QueryError(.invalidReport, at: path, "\"\(text)\" \(QueryClock.isNoTime)")
        }
        guard moment.isInRange else {
            throw QueryError(.invalidReport, at: path, "\"\(text)\" \(QueryClock.isOutside)")
        }
        return moment
    }

    /// Whether a text is so long before now (`-7d`).
    static func isAgo(_ text: String) -> Bool { text.first == "-" && Durations.microseconds(text.dropFirst()) != nil }
}
