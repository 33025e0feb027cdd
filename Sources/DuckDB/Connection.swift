internal import CDuckDB

/// A connection to a database: one statement at a time, on one thread at a time. Not `Sendable`; a `Lane` owns one.
///
/// While `Rows` are read, no other statement may run on the same connection.
@safe public final class Connection {
    let database: Database
    /// Stops what runs here, from any thread.
    public let interrupter: Interrupter
    /// Counts statements, so that an abandoned stream is noticed.
    private(set) var generation = 0
    /// For whoever prepares something on the connection (temporary views, say): what was prepared last. 0 is nothing.
    public var preparation: Int64 = 0
    /// Statements that are run again and again.
    private var kept: [String: Statement] = [:]

    init(database: Database, interrupter: Interrupter) {
        self.database = database
        self.interrupter = interrupter
    }

    // Lives as long as the interrupter, or until the lane closes and drops this object.
    var handle: duckdb_connection? { unsafe interrupter.connection }

    /// How far the running statement is, from 0 to 1; nil when nothing runs, DuckDB cannot tell, or `keepProgress` was not
    /// asked for.
    public var progress: Double? { interrupter.progress }

    /// Whether DuckDB keeps the progress of what runs here, which it does not from the start: it costs a statement up to an eighth
    /// of its time, and one that waits for DuckDB's other threads computes it all the while.
    public func keepProgress(_ keeps: Bool) throws(DuckDBError) {
        try execute(
            keeps
                ? "SET enable_progress_bar = true; SET enable_progress_bar_print = false" : "RESET enable_progress_bar")
    }

    /// Another connection to the same database, for this thread: while the rows of one are read, the other can run a
    /// statement.
    public func sibling() throws(DuckDBError) -> Connection { try database.connect() }

    /// Runs one or several statements and drops their rows.
    public func execute(_ sql: String) throws(DuckDBError) {
        try begin()
        defer { interrupter.endStatement() }
        var all: duckdb_extracted_statements?
        // Owned here.
        defer { unsafe duckdb_destroy_extracted(&all) }
        let count = Int(unsafe duckdb_extract_statements(handle, sql, &all))
        if count == 0, let reason = unsafe duckdb_extract_statements_error(all) {
            throw DuckDBError(duckdb: unsafe String(cString: reason))
        }
        for index in 0..<count {
            unsafe try run(Statement(handle, all, index), streaming: false)
        }
    }

    /// Runs one statement with bound values and drops its rows.
    ///
    /// - Returns: how many rows it inserted, updated or deleted.
    @discardableResult
    public func execute(_ sql: String, _ values: [DuckValue]) throws(DuckDBError) -> Int {
        try begin()
        defer { interrupter.endStatement() }
        return try run(prepare(sql, values), streaming: false).rowsChanged
    }

    /// Starts a statement whose rows come chunk by chunk, in order, without being gathered first.
    public func query(_ sql: String, _ values: [DuckValue] = []) throws(DuckDBError) -> Rows {
        try begin()
        do throws(DuckDBError) {
            let result = try run(prepare(sql, values), streaming: true)
            return Rows(result, of: self, generation: generation)
        } catch {
            interrupter.endStatement()
            throw error
        }
    }

    /// As `query`, for a statement of a fixed text that is run again and again: it is parsed once a connection.
    public func query(kept sql: StaticString, _ values: [DuckValue] = []) throws(DuckDBError) -> Rows {
        try begin()
        do throws(DuckDBError) {
            let statement = try keep(String(describing: sql))
            try statement.bind(values)
            return Rows(try run(statement, streaming: true), of: self, generation: generation)
        } catch {
            interrupter.endStatement()
            throw error
        }
    }

    private func keep(_ sql: String) throws(DuckDBError) -> Statement {
        if let statement = kept[sql] { return statement }
        let statement = unsafe try Statement(handle, sql)
        kept[sql] = statement
        return statement
    }

    private func execute(kept sql: String) throws(DuckDBError) {
        try begin()
        defer { interrupter.endStatement() }
        try run(keep(sql), streaming: false)
    }

    /// All rows of a small result.
    public func rows(_ sql: String, _ values: [DuckValue] = []) throws(DuckDBError) -> [[DuckValue]] {
        let rows = try query(sql, values)
        var all: [[DuckValue]] = []
        while let chunk = try rows.nextChunk() {
            for row in 0..<chunk.rowCount { all.append(try chunk.values(row: row)) }
        }
        return all
    }

    /// The first row of a result, or nil if it is empty.
    public func row(_ sql: String, _ values: [DuckValue] = []) throws(DuckDBError) -> [DuckValue]? {
        try first(of: query(sql, values))
    }

    /// As `row`, for a statement of a fixed text that is run again and again.
    public func row(kept sql: StaticString, _ values: [DuckValue]) throws(DuckDBError) -> [DuckValue]? {
        try first(of: query(kept: sql, values))
    }

    private func first(of rows: Rows) throws(DuckDBError) -> [DuckValue]? {
        guard let chunk = try rows.nextChunk() else { return nil }
        let row = try chunk.values(row: 0)
        // Most often this is the end, which costs less than giving up.
        if try rows.nextChunk() != nil { rows.close() }
        return row
    }

    /// Runs `body` in one transaction: committed if it returns, rolled back if it throws.
    ///
    /// The last step is not cut short by an interrupt, so that its verdict is true.
    public func transaction<T, E: Error>(_ body: (Connection) throws(E) -> T) throws -> T {
        try execute(kept: "BEGIN TRANSACTION")
        let value: T
        do {
            value = try body(self)
            try interrupter.check()
        } catch {
            try? shielded("ROLLBACK")
            throw error
        }
        do throws(DuckDBError) {
            try shielded("COMMIT")
        } catch {
            // A failed commit has usually rolled back; if not, nothing may stay open.
            try? shielded("ROLLBACK")
            throw error
        }
        return value
    }

    /// Runs `body` as one job: an interrupt that comes between two of its statements stops it at the next one.
    public func job<T>(_ body: (Connection) throws -> T) throws -> T {
        interrupter.begin(job: 1)
        defer { if interrupter.endJob() { settle() } }
        return try body(self)
    }

    /// Runs a statement that an interrupt of the job does not cut short: what has to be put back whatever happened.
    public func shielded(_ sql: String) throws(DuckDBError) {
        interrupter.shield(true)
        defer { interrupter.shield(false) }
        try execute(kept: sql)
    }

    // MARK: Steps

    func begin() throws(DuckDBError) {
        try interrupter.beginStatement()
        generation += 1
    }

    private func prepare(_ sql: String, _ values: [DuckValue]) throws(DuckDBError) -> Statement {
        let statement = unsafe try Statement(handle, sql)
        try statement.bind(values)
        return statement
    }

    @discardableResult
    private func run(_ statement: Statement, streaming: Bool) throws(DuckDBError) -> StatementResult {
        let pending = try statement.makePending(streaming: streaming)
        do throws(DuckDBError) {
            try interrupter.check()
        } catch {
            // Starting a statement clears DuckDB's flag, and this interrupt came before that. The statement's work has begun
            // on other threads: with the flag up again it ends, and the run sees to the rest.
            interrupter.abandonStatement()
            _ = try? pending.run()
            throw error
        }
        return try pending.run()
    }

    /// Clears DuckDB's flag after an interrupted job or an abandoned stream.
    func settle() {
        // It may fail in an aborted transaction; the flag is down then, too.
        try? execute("SELECT 1")
    }
}
