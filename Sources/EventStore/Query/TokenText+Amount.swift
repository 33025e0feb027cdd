internal import Model

extension TokenText {
    /// Digits that a number of billionths has below 10¹⁸.
    private static let amountDigits = 27

    /// A number in billionths, rounded half away from zero; nil for what is none, and from 10¹⁸ on.
    static func billionths(_ token: Span<UInt8>) -> Int128? {
        let text = token.extracting(inside(token))
        guard isNumber(text) else { return nil }
        var end = 0
        while end < text.count, text[end] | 0x20 != 0x65 { end &+= 1 }
        // Digits that count, those after the point among them, and the one that decides how the last is rounded.
        let exponent = end < text.count ? exponent(text.extracting((end &+ 1)..<text.count)) : 0
        var value: Int128 = 0
        var digits = 0
        var kept = whole(text, end) &+ exponent &+ 9
        var at = text[0] == 0x2d ? 1 : 0
        while at < end, kept >= 0 {
            let byte = text[at]
            at &+= 1
            if byte == 0x2e { continue }
            let digit = byte &- 0x30
            if kept == 0 {
                if digit >= 5 { value &+= 1 }
                kept = -1
                continue
            }
            kept &-= 1
            if digits == 0, digit == 0 { continue }
            digits &+= 1
            guard digits <= amountDigits else { return nil }
            value = value &* 10 &+ Int128(digit)
        }
        if value > 0, kept > 0 {
            guard digits &+ kept <= amountDigits else { return nil }
            for _ in 0..<kept { value = value &* 10 }
            digits &+= kept
        }
        // Near the bound its nearest double decides, as it does for every other number.
        if digits == amountDigits {
            guard let nearest = number(token), abs(nearest) < 1e18 else { return nil }
        }
        return text[0] == 0x2d ? -value : value
    }

    /// The digits before the point, zeros at the front among them.
    private static func whole(_ text: Span<UInt8>, _ end: Int) -> Int {
        let start = text[0] == 0x2d ? 1 : 0
        var at = start
        while at < end, text[at] != 0x2e { at &+= 1 }
        return at &- start
    }

    /// The number after an `e`; one beyond all that matters where it is large.
    private static func exponent(_ text: Span<UInt8>) -> Int {
        let isSigned = text[0] == 0x2d || text[0] == 0x2b
        var value = 0
        for at in (isSigned ? 1 : 0)..<text.count where value < 1_000_000 {
            value = value &* 10 &+ Int(text[at] &- 0x30)
        }
        return text[0] == 0x2d ? -value : value
    }
}
