internal import DuckDB
internal import Model

/// Texts on their way into the engine, which takes UTF-8 only.
///
/// Collection checks what it parses; a reject's raw input may be anything, and a text that slipped through must not stop
/// the applier. Bytes that are not UTF-8 become U+FFFD.
enum CleanText {
    static func isUTF8(_ text: Span<UInt8>) -> Bool {
        let raw = unsafe text.bytes
        let count = text.count
        var i = 0
        while i &+ 8 <= count {
            // Eight bytes from `i` end at or before `count`.
            let word = unsafe raw.unsafeLoadUnaligned(fromByteOffset: i, as: UInt64.self)
            guard word & 0x8080_8080_8080_8080 == 0 else { return rest(text, from: i) }
            i &+= 8
        }
        return rest(text, from: i)
    }

    private static func rest(_ text: Span<UInt8>, from start: Int) -> Bool {
        var at = start
        while at < text.count {
            if text[at] < 0x80 {
                at &+= 1
            } else {
                guard let length = JSONScanner.utf8Length(text, at) else { return false }
                at &+= length
            }
        }
        return true
    }

    /// The hash by which an identity is found: that of the text as it is stored.
    static func hash(_ text: Span<UInt8>, seed: UInt64) -> Hash128 {
        isUTF8(text) ? Hash128(text, seed: seed) : Hash128(String(utf8: text), seed: seed)
    }
}

extension Appender {
    /// Sets a text, repaired where it is not UTF-8.
    mutating func setClean(_ column: Int, _ text: Span<UInt8>) {
        if CleanText.isUTF8(text) { setText(column, text) } else { setText(column, String(utf8: text)) }
    }

    /// As `setClean`, without a copy where nothing is repaired.
    ///
    /// Unsafe: the bytes stay where they are until the appender is finished or gone.
    @unsafe mutating func lendClean(_ column: Int, _ text: Span<UInt8>) {
        if CleanText.isUTF8(text) {
            unsafe lendText(column, text)
        } else {
            setText(column, String(utf8: text))
        }
    }
}
