internal import Control
internal import Exports
internal import Logging
internal import Model
internal import ServiceLifecycle
internal import Synchronization

/// Runs exports, a few at once, the others in their order. What a stop of the server interrupts starts again from the
/// same resolved specification, and so at the same watermark.
final class ExportService: Service {
    /// An export at work.
    private struct Running {
        let project: String
        let progress: ExportProgress
        let cancel: @Sendable () -> Void
    }

    private let control: ControlStore
    let projects: ProjectRegistry
    let places: ExportPlaces
    private let audit: AuditLog
    private let configuration: ServerConfiguration
    private let logger: Logger
    private let running = Mutex<[String: Running]>([:])
    /// Exports that were asked for since the start and have not ended; not those that an earlier server left.
    private let unfinished = Mutex<Set<String>>([])
    /// Exports that were cut off to run again.
    private let interrupted = Mutex<Set<String>>([])
    private let queue: AsyncStream<ExportRecord>
    private let queued: AsyncStream<ExportRecord>.Continuation

    init(
        control: ControlStore, projects: ProjectRegistry, audit: AuditLog, configuration: ServerConfiguration,
        logger: Logger
    ) {
        self.audit = audit
        self.control = control
        self.projects = projects
        self.configuration = configuration
        places = ExportPlaces(directory: configuration.directory)
        self.logger = logger
        (queue, queued) = AsyncStream.makeStream()
    }

    /// Queues what waited or ran when the server stopped.
    func recover() async throws {
        for record in try await control.recoverExports() { queued.yield(record) }
    }

    /// Queues an export.
    ///
    /// - Parameters:
    ///   - resolved: the specification with everything relative replaced.
    ///   - out: the file to write; nil for one in the project's own folder.
    func enqueue(
        _ spec: JSONValue, resolved: ResolvedSpec, project: String, out: String?
    ) async throws -> ExportRecord {
        try await control.noteSeen(resolved.asOfSeq, project: project)
        let record = try await control.createExport(
            project: project, spec: spec.text, resolved: resolved.json.text, outPath: out)
        unfinished.withLock { _ = $0.insert(record.id) }
        queued.yield(record)
        return record
    }

    /// Cuts off what runs of a project, to begin again from the same resolved specification.
    func interrupt(project: String) {
        let stopped = running.withLock { $0.filter { $0.value.project == project } }
        interrupted.withLock { $0.formUnion(stopped.keys) }
        for export in stopped.values { export.cancel() }
    }

    /// Runs an export again whose files are gone; false if its record is gone, too.
    func runAgain(_ record: ExportRecord) async throws -> Bool {
        guard let again = try await control.requeueExport(record.id, project: record.project) else { return false }
        unfinished.withLock { _ = $0.insert(record.id) }
        queued.yield(again)
        return true
    }

    /// How many run of a project.
    func runningCount(project: String) -> Int {
        running.withLock { $0.values.count { $0.project == project } }
    }

    /// How many that were asked for since the start wait or run.
    var unfinishedCount: Int { unfinished.withLock { $0.count } }

    /// The folder of an export's files.
    func folder(_ record: ExportRecord) -> String { places.folder(record) }

    /// Cancels an export that waits or runs; what it is now, nil if it is not there.
    func cancel(_ record: ExportRecord) async throws -> ExportRecord? {
        try await control.finishExport(record.id, status: .cancelled, rows: 0)
        running.withLock { $0[record.id]?.cancel }?()
        let now = try await control.export(record.id, project: record.project)
        if let now, now.status == .cancelled {
            // A run before may have been cut off; one that is at work removes its files at its end.
            _ = try await Blocking.run { self.places.clear(now) }
        }
        return now
    }

    /// Cancels an export that waits or runs, and returns it; removes one that has ended, with its files if they are in
    /// the project's own folder.
    func cancelOrRemove(_ record: ExportRecord) async throws -> ExportRecord? {
        if !record.status.isFinal {
            if let now = try await cancel(record), now.status == .cancelled { return now }
        }
        try await control.removeExport(record.id)
        if record.outPath == nil {
            let folder = folder(record)
            try await Blocking.run { Folder.remove(folder) }
        }
        return nil
    }

