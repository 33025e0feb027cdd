import Model

/// How the fields of a JSON item become those of an `Item`; shared by the protocols whose items are JSON.
enum ItemFields {
    /// Reads an identity, a name or an id. Numbers are taken as their text where `numbers` says so.
    @inline(__always)
    static func text(
        _ token: Token, _ bytes: Span<UInt8>, _ field: StaticString, numbers: Bool = false, into text: inout [UInt8]
    ) throws(Refusal) {
        guard token.isString(bytes) || numbers && token.isNumber(bytes) else {
            throw wrongText(token, bytes, field)
        }
        token.read(bytes, into: &text)
        if let fault = CollectRules.fault(text.span) { throw Refusal("\(field) \(fault)") }
    }

    @inline(never)
    private static func wrongText(_ token: Token, _ bytes: Span<UInt8>, _ field: StaticString) -> Refusal {
        if token.isNothing(bytes) {
            return Refusal("\(field) is missing: give a text of 1-\(CollectLimits.textCharacters) characters")
        }
        return Refusal("\(field) must be a text, but it is \(token.kind(bytes))")
    }

    /// Reads a time: RFC 3339 or epoch seconds, as text or number; without an offset it is of `zone`, of UTC if that is
    /// nil.
    static func timestamp(
        _ token: Token, _ bytes: Span<UInt8>, _ field: StaticString, zone: ImportZone? = nil
    ) throws(Refusal) -> Timestamp {
        guard token.isString(bytes) || token.isNumber(bytes) else {
            throw Refusal("\(field) must be RFC 3339 or epoch seconds, but it is \(token.kind(bytes))")
        }
        if token.isString(bytes), !token.escaped {
            let inner = bytes.extracting(token.inner)
            if let zone { return try zone.read(inner) }
            return try timestamp(inner, field)
        }
        var text: [UInt8] = []
        token.read(bytes, into: &text)
        if let zone { return try zone.read(text.span) }
        return try timestamp(text.span, field)
    }

    /// Reads a written time; without an offset it is UTC.
    static func timestamp(_ text: Span<UInt8>, _ field: StaticString) throws(Refusal) -> Timestamp {
        if text.count > 4, text[4] == 0x2d, let written = WrittenTime(text) {
            let time = written.timestamp()
            if time.isInRange { return time }
        } else if let time = Timestamp(epochSeconds: text) {
            return time
        } else if let time = exponent(text) {
            return time
        }
        throw wrongTime(text, field)
    }

    /// Epoch seconds with an exponent (`1.79554E9`), as Java and C print large numbers.
    private static func exponent(_ text: Span<UInt8>) -> Timestamp? {
        var at = 0
        guard (try? JSONScanner.number(text, &at)) != nil, at == text.count, let seconds = Double(String(utf8: text))
        else { return nil }
        let micros = (seconds * 1_000_000).rounded()
        guard abs(micros) < 9e17 else { return nil }
        let time = Timestamp(microseconds: Int64(micros))
        return time.isInRange ? time : nil
    }

    @inline(never)
    private static func wrongTime(_ text: Span<UInt8>, _ field: StaticString) -> Refusal {
        var digits = 0
        while digits < text.count, text[digits] &- 0x30 < 10 { digits += 1 }
        if digits >= 12 {
            return Refusal(
                "\(field) is out of range: epoch seconds are needed, and this looks like milliseconds or less")
        }
        return Refusal(
            "\(field) cannot be read: give RFC 3339 (2026-01-31T12:00:00Z) or epoch seconds, years 0001 to 9999")
    }

    /// Reads an object of properties: its names are checked, its values stay as written but for white space between
    /// tokens.
    @inline(__always)
    static func properties(
        _ token: Token, _ bytes: Span<UInt8>, _ field: StaticString, into out: inout [UInt8]
    ) throws(Refusal) {
        out.removeAll(keepingCapacity: true)
        if token.isNothing(bytes) {
            out.append(0x7b)
            out.append(0x7d)
            return
        }
        guard token.isObject(bytes) else {
            throw Refusal("\(field) must be an object, but it is \(token.kind(bytes))")
        }
        JSONText.appendCompact(bytes.extracting(token.range), to: &out)
    }

    /// Walks a value that should be an object of properties and notes the first name that breaks a rule.
    @inline(__always)
    static func scanProperties(
        _ bytes: Span<UInt8>, _ at: inout Int, depth: Int, _ fault: inout String?
    ) throws(JSONError) -> Token {
        guard at < bytes.count, bytes[at] == 0x7b else { return try Token(bytes, &at, depth: depth) }
        let start = at
        try JSONScanner.object(bytes, &at, depth: depth) { (key, at) throws(JSONError) in
            if fault == nil, !isPlainName(key, bytes) { fault = nameFault(key, bytes) }
            _ = try Token(bytes, &at, depth: depth + 1)
        }
        var token = Token()
        token.range = start..<at
        return token
    }

    /// Whether a name needs no closer look.
    @inline(__always)
    private static func isPlainName(_ key: JSONStringToken, _ bytes: Span<UInt8>) -> Bool {
        let count = key.range.count
        guard count > 0, count <= CollectLimits.textCharacters, !key.escaped else { return false }
        let first = bytes[key.range.lowerBound]
        return first > 0x20 && first < 0x7f
    }

    /// What is wrong with a property's name; nil if nothing is.
    @inline(never)
    static func nameFault(_ key: JSONStringToken, _ bytes: Span<UInt8>) -> String? {
        var name: [UInt8] = []
        JSONText.appendUnescaped(key, in: bytes, to: &name)
        return CollectRules.fault(name.span).map { fault in
            let shown = String(String(decoding: name, as: UTF8.self).unicodeScalars.prefix(40).map(Character.init))
            return "the property name \"\(shown)\" \(fault)"
        }
    }
}
