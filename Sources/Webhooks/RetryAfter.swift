internal import Model

/// What a receiver asks by `retry-after`. Pure.
enum RetryAfter {
    /// Seconds (with a fraction, too) or a date, as microseconds from now; nil for nonsense and what is past.
    static func read(_ text: String, now: Timestamp) -> Int64? {
        let trimmed = text.filter { $0 != " " }
        if let seconds = Double(trimmed), seconds.isFinite {
            return seconds > 0 ? Int64(min(seconds, 1e9) * 1_000_000) : nil
        }
        guard let date = date(text) else { return nil }
        let wait = date.microseconds - now.microseconds
        return wait > 0 ? wait : nil
    }

    private static let months = [
        "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec",
    ]

    /// `Sun, 06 Nov 1994 08:49:37 GMT`, the form in which HTTP writes dates.
    private static func date(_ text: String) -> Timestamp? {
        let parts = text.lowercased().split { $0 == " " || $0 == "," }
        guard parts.count == 6, parts[5] == "gmt", let day = Int64(parts[1]),
            let month = months.firstIndex(of: String(parts[2])),
            // Whatever a receiver writes: four digits are what HTTP has.
            let year = Int64(parts[3]), (1...9_999).contains(year)
        else { return nil }
        let date = CivilDate(year: year, month: Int64(month) + 1, day: day)
        let clock = parts[4].split(separator: ":").compactMap { Int64($0) }
        guard date.isValid, clock.count == 3, (0..<24).contains(clock[0]), (0..<60).contains(clock[1]),
            (0...60).contains(clock[2])
        else { return nil }
        let seconds = date.daysSinceEpoch * 86_400 + clock[0] * 3_600 + clock[1] * 60 + clock[2]
        return Timestamp(microseconds: seconds * 1_000_000)
    }
}
