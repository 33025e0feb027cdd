/// Durations as they are written: `30d`.
public enum Durations {
    /// In microseconds: a whole number of seconds, minutes, hours, days (24 h) or weeks, as `s m h d w`; nil for anything else,
    /// and for what is longer than any time.
    public static func microseconds(_ text: some StringProtocol) -> Int64? {
        guard let unit = text.last, text.utf8.count <= 11 else { return nil }
        let seconds: Int64
        switch unit {
        case "s": seconds = 1
        case "m": seconds = 60
        case "h": seconds = 3_600
        case "d": seconds = 86_400
        case "w": seconds = 604_800
        default: return nil
        }
        let digits = text.dropLast()
        guard !digits.isEmpty, digits.utf8.allSatisfy({ $0 &- 48 < 10 }), let count = Int64(digits) else { return nil }
        let (product, overflow) = count.multipliedReportingOverflow(by: seconds * 1_000_000)
        return overflow || product > 4 * Timestamp.latest.microseconds ? nil : product
    }
}
