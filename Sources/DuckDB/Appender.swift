internal import CDuckDB

/// Appends rows to a table in chunks of 2,048.
///
/// Set every column of a row, then end it. `finish()` writes what is left and reports the last error; an appender that is
/// dropped instead throws away the rows that DuckDB has not written yet, so append inside a transaction.
@safe public struct Appender: ~Copyable {
    /// Rows in a chunk; DuckDB's own vector size.
    public static let chunkRows = 2_048

    private let core: AppenderCore
    private(set) var writers: [VectorWriter]
    private var row = 0
    private var filled: UInt64 = 0
    private let all: UInt64
    private var fault: DuckDBError?
    /// The chunks of others that rows of the appender's chunk point into; few, as a chunk has rows of few others.
    private var held: [ChunkRows] = []

    init(_ core: AppenderCore) {
        self.core = core
        writers = core.makeWriters()
        all = core.types.count == 64 ? .max : (1 << UInt64(core.types.count)) - 1
    }

    /// BIGINT.
    public mutating func setInt64(_ column: Int, _ value: Int64) {
        writers[column].set(row, value)
        filled |= 1 << UInt64(column)
    }

    /// TIMESTAMP, in microseconds since 1970.
    public mutating func setTimestamp(_ column: Int, _ microseconds: Int64) { setInt64(column, microseconds) }

    public mutating func setDouble(_ column: Int, _ value: Double) {
        writers[column].set(row, value)
        filled |= 1 << UInt64(column)
    }

    public mutating func setBool(_ column: Int, _ value: Bool) {
        writers[column].set(row, value ? UInt8(1) : 0)
        filled |= 1 << UInt64(column)
    }

    /// VARCHAR; the bytes are copied. Text that is not UTF-8 is an error at the end of the row.
    public mutating func setText(_ column: Int, _ text: Span<UInt8>) {
        guard case .text = core.types[column] else { preconditionFailure("column \(column) holds no text") }
        if !writers[column].setText(row, text), fault == nil {
            fault = DuckDBError(.value, "column \(column) of a row for \(core.table) is not UTF-8 text")
        }
        filled |= 1 << UInt64(column)
    }

    public mutating func setText(_ column: Int, _ text: [UInt8]) { setText(column, text.span) }
    public mutating func setText(_ column: Int, _ text: String) { setText(column, Array(text.utf8).span) }

    /// VARCHAR, without a look at it and without a copy.
    ///
    /// Unsafe: the bytes are UTF-8, and stay where they are until the appender is finished or gone.
    @unsafe public mutating func lendText(_ column: Int, _ text: Span<UInt8>) {
        unsafe writers[column].lendText(row, text)
        filled |= 1 << UInt64(column)
    }

    /// VARCHAR, of a chunk that is held.
    mutating func setStored(_ column: Int, _ text: UnsafeRawPointer) {
        unsafe writers[column].lendText(row, stored: text)
        filled |= 1 << UInt64(column)
    }

    /// Keeps a chunk until the rows that point into it are DuckDB's.
    mutating func hold(_ rows: ChunkRows) {
        if held.last === rows { return }
        var place = held.count
        while place > 0 {
            place &-= 1
            if held[place] === rows { return }
        }
        held.append(rows)
    }

    public mutating func setNull(_ column: Int) {
        writers[column].setNull(row)
        filled |= 1 << UInt64(column)
    }

    /// Ends a row, and hands the chunk to DuckDB if it is full.
    ///
    /// - Throws: DuckDB's error for any row so far; the appender is of no use afterwards.
    public mutating func endRow() throws(DuckDBError) {
        precondition(filled == all, "a row for \(core.table) lacks a column")
        if let fault { throw fault }
        filled = 0
        row += 1
        if row == Self.chunkRows { try flushChunk() }
    }

    /// Appends all rows of a chunk as they are; its columns have the types of the appender's.
    public mutating func append(_ chunk: Chunk) throws(DuckDBError) {
        precondition(filled == 0, "a row for \(core.table) was begun and not ended")
        precondition(chunk.columns.map(\.type) == core.types, "the chunk's columns are not those of \(core.table)")
        if row > 0 { try flushChunk() }
        try core.append(chunk)
    }

