import Model

/// Cuts the chunks of a file into lines. A line ends at LF or CRLF; a byte order mark at the start is skipped.
///
/// A line that is longer than `limit` is handed out before its end is there, and the rest of it is skipped: nobody takes it
/// anyway, and it need not be held.
struct LineBuffer {
    private let limit: Int
    private(set) var bytes: [UInt8] = []
    /// The number of the line that was handed out last, from 1.
    private(set) var line = 0
    private var start = 0
    private var isFirst = true
    private var skipsToLineEnd = false

    init(limit: Int) { self.limit = limit }

    /// Takes the next bytes of the file.
    mutating func append(_ chunk: [UInt8]) {
        bytes.removeSubrange(..<start)
        start = 0
        bytes.append(contentsOf: chunk)
    }

    /// Where the next line lies in `bytes`, without its end; nil where more bytes are needed, or with `isLast` at the end.
    mutating func next(isLast: Bool) -> Range<Int>? {
        if isFirst {
            guard bytes.count >= 3 || isLast else { return nil }
            start = byteOrderMark(bytes.span)
            isFirst = false
        }
        while start < bytes.count {
            let feed = lineFeed(bytes.span, from: start)
            if skipsToLineEnd {
                start = feed.map { $0 + 1 } ?? bytes.count
                skipsToLineEnd = feed == nil
                continue
            }
            guard feed != nil || isLast || bytes.count - start > limit + 1 else { return nil }
            let begin = start
            var end = feed ?? bytes.count
            start = feed.map { $0 + 1 } ?? bytes.count
            skipsToLineEnd = feed == nil && !isLast
            if end > begin, bytes[end - 1] == 0x0d { end -= 1 }
            line += 1
            return begin..<end
        }
        return nil
    }
}
