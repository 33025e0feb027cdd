internal import Model

/// The two digits of 0 to 99, one after another, for the life of the process.
@safe private struct PairTable: @unchecked Sendable {
    // Written once, before anybody reads.
    let start: UnsafePointer<UInt8>

    init() {
        let table = UnsafeMutablePointer<UInt8>.allocate(capacity: 200)
        for i in 0..<100 {
            unsafe table[2 * i] = UInt8(48 + i / 10)
            unsafe table[2 * i + 1] = UInt8(48 + i % 10)
        }
        unsafe start = UnsafePointer(table)
    }
}

/// Writes whole numbers and times by digits, with what they need kept from call to call.
@safe struct NumberWriter {
    // See `PairTable`.
    private let pairs: UnsafePointer<UInt8>
    private static let table = PairTable()
    /// Days that were written, each at the place of its number's last six bits: rows near each other share few, but a
    /// row's times may be of several.
    private var days: InlineArray<64, DayText> = .init(repeating: DayText())

    /// A day and its text, `YYYY-MM-DD`.
    private struct DayText: BitwiseCopyable {
        var day = Int64.min
        var text: (UInt64, UInt16) = (0, 0)
    }

    init() { unsafe pairs = unsafe Self.table.start }

    /// Appends a whole number. Needs 20 bytes of room.
    @inline(__always)
    func put(_ value: Int64, _ out: inout Output) {
        var rest = value.magnitude
        if value < 0 { out.put(0x2d) }
        var length = 1
        var limit: UInt64 = 10
        while length < 19, rest >= limit {
            length &+= 1
            limit &*= 10
        }
        // All bytes lie within the reserved room, all pairs within the table.
        let start = unsafe out.end
        var at = length
        while rest >= 100 {
            let quotient = rest / 100
            at &-= 2
            unsafe pair(rest &- quotient &* 100, start + at)
            rest = quotient
        }
        if rest >= 10 {
            unsafe pair(rest, start)
        } else {
            unsafe start[0] = UInt8(truncatingIfNeeded: 48 &+ rest)
        }
        out.advance(length)
    }

    /// Appends `YYYY-MM-DDTHH:MM:SS.ffffffZ`. Needs 27 bytes of room; the moment has a year of four digits.
    @inline(__always)
    mutating func put(time microseconds: Int64, _ out: inout Output) {
        let perDay: Int64 = 86_400_000_000
        var days = microseconds / perDay
        var inDay = microseconds &- days &* perDay
        if inDay < 0 {
            days &-= 1
            inDay &+= perDay
        }
        let place = Int(truncatingIfNeeded: days & 63)
        if self.days[place].day != days { self.days[place] = Self.text(of: days) }
        let dayText = self.days[place].text
        // 27 bytes lie within the reserved room, all pairs within the table.
        let to = unsafe out.end
        unsafe UnsafeMutableRawPointer(to).storeBytes(of: dayText.0, as: UInt64.self)
        unsafe UnsafeMutableRawPointer(to).storeBytes(of: dayText.1, toByteOffset: 8, as: UInt16.self)
        let whole = UInt64(truncatingIfNeeded: inDay)
        let (seconds, micros) = (whole / 1_000_000, whole % 1_000_000)
        let (minutes, second) = (seconds / 60, seconds % 60)
        let (hour, minute) = (minutes / 60, minutes % 60)
        let (high, low) = (micros / 100, micros % 100)
        let (top, middle) = (high / 100, high % 100)
        unsafe to[10] = 0x54
        unsafe pair(hour, to + 11)
        unsafe to[13] = 0x3a
        unsafe pair(minute, to + 14)
        unsafe to[16] = 0x3a
        unsafe pair(second, to + 17)
        unsafe to[19] = 0x2e
        unsafe pair(top, to + 20)
        unsafe pair(middle, to + 22)
        unsafe pair(low, to + 24)
        unsafe to[26] = 0x5a
        out.advance(27)
    }

    @inline(__always)
    private func pair(_ value: UInt64, _ to: UnsafeMutablePointer<UInt8>) {
        let from = Int(truncatingIfNeeded: value) &* 2
        unsafe to[0] = pairs[from]
        unsafe to[1] = pairs[from &+ 1]
    }

    @inline(never)
    private static func text(of day: Int64) -> DayText {
        var text: [UInt8] = []
        let moment = Timestamp(microseconds: day &* 86_400_000_000)
        max(min(moment, .latest), .earliest).write(to: &text)
        var first: UInt64 = 0
        for i in (0..<8).reversed() { first = first << 8 | UInt64(text[i]) }
        return DayText(day: day, text: (first, UInt16(text[8]) | UInt16(text[9]) << 8))
    }

    /// Appends a person's public id. Needs 15 bytes of room.
    @inline(__always)
    static func put(person number: Int64, _ out: inout Output) {
        out.put(0x70)
        out.put(0x5f)
        let value = UInt64(bitPattern: number)
        var digits = 1
        while digits < 13, value >> UInt64(digits &* 5) > 0 { digits &+= 1 }
        var at = digits &- 1
        while at >= 0 {
            let digit = UInt8(truncatingIfNeeded: value >> UInt64(at &* 5) & 31)
            out.put(digit < 26 ? 0x61 &+ digit : 0x32 &+ (digit &- 26))
            at &-= 1
        }
    }
}
