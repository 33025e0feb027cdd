public import Connectors
internal import GRDB
internal import Glibc
internal import Synchronization

/// The outbox: endpoints, messages, deliveries and attempts, and how far the journal was followed. One SQLite file for all projects,
/// `delivery.sqlite`, synced at each commit.
///
/// Endpoints are here and not in the control database: that one is disabled, that its messages wait, and that events after a `seq` are
/// its, must be one transaction with the deliveries.
public final class DeliveryStore: Sendable {
    public static let fileName = "delivery.sqlite"

    let pool: DatabasePool
    /// Moves the log into the file beside the one that writes, so that no delivery waits for the syncs of that.
    private let mover: DatabaseQueue
    let box: SecretBox
    /// Replays that are being filled now, by their numbers.
    let takings = Mutex<Set<Int64>>([])

    /// Opens or makes the file. Blocking.
    public init(path: String, box: SecretBox) throws(WebhookError) {
        self.box = box
        do {
            var configuration = Configuration()
            configuration.label = "delivery"
            configuration.maximumReaderCount = 4
            configuration.busyMode = .timeout(5)
            configuration.prepareDatabase { db in
                try db.execute(sql: "PRAGMA synchronous = FULL")
                // What is erased is overwritten, and what SQLite sorts touches no other file.
                try db.execute(sql: "PRAGMA secure_delete = ON")
                try db.execute(sql: "PRAGMA temp_store = MEMORY")
                // Usually `moveLog` has moved it before: what writes does so itself only where the log grew beyond all measure, since
                // each sync there is one that a delivery waits for.
                try db.execute(sql: "PRAGMA wal_autocheckpoint = \(Self.mostFrames)")
            }
            restrictToOwner(path)
            pool = try DatabasePool(path: path, configuration: configuration)
            try DeliveryMigrations.migrator.migrate(pool)
            var beside = Configuration()
            beside.label = "delivery-log"
            beside.prepareDatabase { db in try db.execute(sql: "PRAGMA synchronous = FULL") }
            mover = try DatabaseQueue(path: path, configuration: beside)
        } catch { throw WebhookError(wrapping: error) }
    }

    func read<T: Sendable>(_ body: @escaping @Sendable (Database) throws -> T) async throws(WebhookError) -> T {
        do { return try await pool.read(body) } catch { throw WebhookError(wrapping: error) }
    }

    func write<T: Sendable>(_ body: @escaping @Sendable (Database) throws -> T) async throws(WebhookError) -> T {
        do { return try await pool.write(body) } catch { throw WebhookError(wrapping: error) }
    }

    /// Writes although the task may be cancelled: what a server notes at its end is noted, too.
    func writeToEnd<T: Sendable>(_ body: @escaping @Sendable (Database) throws -> T) async throws(WebhookError) -> T {
        let result: Result<T, any Error> = await withCheckedContinuation { continuation in
            pool.asyncWrite(body) { _, result in continuation.resume(returning: result) }
        }
        do { return try result.get() } catch { throw WebhookError(wrapping: error) }
    }

    /// Runs a read and blocks until it is done; for the start, before anything else runs.
    func readBlocking<T>(_ body: (Database) throws -> T) throws(WebhookError) -> T {
        do { return try pool.read(body) } catch { throw WebhookError(wrapping: error) }
    }

    /// Pages that the log may have before whoever writes moves it into the file, of 4 KiB.
    private static let mostFrames = 32_000

    /// Moves the log into the file as far as that goes while others read and write. What is written stays as durable as it was: in the
    /// log until it is in the file.
    func moveLog() async throws(WebhookError) {
        do {
            try await mover.writeWithoutTransaction { db in
                do { _ = try db.checkpoint(.passive) } catch let error as DatabaseError
                    where error.resultCode == .SQLITE_BUSY || error.resultCode == .SQLITE_LOCKED
                {
                    // Somebody else is at it.
                }
            }
        } catch { throw WebhookError(wrapping: error) }
    }

    /// Moves the log into the file and empties it. Nobody waits for another one who moves it, so it is asked for until nobody else does.
    func emptyLog() async throws(WebhookError) {
        let pool = pool
        do {
            // The mover rests meanwhile.
            try await mover.writeWithoutTransaction { _ in
                var left = 20
                while true {
                    do {
                        _ = try pool.writeWithoutTransaction { db in try db.checkpoint(.truncate) }
                        return
                    } catch let error as DatabaseError where error.resultCode == .SQLITE_BUSY && left > 0 {
                        left -= 1
                        // On the mover's own thread.
                        usleep(100_000)
                    }
                }
            }
        } catch { throw WebhookError(wrapping: error) }
    }

    /// Moves the log into the file and closes it.
    public func close() throws(WebhookError) {
        do {
            try mover.close()
            _ = try pool.writeWithoutTransaction { db in try db.checkpoint(.truncate) }
            try pool.close()
        } catch { throw WebhookError(wrapping: error) }
    }

    /// Copies the file as it is at one moment, without its log. Blocking.
    public func copy(to path: String) throws(WebhookError) {
        do {
            restrictToOwner(path)
            var configuration = Configuration()
            configuration.prepareDatabase { db in try db.execute(sql: "PRAGMA temp_store = MEMORY") }
            let copy = try DatabaseQueue(path: path, configuration: configuration)
            try pool.backup(to: copy)
            try copy.writeWithoutTransaction { db in try db.execute(sql: "PRAGMA journal_mode = DELETE") }
            try copy.close()
        } catch { throw WebhookError(wrapping: error) }
    }
}
