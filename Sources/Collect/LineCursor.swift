/// Walks the lines of a text; a line ends at LF or CRLF.
struct LineCursor {
    struct Line {
        /// The bytes without the line's end.
        let range: Range<Int>
        /// From 0, blank lines counted.
        let index: Int
        let isBlank: Bool
    }

    private var at: Int
    private var index = 0

    init(after start: Int) { at = start }

    /// The next line; nil at the end. What follows the last LF is a line only if it is not empty.
    mutating func next(in bytes: Span<UInt8>) -> Line? {
        guard at < bytes.count else { return nil }
        let start = at
        var end = lineFeed(bytes, from: start) ?? bytes.count
        at = end + 1
        if end > start, bytes[end - 1] == 0x0d { end -= 1 }
        defer { index += 1 }
        return Line(range: start..<end, index: index, isBlank: isBlankLine(bytes.extracting(start..<end)))
    }
}

/// Whether a line holds nothing but spaces and tabs.
func isBlankLine(_ line: Span<UInt8>) -> Bool {
    for i in 0..<line.count {
        let byte = line[i]
        guard byte == 0x20 || byte == 0x09 || byte == 0x0d else { return false }
    }
    return true
}

/// Where the first LF at or after `start` lies.
@inline(__always)
func lineFeed(_ bytes: Span<UInt8>, from start: Int) -> Int? {
    var at = start
    while at < bytes.count {
        if bytes[at] == 0x0a { return at }
        at &+= 1
    }
    return nil
}
