public import EventStore
public import Model

/// Makes moments of the times that a report writes.
public struct ReportClock {
    /// The moment that relative times count from.
    public let now: Timestamp
    /// `UTC`, an offset (`+02:00`) or a name (`Europe/Berlin`).
    public let timezone: String
    /// Whether zones by name are known here; otherwise they count as UTC, which is enough to check a specification.
    public let knowsZones: Bool
    private let zone: Zone?

    /// The moment of a local time in a zone that has a name.
    public typealias Zone = (_ local: Int64) throws(QueryError) -> Timestamp

    /// - Parameter zone: asked only for zones by name; nil where they are not known.
    public init(now: Timestamp, timezone: String, zone: Zone? = nil) {
        self.now = now
        self.timezone = timezone
        knowsZones = zone != nil
        self.zone = zone
    }

    /// A date is its start in the zone; a time without an offset is one of the zone; `-7d` is so long before `now`.
    public func moment(_ text: String, _ path: String) throws(QueryError) -> Timestamp {
        guard let moment = try read(text) else {
            throw QueryError(
                .invalidReport, at: path,
                "\"\(text)\" is no time; write 2026-01-31, 2026-01-31T12:00:00Z, epoch seconds or -7d (s m h d w)")
        }
        guard moment.isInRange else {
            throw QueryError(.invalidReport, at: path, "\"\(text)\" is outside the years 1 to 9999")
        }
        return moment
    }

    private func read(_ text: String) throws(QueryError) -> Timestamp? {
        if text == "now" { return now }
        if let microseconds = Self.ago(text) { return Timestamp(microseconds: now.microseconds - microseconds) }
        guard let written = WrittenTime(text) else { return Timestamp(epochSeconds: text) }
        if written.offsetSeconds != nil { return written.timestamp() }
        if let offset = Self.offset(timezone) { return written.timestamp(defaultOffset: offset) }
        guard let zone else { return written.timestamp() }
        return try zone(written.timestamp().microseconds)
    }

    /// `-7d` and the like, in microseconds.
    static func ago(_ text: String) -> Int64? {
        text.first == "-" ? Durations.microseconds(text.dropFirst()) : nil
    }

    /// The offset of a zone that is written as one, in seconds; nil for a name.
    static func offset(_ zone: String) -> Int64? {
        if zone == "UTC" || zone == "Z" { return 0 }
        guard zone.first == "+" || zone.first == "-", zone.utf8.count == 6 else { return nil }
        return WrittenTime("2000-01-01T00:00:00" + zone)?.offsetSeconds
    }
}
