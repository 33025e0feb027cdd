import Model

/// Traits as properties of a person.
enum SegmentTraits {
    /// The message's `traits`, and those of its `context` (RudderStack's place for them) that it does not have.
    static func merge(_ message: SegmentMessage, _ bytes: Span<UInt8>, into out: inout [UInt8]) throws(Refusal) {
        if let fault = message.traitFault { throw Refusal(fault) }
        try ItemFields.properties(message.traits, bytes, "traits", into: &out)
        guard !message.contextTraits.isNothing(bytes) else { return }
        var more: [UInt8] = []
        try ItemFields.properties(message.contextTraits, bytes, "context.traits", into: &more)
        if out.count == 2 {
            out = more
            return
        }
        let own = Set(names(out.span))
        out.removeLast()
        each(more.span) { name, key, value in
            guard !own.contains(name) else { return }
            out.append(0x2c)
            out.append(copying: more.span.extracting(key))
            out.append(0x3a)
            out.append(copying: more.span.extracting(value))
        }
        out.append(0x7d)
    }

    /// `Group - id` and `Group - <trait>` for each trait of the group.
    static func group(_ message: SegmentMessage, _ bytes: Span<UInt8>, into out: inout [UInt8]) throws(Refusal) {
        if let fault = message.traitFault { throw Refusal(fault) }
        var traits: [UInt8] = []
        try ItemFields.properties(message.traits, bytes, "traits", into: &traits)
        let hasID = !message.groupID.isNothing(bytes)
        guard hasID || traits.count > 2 else { throw Refusal("groupId and traits are missing: give one of them") }
        out = [0x7b]
        let prefix = Array("Group - ".utf8)
        if hasID {
            guard message.groupID.isString(bytes) || message.groupID.isNumber(bytes) else {
                throw Refusal("groupId must be a text, but it is \(message.groupID.kind(bytes))")
            }
            JSONText.appendString("Group - id", to: &out)
            out.append(0x3a)
            out.append(copying: bytes.extracting(message.groupID.range))
        }
        var fault: String?
        each(traits.span) { name, key, value in
            let prefixed = prefix + name
            // The group's id has a field of its own, which wins.
            if hasID, name == [0x69, 0x64] { return }
            if let wrong = CollectRules.fault(prefixed.span) { fault = "a trait's name with \"Group - \" \(wrong)" }
            if out.count > 1 { out.append(0x2c) }
            out.append(0x22)
            out.append(contentsOf: prefix)
            out.append(copying: traits.span.extracting((key.lowerBound + 1)..<key.upperBound))
            out.append(0x3a)
            out.append(copying: traits.span.extracting(value))
        }
        if let fault { throw Refusal(fault) }
        out.append(0x7d)
    }

    /// Whether an object has a member `name`.
    static func has(_ name: String, _ object: Span<UInt8>) -> Bool {
        names(object).contains(Array(name.utf8))
    }

    private static func names(_ object: Span<UInt8>) -> [[UInt8]] {
        var all: [[UInt8]] = []
        each(object) { name, _, _ in all.append(name) }
        return all
    }

    /// Walks the members of an object that was checked before: the name, where the key with its quotes lies, and where
    /// the value lies.
    private static func each(_ object: Span<UInt8>, _ member: ([UInt8], Range<Int>, Range<Int>) -> Void) {
        var at = 0
        // It was scanned when it was found, so nothing is thrown.
        try? JSONScanner.object(object, &at) { (key, at) throws(JSONError) in
            var name: [UInt8] = []
            JSONText.appendUnescaped(key, in: object, to: &name)
            let value = try JSONScanner.value(object, &at)
            member(name, (key.range.lowerBound - 1)..<(key.range.upperBound + 1), value)
        }
    }
}
