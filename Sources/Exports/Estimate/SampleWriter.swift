internal import Codecs
internal import DuckDB
internal import EventStore

/// Writes an export's rows as its files would have them, and keeps only how many bytes they are.
struct SampleWriter {
    /// What the rows of a sample came to.
    struct Size {
        var rows: Int64 = 0
        /// Bytes that each file has, however many rows are in it.
        var perFile: Int64 = 0
        var ofRows: Int64 = 0

        /// The bytes of so many rows in so many files.
        func bytes(rows: Int64, parts: Int64) -> Int64 {
            let body = self.rows > 0 ? Double(ofRows) * Double(rows) / Double(self.rows) : 0
            return perFile * parts + Int64(body.rounded())
        }
    }

    let query: ExportQuery
    /// How the cells of a CSV look; nil where they are as usual.
    let style: CellStyle?

    /// Rows that we write ourselves.
    func rows(_ connection: Connection) throws -> Size {
        var encoder = ChunkEncoder(query, identities: nil, style: style)
        var counter = try ByteCounter(query.spec.compression)
        var out = Output(capacity: 1 << 18)
        var size = Size()
        encoder.header(&out)
        let head = Int64(out.count)
        let statement = SQLStatement(query.select(order: query.order))
        let rows = try connection.query(statement.text, statement.values)
        while let chunk = try rows.nextChunk() {
            try encoder.write(chunk, 0..<chunk.rowCount, &out)
            size.rows += Int64(chunk.rowCount)
            try counter.take(&out)
        }
        try counter.take(&out)
        let all = try counter.finish()
        // Packed, the header is not told from the rows after it, of which it is a small part; alone it is all there is.
        size.perFile = size.rows > 0 && query.spec.compression != .none ? 0 : min(head, all)
        if size.rows == 0 { size.perFile = all }
        size.ofRows = all - size.perFile
        return size
    }

    /// Rows that the engine writes: it tells how large the file would be that nobody keeps.
    func file(_ connection: Connection) throws -> Size {
        try Self.file(of: query.select(order: query.order), query.spec.compression, connection)
    }

    /// The same of the rows of a statement.
    static func file(of rows: SQLFragment, _ compression: Compression, _ connection: Connection) throws -> Size {
        let sql = DuckDBDialect.measureParquet(rows, codec: EngineWriter.codec(compression))
        let statement = SQLStatement(sql)
        let sizes = try connection.query(statement.text, statement.values)
        var size = Size()
        while let chunk = try sizes.nextChunk() {
            for row in 0..<chunk.rowCount {
                let (all, footer) = (chunk.int64(2, row: row), chunk.int64(3, row: row))
                size.rows += chunk.int64(1, row: row)
                size.perFile += footer
                size.ofRows += all - footer
            }
        }
        return size
    }
}

/// Counts bytes, packed as a file's are.
struct ByteCounter {
    private let compressor: Compressor
    private var packed: [UInt8] = []
    private var count: Int64 = 0

    init(_ compression: Compression) throws { compressor = try Compressor(compression) }

    /// Takes all bytes out of a buffer.
    mutating func take(_ out: inout Output) throws {
        let bytes = unsafe out.bytes
        // Lent for the call.
        let span = unsafe Span<UInt8>(_unsafeElements: bytes.bindMemory(to: UInt8.self))
        try compressor.write(span, to: &packed)
        out.removeAll()
        count += Int64(packed.count)
        packed.removeAll(keepingCapacity: true)
    }

    mutating func finish() throws -> Int64 {
        try compressor.finish(to: &packed)
        return count + Int64(packed.count)
    }
}
