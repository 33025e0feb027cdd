import Model

/// A streaming reader of CSV (RFC 4180) over chunks of bytes.
///
/// A row ends at LF or CRLF; empty lines are skipped. A quote inside an unquoted cell stands for itself. A row whose
/// quotes are broken is a fault of its first line, and reading goes on with the line after it, so that a lost quote
/// never swallows what follows.
public struct CSVReader {
    /// A quoted cell that runs on for more is taken for a lost quote.
    static let longestRow = 1 << 20

    /// What was read.
    public enum Event: Equatable {
        /// A row: its cells are in `cells`.
        case row
        /// A row that cannot be read, and why.
        case fault(String)
        /// More bytes are needed; with `isLast`, there are none.
        case end
    }

    /// One cell of the row.
    struct Cell {
        /// Where its text lies in `text`.
        let range: Range<Int>
        let isQuoted: Bool
    }

    private struct Row {
        var cells: [Cell] = []
        var text: [UInt8] = []
    }

    var cells: [Cell] { row.cells }
    /// The texts of the row's cells, one after another, their quotes resolved.
    var text: [UInt8] { row.text }

    /// The number of cells that every row must have; nil while the header is not read.
    public var width: Int?
    /// The line, from 1, on which what was read begins.
    public private(set) var line = 1
    private var row = Row()
    /// Where what was read lies in `buffer`, without the line's end.
    private(set) var raw: Range<Int> = 0..<0
    private(set) var buffer: [UInt8] = []

    private var start = 0
    private var nextLine = 1
    private var isFirst = true
    private var skipsToLineEnd = false

    public init() {}

    /// The cells of the last row as texts.
    public var fields: [String] {
        cells.map { String(decoding: text[$0.range], as: UTF8.self) }
    }

    /// Takes the next bytes of the file.
    public mutating func append(_ chunk: [UInt8]) {
        buffer.removeSubrange(..<start)
        start = 0
        buffer.append(contentsOf: chunk)
    }

    /// Reads the next row. `isLast` says that no bytes follow those taken.
    public mutating func next(isLast: Bool) -> Event {
        while true {
            if isFirst {
                guard buffer.count >= 3 || isLast else { return .end }
                start = byteOrderMark(buffer.span)
                isFirst = false
            }
            if skipsToLineEnd {
                guard let end = lineFeed(buffer.span, from: start) else {
                    start = buffer.count
                    return .end
                }
                start = end + 1
                skipsToLineEnd = false
            }
            guard start < buffer.count else { return .end }
            line = nextLine
            switch Self.scan(buffer, from: start, isLast: isLast, into: &row) {
            case .complete(let end, let next, let lines):
                raw = start..<end
                if let width, cells.count != width, !raw.isEmpty {
                    let reason = "the row has \(cells.count) cells, but the header has \(width)"
                    // Over several lines it is likely a lost quote.
                    if lines > 1 { return recover(reason, isLast: isLast) }
                    start = next
                    nextLine += lines
                    return .fault(reason)
                }
                start = next
                nextLine += lines
                if !raw.isEmpty { return .row }
            case .broken(let reason): return recover(reason, isLast: isLast)
            case .incomplete:
                guard buffer.count - start >= Self.longestRow else { return .end }
                return recover("the row does not end within \(Self.longestRow) bytes: is a quote lost?", isLast: isLast)
            }
        }
    }

    /// Gives up the row at its first line and goes on after that.
    private mutating func recover(_ reason: String, isLast: Bool) -> Event {
        let feed = lineFeed(buffer.span, from: start)
        // The whole line is waited for, so that the fault does not depend on how the file is cut into chunks.
        if feed == nil, !isLast, buffer.count - start < Self.longestRow { return .end }
        var end = feed ?? buffer.count
        let next = feed.map { $0 + 1 } ?? buffer.count
        skipsToLineEnd = feed == nil
        if end > start, buffer[end - 1] == 0x0d { end -= 1 }
        raw = start..<end
        start = next
        nextLine += 1
        return .fault(reason)
    }

    private enum Scan {
        /// The row's end, where the next begins, and how many lines it takes.
        case complete(end: Int, next: Int, lines: Int)
        case incomplete
        case broken(String)
    }

    /// Reads the row at `start`.
    private static func scan(_ buffer: [UInt8], from start: Int, isLast: Bool, into row: inout Row) -> Scan {
        let bytes = buffer.span
        row.cells.removeAll(keepingCapacity: true)
        row.text.removeAll(keepingCapacity: true)
        // Nothing beyond the longest row is looked at, whether it is there already or not.
        let count = min(bytes.count, start + longestRow)
        let isLast = isLast && count == bytes.count
        var at = start
        var lines = 1
        while true {
            let begin = row.text.count
            var isQuoted = false
            if at < count, bytes[at] == 0x22 {
                isQuoted = true
                at &+= 1
                switch quoted(bytes.extracting(first: count), &at, isLast: isLast, lines: &lines, into: &row.text) {
                case .closed: break
                case .incomplete: return .incomplete
                case .open: return .broken("a quote is opened and not closed")
                }
            } else {
                let from = at
                while at < count, bytes[at] != 0x2c, bytes[at] != 0x0a { at &+= 1 }
                if at == count, !isLast { return .incomplete }
                var to = at
                if to > from, bytes[to - 1] == 0x0d, at == count || bytes[at] == 0x0a { to -= 1 }
                row.text.append(copying: bytes.extracting(from..<to))
            }
            row.cells.append(Cell(range: begin..<row.text.count, isQuoted: isQuoted))
            if at < count, bytes[at] == 0x2c {
                at &+= 1
                continue
            }
            if at == count {
                if !isLast { return .incomplete }
                let end = at > start && bytes[at - 1] == 0x0d ? at - 1 : at
                return .complete(end: end, next: at, lines: lines)
            }
            if bytes[at] == 0x0a {
                let end = at > start && bytes[at - 1] == 0x0d ? at - 1 : at
                return .complete(end: end, next: at + 1, lines: lines)
            }
            if bytes[at] == 0x0d {
                if at + 1 == count {
                    return isLast ? .complete(end: at, next: count, lines: lines) : .incomplete
                }
                if bytes[at + 1] == 0x0a { return .complete(end: at, next: at + 2, lines: lines) }
            }
            return .broken("text follows a closing quote: double the quotes inside a quoted cell")
        }
    }

    private enum Quoted { case closed, open, incomplete }

    /// Reads a quoted cell after its opening quote.
    private static func quoted(
        _ bytes: Span<UInt8>, _ at: inout Int, isLast: Bool, lines: inout Int, into text: inout [UInt8]
    ) -> Quoted {
        while true {
            let from = at
            while at < bytes.count, bytes[at] != 0x22 {
                if bytes[at] == 0x0a { lines &+= 1 }
                at &+= 1
            }
            guard at < bytes.count else { return isLast ? .open : .incomplete }
            text.append(copying: bytes.extracting(from..<at))
            at &+= 1
            if at == bytes.count { return isLast ? .closed : .incomplete }
            guard bytes[at] == 0x22 else { return .closed }
            text.append(0x22)
            at &+= 1
        }
    }
}
