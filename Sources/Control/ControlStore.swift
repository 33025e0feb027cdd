internal import GRDB
internal import Model

/// The control database: projects, keys, export and import runs, and replies kept for idempotency.
///
/// One SQLite file in WAL mode, `control.sqlite` in the data folder. Every call runs on GRDB's own queues, never on
/// Swift's shared pool.
public final class ControlStore: Sendable {
    /// The database's file in a data folder.
    public static func path(in directory: String) -> String { directory + "/" + fileName }

    private let pool: DatabasePool

    /// Opens the database of an initialised data folder, and brings its schema up to date. Blocking.
    ///
    /// - Throws: `.notInitialized` if there is none.
    public convenience init(directory: String) throws(ControlError) {
        guard fileExists(Self.path(in: directory)) else {
            throw ControlError(
                .notInitialized, "\(directory) holds no Sluice yet; make one with: sluice init --data \(directory)")
        }
        try self.init(path: Self.path(in: directory))
    }

    /// Opens or makes the file.
    init(path: String) throws(ControlError) {
        do {
            var configuration = Configuration()
            configuration.label = "control"
            configuration.maximumReaderCount = 4
            configuration.busyMode = .timeout(5)
            configuration.prepareDatabase { db in
                // A key that was shown once must not be lost by a power cut: FULL syncs the WAL at each commit.
                try db.execute(sql: "PRAGMA synchronous = FULL")
                // What is deleted is overwritten, and what SQLite sorts or copies aside touches no other file.
                try db.execute(sql: "PRAGMA secure_delete = ON")
                try db.execute(sql: "PRAGMA temp_store = MEMORY")
            }
            // Its log and shared memory get the mode of the file, so the file is there before SQLite is.
            restrictToOwner(path)
            pool = try DatabasePool(path: path, configuration: configuration)
            try Migrations.migrator.migrate(pool)
        } catch {
            throw ControlError(wrapping: error)
        }
    }

    /// Copies all pages as they are at one moment into another database. Blocking.
    func backUp(to copy: DatabaseQueue) throws { try pool.backup(to: copy) }

    /// Runs a read on a reader's queue.
    func read<T: Sendable>(_ body: @escaping @Sendable (Database) throws -> T) async throws(ControlError) -> T {
        do { return try await pool.read(body) } catch { throw ControlError(wrapping: error) }
    }

    /// Runs a transaction on the writer's queue.
    func write<T: Sendable>(_ body: @escaping @Sendable (Database) throws -> T) async throws(ControlError) -> T {
        do { return try await pool.write(body) } catch { throw ControlError(wrapping: error) }
    }

    /// Runs on the writer's queue what SQLite refuses within a transaction.
    func writeOutsideTransaction(_ body: @escaping @Sendable (Database) throws -> Void) async throws(ControlError) {
        do { return try await pool.writeWithoutTransaction(body) } catch { throw ControlError(wrapping: error) }
    }

    /// Runs a transaction and blocks until it is done; for start-up, before anything else runs.
    func writeBlocking<T>(_ body: (Database) throws -> T) throws(ControlError) -> T {
        do { return try pool.write(body) } catch { throw ControlError(wrapping: error) }
    }

    /// Moves the WAL into the file and closes it.
    public func close() throws(ControlError) {
        do {
            // Readers may be the last to let go, and they cannot move the log.
            _ = try pool.writeWithoutTransaction { db in try db.checkpoint(.truncate) }
            try pool.close()
        } catch { throw ControlError(wrapping: error) }
    }
}

/// The moment as the database keeps it.
func now() -> Timestamp { .systemNow() }
