internal import EventStore
internal import Model

/// Writes lines of the KISSmetrics layout: one JSON object each, event and property names in lower case, every value a text,
/// as KISSmetrics' own export has them.
///
/// Texts are those of the store: UTF-8, and JSON that was validated when it was collected.
struct LayoutLines {
    private(set) var counts = LayoutCounts()
    /// The members of the line that is being written, each with the comma before it.
    private var members: [UInt8] = []
    /// Where the names of these members lie in `members`, with their quotes.
    private var names: [Range<Int>] = []

    /// Appends an event.
    ///
    /// - Parameters:
    ///   - identity: the identity as a JSON string.
    ///   - sets: whether its properties were set on the person, too.
    ///   - nth: which of the events with its identity, name and second it is.
    /// - Returns: its `_t`.
    mutating func event(
        _ identity: Span<UInt8>, name: Span<UInt8>, time: Timestamp, properties: Span<UInt8>, sets: Bool, nth: Int,
        to out: inout [UInt8]
    ) throws(ExportError) -> Int64 {
        beginMembers()
        do throws(JSONError) {
            var at = 0
            var plain: [UInt8] = []
            try JSONScanner.object(properties, &at) { (key, at) throws(JSONError) in
                let value = try JSONScanner.value(properties, &at)
                plain.removeAll(keepingCapacity: true)
                JSONText.appendUnescaped(key, in: properties, to: &plain)
                add(plain.span, properties.extracting(value))
            }
        } catch {
            throw ExportError(.store, "the properties of an event are no JSON object: \(error.reason)")
        }
        if !sets, !members.isEmpty { counts.eventProperties += 1 }
        let second = begin(identity, time, to: &out)
        out.append(contentsOf: Self.nameKey)
        if LayoutName.append(name, to: &out) { counts.longNames += 1 }
        out.append(contentsOf: members)
        end(nth, to: &out)
        counts.events += 1
        return second
    }

    /// Begins a line of properties.
    mutating func beginMembers() {
        members.removeAll(keepingCapacity: true)
        names.removeAll(keepingCapacity: true)
    }

    /// Adds a property to the line that was begun; one that has no place is counted instead.
    mutating func add(_ name: Span<UInt8>, _ value: Span<UInt8>) {
        // `null` is the only value that begins with n.
        guard value[0] != 0x6e else {
            counts.nulls += 1
            return
        }
        guard name[0] != 0x5f, !LayoutName.isInvisible(name) else {
            counts.reservedNames += 1
            return
        }
        let start = members.count
        members.append(0x2c)
        let isCut = LayoutName.append(name, to: &members)
        let written = (start + 1)..<members.count
        guard !isThere(written) else {
            members.removeSubrange(start...)
            counts.sameNames += 1
            return
        }
        names.append(written)
        if isCut { counts.longNames += 1 }
        members.append(0x3a)
        append(value: value)
    }

    /// Appends the line of properties that was begun; none if nothing was added.
    ///
    /// - Returns: its `_t`; nil where there is no line.
    mutating func properties(
        _ identity: Span<UInt8>, time: Timestamp, nth: Int, to out: inout [UInt8]
    ) -> Int64? {
        guard !members.isEmpty else { return nil }
        let second = begin(identity, time, to: &out)
        out.append(contentsOf: members)
        end(nth, to: &out)
        counts.properties += 1
        return second
    }

    /// Appends an alias; its two identities are texts.
    mutating func alias(
        _ identity: Span<UInt8>, _ other: Span<UInt8>, time: Timestamp, to out: inout [UInt8]
    ) -> Int64 {
        var written: [UInt8] = []
        JSONText.appendString(identity, to: &written)
        let second = begin(written.span, time, to: &out)
        out.append(contentsOf: Self.otherKey)
        JSONText.appendString(other, to: &out)
        end(1, to: &out)
        counts.aliases += 1
        return second
    }

    mutating func countUndone() { counts.undoneAliases += 1 }
    mutating func countUndoneLater(_ count: Int64) { counts.undoneLater += count }

    private static let identityKey = Array("{\"_p\":".utf8)
    private static let timeKey = Array(",\"_t\":".utf8)
    private static let nameKey = Array(",\"_n\":".utf8)
    private static let otherKey = Array(",\"_p2\":".utf8)
    private static let nthKey = Array(",\"_nth\":\"".utf8)

