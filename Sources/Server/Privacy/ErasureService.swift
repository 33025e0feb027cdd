internal import Control
internal import EventStore
internal import Logging
internal import Model
internal import ServiceLifecycle
internal import Synchronization
internal import Webhooks

/// Erases persons and what is too old, one request after the other. What a stop of the server interrupts is taken up by the next start.
final class ErasureService: Service {
    private struct Job: Sendable {
        let id: String
        let project: String
    }

    private let control: ControlStore
    private let projects: ProjectRegistry
    private let exports: ExportService
    private let audit: AuditLog
    private let webhooks: WebhookService
    private let pipelines: PipelineService
    private let destinations: DestinationErasures
    private let logger: Logger
    private let queue: AsyncStream<Job>
    private let queued: AsyncStream<Job>.Continuation

    /// What failed and is tried again after a while.
    private let failed = Mutex<[Job]>([])

    /// How often an erasure is tried before it counts as failed.
    private static let attempts = 5
    /// After how long what failed is tried again.
    private static let retryPause = Duration.seconds(600)

    init(
        control: ControlStore, projects: ProjectRegistry, exports: ExportService, audit: AuditLog,
        webhooks: WebhookService, pipelines: PipelineService, logger: Logger
    ) {
        self.webhooks = webhooks
        self.pipelines = pipelines
        destinations = DestinationErasures(
            control: control, projects: projects, tools: pipelines.tools, logger: logger)
        self.audit = audit
        self.control = control
        self.projects = projects
        self.exports = exports
        self.logger = logger
        (queue, queued) = AsyncStream.makeStream()
    }

    /// Queues what is not done: there is a file of it.
    func recover() async throws {
        for runtime in projects.all {
            try await EarlierRetention(control: control).tell(runtime)
            let folder = ErasureRequest.folder(runtime.directory)
            let names = try await Blocking.run { Folder.names(folder).sorted() }
            for name in names {
                if name.hasSuffix(".tmp") { try await Blocking.run { try PrivateFile.remove(folder + "/" + name) } }
                guard name.hasSuffix(".json") else { continue }
                let id = String(name.dropLast(".json".count))
                try await control.reopenPrivacyRecord(id)
                queued.yield(Job(id: id, project: runtime.name))
            }
        }
        let atDestinations = try await destinations.recover()
        let unfinished =
            try await control.unfinishedPrivacyRecords(kind: .erasure)
            + (try await control.unfinishedPrivacyRecords(kind: .retention))
        for record in unfinished {
            guard let runtime = projects.runtime(record.project), !atDestinations.contains(record.id) else { continue }
            let path = ErasureRequest.path(record.id, project: runtime.directory)
            guard try await Blocking.run({ !PrivateFile.exists(path) }) else { continue }
            // The receipts come before the file goes.
            if record.detail["copies"]?.arrayValue?.isEmpty == false {
                try await control.finishPrivacyRecord(record.id, status: .succeeded)
            } else {
                try await control.finishPrivacyRecord(
                    record.id, status: .failed, error: "the server stopped before it began; ask for it again")
            }
        }
    }

    /// Takes a request, durably, and queues it.
    func enqueue(
        _ request: ErasureRequest, _ kind: PrivacyRecord.Kind = .erasure, runtime: ProjectRuntime
    ) async throws -> PrivacyRecord {
        let record = try await control.createPrivacyRecord(
            project: runtime.name, kind: kind,
            detail: ["copies": [], "suppress": .bool(request.isSuppressing)])
        do {
            try await request.write(to: ErasureRequest.path(record.id, project: runtime.directory))
        } catch {
            try? await control.finishPrivacyRecord(record.id, status: .failed, error: "the request could not be kept")
            throw error
        }
        queued.yield(Job(id: record.id, project: runtime.name))
        return record
    }

    func run() async throws {
        await withTaskGroup(of: Void.self) { group in
            group.addTask {
                try? await cancelWhenGracefulShutdown {
                    while true {
                        try await Task.sleep(for: Self.retryPause)
                        try await self.retry()
                    }
                }
            }
            group.addTask {
                await cancelWhenGracefulShutdown { await self.destinations.run() }
            }
            for await job in queue.cancelOnGracefulShutdown() {
                await cancelWhenGracefulShutdown { await self.work(job) }
            }
            group.cancelAll()
        }
    }

    /// Queues again what failed: as long as there is its file, somebody waits to be forgotten, and no backup is made.
    private func retry() async throws {
        for job in failed.withLock({ failed in
            defer { failed = [] }
            return failed
        }) {
            try await control.reopenPrivacyRecord(job.id)
            queued.yield(job)
        }
    }

    private func work(_ job: Job) async {
        var logger = logger
        logger[metadataKey: "erasure"] = .string(job.id)
        guard let runtime = projects.runtime(job.project) else { return }
        var pause = Duration.seconds(1)
        for attempt in 1...Self.attempts {
            do {
                try await attemptOnce(job, runtime)
                return logger.info("an erasure is done")
            } catch {
                // The file stays, and the next start goes on.
                if Task.isCancelled || Task.isShuttingDownGracefully { return }
                logger.error(
                    "an erasure could not be finished", metadata: ["error": "\(error)", "attempt": "\(attempt)"])
                guard attempt < Self.attempts else {
                    let reason = (error as? StoreError)?.message ?? "the server failed; its log has the reason"
                    try? await control.finishPrivacyRecord(
                        job.id, status: .failed,
                        error: "\(reason) It is tried again every ten minutes, and when the server starts.")
                    failed.withLock { $0.append(job) }
                    return
                }
                guard (try? await Task.sleep(for: pause)) != nil else { return }
                pause = min(pause * 2, .seconds(30))
            }
        }
    }

    private func attemptOnce(_ job: Job, _ runtime: ProjectRuntime) async throws {
        let path = ErasureRequest.path(job.id, project: runtime.directory)
        guard let request = try await ErasureRequest.read(path) else { return }
        try await control.startPrivacyRecord(job.id)
        let run = ErasureRun(
            id: job.id, runtime: runtime, control: control, exports: exports, audit: audit, webhooks: webhooks,
            keeper: pipelines.keeper)
        var receipts = try await run.run(request)
        // With what the run found: identities that belong to the persons, and what went.
        let found = try await ErasureRequest.read(path) ?? request
        let places = try await destinations.begin(job.id, found, runtime)
        receipts += places
        let now = SystemClock.now()
        let file = ErasureReceipt(
            kind: "request", name: "\(job.id).json", rows: Int64(request.identities.count), verified: true,
            how: places.isEmpty
                ? "the request's own file is removed with this receipt"
                : "the request's own file is removed with this receipt; what destinations need stays until they are done"
        )
        var members: [JSONValue.Member] = [
            .init("copies", .array((receipts + [file]).map { $0.json(at: now) })),
            .init("suppress", .bool(request.isSuppressing)),
            .init("erasure_epoch", JSONValue(runtime.store.erasureEpoch)),
        ]
        if !found.rules.isEmpty {
            members.append(.init(ErasureRun.agedThrough, JSONValue(found.items.seqs.max() ?? 0)))
        }
        let detail = JSONValue.object(members)
        try await control.updatePrivacyRecord(job.id, detail: detail)
        // Last of all what names somebody: a crash before it does everything again, and finds nothing.
        try await Blocking.run { try PrivateFile.remove(path) }
        guard places.isEmpty else { return destinations.start(job.id, runtime) }
        try await control.finishPrivacyRecord(job.id, status: .succeeded)
    }
}
