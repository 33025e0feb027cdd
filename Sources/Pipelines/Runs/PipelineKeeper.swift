public import Control
internal import Logging
internal import Model
internal import Synchronization
internal import Threads

/// Makes runs of schedules, and runs what waits: a few at once, and never two of one pipeline.
public final class PipelineKeeper: Sendable {
    private struct State {
        /// Pipelines that are at work, with what cancels them.
        var atWork: [String: (run: String, turn: Int, cancel: @Sendable () -> Void)] = [:]
        /// How often something was taken up.
        var turns = 0
        var isPoked = true
        /// When the next look at the schedules, and at what waits for its next attempt, is due.
        var nextLook: Timestamp?
        var followed = Followed()
        /// When it is looked for kept files whose time is over.
        var nextPruning: Timestamp?
    }

    let tools: RunTools
    /// Whether it follows schedules; not where a server ends with a command.
    private let followsSchedules: Bool
    private let atOnce: Int
    private let state = Mutex(State())
    /// Runs that were asked for since the start and are not over.
    private let unfinished = Mutex<Set<String>>([])

    /// How often it is looked at the clock.
    private static let tick = Duration.milliseconds(200)
    /// What is looked at anew whatever the clock said: it may have been put back.
    private static let longestPause: Int64 = 60_000_000
    /// What the name of a pipeline never ends with.
    private static let backfillKey = "#backfill"

    public init(tools: RunTools, followsSchedules: Bool, atOnce: Int = 2) {
        self.tools = tools
        self.followsSchedules = followsSchedules
        self.atOnce = atOnce
    }

    /// How many that were asked for since the start wait or run.
    public var unfinishedCount: Int { unfinished.withLock { $0.count } }

    /// Has it look at once at what there is to do.
    public func poke() { state.withLock { $0.isPoked = true } }

    /// Makes a run that begins as soon as it can; nil if there is no such pipeline.
    public func start(project: String, pipeline: String) async throws(ControlError) -> PipelineRunRecord? {
        let run = try await tools.control.createPipelineRun(
            project: project, pipeline: pipeline, cause: .manual, at: tools.now())
        if let run { unfinished.withLock { _ = $0.insert(run.id) } }
        poke()
        return run
    }

    /// Cancels a run that waits or runs; what it is now, nil if there is none.
    public func cancel(_ id: String, project: String) async throws(ControlError) -> PipelineRunRecord? {
        let run = try await tools.control.cancelPipelineRun(
            id, project: project, reason: "somebody cancelled it", at: tools.now())
        state.withLock { state in
            for entry in state.atWork.values where entry.run == id { entry.cancel() }
        }
        unfinished.withLock { _ = $0.remove(id) }
        poke()
        return run
    }

    /// Runs until the task is cancelled. What is at work then goes on with the next start.
    public func run() async {
        await withTaskGroup(of: Void.self) { group in
            while !Task.isCancelled {
                let now = tools.now()
                let isDue = state.withLock { state -> Bool in
                    let isFollowing = state.followed.isDue(now) { tools.project($0)?.durable() }
                    guard isFollowing || state.isPoked || state.nextLook.map({ now >= $0 }) ?? true else {
                        return false
                    }
                    state.isPoked = false
                    return true
                }
                if isDue {
                    do {
                        let next = try await look(now)
                        for job in try await takeUp(now) { group.addTask { await job() } }
                        let longest = Timestamp(microseconds: now.microseconds + Self.longestPause)
                        state.withLock { $0.nextLook = min(next ?? longest, longest) }
                    } catch {
                        // Tried again in a while: a run that is not made is found missing by its schedule.
                        tools.logger.error("pipelines could not be looked at", metadata: ["error": "\(error)"])
                        state.withLock { $0.nextLook = Timestamp(microseconds: now.microseconds + 5_000_000) }
                    }
                }
                do { try await Task.sleep(for: Self.tick) } catch { break }
            }
            group.cancelAll()
        }
    }

