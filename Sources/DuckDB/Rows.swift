/// The rows of a running statement, chunk by chunk.
public final class Rows {
    public let columns: [Column]
    private let connection: Connection
    private let generation: Int
    private var result: StatementResult?
    private var isOver = false

    init(_ result: StatementResult, of connection: Connection, generation: Int) {
        columns = result.columns
        self.result = result
        self.connection = connection
        self.generation = generation
    }

    deinit { close() }

    /// The next rows (up to 2,048), or nil at the end.
    ///
    /// - Throws: DuckDB's error, also in the middle of a stream; `.interrupted` after an interrupt.
    public func nextChunk() throws(DuckDBError) -> Chunk? {
        guard let result else { return nil }
        do throws(DuckDBError) {
            // Another statement ends the stream, which DuckDB reports as an ordinary end.
            guard connection.generation == generation else {
                throw DuckDBError(.usage, "another statement ran on this connection before its rows were read")
            }
            try connection.interrupter.check()
            while let chunk = result.fetch(columns) {
                if chunk.rowCount > 0 { return chunk }
            }
            // The statement is over, whatever it comes to.
            isOver = true
            if let error = result.error { throw error }
            // DuckDB ends an interrupted stream without an error.
            try connection.interrupter.check()
        } catch {
            close()
            throw error
        }
        close()
        return nil
    }

    /// Ends the statement; the rest of its rows is never computed.
    public func close() {
        guard result != nil else { return }
        // Another statement has ended it otherwise.
        let isRunning = !isOver && connection.generation == generation
        if isRunning { connection.interrupter.abandonStatement() }
        result = nil
        connection.interrupter.endStatement()
        if isRunning { connection.settle() }
    }
}
