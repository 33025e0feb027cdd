internal import Foundation

/// A time zone with its history: what the clock on the wall shows at a moment, and when it shows a time.
public struct ZoneClock: Sendable, Equatable {
    public let name: String
    private let zone: TimeZone

    /// - Parameter name: `UTC`, an offset such as `+02:00`, or a name such as `America/New_York`.
    public init(_ name: String) throws(PipelineError) {
        self.name = name
        if name == "UTC" || name == "Z" {
            zone = .gmt
        } else if let seconds = Self.offset(name), let found = TimeZone(secondsFromGMT: seconds) {
            zone = found
        } else if name.contains("/") || TimeZone.knownTimeZoneIdentifiers.contains(name),
            let found = TimeZone(identifier: name)
        {
            zone = found
        } else {
            throw PipelineError(
                .badDefinition,
                "there is no time zone \"\(name)\"; write UTC, an offset such as +02:00, or a name such as Europe/Berlin"
            )
        }
    }

    private static func offset(_ text: String) -> Int? {
        let bytes = Array(text.utf8)
        guard bytes.count == 6, bytes[0] == 0x2b || bytes[0] == 0x2d, bytes[3] == 0x3a,
            let hours = Int(text.dropFirst().prefix(2)), let minutes = Int(text.suffix(2)), hours < 15, minutes < 60
        else { return nil }
        return (bytes[0] == 0x2d ? -1 : 1) * (hours * 3_600 + minutes * 60)
    }

    /// Seconds east of UTC at a moment, in seconds since 1970.
    public func offset(at seconds: Int64) -> Int64 {
        Int64(zone.secondsFromGMT(for: Date(timeIntervalSince1970: Double(seconds))))
    }

    /// The clock on the wall, in seconds since 1970 as if it were UTC.
    public func wall(at seconds: Int64) -> Int64 { seconds + offset(at: seconds) }

    /// The first moment at which the clock shows a time; where it never does, since it was put forward over it, the first moment
    /// after the gap.
    public func moment(ofWall wall: Int64) -> Int64 {
        // No change lies further away than this, and no two lie so near to one another.
        let (before, after) = (offset(at: wall - 86_400), offset(at: wall + 86_400))
        let candidates = [wall - before, wall - after].sorted()
        for moment in candidates where self.wall(at: moment) == wall { return moment }
        // A gap: the change lies between the two.
        var (low, high) = (candidates[0] - 1, candidates[1] + 1)
        while high - low > 1 {
            let middle = low + (high - low) / 2
            if offset(at: middle) == before { low = middle } else { high = middle }
        }
        return high
    }
}