    func run() async throws {
        await withTaskGroup(of: Void.self) { group in
            var atWork = 0
            for await record in queue.cancelOnGracefulShutdown() {
                if atWork >= configuration.exportsAtOnce {
                    await group.next()
                    atWork -= 1
                }
                atWork += 1
                group.addTask { await self.work(record) }
            }
        }
    }

    /// Runs one export to its end and notes what came of it.
    private func work(_ waiting: ExportRecord) async {
        var record = waiting
        var logger = logger
        logger[metadataKey: "export"] = .string(record.id)
        var isOver = true
        defer { if isOver { unfinished.withLock { _ = $0.remove(record.id) } } }
        do {
            guard try await control.startExport(record.id) else { return }
            // As it is now: an erasure may have changed it while it waited.
            guard let started = try await control.export(record.id, project: record.project) else { return }
            record = started
            let progress = ExportProgress()
            // A task of its own, so that DELETE can cancel it; it is awaited right below.
            let task = Task { try await self.write(started, progress: progress) }
            running.withLock {
                $0[record.id] = Running(project: record.project, progress: progress, cancel: { task.cancel() })
            }
            defer { running.withLock { _ = $0.removeValue(forKey: record.id) } }
            let result = await withTaskCancellationHandler {
                await withGracefulShutdownHandler {
                    await task.result
                } onGracefulShutdown: {
                    task.cancel()
                }
            } onCancel: {
                task.cancel()
            }
            let isCutOff = interrupted.withLock { $0.remove(record.id) != nil }
            if isCutOff, case .failure = result, try await runAgain(record) {
                isOver = false
                return
            }
            try await finish(record, result, rows: progress.rows, logger)
        } catch {
            logger.error("an export's end could not be noted", metadata: ["error": "\(error)"])
        }
    }

    private func finish(
        _ record: ExportRecord, _ result: Result<Manifest, any Error>, rows: Int64, _ logger: Logger
    ) async throws {
        switch result {
        case .success(let manifest):
            try await control.finishExport(
                record.id, status: .succeeded, rows: manifest.rows, manifest: manifest.json.text)
            // Cancelled while the last bytes were written: the files must not stay.
            let now = try await control.export(record.id, project: record.project)
            if now?.status != .succeeded { await removeFiles(record) }
            var entry = AuditEntry(
                at: SystemClock.now(), project: record.project, key: AuditEntry.server, action: "exports.end")
            (entry.made, entry.rows) = (record.id, manifest.rows)
            audit.note(entry)
            logger.info("an export is done", metadata: ["rows": .stringConvertible(manifest.rows)])
        case .failure(let error):
            // The server stops: the record stays as running, so that the next start takes it up again.
            if Task.isShuttingDownGracefully || Task.isCancelled { return }
            let message = (error as? ExportError)?.message ?? "the server failed; its log has the reason"
            try await control.finishExport(record.id, status: .failed, rows: rows, error: message)
            await removeFiles(record)
            logger.warning("an export failed", metadata: ["error": "\(error)"])
        }
    }

    private func removeFiles(_ record: ExportRecord) async {
        guard record.outPath == nil else { return }
        let folder = folder(record)
        try? await Blocking.run { Folder.remove(folder) }
    }

    /// The run as the API shows it.
    func json(_ record: ExportRecord) -> JSONValue {
        let live = running.withLock { $0[record.id]?.progress }
        let rows = live?.rows ?? record.rows
        let percent = live?.percent ?? record.percent
        return [
            "id": .string(record.id), "status": .string(record.status.rawValue),
            "progress": ["rows": JSONValue(rows), "percent": percent.map { .number("\($0)") } ?? nil],
            "manifest": record.manifest.flatMap { try? JSONValue(text: $0) } ?? nil,
            "error": JSONValue(record.error), "spec": (try? JSONValue(text: record.spec)) ?? nil,
            "window": ExportWindow(record)?.json ?? .null,
            "created_at": JSONValue(record.createdAt), "started_at": JSONValue(record.startedAt),
            "finished_at": JSONValue(record.finishedAt), "removed_at": JSONValue(record.removedAt),
        ]
    }
}

/// A file's path taken apart.
struct FilePlace: Equatable {
    let folder: String
    let name: String

    init(path: String) {
        let slash = path.lastIndex(of: "/")
        folder = slash.map { $0 == path.startIndex ? "/" : String(path[..<$0]) } ?? "."
        name = slash.map { String(path[path.index(after: $0)...]) } ?? path
    }
}
