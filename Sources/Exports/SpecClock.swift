internal import Model

/// Makes moments of the times that a specification writes.
struct SpecClock {
    let timezone: String

    /// A date is its start in the zone; a time without an offset is one of the zone; `-7d` is so long before `now`.
    ///
    /// - Parameter zone: the moment of a local time in a zone that has a name.
    func moment(
        _ text: String, _ field: String, now: Timestamp, zone: (_ local: Int64) throws(ExportError) -> Timestamp
    ) throws(ExportError) -> Timestamp {
        guard let moment = try read(text, now: now, zone: zone) else {
            throw ExportSpec.error("\"\(field)\": \"\(text)\" \(Self.isNoTime)")
        }
        guard moment.isInRange else { throw ExportSpec.error("\"\(field)\" \(Self.isOutside)") }
        return moment
    }

    /// Whether a time, as written, is one only in a zone.
    static func needsZone(_ text: String) -> Bool { WrittenTime(text).map { $0.offsetSeconds == nil } ?? false }
    /// What is wrong with a text, or with a moment.
    static let isNoTime = "is no time; write 2026-01-31, 2026-01-31T12:00:00Z, epoch seconds or -7d (s m h d w)"
    static let isOutside = "is outside the years 1 to 9999"

    /// As `moment`, of any year; nil for what is no time.
    func read(
        _ text: String, now: Timestamp, zone: (_ local: Int64) throws(ExportError) -> Timestamp
    ) throws(ExportError) -> Timestamp? {
        if text == "now" { return now }
        if let microseconds = Self.duration(text) { return Timestamp(microseconds: now.microseconds - microseconds) }
        guard let written = WrittenTime(text) else { return Timestamp(epochSeconds: text) }
        if written.offsetSeconds != nil { return written.timestamp() }
        if let offset = Self.offset(timezone) { return written.timestamp(defaultOffset: offset) }
        return try zone(written.timestamp().microseconds)
    }

    /// `-7d` and the like, in microseconds.
    static func duration(_ text: String) -> Int64? {
        text.first == "-" ? Durations.microseconds(text.dropFirst()) : nil
    }

    /// The offset of a zone that is written as one, in seconds; nil for a name.
    static func offset(_ zone: String) -> Int64? {
        if zone == "UTC" || zone == "Z" { return 0 }
        guard zone.first == "+" || zone.first == "-", zone.utf8.count == 6 else { return nil }
        return WrittenTime("2000-01-01T00:00:00" + zone)?.offsetSeconds
    }
}
