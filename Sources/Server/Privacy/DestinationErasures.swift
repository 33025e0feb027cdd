internal import Connectors
internal import Control
internal import Destinations
internal import EventStore
internal import Logging
internal import Model
internal import Pipelines
internal import Synchronization
internal import Threads

/// Forgets persons where pipelines loaded their rows. A place that cannot be reached is tried again until it can; others do not wait for it.
final class DestinationErasures: Sendable {
    private struct Job: Sendable {
        let id: String
        let project: String
        var attempts = 0
        var due: ContinuousClock.Instant
    }

    private let control: ControlStore
    private let projects: ProjectRegistry
    private let tools: RunTools
    private let logger: Logger
    private let jobs = Mutex<[Job]>([])

    /// How often it is looked whether something is due.
    private static let tick = Duration.milliseconds(500)
    /// The first pause before another attempt; the next ones are twice as long each, up to ten minutes.
    private static let base = Duration.seconds(2)
    /// What takes longer at one place is cut off, and tried again.
    private static let patience = Duration.seconds(1_800)

    init(control: ControlStore, projects: ProjectRegistry, tools: RunTools, logger: Logger) {
        (self.control, self.projects, self.tools, self.logger) = (control, projects, tools, logger)
    }

    /// Takes up what an earlier start did not finish; the ids of the erasures.
    func recover() async throws -> Set<String> {
        var found: Set<String> = []
        for runtime in projects.all {
            let folder = DestinationRequest.folder(runtime.directory)
            for name in try await Blocking.run({ Folder.names(folder).sorted() }) where name.hasSuffix(".json") {
                let id = String(name.dropLast(".json".count))
                found.insert(id)
                add(id, runtime.name)
            }
        }
        return found
    }

    private func add(_ id: String, _ project: String) {
        jobs.withLock { jobs in
            jobs.removeAll { $0.id == id }
            jobs.append(Job(id: id, project: project, due: .now))
        }
    }

    /// Queues what is to be done at destinations once the store and the files of this machine have forgotten somebody.
    ///
    /// - Returns: a receipt for each place, yet to be fulfilled; none if no pipeline ever loaded.
    func begin(_ id: String, _ request: ErasureRequest, _ runtime: ProjectRuntime) async throws -> [ErasureReceipt] {
        // What is only old may be kept longer elsewhere.
        guard request.rules.isEmpty else { return [] }
        let places = try await control.pipelineTargets(project: runtime.name).map {
            DestinationRequest.Place(pipeline: $0.pipeline, target: $0.target)
        }
        guard !places.isEmpty else { return [] }
        try await DestinationRequest(id: id, request, left: places).write(project: runtime.directory)
        return places.map { Self.pending($0, "not done yet") }
    }

    /// Lets what was queued begin.
    func start(_ id: String, _ runtime: ProjectRuntime) { add(id, runtime.name) }

    /// Works until the task is cancelled.
    func run() async {
        while !Task.isCancelled {
            let due = jobs.withLock { jobs in jobs.filter { $0.due <= .now } }
            for job in due {
                let isDone: Bool
                do { isDone = try await work(job) } catch {
                    logger.error(
                        "an erasure at destinations failed", metadata: ["erasure": "\(job.id)", "error": "\(error)"])
                    isDone = false
                }
                guard !Task.isCancelled else { return }
                jobs.withLock { jobs in
                    guard let place = jobs.firstIndex(where: { $0.id == job.id }) else { return }
                    if isDone {
                        jobs.remove(at: place)
                    } else {
                        jobs[place].attempts += 1
                        let pause = min(Self.base * (1 << min(jobs[place].attempts - 1, 10)), .seconds(600))
                        jobs[place].due = .now + pause
                    }
                }
            }
            do { try await Task.sleep(for: Self.tick) } catch { return }
        }
    }