    private mutating func begin(_ identity: Span<UInt8>, _ time: Timestamp, to out: inout [UInt8]) -> Int64 {
        let (second, rest) = time.secondsAndMicroseconds
        if rest != 0 { counts.fractions += 1 }
        out.append(contentsOf: Self.identityKey)
        out.append(copying: identity)
        out.append(contentsOf: Self.timeKey)
        out.append(contentsOf: Array(String(second).utf8))
        return second
    }

    private mutating func end(_ nth: Int, to out: inout [UInt8]) {
        if nth > 1 {
            counts.repeats += 1
            // A text, since importers cut every value that is not the system's as one.
            out.append(contentsOf: Self.nthKey)
            out.append(contentsOf: Array(String(nth).utf8))
            out.append(0x22)
        }
        out.append(0x7d)
        out.append(0x0a)
    }

    /// Whether a name that was just written is that of an earlier member.
    private func isThere(_ written: Range<Int>) -> Bool {
        let bytes = members.span
        let name = bytes.extracting(written)
        for other in names where other.count == written.count && equalBytes(bytes.extracting(other), name) {
            return true
        }
        return false
    }

    /// Appends a value as a text.
    private mutating func append(value: Span<UInt8>) {
        switch value[0] {
        case 0x22:
            let text = value.extracting(1..<(value.count - 1))
            if Self.isNumber(text) { counts.numericTexts += 1 }
            guard Self.hasEscape(text) else { return members.append(copying: value) }
            // Written anew, so that no escape is left that readers disagree about.
            var plain: [UInt8] = []
            JSONText.appendUnescaped(text, escaped: true, to: &plain)
            JSONText.appendString(plain.span, to: &members)
        case 0x7b, 0x5b:
            counts.nested += 1
            JSONText.appendString(value, to: &members)
        default:
            if value[0] == 0x74 || value[0] == 0x66 { counts.booleans += 1 }
            members.append(0x22)
            members.append(copying: value)
            members.append(0x22)
        }
    }

    private static func hasEscape(_ text: Span<UInt8>) -> Bool {
        for i in 0..<text.count where text[i] == 0x5c { return true }
        return false
    }

    private static func isNumber(_ text: Span<UInt8>) -> Bool {
        guard !text.isEmpty, text[0] == 0x2d || text[0] &- 0x30 < 10 else { return false }
        var at = 0
        return (try? JSONScanner.number(text, &at)) != nil && at == text.count
    }
}

/// Names of events and properties as the layout has them: in lower case, with commas and colons as spaces.
enum LayoutName {
    /// The most characters that KISSmetrics takes.
    static let characters = 255

    /// Appends a name as a JSON string; true if it had to be cut.
    static func append(_ name: Span<UInt8>, to out: inout [UInt8]) -> Bool {
        guard isPlain(name) else { return appendSlowly(name, to: &out) }
        out.append(0x22)
        for i in 0..<name.count {
            let byte = name[i]
            out.append(byte &- 0x41 < 26 ? byte | 0x20 : byte == 0x2c || byte == 0x3a ? 0x20 : byte)
        }
        out.append(0x22)
        return false
    }

    /// Whether every byte of a name stands for itself in a JSON string.
    private static func isPlain(_ name: Span<UInt8>) -> Bool {
        guard name.count <= characters else { return false }
        for i in 0..<name.count {
            let byte = name[i]
            if byte < 0x20 || byte >= 0x7f || byte == 0x22 || byte == 0x5c { return false }
        }
        return true
    }

    private static func appendSlowly(_ name: Span<UInt8>, to out: inout [UInt8]) -> Bool {
        let spaced = Array(copying: name).map { $0 == 0x2c || $0 == 0x3a ? 0x20 : $0 }
        let folded = NameFolding.folded(spaced.span)
        let text = String(decoding: folded, as: UTF8.self)
        let isCut = text.unicodeScalars.count > characters
        let kept = isCut ? String(String.UnicodeScalarView(text.unicodeScalars.prefix(characters))) : text
        JSONText.appendString(kept, to: &out)
        return isCut
    }

    /// Whether nothing would be left of a name but white space and control characters.
    static func isInvisible(_ name: Span<UInt8>) -> Bool {
        for i in 0..<name.count {
            let byte = name[i]
            if byte > 0x20, byte != 0x2c, byte != 0x3a, byte != 0x7f { return false }
        }
        return true
    }
}