    /// Writes everything into the table; the appender is gone afterwards.
    ///
    /// - Throws: DuckDB's error, such as `.constraint`; then none of the rows not yet written is in the table.
    public consuming func finish() throws(DuckDBError) {
        precondition(filled == 0, "a row for \(core.table) was begun and not ended")
        if row > 0 { try flushChunk() }
        try core.finish()
    }

    private mutating func flushChunk() throws(DuckDBError) {
        try core.append(rows: row)
        row = 0
        held.removeAll(keepingCapacity: true)
        writers = core.makeWriters()
    }
}

/// Owns the handles.
@safe final class AppenderCore {
    let table: String
    let types: [ColumnType]
    private let connection: Connection
    // Owned: made by DuckDB, freed in `deinit`.
    private var handle: duckdb_appender?
    private var chunk: duckdb_data_chunk?
    private var finished = false

    init(
        _ connection: Connection, _ catalog: String?, _ table: String, _ types: [ColumnType]
    ) throws(DuckDBError) {
        precondition((1...64).contains(types.count), "an appender takes 1 to 64 columns")
        self.connection = connection
        self.table = table
        self.types = types
        // The chunk copies its types; ours are freed here.
        var handles: [duckdb_logical_type?] = unsafe types.map { unsafe $0.makeHandle() }
        defer { for i in types.indices { unsafe duckdb_destroy_logical_type(&handles[i]) } }
        if let i = unsafe handles.firstIndex(where: { unsafe $0 == nil }) {
            throw DuckDBError(.usage, "an appender cannot write a column of the type \(types[i])")
        }
        try connection.begin()
        defer { connection.interrupter.endStatement() }
        let state = unsafe duckdb_appender_create_ext(connection.handle, catalog, nil, table, &handle)
        try check(state)
        unsafe chunk = unsafe handles.withUnsafeMutableBufferPointer {
            unsafe duckdb_create_data_chunk($0.baseAddress, idx_t($0.count))
        }
    }

    deinit {
        unsafe duckdb_destroy_data_chunk(&chunk)
        // `destroy` would write what is left, and nobody would hear of an error.
        if !finished { unsafe _ = duckdb_appender_clear(handle) }
        unsafe _ = duckdb_appender_destroy(&handle)
    }

    func makeWriters() -> [VectorWriter] {
        types.indices.map { i in
            unsafe VectorWriter(duckdb_data_chunk_get_vector(chunk, idx_t(i)), stride: types[i].stride)
        }
    }

    func append(rows: Int) throws(DuckDBError) {
        try connection.begin()
        defer { connection.interrupter.endStatement() }
        unsafe duckdb_data_chunk_set_size(chunk, idx_t(rows))
        let state = unsafe duckdb_append_data_chunk(handle, chunk)
        try check(state)
        unsafe duckdb_data_chunk_reset(chunk)
    }

    func append(_ other: Chunk) throws(DuckDBError) {
        try connection.begin()
        defer { connection.interrupter.endStatement() }
        // The rows are copied; the chunk stays its owner's.
        let state = unsafe duckdb_append_data_chunk(handle, other.handle)
        try check(state)
    }

    func finish() throws(DuckDBError) {
        try connection.begin()
        defer { connection.interrupter.endStatement() }
        let flushed = unsafe duckdb_appender_flush(handle)
        try check(flushed)
        let closed = unsafe duckdb_appender_close(handle)
        try check(closed)
        finished = true
    }

    private func check(_ state: duckdb_state) throws(DuckDBError) {
        guard state != DuckDBSuccess else { return }
        // Ours to free; it owns the text.
        var data = unsafe duckdb_appender_error_data(handle)
        defer { unsafe duckdb_destroy_error_data(&data) }
        let message = unsafe text(duckdb_error_data_message(data), or: "DuckDB refused rows for \(table)")
        throw DuckDBError(duckdb: message, kind: unsafe duckdb_error_data_error_type(data))
    }
}

extension Connection {
    /// Starts appending rows with columns of `types` to a table.
    ///
    /// - Parameter catalog: the attached database that has the table; nil for the connection's own.
    public func appender(
        _ table: String, in catalog: String? = nil, _ types: [ColumnType]
    ) throws(DuckDBError) -> Appender {
        Appender(try AppenderCore(self, catalog, table, types))
    }
}
