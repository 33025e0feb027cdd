internal import Codecs
internal import DuckDB
internal import EventStore
internal import Model

/// Writes everything of a range of `seq` as revisions of the KISSmetrics layout, window by window.
struct LayoutWriter {
    /// How many lines a revision has if nobody says.
    static let revisionLines = 100_000
    /// Bytes that are gathered before they are hashed and written.
    private static let piece = 1 << 18

    let spec: ResolvedSpec
    let identities: IdentityTable
    let folder: LayoutFolder
    let progress: ExportProgress

    private(set) var lines = LayoutLines()
    private(set) var revisions: [LayoutRevision] = []
    private let total = TotalDigest()
    private var revision: OpenRevision?
    /// The item whose property changes are being gathered.
    private var pending: PendingSet?

    init(_ spec: ResolvedSpec, _ identities: IdentityTable, _ folder: LayoutFolder, _ progress: ExportProgress) {
        self.spec = spec
        self.identities = identities
        self.folder = folder
        self.progress = progress
    }

    /// A revision that is being written.
    private struct OpenRevision {
        let number: Int64
        let sink: ByteSink
        var lines: Int64 = 0
        var bytes: [UInt8] = []
        var from = Int64.max
        var to = Int64.min
    }

    /// The properties that one item set, each with which of its like it is.
    private struct PendingSet {
        let seq: Int64
        let identity: Int64
        let time: Timestamp
        var members: [(nth: Int, name: [UInt8], value: [UInt8])] = []
    }

    /// Of all revisions' bytes in order.
    var sha256: String { total.digest.hex }

    /// Writes all revisions.
    mutating func write(_ connection: Connection) throws {
        var from = spec.seqFrom
        while from < spec.seqTo {
            try Task.checkCancellation()
            let to = min(from + LayoutQuery.width, spec.seqTo)
            try write(LayoutQuery(from: from, to: to, asOf: spec.asOfSeq), connection)
            progress.set(
                rows: rows, share: Double(to - spec.seqFrom) / Double(spec.seqTo - spec.seqFrom))
            from = to
        }
        try flushPending()
        try endRevision()
        let later = LayoutQuery(from: spec.seqFrom, to: spec.seqTo, asOf: spec.asOfSeq).undoneLater
        lines.countUndoneLater(try connection.row(later)?[0].int ?? 0)
    }

    /// Lines written so far.
    var rows: Int64 { revisions.reduce(0) { $0 + $1.lines } + (revision?.lines ?? 0) }

    private mutating func write(_ query: LayoutQuery, _ connection: Connection) throws {
        let repeats = try LayoutRepeats(query, connection)
        let statement = SQLStatement(query.rows)
        let rows = try connection.query(statement.text, statement.values)
        let bits = ValidBits(columns: 7)
        while let chunk = try rows.nextChunk() {
            try Task.checkCancellation()
            let columns = (0..<7).map { RawColumn(chunk, $0, bits) }
            for row in 0..<chunk.rowCount { try write(columns, row, repeats) }
            // The columns' addresses are good until here.
            withExtendedLifetime((chunk, bits)) {}
        }
    }

    private mutating func write(_ columns: [RawColumn], _ row: Int, _ repeats: LayoutRepeats) throws {
        let seq = columns[LayoutQuery.Column.seq].int64(row)
        let time = Timestamp(microseconds: columns[LayoutQuery.Column.time].int64(row))
        let identity = columns[LayoutQuery.Column.identity].int64(row)
        guard let kind = LayoutQuery.Kind(rawValue: columns[LayoutQuery.Column.kind].int64(row)),
            let name = unsafe columns[LayoutQuery.Column.name].text(row),
            let value = unsafe columns[LayoutQuery.Column.value].text(row)
        else { return }
        if let open = pending, open.seq != seq { try flushPending() }
        // Lent for this row; the chunk lives longer.
        let nameText = unsafe Span<UInt8>(_unsafeStart: name.start, count: name.count)
        let valueText = unsafe Span<UInt8>(_unsafeStart: value.start, count: value.count)
        switch kind {
        case .event:
            let sets = columns[LayoutQuery.Column.sets].bool(row)
            try line { (lines, identities, out) throws(ExportError) in
                try lines.event(
                    identities.fields.span.extracting(identities.field(identity)), name: nameText, time: time,
                    properties: valueText, sets: sets, nth: repeats.events[seq] ?? 1, to: &out)
            }
        case .change:
            if pending == nil { pending = PendingSet(seq: seq, identity: identity, time: time) }
            let name = Array(copying: nameText)
            pending?.members.append((repeats.nth(seq, name), name, Array(copying: valueText)))
        case .alias:
            try line { (lines, _, out) throws(ExportError) in
                lines.alias(nameText, valueText, time: time, to: &out)
            }
        case .undoneAlias: lines.countUndone()
        }
    }

