public import Control
internal import Logging
internal import Model
internal import Synchronization

/// Looks at what became of runs, and at what should have happened and did not; tells people, once for each thing that is wrong, and
/// once when it is right again.
///
/// It follows the record, not those who run: whatever way a run ends by, its line is looked at, after a restart if need be. An alert is
/// one transaction with what it is about, and is handed to the outbox under one id until that one has it.
public final class PipelineWatch: Sendable {
    private struct State {
        /// When everything is looked at again; what is new is looked at each time.
        var fullLook: Timestamp?
        var lastLook: Timestamp?
        var firstLook: Timestamp?
        var handAgain: Timestamp?
    }

    private let tools: RunTools
    private let hand: @Sendable (AlertRecord) async throws -> String?
    private let state = Mutex(State())

    private static let tick = Duration.seconds(1)
    /// How often it is looked at all pipelines, where no run ended meanwhile.
    private static let fullEvery: Int64 = 10_000_000
    /// A run that has not begun so long after its time is late.
    static let patience: Int64 = 900_000_000
    private static let atOnce = 500
    /// So long after a start it is not judged whether runs are late.
    private static let settling: Int64 = 60_000_000

    /// - Parameter hand: puts an alert into the outbox, where the same id counts once; says what keeps it from somebody.
    public init(tools: RunTools, hand: @escaping @Sendable (AlertRecord) async throws -> String?) {
        self.tools = tools
        self.hand = hand
    }

    /// Watches until the task is cancelled.
    public func run() async {
        while !Task.isCancelled {
            do { try await look(tools.now()) } catch {
                guard !Task.isCancelled else { return }
                // Nothing is lost: what was not noted is found again.
                tools.logger.error("pipelines cannot be watched", metadata: ["error": "\(error)"])
            }
            do { try await Task.sleep(for: Self.tick) } catch { return }
        }
    }

    /// One look.
    func look(_ now: Timestamp) async throws {
        let runs = try await tools.control.unwatchedRuns(limit: Self.atOnce)
        let isDue = state.withLock { state in
            // A clock that was put back must not put off the next look.
            let isDue = state.fullLook.map { now >= $0 } ?? true || state.lastLook.map { now < $0 } ?? true
            state.lastLook = now
            state.firstLook = min(state.firstLook ?? now, now)
            return isDue
        }
        if isDue || !runs.isEmpty {
            try await review(runs, now)
            state.withLock { state in
                state.fullLook = Timestamp(microseconds: now.microseconds + Self.fullEvery)
                state.handAgain = now
            }
        }
        try await handOver(now)
    }

    private func review(_ runs: [PipelineRunRecord], _ now: Timestamp) async throws {
        var book = IncidentBook(try await tools.control.openIncidents())
        let pipelines = try await tools.control.pipelines(project: nil)
        var readers: [String: Watched] = [:]
        for record in pipelines { readers[record.project + "/" + record.name] = try await watched(record) }
        for run in runs {
            // Of a pipeline that was removed since nobody is told any more.
            if let watched = readers[run.project + "/" + run.pipeline] {
                try await judge(run, watched, &book, now)
            }
            book.saw(run)
        }
        let open = try await tools.control.openPipelineRuns()
        // At a start, those who make runs come first: what they find missing they say themselves.
        let isSettled = state.withLock { state in
            state.firstLook.map { now.microseconds - $0.microseconds >= Self.settling } ?? false
        }
        for watched in readers.values.sorted(by: { $0.record.number < $1.record.number }) {
            try await judgeAge(watched, &book, now)
            if isSettled { judgeTime(watched, open, &book, now) }
        }
        for incident in book.incidents where readers[incident.project + "/" + incident.pipeline] == nil {
            book.forget(project: incident.project, pipeline: incident.pipeline, at: now)
        }
        guard !book.work.isEmpty else { return }
        try await tools.control.note(book.work)
        for incident in book.work.incidents {
            tools.logger.warning(
                incident.closedAt == nil ? "something is wrong with a pipeline" : "a pipeline is well again",
                metadata: [
                    "pipeline": "\(incident.pipeline)", "incident": "\(incident.id)", "kind": "\(incident.kind)",
                    "what": "\(incident.what)", "reason": "\(incident.reason)",
                ])
        }
    }

    /// A pipeline with whom its alerts go to.
    private struct Watched {
        let record: PipelineRecord
        let definition: PipelineDefinition?
        let targets: JSONValue
    }

    private func watched(_ record: PipelineRecord) async throws -> Watched {
        let definition = try? PipelineDefinition(json: record.definition, registry: tools.registry)
        let known = try await tools.control.alertTargets(project: record.project)
        return Watched(
            record: record, definition: definition,
            targets: AlertTarget.list(
                definition?.alerts, pipeline: record.name, isTrusted: record.isTrusted, known: known))
    }

