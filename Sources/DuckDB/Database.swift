internal import CDuckDB
internal import Synchronization
internal import Threads

/// An open DuckDB file, or a database in memory. It closes when the last connection and the last reference are gone.
///
/// A file can be open in one process only; `memory_limit` and `threads` belong to the whole database.
@safe public final class Database: Sendable {
    // DuckDB guards the instance with locks of its own; only `duckdb_connect` and `duckdb_close` touch the handle.
    private nonisolated(unsafe) let handle: duckdb_database
    private let registered = Mutex<Set<String>>([])

    /// Opens a file, or a database in memory if `path` is nil.
    ///
    /// - Parameters:
    ///   - settings: DuckDB's global settings by name, such as `memory_limit: "400MB"`.
    ///   - niceness: by how much DuckDB's own threads, which help the one that runs a statement, stand back.
    /// - Throws: DuckDB's own reason; `.busy` if another process has the file.
    public init(path: String?, settings: [String: String] = [:], niceness: Int32 = 0) throws(DuckDBError) {
        guard niceness > 0 else {
            unsafe handle = unsafe try Self.open(path, settings).handle
            return
        }
        // DuckDB's threads have the priority of the thread that opens the database.
        let opened: Result<Opened, DuckDBError>
        do {
            opened = try SystemThread.run(niceness: niceness) {
                Result { () throws(DuckDBError) in try Self.open(path, settings) }
            }
        } catch {
            throw DuckDBError(error)
        }
        unsafe handle = unsafe try opened.get().handle
    }

    /// A new handle on its way from the thread that made it to its owner; nobody else has it.
    @safe private struct Opened: Sendable { nonisolated(unsafe) let handle: duckdb_database }

    private static func open(_ path: String?, _ settings: [String: String]) throws(DuckDBError) -> Opened {
        var config: duckdb_config?
        // The configuration is copied by `duckdb_open_ext` and freed here.
        defer { unsafe duckdb_destroy_config(&config) }
        guard unsafe duckdb_create_config(&config) == DuckDBSuccess else {
            throw DuckDBError(.outOfMemory, "no memory for DuckDB's settings")
        }
        for (name, value) in settings.sorted(by: { $0.key < $1.key }) {
            guard unsafe duckdb_set_config(config, name, value) == DuckDBSuccess else {
                throw DuckDBError(.usage, "DuckDB has no setting \"\(name)\", or it does not take \"\(value)\"")
            }
        }
        var opened: duckdb_database?
        var reason: UnsafeMutablePointer<CChar>?
        let state = unsafe duckdb_open_ext(path, &opened, config, &reason)
        guard state == DuckDBSuccess, let opened = unsafe opened else {
            // DuckDB allocated the message for us.
            let message = unsafe text(reason, or: "DuckDB could not open \(path ?? "a database in memory")")
            unsafe duckdb_free(reason)
            throw DuckDBError(duckdb: message)
        }
        return unsafe Opened(handle: opened)
    }

    deinit {
        // The last reference; connections hold one each.
        var owned: duckdb_database? = unsafe handle
        unsafe duckdb_close(&owned)
    }

    /// Opens a connection. It belongs to one thread at a time; a `Lane` gives it one.
    public func connect() throws(DuckDBError) -> Connection {
        var opened: duckdb_connection?
        guard unsafe duckdb_connect(handle, &opened) == DuckDBSuccess, let opened = unsafe opened else {
            throw DuckDBError(.outOfMemory, "DuckDB could not open a connection")
        }
        let connection = unsafe Connection(database: self, interrupter: Interrupter(owning: opened))
        // With these, a filter or join holds small chunks back while large ones pass, and rows lose the order in which they are
        // stored.
        try connection.execute("SET enable_caching_operators = false")
        return connection
    }

    /// The library's version, such as `v1.5.5`.
    public static var libraryVersion: String {
        // A constant text inside the library.
        unsafe text(duckdb_library_version(), or: "unknown")
    }

    /// Runs `register` unless a function of that name and number of arguments is known: functions belong to the database, and
    /// DuckDB refuses the second of two equal ones.
    func once(_ signature: String, _ register: () throws(DuckDBError) -> Void) throws(DuckDBError) {
        // Under the lock, so that whoever finds it known can call it.
        try registered.withLock { (known) throws(DuckDBError) in
            guard !known.contains(signature) else { return }
            try register()
            known.insert(signature)
        }
    }
}

/// A C text copied, or `other` if there is none.
@safe func text(_ pointer: UnsafePointer<CChar>?, or other: String) -> String {
    // The caller's text ends in NUL and lives for the call.
    if let pointer = unsafe pointer { unsafe String(cString: pointer) } else { other }
}
