internal import CDuckDB
internal import Synchronization

/// Stops what a connection runs, from any thread.
///
/// DuckDB's own interrupt is a flag that the next statement clears and that nothing else guards. This one therefore
/// knows which job runs: an interrupt that comes late hits nothing, and one that comes between two statements of a job
/// stops the job at its next step.
@safe public final class Interrupter: Sendable {
    private struct State {
        var job: UInt64 = 0
        var statements = 0
        var interrupted = false
        var shielded = false
        /// DuckDB's flag was set and no statement has cleared it.
        var raised = false
        var closed = false
    }

    private let state = Mutex(State())
    // DuckDB lets any thread interrupt and ask for progress. The handle goes only under the lock, by the thread that runs its
    // statements, or in `deinit`, when no thread can have it.
    nonisolated(unsafe) private(set) var connection: duckdb_connection?

    init(owning connection: duckdb_connection) {
        unsafe self.connection = unsafe connection
    }

    // The last owner of the handle; nothing happens if it is closed already.
    deinit { unsafe duckdb_disconnect(&connection) }

    /// Closes the connection; the thread that runs its statements calls it, between two of them.
    func close() {
        state.withLock { state in
            state.closed = true
            unsafe duckdb_disconnect(&connection)
        }
    }

    /// Stops the running statement, or the whole job if a lane runs one; does nothing if neither runs.
    public func interrupt() {
        state.withLock { raise(&$0) }
    }

    /// How far the running statement is, from 0 to 1; nil when nothing runs or DuckDB cannot tell.
    public var progress: Double? {
        state.withLock { state in
            guard !state.closed else { return nil }
            // Only reads atomics of the connection.
            let percentage = unsafe duckdb_query_progress(connection).percentage
            return percentage < 0 ? nil : min(percentage / 100, 1)
        }
    }

    private func raise(_ state: inout State) {
        guard !state.closed, state.job != 0 || state.statements > 0 else { return }
        state.interrupted = true
        guard state.statements > 0, !state.shielded else { return }
        state.raised = true
        // A flag inside the connection; the lock keeps it from reaching the next statement.
        unsafe duckdb_interrupt(connection)
    }

    // MARK: What lanes and connections tell it

    func begin(job: UInt64) {
        state.withLock { $0.job = job }
    }

    func cancel(job: UInt64) {
        state.withLock { if $0.job == job { raise(&$0) } }
    }

    /// Ends the job; true if DuckDB's flag may still be up, so that a statement must clear it.
    func endJob() -> Bool {
        state.withLock { state in
            defer { state = State() }
            return state.raised
        }
    }

    func beginStatement() throws(DuckDBError) {
        let stop = state.withLock { state in
            if state.interrupted && !state.shielded { return true }
            state.statements += 1
            return false
        }
        if stop { throw Self.error }
    }

    func endStatement() {
        state.withLock {
            $0.statements -= 1
            if $0.statements == 0, $0.job == 0 { $0.interrupted = false }
        }
    }

    /// Raises DuckDB's flag for a statement that its own thread gives up. Work that DuckDB's threads have begun ends by this
    /// flag only, and whatever runs next on the connection waits for that end.
    func abandonStatement() {
        state.withLock { state in
            guard !state.closed else { return }
            state.raised = true
            unsafe duckdb_interrupt(connection)
        }
    }

    func check() throws(DuckDBError) {
        if state.withLock({ $0.interrupted && !$0.shielded }) { throw Self.error }
    }

    /// Lets statements run that must not be cut short: the end of a transaction.
    func shield(_ on: Bool) {
        state.withLock { $0.shielded = on }
    }

    static let error = DuckDBError(.interrupted, "INTERRUPT Error: Interrupted!")
}
