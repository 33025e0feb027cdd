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

    private let limits: [String]
    private let running: Mutex<[Int]>

    init(_ settings: StoreSettings) {
        limits = [settings.passingMemory, settings.memoryLimit, settings.fileMemoryLimit]
        running = Mutex(Array(repeating: 0, count: limits.count))
    }

    /// Raises the limit for work that begins on a connection; pair it with `end`.
    public func begin(_ demand: Demand, _ connection: Connection) throws(DuckDBError) {
        try change(connection) { $0[demand.rawValue] += 1 }
    }

    /// Takes back what `begin` did.
    public func end(_ demand: Demand, _ connection: Connection) {
        // Where the engine cannot go back at once, the next end does it.
        try? change(connection) { $0[demand.rawValue] -= 1 }
    }

    /// Runs what needs the usual.
    func usual<T>(_ connection: Connection, _ body: (Connection) throws -> T) throws -> T {
        try begin(.usual, connection)
        defer { end(.usual, connection) }
        return try body(connection)
    }

    private func change(
        _ connection: Connection, _ count: (inout [Int]) -> Void
    ) throws(DuckDBError) {
        // One after another, so that the last word is right.
        try running.withLock { (running) throws(DuckDBError) in
            let before = running
            count(&running)
            let (old, new) = (Self.limit(before), Self.limit(running))
            guard limits[old] != limits[new] else { return }
            do throws(DuckDBError) { try connection.execute(DuckDBDialect.memoryLimit(limits[new])) } catch {
                // What does not begin has no end. What ended is not there any more, whatever the engine can do.
                if running[new] > before[new] { running = before }
                throw error
            }
        }
    }

    /// The limit of the greediest that runs; with nothing to do it is the usual one.
    private static func limit(_ running: [Int]) -> Int { running.lastIndex { $0 > 0 } ?? Demand.usual.rawValue }
}
