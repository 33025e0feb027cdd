public import DuckDB
internal import Synchronization

/// How much memory the engine is allowed for what runs.
///
/// The engine fills what it may with blocks that it has read, whether it needs them again or not; the system keeps those anyway.
/// A command that only exports rows as they lie can do with little.
public final class EngineMemory: Sendable {
    /// What work needs.
    public enum Demand: Int, Sendable, CaseIterable {
        /// Rows pass by, and nothing grows with the store.
        case passing
        /// Indexes, groups, joins and sorted runs of many rows.
        case usual
        /// Row groups of a Parquet file, which are gathered in memory: with less the engine's threads wait for each other.
        case file
    }

    private struct State {
        var running: [Int]
        /// Whose limit the engine has.
        var applied = Demand.usual.rawValue
    }

    private let limits: [String]
    private let state: Mutex<State>

    init(_ settings: StoreSettings) {
        limits = [settings.passingMemory, settings.memoryLimit, settings.fileMemoryLimit]
        state = Mutex(State(running: Array(repeating: 0, count: limits.count)))
    }

    /// Raises the limit for work that begins on a connection; pair it with `end` or `leave`.
    public func begin(_ demand: Demand, _ connection: Connection) throws(DuckDBError) {
        // One after another, so that the last word is right.
        try state.withLock { (state) throws(DuckDBError) in
            state.running[demand.rawValue] += 1
            do throws(DuckDBError) {
                try apply(&state) { (sql) throws(DuckDBError) in try connection.execute(sql) }
            } catch {
                // What does not begin has no end.
                state.running[demand.rawValue] -= 1
                throw error
            }
        }
    }

    /// Takes back what `begin` did, also for a job that was cut off.
    public func end(_ demand: Demand, _ connection: Connection) {
        state.withLock { state in
            state.running[demand.rawValue] -= 1
            // Where the engine cannot go back at once, whatever begins or ends next does it.
            try? apply(&state) { (sql) throws(DuckDBError) in try connection.shielded(sql) }
        }
    }

    /// As `end`, for whoever has no connection any more: the engine goes back when something begins or ends next.
    public func leave(_ demand: Demand) { state.withLock { $0.running[demand.rawValue] -= 1 } }

    /// Runs what needs the usual.
    func usual<T>(_ connection: Connection, _ body: (Connection) throws -> T) throws -> T {
        try begin(.usual, connection)
        defer { end(.usual, connection) }
        return try body(connection)
    }

    /// Has the engine allow what runs.
    private func apply(
        _ state: inout State, _ execute: (String) throws(DuckDBError) -> Void
    ) throws(DuckDBError) {
        let wanted = Self.limit(state.running)
        guard limits[wanted] != limits[state.applied] else { return }
        try execute(DuckDBDialect.memoryLimit(limits[wanted]))
        state.applied = wanted
    }

    /// The limit of the greediest that runs; with nothing to do it is the usual one.
    private static func limit(_ running: [Int]) -> Int { running.lastIndex { $0 > 0 } ?? Demand.usual.rawValue }
}
