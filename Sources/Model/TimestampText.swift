extension Timestamp {
    /// Appends `YYYY-MM-DDTHH:MM:SS.ffffffZ`, always 27 bytes; the moment must be in range.
    public func write(to out: inout [UInt8]) {
        let (seconds, micros) = secondsAndMicroseconds
        let (days, inDay) = Self.floorDivide(seconds, 86_400)
        let date = CivilDate(daysSinceEpoch: days)
        func two(_ value: Int64) {
            out.append(UInt8(truncatingIfNeeded: 48 + value / 10 % 10))
            out.append(UInt8(truncatingIfNeeded: 48 + value % 10))
        }
        two(date.year / 100)
        two(date.year % 100)
        out.append(0x2d)
        two(date.month)
        out.append(0x2d)
        two(date.day)
        out.append(0x54)
        two(inDay / 3_600)
        out.append(0x3a)
        two(inDay / 60 % 60)
        out.append(0x3a)
        two(inDay % 60)
        out.append(0x2e)
        two(micros / 10_000)
        two(micros / 100 % 100)
        two(micros % 100)
        out.append(0x5a)
    }

    /// `YYYY-MM-DDTHH:MM:SS.ffffffZ`.
    public var text: String {
        var out: [UInt8] = []
        write(to: &out)
        return String(decoding: out, as: UTF8.self)
    }

    private static func floorDivide(_ a: Int64, _ b: Int64) -> (Int64, Int64) {
        let (quotient, remainder) = a.quotientAndRemainder(dividingBy: b)
        return remainder < 0 ? (quotient - 1, remainder + b) : (quotient, remainder)
    }
}

/// A date and time as it is written, before a zone makes it a moment.
public struct WrittenTime: Equatable, Sendable {
    public var date: CivilDate
    /// Microseconds since the start of the day.
    public var microsecondsInDay: Int64
    /// The offset from UTC in seconds, if one is written (`Z` is 0).
    public var offsetSeconds: Int64?

    /// The moment, with `defaultOffset` seconds east of UTC where no offset is written.
    public func timestamp(defaultOffset: Int64 = 0) -> Timestamp {
        let offset = offsetSeconds ?? defaultOffset
        return Timestamp(
            microseconds: date.daysSinceEpoch * 86_400_000_000 + microsecondsInDay - offset * 1_000_000)
    }

    /// Reads a text as `init(_: Span<UInt8>)` does.
    public init?(_ text: String) { self.init(Array(text.utf8).span) }

    /// Reads RFC 3339, `YYYY-MM-DD HH:MM[:SS[.f]]` with or without an offset, or a date alone; nil for anything else.
    /// Digits after the sixth of a fraction are cut; a leap second (`:60`) becomes the second after.
    public init?(_ text: Span<UInt8>) {
        // Helpers take `at` in and out: a nested function that captured it would check each access at run time.
        var at = 0
        guard let year = digits(4, text, &at), take(0x2d, text, &at), let month = digits(2, text, &at),
            take(0x2d, text, &at), let day = digits(2, text, &at)
        else { return nil }
        date = CivilDate(year: year, month: month, day: day)
        guard year >= 1, date.isValid else { return nil }
        microsecondsInDay = 0
        guard at < text.count else { return }
        guard take(0x54, text, &at) || take(0x74, text, &at) || take(0x20, text, &at) else { return nil }
        guard let hour = digits(2, text, &at), hour < 24, take(0x3a, text, &at), let minute = digits(2, text, &at),
            minute < 60
        else { return nil }
        var second: Int64 = 0
        var fraction: Int64 = 0
        if take(0x3a, text, &at) {
            guard let written = digits(2, text, &at), written <= 60 else { return nil }
            second = written
            if take(0x2e, text, &at) || take(0x2c, text, &at) {
                guard let read = fractionMicroseconds(text, &at) else { return nil }
                fraction = read
            }
        }
        microsecondsInDay = ((hour * 60 + minute) * 60 + second) * 1_000_000 + fraction
        _ = take(0x20, text, &at)
        if at == text.count { return }
        if take(0x5a, text, &at) || take(0x7a, text, &at) {
            offsetSeconds = 0
        } else {
            guard text[at] == 0x2b || text[at] == 0x2d else { return nil }
            let sign: Int64 = text[at] == 0x2d ? -1 : 1
            at += 1
            guard let hours = digits(2, text, &at), hours < 24 else { return nil }
            _ = take(0x3a, text, &at)
            guard let minutes = at == text.count ? 0 : digits(2, text, &at), minutes < 60 else { return nil }
            offsetSeconds = sign * (hours * 3_600 + minutes * 60)
        }
        guard at == text.count else { return nil }
    }
}

/// The number that `count` digits say.
@inline(__always)
private func digits(_ count: Int, _ text: Span<UInt8>, _ at: inout Int) -> Int64? {
    guard at &+ count <= text.count else { return nil }
    var value: Int64 = 0
    for _ in 0..<count {
        let digit = text[at] &- 48
        guard digit < 10 else { return nil }
        value = value &* 10 &+ Int64(digit)
        at &+= 1
    }
    return value
}

/// Moves past `byte`, if it is there.
@inline(__always)
private func take(_ byte: UInt8, _ text: Span<UInt8>, _ at: inout Int) -> Bool {
    guard at < text.count, text[at] == byte else { return false }
    at &+= 1
    return true
}

/// The microseconds of a fraction of a second; digits after the sixth are cut.
private func fractionMicroseconds(_ text: Span<UInt8>, _ at: inout Int) -> Int64? {
    let start = at
    var scale: Int64 = 100_000
    var fraction: Int64 = 0
    while at < text.count, text[at] &- 48 < 10 {
        fraction += Int64(text[at] &- 48) * scale
        scale /= 10
        at += 1
    }
    return at > start ? fraction : nil
}

extension Timestamp {
    /// Reads a text as `init(epochSeconds: Span<UInt8>)` does.
    public init?(epochSeconds text: String) { self.init(epochSeconds: Array(text.utf8).span) }

    /// Reads epoch seconds, whole or with a decimal fraction (`1349161501`, `1795540315.337759`); nil for anything
    /// else, and for moments out of range. Digits after the sixth of the fraction are cut.
    public init?(epochSeconds text: Span<UInt8>) {
        var at = 0
        let negative = text.count > 0 && text[0] == 0x2d
        if negative { at = 1 }
        var whole: Int64 = 0
        let first = at
        while at < text.count, text[at] &- 48 < 10 {
            // The year 9999 has twelve digits; more would not fit into microseconds.
            guard at - first < 12 else { return nil }
            whole = whole * 10 + Int64(text[at] &- 48)
            at += 1
        }
        guard at > first else { return nil }
        var fraction: Int64 = 0
        if at < text.count {
            guard text[at] == 0x2e else { return nil }
            at += 1
            guard let read = fractionMicroseconds(text, &at), at == text.count else { return nil }
            fraction = read
        }
        microseconds = (negative ? -1 : 1) * (whole * 1_000_000 + fraction)
        guard isInRange else { return nil }
    }
}