    /// Writes what one item set: a line, and one more for those properties that repeat earlier ones.
    private mutating func flushPending() throws {
        guard let set = pending else { return }
        pending = nil
        for nth in Set(set.members.map(\.nth)).sorted() {
            try line { (lines, identities, out) throws(ExportError) in
                lines.beginMembers()
                for member in set.members where member.nth == nth { lines.add(member.name.span, member.value.span) }
                return lines.properties(
                    identities.fields.span.extracting(identities.field(set.identity)), time: set.time, nth: nth,
                    to: &out)
            }
        }
    }

    /// Writes one line, in a new revision where the last one is full. `body` gives its `_t`, or nil where there is none.
    private mutating func line(
        _ body: (inout LayoutLines, IdentityTable, inout [UInt8]) throws(ExportError) -> Int64?
    ) throws {
        if let open = revision, open.lines >= spec.partRows ?? Self.revisionLines { try endRevision() }
        var bytes = revision?.bytes ?? []
        revision?.bytes = []
        guard let second = try body(&lines, identities, &bytes) else {
            revision?.bytes = bytes
            return
        }
        if revision == nil { try beginRevision() }
        revision?.bytes = bytes
        revision?.lines += 1
        if let open = revision {
            revision?.from = min(open.from, second)
            revision?.to = max(open.to, second)
        }
        if bytes.count >= Self.piece { try flush() }
    }

    private mutating func beginRevision() throws {
        let number = folder.revisions + Int64(revisions.count) + 1
        revision = OpenRevision(
            number: number,
            sink: try ByteSink(
                path: folder.temporary(number), .none, for: [], isDurable: true, total: total))
    }

    private mutating func flush() throws {
        guard let open = revision, !open.bytes.isEmpty else { return }
        var piece = Output(capacity: open.bytes.count)
        piece.append(open.bytes)
        _ = try open.sink.write(piece)
        revision?.bytes.removeAll(keepingCapacity: true)
    }

    private mutating func endRevision() throws {
        try flush()
        guard let open = revision else { return }
        let ended = try open.sink.finish()
        revisions.append(
            LayoutRevision(
                number: open.number, lines: open.lines, bytes: ended.bytes, sha256: ended.sha256, from: open.from,
                to: open.to))
        revision = nil
    }
}

/// The lines of a window that would be taken for repeats of earlier ones, and which of their like they are.
private struct LayoutRepeats {
    /// By `seq`.
    private(set) var events: [Int64: Int] = [:]
    private var changes: [Int64: [[UInt8]: Int]] = [:]

    init(_ query: LayoutQuery, _ connection: Connection) throws {
        if let times = try Self.times(query.eventTimes, connection) {
            let statement = SQLStatement(query.repeatedEvents(times))
            let rows = try connection.query(statement.text, statement.values)
            while let chunk = try rows.nextChunk() {
                for row in 0..<chunk.rowCount { events[chunk.int64(0, row: row)] = Int(chunk.int64(1, row: row)) }
            }
        }
        if let times = try Self.times(query.changeTimes, connection) {
            let statement = SQLStatement(query.repeatedChanges(times))
            let rows = try connection.query(statement.text, statement.values)
            while let chunk = try rows.nextChunk() {
                for row in 0..<chunk.rowCount {
                    let name = chunk.text(1, row: row) { Array(copying: $0) }
                    changes[chunk.int64(0, row: row), default: [:]][name] = Int(chunk.int64(2, row: row))
                }
            }
        }
    }

    /// Which of its like a property of an item is.
    func nth(_ seq: Int64, _ name: [UInt8]) -> Int { changes[seq]?[name] ?? 1 }

    private static func times(_ query: SQLFragment, _ connection: Connection) throws -> ClosedRange<Timestamp>? {
        let statement = SQLStatement(query)
        guard let row = try connection.row(statement.text, statement.values), let first = row[0].timestamp,
            let last = row[1].timestamp
        else { return nil }
        return Timestamp(microseconds: first)...Timestamp(microseconds: last)
    }
}

extension Connection {
    /// The first row of a statement.
    fileprivate func row(_ query: SQLFragment) throws -> [DuckValue]? {
        let statement = SQLStatement(query)
        return try row(statement.text, statement.values)
    }
}