    /// Makes runs, and records of those that do not come about, of the scheduled times that have passed.
    ///
    /// - Returns: when the next one is due, or something waits for its next attempt.
    func look(_ now: Timestamp) async throws -> Timestamp? {
        try await goOnWithBackfills(now)
        try await pruneFiles(now)
        let open = try await tools.control.openPipelineRuns()
        var next = open.compactMap(\.nextAttemptAt).min()
        guard followsSchedules else { return next }
        var followed: [Followed.Entry] = []
        for pipeline in try await tools.control.pipelines(project: nil) where !pipeline.isPaused {
            guard let definition = try? PipelineDefinition(json: pipeline.definition, registry: tools.registry) else {
                continue
            }
            let own = open.filter {
                $0.project == pipeline.project && $0.pipeline == pipeline.name && !$0.cause.isBackfill
            }
            if let lag = definition.lag {
                guard let found = try await followEvents(pipeline, lag, isOpen: !own.isEmpty, now) else { continue }
                followed.append(Followed.Entry(project: pipeline.project, seq: found.seq, gather: lag / 4))
                if let again = found.again { next = min(next ?? again, again) }
                continue
            }
            guard let schedule = definition.schedule else {
                if !definition.after.isEmpty { try await followUpstream(pipeline, definition, now) }
                continue
            }
            let isWaiting = own.contains { $0.status == .queued }
            let agenda = Agenda(
                schedule, pipeline: pipeline.name, through: try await through(pipeline, schedule, now),
                isWaiting: isWaiting, now: now)
            for entry in agenda.entries {
                let made = try await tools.control.createPipelineRun(
                    project: pipeline.project, pipeline: pipeline.name,
                    cause: entry.isCaughtUp ? .catchUp : .schedule, scheduledFor: entry.scheduled,
                    skipped: entry.skipped, at: now)
                if let made, let reason = entry.skipped {
                    tools.logger.warning(
                        "a scheduled run was skipped",
                        metadata: [
                            "run": "\(made.id)", "pipeline": "\(pipeline.name)",
                            "scheduled_for": "\(entry.scheduled.text)", "reason": "\(reason)",
                        ])
                }
            }
            if let due = agenda.next { next = min(next ?? due, due) }
        }
        state.withLock { [followed] in $0.followed.set(followed) }
        return next
    }

    func isPruningDue(_ now: Timestamp) -> Bool {
        state.withLock { state in
            let pause = Timestamp(microseconds: now.microseconds + Self.longestPause)
            // A clock that was put back does not keep it from being looked.
            if let next = state.nextPruning, now < next, next <= pause { return false }
            state.nextPruning = pause
            return true
        }
    }

    /// What can begin now, the oldest first.
    func takeUp(_ now: Timestamp) async throws -> [@Sendable () async -> Void] {
        var jobs: [@Sendable () async -> Void] = []
        var held: Set<String> = []
        // All of them before a place is taken: what failed here would keep the places of others.
        var all: [PipelineRunRecord] = []
        for open in try await tools.control.openPipelineRuns() {
            if let run = try await ready(open, now) { all.append(run) }
        }
        for run in all {
            // Parts of a backfill have a place of their own: neither do they hold up others, nor are they held up.
            let isBackfill = run.cause.isBackfill
            let key = run.project + "/" + run.pipeline + (isBackfill ? Self.backfillKey : "")
            // One that waits for its next attempt holds up those behind it.
            guard held.insert(key).inserted else { continue }
            if let moment = run.nextAttemptAt, moment > now { continue }
            let turn = state.withLock { state -> Int? in
                let alike = state.atWork.keys.count { $0.hasSuffix(Self.backfillKey) == isBackfill }
                guard alike < (isBackfill ? 1 : atOnce), state.atWork[key] == nil else { return nil }
                state.turns += 1
                state.atWork[key] = (run.id, state.turns, {})
                return state.turns
            }
            guard let turn else { continue }
            jobs.append { await self.work(run, key, turn) }
        }
        return jobs
    }

    /// Cuts off whatever is at work for a project, and returns when none of it is: what was written of rows is gone then, and each run goes on
    /// by reading the store anew.
    public func interrupt(project: String) async {
        let before = state.withLock { $0.turns }
        while true {
            let left = state.withLock { state in
                state.atWork.filter { $0.key.hasPrefix(project + "/") && $0.value.turn <= before }.map(\.value.cancel)
            }
            guard !left.isEmpty else { return }
            for cancel in left { cancel() }
            // It ends by itself, soon; whoever waits may be cancelled, too.
            do { try await Task.sleep(for: .milliseconds(20)) } catch { return }
        }
    }

    private func work(_ run: PipelineRunRecord, _ key: String, _ turn: Int) async {
        // A task of its own, so that it can be cancelled alone; it is awaited right below.
        let task = Task { await self.execute(run) }
        state.withLock { $0.atWork[key] = (run.id, turn, { task.cancel() }) }
        await withTaskCancellationHandler {
            await task.value
        } onCancel: {
            task.cancel()
        }
        let after = try? await tools.control.pipelineRun(run.id, project: run.project)
        if let after, after.status == .cancelled, let project = tools.project(run.project) {
            _ = try? await OwnThread.run { RunFolder.remove("\(project.folder)/\(run.pipeline)/\(run.id)") }
        }
        if after?.status.isFinal ?? true { unfinished.withLock { _ = $0.remove(run.id) } }
        state.withLock { state in
            state.atWork[key] = nil
            state.isPoked = true
        }
    }
}
