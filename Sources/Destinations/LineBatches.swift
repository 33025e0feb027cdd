internal import Connectors
internal import Model

/// The lines of a batch's file, some at a time: never across one of the places where pieces end.
///
/// Pieces end at the ends of earlier attempts, at each `span` of `seq`, and where the window ends; so the same rows are in the same piece
/// whatever window they come with.
struct LineBatches: Sendable {
    struct Piece: Sendable {
        var body: [UInt8]
        var rows: Int
        /// Tells it from all others of the stream: `0-10000.1` is the first request of (0, 10000].
        var name: String
    }

    /// So many `seq` are one piece at most.
    static let span: Int64 = 10_000

    private let path: String
    private let rows: Int
    private let bytes: Int
    private let seqFrom: Int64
    private let seqTo: Int64
    private let cuts: [Int64]
    private let seqColumn: String?
    private var offset: Int64 = 0
    /// How many pieces there were of each place: rows that are in another order come back to one.
    private var numbers: [String: Int] = [:]

    /// - Parameter isBySeq: whether pieces end at places of their own; else only where there are enough lines.
    init(_ batch: LoadBatch, rows: Int, bytes: Int, isBySeq: Bool = true) {
        path = batch.file
        self.rows = rows
        self.bytes = bytes
        (seqFrom, seqTo) = (batch.seqFrom, batch.seqTo)
        cuts = batch.cuts.sorted()
        seqColumn = isBySeq && batch.isIncremental ? batch.seqColumn : nil
    }

    /// The next lines; nil at the end. Blocks.
    mutating func next() throws(ConnectorError) -> Piece? {
        var body: [UInt8] = []
        var (count, taken) = (0, 0)
        var line: [UInt8] = []
        var place: (from: Int64, to: Int64)?
        /// Whether there is room for more after this line; a line of the next piece is left for the next call.
        func take(_ end: Bool) -> Bool {
            let own = self.place(of: line)
            if let place, place != own { return false }
            place = own
            taken += line.count
            body += stripped(line)
            if end { body.append(0x0a) }
            count += 1
            line.removeAll(keepingCapacity: true)
            return count < rows && body.count < bytes
        }
        var isOpen = true
        try FilePieces.read(path, from: offset) { (piece) -> Bool in
            for byte in piece {
                line.append(byte)
                guard byte == 0x0a else { continue }
                isOpen = take(false)
                if !isOpen { return false }
            }
            return true
        }
        // The last line may have no end.
        if isOpen, !line.isEmpty { _ = take(true) }
        guard count > 0, let place else { return nil }
        offset += Int64(taken)
        let name = "\(place.from)-\(place.to)"
        numbers[name, default: 0] += 1
        return Piece(body: body, rows: count, name: "\(name).\(numbers[name] ?? 1)")
    }

    /// The piece that a line belongs to.
    private func place(of line: [UInt8]) -> (from: Int64, to: Int64) {
        // A transformation may have made anything of it.
        guard let seqColumn, let seq = (try? JSONValue(line.span))?[seqColumn]?.intValue, seq > seqFrom, seq <= seqTo
        else { return (seqFrom, seqTo) }
        let start = (seq - 1) / Self.span * Self.span
        let from = max(seqFrom, start, cuts.last { $0 < seq } ?? 0)
        let to = min(seqTo, start + Self.span, cuts.first { $0 >= seq } ?? .max)
        return (from, to)
    }

    /// The line without what is there for this alone.
    private func stripped(_ line: [UInt8]) -> [UInt8] {
        guard seqColumn == LoadBatch.addedSeq else { return line }
        let mark = Array(",\"\(LoadBatch.addedSeq)\":".utf8)
        guard let start = line.indices.last(where: { line[$0...].starts(with: mark) }) else { return line }
        let end = line[start...].firstIndex(of: 0x7d) ?? line.endIndex
        return Array(line[..<start] + line[end...])
    }
}
