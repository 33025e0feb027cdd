internal import Control
internal import DuckDB
internal import EventStore
internal import Logging
internal import Model
internal import ServiceLifecycle
internal import Synchronization
internal import Webhooks

/// Makes backups, one after the other. They are known until the server stops; a stop ends one that is being made.
final class BackupService: Service {
    enum Status: Sendable {
        case queued
        case running
        case succeeded(BackupResult)
        case failed(String)
        case cancelled

        var isFinal: Bool {
            switch self {
            case .queued, .running: false
            case .succeeded, .failed, .cancelled: true
            }
        }
    }

    /// One backup from the request to its end.
    final class Job: Sendable {
        let number: Int64
        let request: BackupRequest
        let progress = BackupProgress()
        private let state = Mutex(Status.queued)

        init(number: Int64, request: BackupRequest) { (self.number, self.request) = (number, request) }

        var status: Status { state.withLock { $0 } }

        /// Goes on to another state, unless it has ended.
        func set(_ status: Status) { state.withLock { if !$0.isFinal { $0 = status } } }
    }

    private struct State {
        var jobs: [Int64: Job] = [:]
        var lastNumber: Int64 = 0
        var cancelRunning: (@Sendable () -> Void)?
    }

    /// So many are remembered.
    private static let remembered: Int64 = 100

    private let directory: String
    private let control: ControlStore
    private let projects: ProjectRegistry
    private let webhooks: DeliveryStore
    private let logger: Logger
    private let state = Mutex(State())
    private let queue: AsyncStream<Job>
    private let queued: AsyncStream<Job>.Continuation

    init(
        directory: String, control: ControlStore, projects: ProjectRegistry, webhooks: DeliveryStore, logger: Logger
    ) {
        self.webhooks = webhooks
        self.directory = directory
        self.control = control
        self.projects = projects
        self.logger = logger
        (queue, queued) = AsyncStream.makeStream()
    }

    func enqueue(_ request: BackupRequest) -> Job {
        let job = state.withLock { state in
            state.lastNumber += 1
            let job = Job(number: state.lastNumber, request: request)
            state.jobs[job.number] = job
            state.jobs[job.number - Self.remembered] = nil
            return job
        }
        queued.yield(job)
        return job
    }

    func job(_ number: Int64) -> Job? { state.withLock { $0.jobs[number] } }

    /// How many wait or run.
    var unfinishedCount: Int { state.withLock { $0.jobs.values.count { !$0.status.isFinal } } }

    /// Ends a job soon; one that has ended stays as it is.
    func cancel(_ job: Job) {
        job.progress.cancel()
        let cancel = state.withLock { state -> (@Sendable () -> Void)? in
            if case .running = job.status { return state.cancelRunning }
            return nil
        }
        if let cancel { cancel() } else { job.set(.cancelled) }
    }

    func run() async throws {
        for await job in queue.cancelOnGracefulShutdown() {
            if job.status.isFinal { continue }
            await work(job)
        }
    }

    private func work(_ job: Job) async {
        let run = BackupRun(
            request: job.request, directory: directory, control: control, projects: projects, webhooks: webhooks,
            progress: job.progress)
        // A task of its own, so that it can be cancelled alone; it is awaited right below.
        let task = Task { try await run.run() }
        let cancel = { @Sendable in
            job.progress.cancel()
            task.cancel()
        }
        state.withLock { $0.cancelRunning = cancel }
        job.set(.running)
        let result = await withTaskCancellationHandler {
            await withGracefulShutdownHandler {
                await task.result
            } onGracefulShutdown: {
                cancel()
            }
        } onCancel: {
            cancel()
        }
        state.withLock { $0.cancelRunning = nil }
        switch result {
        case .success(let made):
            job.set(.succeeded(made))
            logger.info("a backup is done", metadata: ["snapshot": "\(made.name)", "folder": "\(made.folder)"])
        case .failure where job.progress.isStopped: job.set(.cancelled)
        case .failure(let error):
            job.set(.failed(Self.reason(error)))
            logger.warning("a backup failed", metadata: ["error": "\(error)"])
        }
    }

    private static func copying(_ message: String) -> String {
        let advice = message.contains("No space left") ? "; make room there and try again" : ""
        return "the store could not be copied: \(message)\(advice)"
    }

    private static func reason(_ error: any Error) -> String {
        switch error {
        case let error as BackupError: error.message
        case let error as StoreError: copying(error.message)
        case let error as DuckDBError: copying(error.message)
        case let error as ControlError: error.message
        default: "the server failed; its log has the reason"
        }
    }
}
