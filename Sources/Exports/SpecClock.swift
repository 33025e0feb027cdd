internal import EventStore
internal import Model

/// Makes moments of the times that a specification writes.
struct SpecClock {
    private let clock: QueryClock

    init(timezone: String) { clock = QueryClock(timezone: timezone) }

    /// The moment of a text, as `QueryClock` reads it.
    ///
    /// - Parameter zone: the moment of a local time in a zone that has a name.
    func moment(
        _ text: String, _ field: String, now: Timestamp, zone: (_ local: Int64) throws(ExportError) -> Timestamp
    ) throws(ExportError) -> Timestamp {
        guard let moment = try read(text, now: now, zone: zone) else {
            throw ExportSpec.error("\"\(field)\": \"\(text)\" \(QueryClock.isNoTime)")
        }
        guard moment.isInRange else { throw ExportSpec.error("\"\(field)\" \(QueryClock.isOutside)") }
        return moment
    }

    /// As `moment`, of any year; nil for what is no time.
    func read(
        _ text: String, now: Timestamp, zone: (_ local: Int64) throws(ExportError) -> Timestamp
    ) throws(ExportError) -> Timestamp? {
        try clock.read(text, now: now, zone: zone)
    }

    /// The offset of a zone that is written as one, in seconds; nil for a name.
    static func offset(_ zone: String) -> Int64? { QueryClock.offset(zone) }
}