    /// Goes to every place that is left; whether none is then.
    private func work(_ job: Job) async throws -> Bool {
        guard let runtime = projects.runtime(job.project) else { return false }
        guard var request = try await DestinationRequest.read(job.id, project: runtime.directory) else { return true }
        let known = try await control.pipelineTargets(project: job.project)
        for place in request.left {
            guard let target = known.first(where: { $0.pipeline == place.pipeline && $0.target == place.target })
            else {
                request.left.removeAll { $0 == place }
                continue
            }
            do {
                let erased = try await within(Self.patience) { [request] in
                    try await self.erase(request, target, runtime)
                }
                if erased.isOver { request.left.removeAll { $0 == place } }
                try await note(job.id, runtime.name, Self.receipt(place, erased))
            } catch {
                guard !Task.isCancelled else { return false }
                logger.warning(
                    "an erasure waits for a destination",
                    metadata: [
                        "erasure": "\(job.id)", "destination": "\(place.target)",
                        "reason": "\((error as? ConnectorError)?.message ?? "\(error)")",
                    ])
                try await note(
                    job.id, runtime.name, Self.pending(place, "it could not be reached, and is tried again"))
            }
            try await request.write(project: runtime.directory)
        }
        guard request.left.isEmpty else { return false }
        try await request.remove(project: runtime.directory)
        try await control.finishPrivacyRecord(job.id, status: .succeeded)
        return true
    }

    private func erase(
        _ request: DestinationRequest, _ target: PipelineTarget, _ runtime: ProjectRuntime
    ) async throws -> ErasedRows {
        let tools = tools
        let destination = try await OwnThread.run {
            try tools.destination(target.settings, isTrusted: target.isTrusted)
        }
        let stream = LoadStream(
            pipeline: target.pipeline, installation: try await control.installation() + "/" + runtime.name)
        let columns: [(name: String, holds: RowErasure.Holds)] =
            target.columns.sorted { $0.key < $1.key }.compactMap { entry in
                RowErasure.Holds(rawValue: entry.value).map { (name: entry.key, holds: $0) }
            }
        let erasure = RowErasure(
            id: request.id, stream: stream, identities: request.identities, persons: request.persons,
            seqs: request.seqs,
            columns: columns)
        switch type(of: destination).forgetting {
        case .rows, .unreachable: return try await destination.erase(erasure)
        case .files:
            guard let project = tools.project(runtime.name) else {
                throw ServerError(.io, "the project \(runtime.name) is not open")
            }
            let names = NamedTexts(request.identities)
            // In this order: what went by its age meanwhile is seen by the store's number.
            let epoch = runtime.store.erasureEpoch
            let history = runtime.store.agedHistory
            return try await WindowRewriter(
                project: project, erasure: erasure, epoch: epoch,
                aged: AgedRows(through: history?.through ?? 0, epoch: history?.epoch ?? 0),
                redacted: { names.specification($0) }, renamed: { names.redacted($0) }
            ).rewrite(at: destination)
        }
    }

    private func within<T: Sendable>(
        _ limit: Duration, _ body: @escaping @Sendable () async throws -> T
    ) async throws -> T {
        try await withThrowingTaskGroup(of: T?.self) { group in
            group.addTask { try await body() }
            group.addTask {
                try await Task.sleep(for: limit)
                return nil
            }
            defer { group.cancelAll() }
            guard let first = try await group.next(), let value = first else {
                throw ConnectorError(.unreachable, "it took too long", isTransient: true)
            }
            return value
        }
    }

    /// Puts a receipt in the place of the one that was there for the same copy.
    private func note(_ id: String, _ project: String, _ receipt: ErasureReceipt) async throws {
        guard let record = try await control.privacyRecord(id, project: project),
            case .object(let members) = record.detail
        else { return }
        let new = receipt.json(at: SystemClock.now())
        try await control.updatePrivacyRecord(
            id,
            detail: .object(
                members.map { member in
                    guard member.key == "copies", let copies = member.value.arrayValue else { return member }
                    let others = copies.filter { $0["kind"] != new["kind"] || $0["name"] != new["name"] }
                    return .init("copies", .array(others + [new]))
                }))
    }

    private static func pending(_ place: DestinationRequest.Place, _ how: String) -> ErasureReceipt {
        receipt(place, ErasedRows(rows: 0, isVerified: false, how: how))
    }

    private static func receipt(_ place: DestinationRequest.Place, _ erased: ErasedRows) -> ErasureReceipt {
        ErasureReceipt(
            kind: "destination", name: "\(place.pipeline): \(place.target)", rows: erased.rows,
            verified: erased.isVerified, how: erased.how)
    }
}
