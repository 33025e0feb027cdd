internal import Synchronization

/// A connection with an executor of its own. What runs on it is serial and blocks nobody else.
public final class Lane: Sendable {
    public let name: String
    private let worker: LaneWorker
    private let interrupter: Interrupter
    private let lastJob = Atomic<UInt64>(0)
    /// The threads of a lane that stands back.
    private let threads: ThreadExecutor?

    /// Opens a connection and prepares it.
    ///
    /// - Parameters:
    ///   - niceness: above 0 the lane has a thread of its own that stands back behind other work by so much.
    ///   - setUp: runs once on the new connection: `SET`, `ATTACH`, functions.
    public init(
        database: Database, name: String, niceness: Int32 = 0,
        setUp: @Sendable (Connection) throws(DuckDBError) -> Void = { _ in }
    ) throws(DuckDBError) {
        self.name = name
        let connection = try database.connect()
        try setUp(connection)
        interrupter = connection.interrupter
        threads = try niceness > 0 ? ThreadExecutor(niceness: niceness) : nil
        worker = LaneWorker(
            connection: connection, executor: threads ?? QueueExecutor(label: "duckdb." + name))
    }

    /// Runs `body` on the lane and gives back what it gives back.
    ///
    /// Cancelling the task interrupts the statement that runs for it, and no other; the call then throws `.interrupted`.
    public func run<T: Sendable>(_ body: @Sendable (Connection) throws -> T) async throws -> T {
        let job = lastJob.add(1, ordering: .relaxed).newValue
        return try await withTaskCancellationHandler {
            try await worker.run(job, body)
        } onCancel: {
            interrupter.cancel(job: job)
        }
    }

    /// Whether a lane that stands back does not do so from its next job on, since somebody waits for that. Other lanes never
    /// stand back.
    public func hurry(_ hurries: Bool) { threads?.hurry(hurries) }

    /// How far the running statement is, from 0 to 1; nil when nothing runs or DuckDB cannot tell.
    public var progress: Double? { interrupter.progress }

    /// Stops the job that runs, if one does.
    public func interrupt() { interrupter.interrupt() }

    /// Closes the connection after the jobs that came before; those that come later throw `.closed`.
    ///
    /// When every lane and connection of a database is closed and nobody holds the `Database`, its file is closed, too.
    public func close() async { await worker.close() }
}

/// Binds the connection to its executor.
private actor LaneWorker {
    private var connection: Connection?
    private let executor: any SerialExecutor

    init(connection: sending Connection, executor: any SerialExecutor) {
        self.connection = connection
        self.executor = executor
    }

    nonisolated var unownedExecutor: UnownedSerialExecutor { unsafe executor.asUnownedSerialExecutor() }

    func run<T: Sendable>(_ job: UInt64, _ body: @Sendable (Connection) throws -> T) throws -> T {
        guard let connection else { throw DuckDBError(.closed, "the connection to the database is closed") }
        connection.interrupter.begin(job: job)
        defer { if connection.interrupter.endJob() { connection.settle() } }
        // A cancellation from before `begin` found no job to stop.
        if Task.isCancelled { throw Interrupter.error }
        return try body(connection)
    }

    func close() {
        connection?.interrupter.close()
        connection = nil
    }
}
