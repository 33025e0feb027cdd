internal import DuckDB
internal import EventStore
internal import Model

/// Streams the rows of an export through the encoder, chunk by chunk: the engine makes the next ones meanwhile.
struct RowWriter {
    let query: ExportQuery
    let identities: IdentityTable?
    /// How the cells of a CSV look; nil where they are as usual.
    let style: CellStyle?
    let progress: ExportProgress
    let layout: Layout
    /// Where rows are put that are sorted and do not fit the memory.
    let scratch: Scratch
    let settings: StoreSettings

    func write<Target: RowOutput>(_ connection: Connection, _ output: inout Target) throws {
        let encoding = RowEncoding(
            query, identities, style, progress, output,
            sorter: RowSorter(
                in: scratch, limit: settings.sortedBytes, numbers: RowKeys.numbers(query.spec.order)))
        defer { output = encoding.output }
        try encoding.begin()
        for statement in try RowStatements.make(query, connection, layout, settings) {
            try stream(statement, connection, encoding)
        }
        try encoding.end()
    }

    private func stream(
        _ statement: RowStatements.Statement, _ connection: Connection, _ encoding: RowEncoding<some RowOutput>
    ) throws {
        let sql = SQLStatement(statement.sql)
        let rows = try connection.query(sql.text, sql.values)
        let stage = SerialStage<Chunk>("export.rows", depth: 4) { (chunk) throws(ExportError) in
            try encoding.take(chunk, of: statement)
        }
        // Whatever happens, nobody works on a chunk when this returns.
        defer { stage.settle() }
        while let chunk = try rows.nextChunk() {
            try Task.checkCancellation()
            try stage.hand(chunk)
        }
        try stage.finish()
        if case .sorted = statement.arrival { try encoding.drain { Task.isCancelled } }
    }
}

/// Rows on their way from chunks to an output.
///
/// Unchecked: one stage at a time uses it, one chunk after the other, and the writer before and after.
private final class RowEncoding<Target: RowOutput>: @unchecked Sendable {
    /// Bytes that are gathered before they are hashed and written: few enough to stay in the processor's cache.
    private static var piece: Int { 1 << 18 }

    private let query: ExportQuery
    private let progress: ExportProgress
    private var encoder: ChunkEncoder
    private var out: Output
    private(set) var output: Target
    private var rows: Int64 = 0
    private var lastKey: RowKey?
    private var sorter: RowSorter
    private let rowKeys = RowKeys()
    private var ends: [Int] = []
    private var keys: [RowKey] = []

    init(
        _ query: ExportQuery, _ identities: IdentityTable?, _ style: CellStyle?, _ progress: ExportProgress,
        _ output: Target, sorter: consuming RowSorter
    ) {
        self.query = query
        self.progress = progress
        self.output = output
        encoder = ChunkEncoder(query, identities: identities, style: style)
        out = Output(capacity: Self.piece * 2)
        self.sorter = sorter
    }

    func begin() throws(ExportError) {
        try output.begin()
        encoder.header(&out)
    }

    func end() throws(ExportError) {
        try flush()
        try output.end()
    }

    func take(_ chunk: Chunk, of statement: RowStatements.Statement) throws(ExportError) {
        if case .sorted(let order) = statement.arrival {
            try gather(chunk, order)
        } else {
            if case .ascending(let order) = statement.arrival { try check(chunk, order) }
            var at = 0
            while at < chunk.rowCount {
                if output.room == 0 {
                    try end()
                    try begin()
                }
                let end = at + min(chunk.rowCount - at, output.room)
                try encoder.write(chunk, at..<end, &out)
                output.count(end - at)
                at = end
            }
            if out.count >= Self.piece { try flush() }
        }
        rows += Int64(chunk.rowCount)
        progress.set(rows: rows, share: statement.total > 0 ? Double(rows) / Double(statement.total) : 0)
    }

    /// Encodes rows that have to be sorted.
    private func gather(_ chunk: Chunk, _ order: ExportOrder) throws(ExportError) {
        let start = sorter.bytes.count
        try encoder.write(chunk, &sorter.bytes, ends: &ends)
        // Gathered first, so that the sorter is taken once a chunk.
        keys.removeAll(keepingCapacity: true)
        rowKeys.each(chunk, order, &keys)
        sorter.add(keys, start: start, ends: ends)
        if sorter.isFull { try sorter.spill() }
    }

    /// Writes the rows that were gathered, in their order.
    func drain(isCancelled: () -> Bool) throws(ExportError) {
        unsafe try sorter.drain { (row) throws(ExportError) in
            if output.room == 0 {
                try end()
                try begin()
            }
            out.reserve(row.count)
            // Lent until the next row.
            if let start = row.baseAddress {
                unsafe out.put(start.assumingMemoryBound(to: UInt8.self), row.count)
            }
            output.count(1)
            guard out.count >= Self.piece else { return }
            if isCancelled() { throw ExportError(.cancelled, "the export was cancelled") }
            try flush()
        }
    }

    private func flush() throws(ExportError) {
        var full = Output(capacity: 0)
        swap(&full, &out)
        out = try output.write(full)
    }

    /// Rows that are taken as they are stored must be in the export's order: that it is so is proved for each export.
    private func check(_ chunk: Chunk, _ order: ExportOrder) throws(ExportError) {
        // The rows of one change share their `seq`.
        let isStrict = query.spec.dataset == .events
        var last = lastKey
        var wrong: RowKey?
        keys.removeAll(keepingCapacity: true)
        rowKeys.each(chunk, order, &keys)
        for key in keys {
            if let last, key < last || isStrict && !(last < key) { wrong = wrong ?? key }
            last = key
        }
        guard wrong == nil else {
            throw ExportError(
                .order,
                "the rows do not come in the order \(order.rawValue); the export is stopped, since no file may have them so"
            )
        }
        lastKey = last
    }
}

/// Reads what rows are sorted by from the last columns of their chunks.
private final class RowKeys {
    private var month = Month(rawValue: 0)
    private var monthStart: Int64 = 0
    private var monthEnd: Int64 = 0

    /// How many numbers of a key an order needs.
    static func numbers(_ order: ExportOrder) -> Int {
        switch order {
        case .seq: 1
        case .timestamp: 2
        case .storage: 3
        }
    }

    func each(_ chunk: Chunk, _ order: ExportOrder, _ keys: inout [RowKey]) {
        let last = chunk.columns.count - 1
        let seqs = chunk.column(last)
        let seq = seqs.int64s
        switch order {
        case .seq:
            for row in 0..<seq.count { keys.append(RowKey(first: seq[row], second: 0, third: 0)) }
        case .timestamp:
            let times = chunk.column(last - 1)
            let time = times.int64s
            for row in 0..<seq.count { keys.append(RowKey(first: time[row], second: seq[row], third: 0)) }
        case .storage:
            let (times, identities) = (chunk.column(last - 1), chunk.column(last - 2))
            let (time, identity) = (times.int64s, identities.int64s)
            var (month, monthStart, monthEnd) = (month, monthStart, monthEnd)
            for row in 0..<seq.count {
                if time[row] < monthStart || time[row] >= monthEnd {
                    month = Month(of: Timestamp(microseconds: time[row]))
                    (monthStart, monthEnd) = (month.start.microseconds, month.next.start.microseconds)
                }
                // Identities are numbered from 1 and never reach 2^44; the month goes above them.
                let first = month.rawValue << 44 + identity[row]
                keys.append(RowKey(first: first, second: time[row], third: seq[row]))
            }
            (self.month, self.monthStart, self.monthEnd) = (month, monthStart, monthEnd)
        }
    }
}
