internal import Model

/// What a run wrote in the KISSmetrics layout, and what had no place in it: nothing is left out without being counted.
struct LayoutCounts: Sendable, Equatable {
    /// Lines of each kind.
    var events: Int64 = 0
    var properties: Int64 = 0
    var aliases: Int64 = 0

    // Written, but not as it was.

    /// Lines whose time had a fraction of a second.
    var fractions: Int64 = 0
    /// Lists and objects, written as JSON text.
    var nested: Int64 = 0
    /// `true` and `false`, written as text.
    var booleans: Int64 = 0
    /// Texts that look like numbers, which KISSmetrics takes for numbers.
    var numericTexts: Int64 = 0
    /// Events whose properties were theirs alone; in KISSmetrics' model they are the person's, too.
    var eventProperties: Int64 = 0
    /// Lines that would be taken for repeats of others; they say so with `_nth`.
    var repeats: Int64 = 0
    /// Names cut at 255 characters, since lower case made them longer.
    var longNames: Int64 = 0

    // Left out.

    /// Aliases that were undone.
    var undoneAliases: Int64 = 0
    /// Aliases undone since an earlier run wrote them: an alias cannot be taken back there.
    var undoneLater: Int64 = 0
    /// Values that are null.
    var nulls: Int64 = 0
    /// Properties whose names begin with `_`, which are the system's, or hold nothing that can be seen.
    var reservedNames: Int64 = 0
    /// Properties whose names differ from another's of the same line only in case.
    var sameNames: Int64 = 0

    var lines: JSONValue {
        ["events": JSONValue(events), "properties": JSONValue(properties), "aliases": JSONValue(aliases)]
    }

    var changed: JSONValue {
        [
            "fractions_of_seconds": JSONValue(fractions), "nested_values": JSONValue(nested),
            "booleans": JSONValue(booleans), "texts_like_numbers": JSONValue(numericTexts),
            "event_properties": JSONValue(eventProperties), "repeats": JSONValue(repeats),
            "long_names": JSONValue(longNames),
        ]
    }

    var leftOut: JSONValue {
        [
            "undone_aliases": JSONValue(undoneAliases), "aliases_undone_later": JSONValue(undoneLater),
            "nulls": JSONValue(nulls), "reserved_names": JSONValue(reservedNames), "same_names": JSONValue(sameNames),
        ]
    }
}
