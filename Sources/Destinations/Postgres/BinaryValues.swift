/// Values as exports write them in CSV, read for PostgreSQL's binary form; nil for whatever is written in another way.
enum BinaryValues {
    @inline(__always)
    static func integer(_ text: UnsafeRawBufferPointer) -> Int64? {
        // The bytes are within the text.
        guard text.count > 0 else { return nil }
        let isNegative = unsafe text[0] == 0x2d
        var at = isNegative ? 1 : 0
        // Nineteen digits have a place in 64 bits without a sign.
        guard text.count > at, text.count - at <= 19 else { return nil }
        var value: UInt64 = 0
        while at < text.count {
            let digit = unsafe text[at] &- 0x30
            guard digit <= 9 else { return nil }
            value = value &* 10 &+ UInt64(digit)
            at &+= 1
        }
        if isNegative {
            guard value <= 1 << 63 else { return nil }
            return Int64(bitPattern: 0 &- value)
        }
        return Int64(exactly: value)
    }

    static func double(_ text: UnsafeRawBufferPointer) -> Double? {
        guard (1...64).contains(text.count) else { return nil }
        var hasDigit = false
        var at = 0
        while at < text.count {
            // Within the text.
            let byte = unsafe text[at]
            switch byte {
            case 0x31...0x39: hasDigit = true
            case 0x30, 0x2b, 0x2d, 0x2e, 0x45, 0x65: break
            default: return nil
            }
            at += 1
        }
        guard let value = unsafe Double(String(decoding: text, as: UTF8.self)), value.isFinite else { return nil }
        // What is too small is refused by PostgreSQL.
        return value == 0 && hasDigit ? nil : value
    }

    @inline(__always)
    static func truth(_ text: UnsafeRawBufferPointer) -> Bool? {
        // Four bytes, or five.
        if text.count == 4, unsafe text.loadUnaligned(as: UInt32.self) == 0x6575_7274 { return true }
        if text.count == 5, unsafe text.loadUnaligned(as: UInt32.self) == 0x736c_6166, unsafe text[4] == 0x65 {
            return false
        }
        return nil
    }

    /// Microseconds since 2000 of `YYYY-MM-DDTHH:MM:SS.ffffffZ`.
    @inline(__always)
    static func time(_ text: UnsafeRawBufferPointer) -> Int64? {
        // All places are among the 27.
        guard text.count == 27, unsafe text[4] == 0x2d, unsafe text[7] == 0x2d, unsafe text[10] == 0x54,
            unsafe text[13] == 0x3a, unsafe text[16] == 0x3a, unsafe text[19] == 0x2e, unsafe text[26] == 0x5a
        else { return nil }
        guard let century = unsafe pair(text, 0), let inCentury = unsafe pair(text, 2),
            let month = unsafe pair(text, 5), let day = unsafe pair(text, 8), let hour = unsafe pair(text, 11),
            let minute = unsafe pair(text, 14), let second = unsafe pair(text, 17),
            let high = unsafe pair(text, 20), let middle = unsafe pair(text, 22), let low = unsafe pair(text, 24)
        else { return nil }
        let year = century &* 100 &+ inCentury
        guard year > 0, month > 0, month <= 12, day > 0, hour < 24, minute < 60, second < 60 else { return nil }
        let isLeap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
        let length = month == 2 ? (isLeap ? 29 : 28) : month == 4 || month == 6 || month == 9 || month == 11 ? 30 : 31
        guard day <= length else { return nil }
        // Years from March on, so that a leap day is a year's last.
        let shifted = month > 2 ? year : year &- 1
        let sinceMarch = (month &+ 9) % 12
        let dayOfYear = (153 &* sinceMarch &+ 2) / 5 &+ day &- 1
        // 730,425 days from March of the year 0 to 2000-01-01.
        let days = shifted &* 365 &+ shifted / 4 &- shifted / 100 &+ shifted / 400 &+ dayOfYear &- 730_425
        let seconds = ((days &* 24 &+ hour) &* 60 &+ minute) &* 60 &+ second
        return Int64(seconds) &* 1_000_000 &+ Int64((high &* 100 &+ middle) &* 100 &+ low)
    }

    /// Two digits.
    @inline(__always)
    private static func pair(_ text: UnsafeRawBufferPointer, _ at: Int) -> Int? {
        // Both are within the text.
        let (first, second) = unsafe (text[at] &- 0x30, text[at &+ 1] &- 0x30)
        guard first <= 9, second <= 9 else { return nil }
        return Int(first) &* 10 &+ Int(second)
    }
}