    private func judge(
        _ run: PipelineRunRecord, _ watched: Watched, _ book: inout IncidentBook, _ now: Timestamp
    ) async throws {
        let (project, pipeline) = (run.project, run.pipeline)
        let more: [JSONValue.Member] = [
            .init("scheduled_for", run.scheduledFor.map { .string($0.text) } ?? .null),
            .init("stale", .bool(run.isStale)),
        ]
        if run.cause == .catchUp, let time = run.scheduledFor,
            book.incident(.run, project: project, pipeline: pipeline)?.run != run.id
        {
            // It may be over before anybody looked.
            book.found(
                RunVerdict.missed(run, time), project: project, pipeline: pipeline, at: now, more: more,
                targets: watched.targets)
        }
        switch RunVerdict(run) {
        case .silent: return
        case .bad(let finding):
            book.found(
                finding, project: project, pipeline: pipeline, at: now, more: more, targets: watched.targets)
        case .good:
            book.recovered(
                run.cause.isBackfill ? .backfill : .run, project: project, pipeline: pipeline, at: now, run: run.id,
                more: more, targets: watched.targets)
            guard run.cause == .schedule, let rows = run.rows else { return }
            let previous = try await tools.control.scheduledRows(
                project: project, pipeline: pipeline, before: run.number, limit: 14)
            if let strange = VolumeRule.strangeness(rows, previous: previous) {
                book.found(
                    Finding(.volume, .warning, "anomaly", reason: strange, run: run.id), project: project,
                    pipeline: pipeline, at: now, targets: watched.targets)
            } else {
                book.recovered(
                    .volume, project: project, pipeline: pipeline, at: now, run: run.id, targets: watched.targets)
            }
        }
    }

    private func judgeAge(_ watched: Watched, _ book: inout IncidentBook, _ now: Timestamp) async throws {
        let record = watched.record
        let limits = watched.definition?.freshness
        guard limits != nil || book.incident(.freshness, project: record.project, pipeline: record.name) != nil else {
            return
        }
        let good = try await tools.control.lastGoodRun(project: record.project, pipeline: record.name)
        let freshness = Freshness(limits, good: good, createdAt: record.createdAt, now: now)
        let more: [JSONValue.Member] = [
            .init("loaded_at", freshness.loadedAt.map { .string($0.text) } ?? .null),
            .init("state", freshness.state.map { .string($0.rawValue) } ?? .null),
        ]
        if let finding = freshness.finding {
            book.found(
                finding, project: record.project, pipeline: record.name, at: now, more: more, targets: watched.targets)
        } else {
            book.recovered(
                .freshness, project: record.project, pipeline: record.name, at: now, run: good?.id, more: more,
                targets: watched.targets)
        }
    }

    private func judgeTime(
        _ watched: Watched, _ open: [PipelineRunRecord], _ book: inout IncidentBook, _ now: Timestamp
    ) {
        let record = watched.record
        if let finding = Self.lateness(record, watched.definition, open, now) {
            book.found(
                finding, project: record.project, pipeline: record.name, at: now, targets: watched.targets)
        } else {
            book.recovered(
                .late, project: record.project, pipeline: record.name, at: now, targets: watched.targets)
        }
    }

    /// What should have begun and has not; pure.
    static func lateness(
        _ record: PipelineRecord, _ definition: PipelineDefinition?, _ open: [PipelineRunRecord], _ now: Timestamp
    ) -> Finding? {
        guard let definition else {
            return Finding(
                .late, .error, "unreadable",
                reason: "its definition cannot be read by this version of the program: apply it anew; it does not run")
        }
        let waiting = open.first {
            $0.project == record.project && $0.pipeline == record.name && $0.status == .queued && $0.startedAt == nil
                && !$0.cause.isBackfill && (definition.after.isEmpty || $0.cause == .manual)
        }
        if let waiting, now.microseconds - waiting.createdAt.microseconds > patience {
            return Finding(
                .late, .warning, "late",
                reason: "the run \(waiting.id) waits since \(waiting.createdAt.text) for others to end")
        }
        guard !record.isPaused, let schedule = definition.schedule,
            let next = schedule.next(after: record.scheduledThrough),
            case let due = schedule.due(next, pipeline: record.name), now.microseconds - due.microseconds > patience
        else { return nil }
        return Finding(.late, .warning, "late", reason: "the run for \(next.text) was not made")
    }

    /// Gives the outbox what it does not have yet.
    private func handOver(_ now: Timestamp) async throws {
        let isDue = state.withLock { state in
            guard let moment = state.handAgain, now >= moment else { return state.handAgain == nil }
            return true
        }
        guard isDue else { return }
        let waiting = try await tools.control.waitingAlerts(limit: Self.atOnce)
        for alert in waiting {
            do {
                let problem = try await hand(alert)
                if let problem {
                    tools.logger.warning(
                        "an alert does not reach everybody", metadata: ["alert": "\(alert.id)", "reason": "\(problem)"])
                }
                try await tools.control.alertHanded(alert.id, problem: problem, at: now)
            } catch {
                state.withLock { $0.handAgain = Timestamp(microseconds: now.microseconds + 5_000_000) }
                throw error
            }
        }
        let far = Timestamp(microseconds: now.microseconds + Self.fullEvery)
        state.withLock { $0.handAgain = far }
    }
}
