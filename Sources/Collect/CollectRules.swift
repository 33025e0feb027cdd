import Model

/// The rules on texts that all protocols share.
public enum CollectRules {
    /// What is wrong with a name, an identity or an id; nil if nothing is. The bytes must be UTF-8.
    ///
    /// Characters are Unicode scalars: counting them needs no tables and never changes with a Unicode version.
    public static func fault(_ text: Span<UInt8>) -> String? {
        if text.isEmpty { return "is empty: give 1-\(CollectLimits.textCharacters) characters" }
        if text.count > CollectLimits.textCharacters, scalars(text) > CollectLimits.textCharacters {
            return "is longer than \(CollectLimits.textCharacters) characters: shorten it"
        }
        // Nearly every text begins with a visible ASCII character.
        if text[0] > 0x20, text[0] < 0x7f { return nil }
        return isInvisible(text) ? "holds only white space or control characters: give a text that can be seen" : nil
    }

    private static func scalars(_ text: Span<UInt8>) -> Int {
        var count = 0
        for i in 0..<text.count where text[i] & 0xc0 != 0x80 { count &+= 1 }
        return count
    }

    private static func isInvisible(_ text: Span<UInt8>) -> Bool {
        String(utf8: text).unicodeScalars.allSatisfy { scalar in
            scalar.properties.isWhitespace || [.control, .format].contains(scalar.properties.generalCategory)
        }
    }

    /// Whether an identity names nobody in particular: what programs write when they have no id. Nothing is ever tied
    /// to such an id, or all people of a broken page would become one. Case and outer white space do not matter.
    public static func namesNobody(_ identity: Span<UInt8>) -> Bool {
        guard identity.count <= 64 else { return false }
        var folded = NameFolding.folded(identity)[...]
        while let byte = folded.first, byte <= 0x20 { folded.removeFirst() }
        while let byte = folded.last, byte <= 0x20 { folded.removeLast() }
        return folded.isEmpty || nobody.contains(Array(folded))
    }

    /// Lower case. PostHog's list of ids that never merge, and what programs print for "no value".
    private static let nobody: Set<[UInt8]> = Set(
        [
            "null", "(null)", "<null>", "nil", "(nil)", "<nil>", "none", "undefined", "(undefined)", "nan", "unknown",
            "anonymous", "guest", "not_authenticated", "distinct_id", "distinctid", "id", "email", "n/a", "not set",
            "(not set)", "false", "true", "0", "-1", "0.0", "00000000-0000-0000-0000-000000000000", "{}", "[]",
            "[object object]", "[object undefined]", "[object null]",
        ].map { Array($0.utf8) })

    /// Why two identities cannot be tied; nil if they can.
    public static func aliasFault(_ identity: Span<UInt8>, _ other: Span<UInt8>) -> String? {
        for id in [Array(copying: identity), Array(copying: other)] where namesNobody(id.span) {
            return "\"\(String(utf8: id.span))\" names nobody: such an id is never tied to another"
        }
        if equalBytes(identity, other) { return "both identities are the same: an alias ties two different ones" }
        return nil
    }
}
